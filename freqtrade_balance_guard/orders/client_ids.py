"""Client order ids: what we call an order before the exchange has given it a name.

An id carries our mark and the tag of the bot that sent it, so that it says whose it is without
any database. One table says for each exchange what an id may look like, how ccxt is given it and
how an order is asked for by it. The rows are read from ccxt 4.5.90's source (create_order,
fetch_order and the lists of each exchange) and from the exchanges' documentation; what was shown
for each is in `exchanges/support.py`.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

from freqtrade_balance_guard.exchanges.names import protocol_of


class Ask(StrEnum):
    """How an order is asked for by its client order id."""

    ONE = "one order, by the id"
    FILTERED = "open and ended orders, filtered by the exchange"
    LISTS = "open and ended orders, searched by us"
    NOT = "not at all"


class Form(StrEnum):
    """What an id of ours looks like; T is the bot's tag, X the token."""

    TEXT = "bgTTTTXXXXXXXXXXXX"
    GATE = "t-bgTTTTXXXXXXXXXXXX"
    HEX = "0xba1a2ce5TTTTXXXXXXXXXXXXXXXXXXXX"


# Bits of a token: twelve letters of five bits each. Of a million orders of one bot, two have the
# same id with a chance of one in two million.
TOKEN_BITS = 60
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_OURS = re.compile(r"(?:t-)?bg([0-9a-f]{4})[a-z2-7]{12}|0xba1a2ce5([0-9a-f]{4})[0-9a-f]{20}")
_NOTHING: Mapping[str, Any] = MappingProxyType({})
# Bybit's default is the shortest page.
SHORTEST_PAGE = 20


def tag_of(bot_name: str) -> str:
    """Four hex digits for a bot. Two names may share a tag (one in 65 536): the ledger decides."""
    return hashlib.sha256(bot_name.encode()).hexdigest()[:4]


def belongs_to(client_order_id: object) -> str | None:
    """The tag of the bot whose order this is; None if no guard has made the id."""
    found = _OURS.fullmatch(client_order_id) if isinstance(client_order_id, str) else None
    return None if found is None else found[1] or found[2]


def new_token() -> int:
    """A number that no other order has."""
    return secrets.randbits(TOKEN_BITS)


