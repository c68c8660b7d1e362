"""The wallet balance (without unrealised profit) in an exchange's own answer.

Where ccxt's total contains unrealised profit, the balance without it stands in the same answer, and
is exact; the positions are another answer, of another moment (ccxt 4.5.90, ``parse_balance``).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import ccxt

from freqtrade_balance_guard.errors import MoneyError
from freqtrade_balance_guard.exchanges.names import protocol_of
from freqtrade_balance_guard.money import to_decimal


# Exchange -> the list of coins, the key of a coin's name, of its balance, and of the unrealised
# profit that is in it (empty: none is). OKX keeps isolated margin out of its cash balance.
_FIELDS: Mapping[str, tuple[tuple[str | int, ...], str, str, str]] = {
    "binance": (("assets",), "asset", "walletBalance", ""),
    "okx": (("data", 0, "details"), "ccy", "eq", "upl"),
}


def wallet_in_raw(exchange: str, coin: str, raw: object) -> Decimal | None:
    """What ``raw``, an exchange's answer as it came, says of ``coin``; None where it does not."""
    fields = _FIELDS.get(protocol_of(exchange))
    if fields is None:
        return None
    path, name, balance, unrealised = fields
    try:
        found: Any = raw
        for step in path:
            found = found[step]
        for one in found:
            if ccxt.Exchange.safe_string(one, name) == coin:
                profit = to_decimal(one.get(unrealised) or 0)
                return to_decimal(one[balance]) - profit
    except (MoneyError, KeyError, IndexError, TypeError):
        return None
    return None
