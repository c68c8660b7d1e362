"""Asks the exchange what became of an order whose reply was lost, or that a crash left behind.

Each request is sent once, through ccxt itself: freqtrade's own functions would try six times, ten
seconds each. "Absent" is said only when two looks agree. Orders move one way, from open to ended,
so open ones are read first: an order that moves in between is in the second list.

What a look cannot see is a request that is still on its way to the exchange. Kraken refuses a late
one, because its nonce is lower than that of the look; elsewhere the caller asks again later.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import ccxt
from freqtrade.exchange import Exchange

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.money import to_decimal, to_float
from freqtrade_balance_guard.orders.client_ids import Ask, ClientIds, belongs_to
from freqtrade_balance_guard.orders.lookup_result import Absent, Answer, Found, Order, Unknown


logger = logging.getLogger(__name__)

# Absent only if the exchange says so twice: what it lists may be behind what it has accepted.
LOOKS = 2
# The exchange's clock may differ from ours by so much.
CLOCK_MARGIN = timedelta(seconds=10)
# A list this long may be the first of several pages (Bybit's default is the shortest).
SHORTEST_PAGE = 20
_SAME_AMOUNT = Decimal("1e-9")
# freqtrade's word for exchanges that keep stop orders apart.
STOP_FLAG = "stoploss_query_requires_stop_flag"
# What a stop order has and another has not, in ccxt's words.
_TRIGGERS = ("stopLossPrice", "triggerPrice", "stopPrice")


def find_order(
    exchange: Exchange,
    client_order_id: str | None,
    pair: str,
    side: str,
    amount: Decimal,
    since: datetime,
    *,
    timeout_seconds: float,
    clock: Clock,
    known_order_ids: frozenset[str] = frozenset(),
    is_stop: bool = False,
    order_type: str | None = None,
) -> Answer:
    """Find an order by its client order id, or where that is impossible by what was ordered.

    :param amount: base currency, as it was given to ``create_order``
    :param since: when it was sent, with a zone; without a usable id only orders since then count
    :param timeout_seconds: for all requests together
    :param known_order_ids: the exchange's ids of other orders; never an answer without an id
    :param is_stop: it was sent by ``create_stoploss``
    :param order_type: freqtrade's, for exchanges that do not tell it
    :raises ValueError: ``since`` has no zone. Whatever the exchange does is an answer.
    """
    if since.tzinfo is None:
        raise ValueError(f"{since} has no zone.")
    ids = ClientIds.of(str(exchange.id), str(exchange.trading_mode.value))
    by_id = client_order_id is not None and ids.sends(stop=is_stop) and ids.ask is not Ask.NOT
    look = _Look(
        exchange=exchange,
        ids=ids,
        client_order_id=client_order_id if by_id else None,
        pair=pair,
        side=side,
        amount=amount,
        since=since,
        clock=clock,
        ends=clock.monotonic() + timeout_seconds,
        known=known_order_ids,
        is_stop=is_stop,
    )
    try:
        with _settings_kept(exchange):
            answer: Order | Absent | Unknown = Absent()
            for _ in range(LOOKS):
                answer = look.once()
                if not isinstance(answer, Absent):
                    break
            if isinstance(answer, Absent):
                return look.absence()
            if isinstance(answer, Unknown):
                return answer
            return Found(_as_created(exchange, answer, is_stop=is_stop, order_type=order_type))
    except Exception as error:
        # ccxt's errors, and others: a garbage number in the answer is a ValueError.
        logger.debug("Order not looked up.", exc_info=error)
        return Unknown(f"{type(error).__name__}: {str(error)[:200]}")


def fetch_known(
    exchange: Exchange, order_id: str, pair: str, *, timeout_seconds: float, is_stop: bool = False
) -> Answer:
    """The order with the exchange's own id, asked for once.

    freqtrade's own function would try six times with growing pauses when the order is not there.

    :return: never raises for anything that the exchange does
    """
    ids = ClientIds.of(str(exchange.id), str(exchange.trading_mode.value))
    params = {"stop": True} if is_stop and exchange.get_option(STOP_FLAG) else {}
    kinds = ["fetch_order"]
    if not exchange.exchange_has("fetchOrder"):
        kinds = ["fetch_open_order", "fetch_closed_order"]
    try:
        with _settings_kept(exchange):
            exchange._api.timeout = max(1, int(timeout_seconds * 1000 / len(kinds)))
            exchange._api.enableRateLimit = False
            exchange._api.enableLastHttpResponse = True
            for kind in kinds:
                try:
                    order = getattr(exchange._api, kind)(order_id, pair, params=dict(params))
                    return Found(dict(exchange._order_contracts_to_amount(order)))
                except ccxt.OrderNotFound:
                    _check_answer(exchange, ids, kind)
    except Exception as error:
        return Unknown(f"{type(error).__name__}: {str(error)[:200]}")
    return Absent()


def cancel_known(exchange: Exchange, order_id: str, pair: str, *, timeout_seconds: float) -> None:
    """Cancel the order with the exchange's own id, asked for once. Ended already is as good.

    freqtrade's own function would try five times, each for ccxt's whole time-out.

    :raises Exception: nobody knows whether it is cancelled
    """
    with _settings_kept(exchange):
        exchange._api.timeout = max(1, int(timeout_seconds * 1000))
        exchange._api.enableRateLimit = False
        with suppress(ccxt.InvalidOrder):
            exchange._api.cancel_order(order_id, pair)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A list of orders; ``is_cut``: it may go on on another page."""

    orders: list[Order]
    is_cut: bool