@dataclass(frozen=True, slots=True)
class ClientIds:
    """What one exchange does with client order ids, in one trading mode."""

    exchange: str
    trading_mode: str
    legal: str  # a regular expression
    # The parameter of ccxt's create_order, and the name under which the exchange gets it; None:
    # ccxt or the exchange cannot take our id.
    send_as: str | None
    wire: str | None
    stop_send_as: str | None
    stop_wire: str | None
    ask: Ask
    # The parameter of fetch_order or of the lists that takes the id, and what else a stop needs.
    ask_as: str | None = None
    stop_ask: Mapping[str, Any] = field(default_factory=dict)
    # Lists of stop orders: the parameters of each that is to be searched.
    stop_lists: tuple[Mapping[str, Any], ...] = (_NOTHING,)
    lists_by_pair: bool = True
    # How many orders one page of a list has at most; a page this long may not be the last.
    page_size: int = SHORTEST_PAGE
    # Where the raw answer names the next page, and the parameter that asks for it.
    next_page: Mapping[str, str] = field(default_factory=dict)
    # The parameter that asks for what is older than an order's id, where a full page names none.
    older_than: str | None = None
    # Its lists may lack the id of an order that was sent with one.
    may_omit_id: bool = False
    # ccxt reads the event "placed" as an order that was cancelled with nothing filled.
    reads_placed_as_canceled: bool = False
    # Where in the exchange's raw answer orders must be, by ccxt's method. A web page, or null,
    # would read as "none", and the order as absent.
    orders_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # How long after an order was sent "not found" still proves that it does not exist.
    memory: timedelta | None = None
    # How far back its lists show orders with fills, where that is further. An order that is in none
    # of them has ended without a fill, or never was there.
    memory_of_filled: timedelta | None = None
    # Asked for orders since a moment, it lists none that are stops.
    since_hides_stops: bool = False
    form: Form = Form.TEXT

    @classmethod
    def of(cls, exchange_id: str, trading_mode: str = "spot") -> "ClientIds":
        """The row of an exchange by ccxt's id. One without a row gets one that sends no ids.

        :param trading_mode: freqtrade's: spot, margin or futures
        """
        row = TABLE.get(
            (protocol_of(exchange_id), "futures" if trading_mode == "futures" else "spot")
        )
        if row is None:
            return replace(_NO_IDS, exchange=exchange_id, trading_mode=trading_mode)
        return replace(row, exchange=exchange_id, trading_mode=trading_mode)

    def make(self, bot_tag: str, token: int | None = None) -> str:
        """A new id for an order of the bot with this tag.

        Where the exchange takes none, it is only our own name for the order.

        :param token: unique below 2**60; drawn at random if not given
        :raises ValueError: no tag of four hex digits, or the token is too large
        """
        if re.fullmatch(r"[0-9a-f]{4}", bot_tag) is None:
            raise ValueError(f"{bot_tag!r} is no tag of four hex digits.")
        number = new_token() if token is None else token
        if not 0 <= number < 2**TOKEN_BITS:
            raise ValueError(f"{number} is no token of {TOKEN_BITS} bits.")
        if self.form is Form.HEX:
            return f"0xba1a2ce5{bot_tag}{number:020x}"
        letters = "".join(_LETTERS[number >> shift & 31] for shift in range(55, -1, -5))
        return f"{'t-' if self.form is Form.GATE else ''}bg{bot_tag}{letters}"

    def is_legal(self, client_order_id: str) -> bool:
        """Whether the exchange takes this id."""
        return re.fullmatch(self.legal, client_order_id) is not None

    def sends(self, *, stop: bool = False) -> bool:
        """Whether an order, or a stop order, can carry our id."""
        return (self.stop_send_as if stop else self.send_as) is not None

    def order_params(self, client_order_id: str, *, stop: bool = False) -> dict[str, str]:
        """What ccxt's create_order must be given besides; empty where no id can be sent."""
        name = self.stop_send_as if stop else self.send_as
        return {} if name is None else {name: client_order_id}

    def ask_params(self, client_order_id: str, *, stop: bool = False) -> dict[str, Any]:
        """What asks fetch_order, or a filtered list, for this one order."""
        if self.ask_as is None:
            return {}
        return {**(self.stop_ask if stop else _NOTHING), self.ask_as: client_order_id}

    def with_stops(self, wire: str | None, send_as: str | None, **more: Any) -> Self:
        """The same row with other ways for stop orders."""
        return replace(self, stop_wire=wire, stop_send_as=send_as, **more)


def _row(
    names: str, legal: str, wire: str, ask: Ask, ask_as: str | None = None, **more: Any
) -> ClientIds:
    """A row in which stop orders are sent like others."""
    exchange, mode = names.split()
    unified = "clientOrderId"
    return ClientIds(
        *(exchange, mode, legal, unified, wire, unified, wire, ask, ask_as),
        **more,
    )


_A_STOP = MappingProxyType({"stop": True})
# A careful limit for exchanges of which no better one is known.
_A_DAY = timedelta(days=1)
_NO_IDS = ClientIds("", "", ".{1,36}", None, None, None, None, Ask.NOT, memory=_A_DAY)

