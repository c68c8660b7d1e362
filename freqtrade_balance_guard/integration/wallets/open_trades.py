"""What freqtrade's open trades own, as its database has it."""

from decimal import Decimal

from freqtrade.persistence import Trade

from freqtrade_balance_guard.money import ZERO, to_decimal


def has_open_trades() -> bool:
    """An exit may become due."""
    # Before freqtrade's database is opened there is no trade to wait for.
    return hasattr(Trade, "session") and Trade.get_open_trade_count() > 0


def owned_by_trades() -> dict[str, Decimal]:
    """Base currency that the open trades own, by currency."""
    owned: dict[str, Decimal] = {}
    for trade in Trade.get_open_trades() if has_open_trades() else ():
        currency = trade.safe_base_currency
        owned[currency] = owned.get(currency, ZERO) + to_decimal(trade.amount)
    return owned