@dataclass(frozen=True, kw_only=True)
class _Look:
    exchange: Exchange
    ids: ClientIds
    client_order_id: str | None  # None: the exchange cannot be asked by id
    pair: str
    side: str
    amount: Decimal
    since: datetime
    clock: Clock
    ends: float
    known: frozenset[str]
    is_stop: bool
    _api: Any = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_api", self.exchange._api)

    def once(self) -> Order | Absent | Unknown:
        """One look at everything.

        :raises Exception: whatever the exchange did
        """
        if self.client_order_id is not None and self.ids.ask is Ask.ONE:
            return self._one(self.client_order_id)
        return self._in_lists()

    def absence(self) -> Absent | Unknown:
        """What "not found" means: the exchanges forget."""
        memory = self.ids.memory
        if memory is not None and self.clock.wall() - self.since > memory:
            return Unknown(f"{self.exchange.id} may have forgotten an order this old")
        return Absent()

    def _one(self, client_order_id: str) -> Order | Absent | Unknown:
        params = self.ids.ask_params(client_order_id, stop=self.is_stop)
        try:
            order = self._request("fetch_order", "", self.pair, params=params)
        except ccxt.OrderNotFound:
            return Absent()
        if not _carries(order, client_order_id):
            return Unknown(f"{self.exchange.id} answered with another order")
        return dict(order)

    def _in_lists(self) -> Order | Absent | Unknown:
        found: dict[str, Order] = {}
        is_cut = False
        for listed in self._lists():
            is_cut = is_cut or listed.is_cut
            for order in listed.orders:
                fits = self._fits(order)
                if isinstance(fits, Unknown):
                    return fits
                if fits:
                    # An order in both lists has ended in between: the later word counts.
                    found[str(order["id"])] = order
            if found and self.client_order_id is not None:
                break
        if len(found) > 1:
            return Unknown(f"ambiguous: {', '.join(sorted(found))} all match")
        if is_cut and (not found or self.client_order_id is None):
            return Unknown(f"{self.exchange.id} has more orders than it lists at once")
        return next(iter(found.values()), Absent())

    def _fits(self, order: Order) -> bool | Unknown:
        if self.client_order_id is not None:
            return _carries(order, self.client_order_id)
        if (order.get("symbol"), order.get("side")) != (self.pair, self.side):
            return False
        if str(order.get("id")) in self.known or belongs_to(order.get("clientOrderId")) is not None:
            return False
        if any(order.get(name) for name in _TRIGGERS) != self.is_stop:
            return False
        at = order.get("timestamp")
        earliest = (self.since - CLOCK_MARGIN).timestamp() * 1000
        if at is not None and at < earliest:
            return False
        if order.get("amount") is None:
            return Unknown(f"ambiguous: {order.get('id')} does not tell its amount")
        amount = to_decimal(self.exchange._contracts_to_amount(self.pair, order["amount"]))
        return abs(amount - self._rounded_amount()) <= self._rounded_amount() * _SAME_AMOUNT

    def _rounded_amount(self) -> Decimal:
        """What freqtrade sends for ``amount``."""
        exchange, pair = self.exchange, self.pair
        contracts = exchange._amount_to_contracts(pair, to_float(self.amount))
        return to_decimal(
            exchange._contracts_to_amount(pair, exchange.amount_to_precision(pair, contracts))
        )

    def _lists(self) -> Iterator[_Listed]:
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
        if not ended:
            raise ccxt.NotSupported(f"{self.exchange.id} has no list of ended orders")
        for method in ["fetch_open_orders", *ended]:
            for kind in self._kinds_of_lists():
                yield self._list(method, kind)

    def _kinds_of_lists(self) -> tuple[Mapping[str, Any], ...]:
        if not self.is_stop:
            return ({},)
        if self.ids.ask is Ask.NOT:
            flag = self.exchange.get_option(STOP_FLAG)
            return ({"stop": True},) if flag else ({},)
        return self.ids.stop_lists

    def _list(self, method: str, kind: Mapping[str, Any]) -> _Listed:
        params, since = dict(kind), None
        client_order_id = self.client_order_id
        if client_order_id is not None:
            params |= self.ids.ask_params(client_order_id, stop=self.is_stop)
        if not (client_order_id is not None and self.ids.ask is Ask.FILTERED) and (
            method != "fetch_open_orders"
        ):
            since = int((self.since - CLOCK_MARGIN).timestamp() * 1000)
        pair = self.pair if self.ids.lists_by_pair else None
        orders = self._request(method, pair, since, params=params)
        _check_answer(self.exchange, self.ids, method)
        # If the exchange filtered by the id, all that it has of it is there.
        filtered = (
            self.ids.ask is Ask.FILTERED
            and client_order_id is not None
            and all(_carries(order, client_order_id) for order in orders)
        )
        return _Listed(orders, is_cut=not filtered and len(orders) >= SHORTEST_PAGE)

    def _request(self, method: str, *args: Any, params: Mapping[str, Any]) -> Any:
        left = self.ends - self.clock.monotonic()
        if left <= 0:
            raise TimeoutError("no time left to ask")
        self._api.timeout = max(1, int(left * 1000))
        # Waiting for its turn would take seconds on Kraken; a look-up is rare, four requests.
        self._api.enableRateLimit = False
        self._api.enableLastHttpResponse = True
        return getattr(self._api, method)(*args, params=dict(params))


