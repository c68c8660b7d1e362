"""The names that one exchange has: facts about its protocol are looked up by one of them."""

from collections.abc import Mapping
from types import MappingProxyType


# Other names of exchanges that speak the same protocol through the same code of ccxt.
SAME_AS: Mapping[str, str] = MappingProxyType(
    {
        "binanceus": "binance",
        "binanceusdm": "binance",
        "bybiteu": "bybit",
        "gateeu": "gate",
        "gateio": "gate",
        "huobi": "htx",
        "myokx": "okx",
        "okxus": "okx",
    }
)
# What freqtrade appends to ccxt's id where it trades on an exchange's demo accounts.
DEMO = "_demo"


def protocol_of(exchange_id: str) -> str:
    """Return ccxt's id of the exchange whose protocol is spoken under this name.

    :param exchange_id: freqtrade's ``exchange.id``, or ccxt's
    """
    ccxt_id = exchange_id.removesuffix(DEMO)
    return SAME_AS.get(ccxt_id, ccxt_id)
