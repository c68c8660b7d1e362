"""Asks the exchange for an order whose reply was lost, or that a crash left behind.

Each request is sent once, over a connection of the guard's own: freqtrade's functions would try six
times, ten seconds each. "Not found" is said only when two looks agree.

What a look cannot see is a request that is still on its way to the exchange. Kraken rejects a late
one, because its nonce is lower than that of the look; elsewhere the caller asks again later.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal

import ccxt
from freqtrade.exchange import Exchange

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.deadline import Deadline
from freqtrade_balance_guard.errors import kind_and_words_of
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.order_search import (
    STOP_FLAG,
    OrderSearch,
    WantedOrder,
    carries,
    check_answer,
    is_read_as_canceled,
)
from freqtrade_balance_guard.orders.client_ids import Ask, ClientIds
from freqtrade_balance_guard.orders.lookup_result import (
    Found,
    LookupResult,
    NotFound,
    Order,
    Uncertain,
)
from freqtrade_balance_guard.orders.reader import placed_by_stop


logger = logging.getLogger(__name__)

# Not found only if the exchange says so twice: what it lists may be behind what it has accepted.
LOOKS = 2


def find_order(
    client: GuardClient,
    client_order_id: str | None,
    pair: str,
    side: str,
    amount: Decimal,
    since: datetime,
    *,
    deadline: Deadline,
    clock: Clock,
    is_known: Callable[[str], bool] = lambda _: False,
    is_stop: bool = False,
    order_type: str | None = None,
) -> LookupResult:
    """Find an order by its client order id, or where that is impossible by what was ordered.

    :param amount: base currency, as it was given to ``create_order``
    :param since: when it was sent, with a zone; without a usable id only orders since then count
    :param deadline: for all requests together
    :param is_known: whether an id of the exchange is that of another order; such a one is never
        the answer where no id can be used
    :param is_stop: it was sent by ``create_stoploss``
    :param order_type: freqtrade's, for exchanges whose answers lack it
    :raises ValueError: ``since`` has no zone. Whatever the exchange does is an answer.
    """
    if since.tzinfo is None:
        raise ValueError(f"{since} has no zone.")
    try:
        with client.connection(deadline) as exchange:
            ids = _ids_of(exchange)
            by_id = client_order_id is not None and ids.sends(stop=is_stop)
            wanted = WantedOrder(
                pair=pair,
                side=side,
                amount=amount,
                since=since,
                client_order_id=client_order_id if by_id and ids.ask is not Ask.NOT else None,
                is_stop=is_stop,
                is_known=is_known,
            )
            answer = _look(exchange, ids, wanted, clock, deadline)
            if not isinstance(answer, dict):
                return answer
            if is_read_as_canceled(answer, ids):
                answer["status"] = "open"
            return Found(_as_created(exchange, answer, is_stop=is_stop, order_type=order_type))
    except Exception as error:
        # ccxt's errors, and others: a garbage number in the answer is a ValueError.
        logger.debug("Order not looked up.", exc_info=error)
        return Uncertain(kind_and_words_of(error))


def fetch_known(
    client: GuardClient, order_id: str, pair: str, *, deadline: Deadline, is_stop: bool = False
) -> LookupResult:
    """The order with the exchange's own id, asked for once.

    freqtrade's own function would try six times with growing pauses when the order is not there.
    Of a stop that has fired, the order that it placed is asked for as well, and reported under the
    stop's id.

    :return: never raises for anything that the exchange does
    """
    try:
        with client.connection(deadline) as exchange:
            order = _fetch(exchange, order_id, pair, is_stop=is_stop)
            if order is None:
                return NotFound()
            if is_stop and order.get("status") == "closed":
                order = _placed_by(exchange, order_id, pair, order)
            return Found(order)
    except Exception as error:
        return Uncertain(kind_and_words_of(error))


def cancel_known(
    client: GuardClient, order_id: str, pair: str, *, deadline: Deadline, is_stop: bool = False
) -> None:
    """Cancel the order with the exchange's own id, asked for once. Ended already is as good.

    freqtrade's own function would try five times, each for ccxt's whole time-out.

    :raises Exception: it is unknown whether it is cancelled
    """
    with client.connection(deadline) as exchange:
        params = {"stop": True} if is_stop and exchange.get_option(STOP_FLAG) else {}
        with suppress(ccxt.InvalidOrder):
            exchange._api.cancel_order(order_id, pair, params=params)


def _ids_of(exchange: Exchange) -> ClientIds:
    return ClientIds.of(str(exchange.id), str(exchange.trading_mode.value))


def _look(
    exchange: Exchange, ids: ClientIds, wanted: WantedOrder, clock: Clock, deadline: Deadline
) -> Order | NotFound | Uncertain:
    """Two looks, and what "not found" means: the exchanges forget.

    :raises Exception: whatever the exchange did
    """
    search = OrderSearch(exchange, ids, wanted)
    answer: Order | NotFound | Uncertain = NotFound()
    for _ in range(LOOKS):
        if deadline.is_over:
            raise TimeoutError("no time left to ask")
        if wanted.client_order_id is not None and ids.ask is Ask.ONE:
            answer = _one(exchange, ids, wanted, wanted.client_order_id)
        else:
            answer = search.once()
        if not isinstance(answer, NotFound):
            return answer
    age = clock.wall() - wanted.since
    if ids.memory is None or age <= ids.memory:
        return answer
    if _lists_reach(search, ids, wanted, age):
        with suppress(ccxt.BaseError):  # without an answer it is as uncertain as it was
            answer = search.once(among_all=search.has_all_orders)
            if not isinstance(answer, NotFound) or ids.memory_of_filled is not None:
                return answer
    return Uncertain(f"{exchange.id} may have forgotten an order this old")


def _lists_reach(search: OrderSearch, ids: ClientIds, wanted: WantedOrder, age: timedelta) -> bool:
    """Whether an order this old would be in a list, had it been filled."""
    if ids.memory_of_filled is None:
        return search.has_all_orders
    return age <= ids.memory_of_filled and not wanted.is_stop


def _one(
    exchange: Exchange, ids: ClientIds, wanted: WantedOrder, client_order_id: str
) -> Order | NotFound | Uncertain:
    params = ids.ask_params(client_order_id, stop=wanted.is_stop)
    try:
        order = exchange._api.fetch_order("", wanted.pair, params=params)
    except ccxt.OrderNotFound:
        return NotFound()
    if not carries(order, client_order_id):
        return Uncertain(f"{exchange.id} answered with another order")
    return dict(order)


def _fetch(exchange: Exchange, order_id: str, pair: str, *, is_stop: bool) -> Order | None:
    """:raises Exception: there was no answer"""
    ids = _ids_of(exchange)
    kinds = ["fetch_order"]
    if not exchange.exchange_has("fetchOrder"):
        kinds = ["fetch_open_order", "fetch_closed_order"]
    params = {"stop": True} if is_stop and exchange.get_option(STOP_FLAG) else {}
    for kind in kinds:
        try:
            order = getattr(exchange._api, kind)(order_id, pair, params=dict(params))
            return dict(exchange._order_contracts_to_amount(order))
        except ccxt.OrderNotFound:
            check_answer(exchange, ids, kind)
    if ids.ask is not Ask.LISTS:
        return None
    # Such an exchange forgets an order soon after its end, or has stops only in its lists.
    wanted = WantedOrder(
        pair=pair,
        side="",
        amount=Decimal(0),
        since=datetime.max,
        order_id=order_id,
        is_stop=is_stop,
    )
    answer = OrderSearch(exchange, ids, wanted).once()
    if isinstance(answer, Uncertain):
        raise ccxt.BadResponse(answer.reason)
    return None if isinstance(answer, NotFound) else exchange._order_contracts_to_amount(answer)


def _placed_by(exchange: Exchange, order_id: str, pair: str, stop: Order) -> Order:
    """A fired stop with the fills of the order that it placed, as freqtrade would return it."""
    placed_id = placed_by_stop(stop)
    if placed_id is None or placed_id == order_id:
        return stop
    placed = dict(exchange._order_contracts_to_amount(exchange._api.fetch_order(placed_id, pair)))
    trigger = {"stopPrice": stop.get("stopPrice"), "status_stop": "triggered"}
    return {**placed, **trigger, "id": order_id, "id_stop": placed_id, "type": "stoploss"}


def _as_created(
    exchange: Exchange, order: Order, *, is_stop: bool, order_type: str | None
) -> Order:
    """What freqtrade makes of the exchange's answer before it hands it on."""
    ended_without_price = order.get("status") in ("closed", "expired") and (
        order.get("filled") is None or (order.get("average") is None and float(order["filled"]))
    )
    # freqtrade asks again for an open order. A stop that has ended already must be asked for:
    # the status of a new one is not looked at.
    if is_stop or order.get("status") is None or ended_without_price:
        order["status"] = "open"
    if order.get("type") is None and order_type is not None:
        order["type"] = order_type
    exchange._log_exchange_response("find_order", order)
    return dict(exchange._order_contracts_to_amount(order))
