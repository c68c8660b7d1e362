"""Searches an exchange's lists of orders for one order, and says when they prove nothing.

Orders move one way, from open to ended, so open ones are read first: an order that moves in between
is in the second list.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import ccxt
from freqtrade.exchange import Exchange

from freqtrade_balance_guard.money import ZERO, to_decimal, to_float
from freqtrade_balance_guard.orders.client_ids import Ask, ClientIds, belongs_to
from freqtrade_balance_guard.orders.lookup_result import NotFound, Order, Uncertain


# The exchange's clock may differ from ours by so much, where only the time distinguishes orders.
CLOCK_MARGIN = timedelta(seconds=10)
# So many pages of one list are read; what is on a later one stays uncertain.
MOST_PAGES = 5
_SAME_AMOUNT = Decimal("1e-9")
# freqtrade's word for exchanges that keep stop orders apart.
STOP_FLAG = "stoploss_query_requires_stop_flag"
# What a stop order has and another has not, in ccxt's words.
_TRIGGERS = ("stopLossPrice", "triggerPrice", "stopPrice")


@dataclass(frozen=True, kw_only=True)
class WantedOrder:
    """What is known of the order that is searched for.

    :ivar client_order_id: None: the exchange cannot be asked by it
    :ivar order_id: the exchange's own id, where that is all that counts
    :ivar since: when it was sent; counts only where no id can be used
    :ivar is_known: whether an id of the exchange is that of another order
    """

    pair: str
    side: str
    amount: Decimal
    since: datetime
    client_order_id: str | None = None
    order_id: str | None = None
    is_stop: bool = False
    is_known: Callable[[str], bool] = lambda _: False

    @property
    def has_id(self) -> bool:
        """It is recognised without regard to any clock."""
        return self.client_order_id is not None or self.order_id is not None


@dataclass(frozen=True, slots=True)
class _Page:
    """Orders of one list; ``is_cut``: it may go on on another page that is not read."""

    orders: list[Order]
    is_cut: bool


class OrderSearch:
    """One search on one exchange.

    :param exchange: over a connection whose requests end at a deadline
    """

    def __init__(self, exchange: Exchange, ids: ClientIds, wanted: WantedOrder) -> None:
        self._exchange = exchange
        self._api: Any = exchange._api
        self._ids = ids
        self._wanted = wanted

    def once(self, *, among_all: bool = False) -> Order | NotFound | Uncertain:
        """Read every list once.

        :param among_all: the list of all orders, which may go back further than the others
        :raises Exception: whatever the exchange did
        """
        wanted = self._wanted
        found: dict[str, Order] = {}
        is_cut = False
        for page in self._all_orders() if among_all else self._lists():
            is_cut = is_cut or page.is_cut
            for order in page.orders:
                fits = self._fits(order)
                if isinstance(fits, Uncertain):
                    return fits
                if fits:
                    order_id = str(order["id"])
                    found[order_id] = _further(found.get(order_id), order)
            if wanted.has_id and any(_is_certain(order, self._ids) for order in found.values()):
                break
        if len(found) > 1:
            return Uncertain(f"ambiguous: {', '.join(sorted(found))} all match")
        if is_cut and (not found or not wanted.has_id):
            return Uncertain(f"{self._exchange.id} has more orders than it lists at once")
        return next(iter(found.values()), NotFound())

    @property
    def has_all_orders(self) -> bool:
        """The exchange has a list of open and ended orders in one."""
        return self._api.has.get("fetchOrders") is True

    # Which lists

    def _lists(self) -> Iterator[_Page]:
        """Open orders first, then ended ones."""
        has = self._api.has
        if has.get("fetchCanceledAndClosedOrders"):
            ended = ["fetch_canceled_and_closed_orders"]
        else:
            names = {
                "fetchClosedOrders": "fetch_closed_orders",
                "fetchCanceledOrders": "fetch_canceled_orders",
            }
            ended = [method for name, method in names.items() if has.get(name) is True]
        if not ended and self.has_all_orders:
            ended = ["fetch_orders"]
        if not ended:
            raise ccxt.NotSupported(f"{self._exchange.id} has no list of ended orders")
        for method in ["fetch_open_orders", *ended]:
            for kind in self._kinds_of_lists():
                yield from self._pages(method, kind)

    def _all_orders(self) -> Iterator[_Page]:
        for kind in self._kinds_of_lists():
            yield from self._pages("fetch_orders", kind)

    def _kinds_of_lists(self) -> tuple[Mapping[str, Any], ...]:
        if not self._wanted.is_stop:
            return ({},)
        if self._ids.ask is Ask.NOT:
            flag = self._exchange.get_option(STOP_FLAG)
            return ({"stop": True},) if flag else ({},)
        return self._ids.stop_lists

    def _pages(self, method: str, kind: Mapping[str, Any]) -> Iterator[_Page]:
        ids, wanted = self._ids, self._wanted
        params, since = dict(kind), None
        by_client_id = wanted.client_order_id
        if by_client_id is not None:
            params |= ids.ask_params(by_client_id, stop=wanted.is_stop)
        hides = wanted.is_stop and ids.since_hides_stops
        if not wanted.has_id and method != "fetch_open_orders" and not hides:
            since = int((wanted.since - CLOCK_MARGIN).timestamp() * 1000)
        pair = wanted.pair if ids.lists_by_pair else None
        for number in range(1, MOST_PAGES + 1):
            orders = getattr(self._api, method)(pair, since, params=dict(params))
            raw = check_answer(self._exchange, ids, method)
            # If the exchange filtered by the id, all that it has of it is there.
            if by_client_id is not None and ids.ask is Ask.FILTERED:
                if all(carries(order, by_client_id) for order in orders):
                    yield _Page(orders, is_cut=False)
                    return
            listed = max(orders_in(raw, ids, method), len(orders))
            is_full = listed >= ids.page_size
            more = _next_page(raw, ids.next_page)
            if not more and is_full and ids.older_than is not None:
                more = _before_the_oldest(orders, ids.older_than)
            if not more or not listed:
                names_all_pages = bool(ids.next_page) and ids.older_than is None
                yield _Page(orders, is_cut=is_full and not names_all_pages)
                return
            is_last = number == MOST_PAGES or more.items() <= params.items()
            yield _Page(orders, is_cut=is_last)
            if is_last:
                return
            params |= more

    # Whether an order of a list is the one

    def _fits(self, order: Order) -> bool | Uncertain:
        wanted = self._wanted
        if wanted.order_id is not None:
            return str(order.get("id")) == wanted.order_id
        if wanted.client_order_id is not None:
            if carries(order, wanted.client_order_id):
                return True
            if not self._ids.may_omit_id or order.get("clientOrderId"):
                return False
            fits = self._fits_by_terms(order)
            if fits is False:
                return False
            return Uncertain(f"{order.get('id')} has no client order id, and might be the one")
        return self._fits_by_terms(order)

    def _fits_by_terms(self, order: Order) -> bool | Uncertain:
        wanted = self._wanted
        if (order.get("symbol"), order.get("side")) != (wanted.pair, wanted.side):
            return False
        if belongs_to(order.get("clientOrderId")) is not None or wanted.is_known(str(order["id"])):
            return False
        if any(order.get(name) for name in _TRIGGERS) != wanted.is_stop:
            return False
        at = order.get("timestamp")
        earliest = (wanted.since - CLOCK_MARGIN).timestamp() * 1000
        if at is not None and at < earliest:
            return False
        if order.get("amount") is None:
            return Uncertain(f"ambiguous: {order.get('id')} has no amount")
        amount = to_decimal(self._exchange._contracts_to_amount(wanted.pair, order["amount"]))
        return abs(amount - self._rounded_amount()) <= self._rounded_amount() * _SAME_AMOUNT

    def _rounded_amount(self) -> Decimal:
        """What freqtrade sends for the amount."""
        exchange, pair = self._exchange, self._wanted.pair
        contracts = exchange._amount_to_contracts(pair, to_float(self._wanted.amount))
        return to_decimal(
            exchange._contracts_to_amount(pair, exchange.amount_to_precision(pair, contracts))
        )


def _further(known: Order | None, order: Order) -> Order:
    """Of two answers about one order the one with more fills; of equals the later one."""
    if known is None:
        return order
    filled, before = (to_decimal(one.get("filled") or 0) for one in (order, known))
    return order if filled >= before else known


def _is_certain(order: Mapping[str, Any], ids: ClientIds) -> bool:
    """Whether no other list can know more of it."""
    return not is_read_as_canceled(order, ids)


def is_read_as_canceled(order: Mapping[str, Any], ids: ClientIds) -> bool:
    """Whether "canceled" may stand for "placed": nothing can be concluded from it alone."""
    if not ids.reads_placed_as_canceled or order.get("status") != "canceled":
        return False
    return to_decimal(order.get("filled") or 0) == ZERO


def _next_page(raw: object, names: Mapping[str, str]) -> dict[str, str]:
    """The parameters that ask for the next page; empty where the answer names none."""
    if not isinstance(raw, Mapping):
        return {}
    for name, parameter in names.items():
        if raw.get(name):
            return {parameter: str(raw[name])}
    return next(
        (more for value in raw.values() if (more := _next_page(value, names))), dict[str, str]()
    )


def _before_the_oldest(orders: list[Order], parameter: str) -> dict[str, str]:
    """The parameter that asks for what is older; empty where the ids do not say which that is."""
    order_ids = [str(order["id"]) for order in orders]
    if not order_ids or not all(order_id.isdecimal() for order_id in order_ids):
        return {}
    return {parameter: min(order_ids, key=int)}


def orders_in(raw: object, ids: ClientIds, method: str) -> int:
    """How many orders a raw answer has; ccxt may have left out those of other pairs."""
    part = raw
    for name in ids.orders_in.get(method, ()):
        part = part.get(name) if isinstance(part, Mapping) else None
    if isinstance(part, Mapping) and ids.orders_in.get(method):
        return len(part)
    return _longest_list(part)


def _longest_list(raw: object) -> int:
    if isinstance(raw, list):
        return len(raw)
    if isinstance(raw, Mapping):
        return max((_longest_list(value) for value in raw.values()), default=0)
    return 0


def check_answer(exchange: Exchange, ids: ClientIds, method: str) -> Any:
    """ccxt reads a web page with status 200, and null, as "no orders", or as "not found".

    :return: the raw answer
    :raises BadResponse: it has no orders, not even none, where they should be
    """
    api: Any = exchange._api
    raw: Any = api.parse_json(api.last_http_response)
    part, where = raw, ids.orders_in.get(method, ())
    for name in where:
        part = part.get(name) if isinstance(part, dict) else None
    # No exchange says "nothing" with an object that has nothing in it, but for the orders' own.
    if not (isinstance(part, list) or (isinstance(part, dict) and (part or where))):
        raise ccxt.BadResponse(f"{exchange.id} {method} answered with no orders")
    return raw


def carries(order: Mapping[str, Any], client_order_id: str) -> bool:
    """Whether an order of ccxt has this id, in its own field or in the exchange's raw answer."""
    return order.get("clientOrderId") == client_order_id or _contains(
        order.get("info"), client_order_id
    )


def _contains(raw: object, wanted: str) -> bool:
    if isinstance(raw, Mapping):
        return any(_contains(value, wanted) for value in raw.values())
    if isinstance(raw, list):
        return any(_contains(value, wanted) for value in raw)
    return raw == wanted
