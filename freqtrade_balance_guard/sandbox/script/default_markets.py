"""The markets of a scenario that names none, for each protocol."""

from decimal import Decimal
from typing import Literal

from freqtrade_balance_guard.sandbox.script.market import MarketScenario


Dialect = Literal["kraken", "binance", "binance-futures"]


def default_markets(dialect: Dialect) -> list[MarketScenario]:
    """The markets of a scenario that names none; prices are round numbers."""
    if dialect == "binance":
        return _binance_markets()
    if dialect == "binance-futures":
        return _futures_markets()
    return _kraken_markets()


def _kraken_markets() -> list[MarketScenario]:
    """Minimums are worth about 2.5 dollars each, as on Kraken."""
    rows = [
        # symbol, price, amount_min, price_decimals
        ("BTC/USDT", "50000", "0.00005", 1),
        ("ETH/USDT", "2500", "0.001", 2),
        ("SOL/USDT", "100", "0.025", 2),
        ("ADA/USDT", "0.5", "5", 6),
        ("XRP/USDT", "0.6", "4", 5),
        ("DOT/USDT", "5", "0.5", 4),
        ("LTC/USDT", "80", "0.03", 2),
        ("LINK/USDT", "15", "0.2", 5),
        ("ATOM/USDT", "8", "0.3", 4),
        ("AVAX/USDT", "25", "0.1", 2),
        ("DOGE/USDT", "0.1", "25", 7),
        ("BTC/USD", "50000", "0.00005", 1),
        ("ETH/USD", "2500", "0.001", 2),
        ("USDT/USD", "1", "5", 4),
    ]
    return [
        MarketScenario(
            symbol=symbol,
            price=Decimal(price),
            amount_min=Decimal(amount_min),
            price_decimals=price_decimals,
        )
        for symbol, price, amount_min, price_decimals in rows
    ]


def _binance_markets() -> list[MarketScenario]:
    """A minimum cost of 5, fees of 0.1 %, a buy pays its fee in the bought coin."""
    rows = [
        # symbol, price, amount decimals, price decimals
        ("BTC/USDT", "50000", 5, 2),
        ("ETH/USDT", "2500", 4, 2),
        ("BNB/USDT", "600", 3, 2),
        ("SOL/USDT", "100", 3, 2),
        ("ADA/USDT", "0.5", 1, 4),
        ("XRP/USDT", "0.6", 1, 4),
        ("LTC/USDT", "80", 3, 2),
        ("LINK/USDT", "15", 2, 2),
        ("DOGE/USDT", "0.1", 0, 5),
        ("BTC/USDC", "50000", 5, 2),
        ("ETH/USDC", "2500", 4, 2),
        ("ETH/BTC", "0.05", 4, 5),
    ]
    return [
        MarketScenario(
            symbol=symbol,
            price=Decimal(price),
            amount_min=Decimal(1).scaleb(-amount_decimals),
            amount_decimals=amount_decimals,
            cost_min=Decimal("0.0001") if symbol.endswith("/BTC") else Decimal(5),
            price_decimals=price_decimals,
            fee_maker=Decimal("0.001"),
            fee_taker=Decimal("0.001"),
            fee_currency="base",
        )
        for symbol, price, amount_decimals, price_decimals in rows
    ]


def _futures_markets() -> list[MarketScenario]:
    """Perpetual contracts with a minimum value of 5 to 100 and fees of 0.02 and 0.05 %."""
    rows = [
        # symbol, price, amount decimals, price decimals, minimum value
        ("BTC/USDT:USDT", "50000", 3, 1, 50),
        ("ETH/USDT:USDT", "2500", 3, 2, 20),
        ("SOL/USDT:USDT", "100", 2, 2, 5),
        ("ADA/USDT:USDT", "0.5", 0, 4, 5),
        ("XRP/USDT:USDT", "0.6", 1, 4, 5),
        ("DOGE/USDT:USDT", "0.1", 0, 5, 5),
        ("BTC/USDC:USDC", "50000", 3, 1, 50),
        ("ETH/USDC:USDC", "2500", 3, 2, 20),
    ]
    return [
        MarketScenario(
            symbol=symbol,
            price=Decimal(price),
            amount_min=Decimal(1).scaleb(-amount_decimals),
            amount_decimals=amount_decimals,
            cost_min=Decimal(cost_min),
            price_decimals=price_decimals,
            fee_maker=Decimal("0.0002"),
            fee_taker=Decimal("0.0005"),
        )
        for symbol, price, amount_decimals, price_decimals, cost_min in rows
    ]