def _check_answer(exchange: Exchange, ids: ClientIds, method: str) -> None:
    """ccxt reads a web page with status 200, and null, as "no orders", or as "not found".

    :raises BadResponse: the raw answer has no orders, not even none, where they should be
    """
    api: Any = exchange._api
    part: Any = api.parse_json(api.last_http_response)
    where = ids.orders_in.get(method, ())
    for name in where:
        part = part.get(name) if isinstance(part, dict) else None
    # No exchange says "nothing" with an object that has nothing in it, but for the orders' own.
    if not (isinstance(part, list) or (isinstance(part, dict) and (part or where))):
        raise ccxt.BadResponse(f"{exchange.id} {method} answered with no orders")


def _carries(order: Mapping[str, Any], client_order_id: str) -> bool:
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


def _as_created(
    exchange: Exchange, order: Order, *, is_stop: bool, order_type: str | None
) -> Order:
    """What freqtrade makes of the exchange's answer before it hands it on."""
    ended_without_price = order.get("status") in ("closed", "expired") and (
        order.get("filled") is None or (order.get("average") is None and float(order["filled"]))
    )
    # freqtrade asks again for an open order. A stop that has ended already must be asked for:
    # nobody looks at the status of a new one.
    if is_stop or order.get("status") is None or ended_without_price:
        order["status"] = "open"
    if order.get("type") is None and order_type is not None:
        order["type"] = order_type
    exchange._log_exchange_response("find_order", order)
    return dict(exchange._order_contracts_to_amount(order))


@contextmanager
def _settings_kept(exchange: Exchange) -> Iterator[None]:
    """Give ccxt its time-out, its own rate limit and what it remembers back afterwards."""
    api: Any = exchange._api
    before = api.timeout, api.enableRateLimit, api.enableLastHttpResponse
    try:
        yield
    finally:
        api.timeout, api.enableRateLimit, api.enableLastHttpResponse = before
