"""What freqtrade's open trades own, as its database has it."""

from decimal import Decimal
from typing import NamedTuple

from freqtrade.persistence import Trade
from sqlalchemy import select

from freqtrade_balance_guard.money import ZERO, to_decimal


def has_open_trades() -> bool:
    """An exit may become due."""
    # Before freqtrade's database is opened there is no trade to wait for.
    return hasattr(Trade, "session") and Trade.get_open_trade_count() > 0


def owned_by_trades() -> dict[str, Decimal]:
    """Base currency that the open trades own, by currency.

    Exits may be waiting for it: only three columns are read, and no trade is built with its orders.
    """
    owned: dict[str, Decimal] = {}
    if not hasattr(Trade, "session"):
        return owned
    columns = select(Trade.pair, Trade.base_currency, Trade.amount).where(Trade.is_open.is_(True))
    for pair, base_currency, amount in Trade.session.execute(columns):
        currency = base_currency or pair.partition("/")[0]
        owned[currency] = owned.get(currency, ZERO) + to_decimal(amount)
    return owned


class OpenTrade(NamedTuple):
    """One open trade: amount in base currency, stake before leverage."""

    pair: str
    amount: float
    open_rate: float
    stake_amount: float
    leverage: float
    is_short: bool


def open_trades(pair: str | None = None) -> list[OpenTrade]:
    """freqtrade's open trades, of ``pair`` alone if one is given."""
    if not hasattr(Trade, "session"):
        return []
    columns = select(
        Trade.pair,
        Trade.amount,
        Trade.open_rate,
        Trade.stake_amount,
        Trade.leverage,
        Trade.is_short,
    ).where(Trade.is_open.is_(True))
    if pair is not None:
        columns = columns.where(Trade.pair == pair)
    return [
        OpenTrade(
            str(name),
            float(amount or 0),
            float(rate or 0),
            float(stake or 0),
            float(leverage or 1),
            bool(is_short),
        )
        for name, amount, rate, stake, leverage, is_short in Trade.session.execute(columns)
    ]
