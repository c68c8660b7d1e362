"""Random markets, prices and requests, and freqtrade's own arithmetic to judge them by."""

import math
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from ccxt import DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE
from freqtrade.enums import TradingMode
from freqtrade.exchange import Exchange
from freqtrade.persistence import LocalTrade
from freqtrade.util import FtPrecise
from hypothesis import strategies as st

from freqtrade_balance_guard.integration.exchange.market_rules import MarketReader
from freqtrade_balance_guard.limits.market import MarketRules


PAIR = "COIN/USDT"


class OfflineExchange(Exchange):
    """freqtrade's Exchange with one market and no connection: all its arithmetic is its own."""

    def __init__(self, market: dict[str, Any], config: dict[str, Any], precision_mode: int) -> None:
        self._markets = {PAIR: market}
        self._config = config
        self._api = SimpleNamespace(precisionMode=precision_mode, id="kraken")
        self._is_demo_trading = False
        self._leverage_tiers = {}
        self._exchange_ws = None
        self.trading_mode = TradingMode(config["trading_mode"])

    def close(self) -> None:
        """Nothing was opened."""


@dataclass(frozen=True)
class Market:
    """One market in ccxt's words, with the price that is planned on it."""

    price: float
    mode: int
    amount_precision: float | None
    price_precision: float | None
    amount_min: float | None
    cost_min: float | None
    fee: float
    reserve: float
    contract_size: float = 1.0

    def exchange(self) -> OfflineExchange:
        market = {
            "symbol": PAIR,
            "taker": self.fee,
            "contractSize": self.contract_size,
            "precision": {"amount": self.amount_precision, "price": self.price_precision},
            "limits": {
                "amount": {"min": self.amount_min, "max": None},
                "cost": {"min": self.cost_min, "max": None},
            },
        }
        return OfflineExchange(market, self.config(), self.mode)

    def config(self) -> dict[str, Any]:
        return {
            "trading_mode": "spot" if self.contract_size == 1 else "futures",
            "amount_reserve_percent": self.reserve,
        }

    def rules(self) -> MarketRules:
        return MarketReader(self.exchange(), self.config())(PAIR)

    def sent_amount(self, amount: float) -> float:
        """What ``Exchange.create_order`` would send of ``amount``, in base currency."""
        exchange = self.exchange()
        contracts = exchange._amount_to_contracts(PAIR, amount)
        return exchange._contracts_to_amount(PAIR, exchange.amount_to_precision(PAIR, contracts))

    def sent_price(self, price: float) -> float:
        return self.exchange().price_to_precision(PAIR, price)

    def minimum_stake(self, stoploss: float, leverage: float) -> float | None:
        return self.exchange().get_min_pair_stake_amount(PAIR, self.price, stoploss, leverage)

    def stop_price(self, open_rate: float, stoploss: float, leverage: float, short: bool) -> float:
        """Where freqtrade puts the stop-loss of a trade that was opened at ``open_rate``."""
        trade = LocalTrade(
            pair=PAIR,
            open_rate=open_rate,
            fee_open=self.fee,
            fee_close=self.fee,
            is_short=short,
            leverage=leverage,
            price_precision=self.price_precision,
            precision_mode_price=self.mode,
            trading_mode=TradingMode(self.config()["trading_mode"]),
        )
        trade.adjust_stop_loss(open_rate, stoploss, initial=True)
        assert trade.stop_loss is not None
        return trade.stop_loss

    def partial_exit_amount(self, stake: float, position: float, position_stake: float) -> float:
        """What ``FreqtradeBot.check_and_call_adjust_trade_position`` makes of a negative stake."""
        share = FtPrecise(stake) * FtPrecise(position) / FtPrecise(position_stake)
        return self.exchange().amount_to_contract_precision(PAIR, abs(float(share)))


def decimal(value: float) -> Decimal:
    return Decimal(str(value))


def digits_before_the_point(value: float) -> int:
    return math.floor(math.log10(value)) + 1


def logarithmic(low: float, high: float) -> st.SearchStrategy[float]:
    """Floats that are spread over their orders of magnitude, round ones and crooked ones."""
    exponents = st.floats(math.log10(low), math.log10(high))
    crooked = exponents.map(lambda exponent: min(max(10**exponent, low), high))
    digits = st.integers(1, 6)
    rounded = st.builds(lambda number, n: float(f"{number:.{n - 1}e}"), crooked, digits)
    return st.one_of(crooked, rounded.filter(lambda number: low <= number <= high))


prices = logarithmic(1e-8, 1e6)
fees = st.one_of(st.sampled_from([0.0, 0.001, 0.0026, 0.01]), st.floats(0, 0.01))
reserves = st.one_of(st.sampled_from([0.05, 0.0, 0.5]), st.floats(0, 0.5))
stoplosses = st.one_of(
    st.sampled_from([-0.1, -0.001, -0.5, -0.89, -0.9, -0.99]), st.floats(-0.99, -0.001)
)
leverages = st.one_of(st.just(1.0), st.sampled_from([2.0, 3.0, 10.0, 125.0]), st.floats(1, 20))
percents = st.one_of(
    st.sampled_from([Decimal(100), Decimal(80), Decimal(1)]),
    st.decimals("0.01", "100", places=2),
)
minimums = st.one_of(st.none(), st.just(0.0), logarithmic(1e-6, 1e3))
TICKS = (0.3, 0.25, 5.0, 2.5e-7, *(float(f"1e{n}") for n in range(-10, 4)))

amount_precisions = {
    TICK_SIZE: st.one_of(st.none(), st.sampled_from(TICKS)),
    DECIMAL_PLACES: st.one_of(st.none(), st.integers(-2, 12)),
    SIGNIFICANT_DIGITS: st.one_of(st.none(), st.integers(1, 12)),
}
precision_modes = st.sampled_from(sorted(amount_precisions))


@st.composite
def markets(draw: st.DrawFn, contract_sizes: tuple[float, ...] = (1.0,)) -> Market:
    price = draw(prices)
    mode = draw(precision_modes)
    # So many digits of a price are kept; exchanges keep no more than 14 decimals.
    kept = min(draw(st.integers(2, 8)), 14 + digits_before_the_point(price))
    decimals = kept - digits_before_the_point(price)
    price_precision: dict[int, float] = {
        TICK_SIZE: float(f"1e{-decimals}"),
        DECIMAL_PLACES: max(decimals, 0),
        SIGNIFICANT_DIGITS: kept,
    }
    amount_precision = draw(amount_precisions[mode])
    amount_min = draw(minimums)
    if mode == TICK_SIZE and amount_precision and draw(st.booleans()):
        # Most exchanges: the smallest amount is a number of steps.
        amount_min = float(decimal(amount_precision) * draw(st.integers(1, 50)))
    # No exchange counts contracts in significant digits.
    sizes = contract_sizes if mode != SIGNIFICANT_DIGITS else (1.0,)
    contract_size = draw(st.sampled_from(sizes))
    return Market(
        price=price,
        mode=mode,
        amount_precision=amount_precision,
        price_precision=draw(st.sampled_from([None, price_precision[mode]])),
        amount_min=amount_min,
        cost_min=draw(minimums),
        fee=draw(fees),
        reserve=draw(reserves),
        contract_size=contract_size,
    )