_BINANCE = _row(
    "binance spot",
    r"[.A-Z:/a-z0-9_-]{1,36}",
    "newClientOrderId",
    Ask.ONE,
    "origClientOrderId",
    # Orders that ended without a fill are forgotten after three days.
    memory=timedelta(days=3),
)
_BYBIT = _row(
    "bybit spot",
    r"[A-Za-z0-9_-]{1,36}",
    "orderLinkId",
    Ask.FILTERED,
    # fetch_order would send an order id beside it, and the order id has precedence.
    "orderLinkId",
    # Orders that ended without a fill are kept for a day.
    memory=_A_DAY,
    orders_in={
        "fetch_order": ("result", "list"),
        "fetch_open_orders": ("result", "list"),
        "fetch_canceled_and_closed_orders": ("result", "list"),
    },
)
_OKX = _row(
    "okx spot",
    r"[A-Za-z0-9]{1,32}",
    "clOrdId",
    Ask.ONE,
    "clOrdId",
    # Cancelled orders are forgotten after two hours, those with fills after a week.
    memory=timedelta(hours=2),
    memory_of_filled=timedelta(days=7),
    page_size=100,
    # ccxt's clientOrderId would be sent as clOrdId, which a stop cannot be asked for by.
).with_stops("algoClOrdId", "algoClOrdId", stop_ask=_A_STOP, stop_lists=(_A_STOP,))
_GATE = _row(
    "gate spot",
    r"t-[0-9A-Za-z_.-]{1,26}",
    "text",
    # Only resting orders can be asked for by this id.
    Ask.LISTS,
    memory=_A_DAY,
    form=Form.GATE,
    page_size=100,
    # The text of a trigger order says where it came from; an own one is not documented.
).with_stops(None, None, stop_lists=(_A_STOP,))
_HYPERLIQUID = _row(
    "hyperliquid spot",
    r"0x[0-9a-f]{32}",
    "c",
    Ask.ONE,
    "clientOrderId",
    memory=_A_DAY,
    form=Form.HEX,
)
_BITGET = _row(
    "bitget spot",
    r"[A-Za-z0-9_-]{1,32}",
    "clientOid",
    # freqtrade has found asking for one order by this id unreliable.
    Ask.LISTS,
    memory=_A_DAY,
    stop_lists=(_A_STOP,),
    page_size=100,
    next_page={"cursor": "cursor", "endId": "idLessThan"},
    older_than="idLessThan",
)

_ROWS = (
    _row(
        "kraken spot",
        r"[!-~]{1,18}|[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "cl_ord_id",
        # QueryOrders takes no such id; ccxt's fetch_order sends one as userref.
        Ask.FILTERED,
        "clientOrderId",
        # ClosedOrders knows no pairs: a page of it is full or not before ccxt picks out a pair.
        lists_by_pair=False,
        page_size=50,
        orders_in={
            "fetch_order": ("result",),
            "fetch_open_orders": ("result", "open"),
            "fetch_closed_orders": ("result", "closed"),
        },
    ),
    # orders/status forgets an order five seconds after its end, hence the lists.
    _row(
        "krakenfutures futures",
        r"[!-~]{1,100}",
        "cliOrdId",
        Ask.LISTS,
        memory=_A_DAY,
        page_size=100,
        next_page={"continuationToken": "continuationToken"},
        reads_placed_as_canceled=True,
    ).with_stops("cliOrdId", "clientOrderId", stop_lists=(_NOTHING, _A_STOP)),
    _BINANCE,
    replace(_BINANCE, trading_mode="futures").with_stops(
        "clientAlgoId", "clientOrderId", stop_ask=_A_STOP, stop_lists=(_A_STOP,)
    ),
    _BYBIT,
    replace(_BYBIT, trading_mode="futures"),
    _OKX,
    replace(_OKX, trading_mode="futures"),
    _GATE,
    replace(_GATE, trading_mode="futures", since_hides_stops=True),
    _row(
        "htx spot",
        r"[A-Za-z0-9_-]{1,64}",
        "client-order-id",
        Ask.ONE,
        "clientOrderId",
        # Cancelled orders are forgotten after two hours; one list has those of the last two days.
        memory=timedelta(hours=2),
        memory_of_filled=timedelta(hours=48),
        page_size=100,
    ),
    _HYPERLIQUID,
    replace(_HYPERLIQUID, trading_mode="futures"),
    _BITGET,
    replace(
        _BITGET,
        trading_mode="futures",
        stop_lists=(MappingProxyType({"planType": "profit_loss"}), _A_STOP),
    ),
    _row(
        "bingx spot",
        r"[A-Za-z0-9_]{1,40}",
        "newClientOrderId",
        Ask.LISTS,
        memory=_A_DAY,
        page_size=100,
        may_omit_id=True,
    ),
    _row(
        "kucoin spot",
        r"[A-Za-z0-9_-]{1,40}",
        "clientOid",
        Ask.ONE,
        "clientOrderId",
        # Cancelled orders without a fill are kept for a month, others longer; this is careful.
        memory=_A_DAY,
        stop_ask=_A_STOP,
        stop_lists=(_A_STOP,),
    ),
)
TABLE: Mapping[tuple[str, str], ClientIds] = MappingProxyType(
    {(row.exchange, row.trading_mode): row for row in _ROWS}
)
