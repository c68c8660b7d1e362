"""Asks the exchange for one order; in dry-run freqtrade, which simulates them."""

from freqtrade.exceptions import InvalidOrderException
from freqtrade.exchange import Exchange
from freqtrade.persistence import Order as FreqtradeOrder

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.deadline import Deadline
from freqtrade_balance_guard.errors import kind_and_words_of
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.order_lookup import fetch_known, find_order
from freqtrade_balance_guard.orders.lookup_result import Found, LookupResult, NotFound, Uncertain
from freqtrade_balance_guard.orders.terms import Purpose
from freqtrade_balance_guard.orders.tracked_order import TrackedOrder


class OrderQuery:
    """The registry's way to the exchange of one live or dry-run bot."""

    def __init__(self, exchange: Exchange, client: GuardClient, clock: Clock) -> None:
        self._exchange = exchange
        self._client = client
        self._clock = clock
        self._is_dry_run = bool(exchange._config["dry_run"])

    def __call__(self, tracked: TrackedOrder, deadline: Deadline) -> LookupResult:
        """What is known of an order until ``deadline``."""
        if self._is_dry_run:
            return self._simulated(tracked)
        terms, pair = tracked.terms, tracked.pair
        is_stop = terms.purpose is Purpose.STOP
        if tracked.order_id is not None:
            answer = fetch_known(
                self._client, tracked.order_id, pair, deadline=deadline, is_stop=is_stop
            )
            return _stored(tracked.order_id, pair) if answer == NotFound() else answer
        return find_order(
            self._client,
            tracked.client_order_id,
            pair,
            terms.side,
            terms.amount,
            tracked.made_at,
            deadline=deadline,
            clock=self._clock,
            is_known=lambda order_id: stored_order(order_id, pair) is not None,
            is_stop=is_stop,
        )

    def _simulated(self, tracked: TrackedOrder) -> LookupResult:
        if tracked.order_id is None:
            # A simulated order exists once freqtrade has it; before that nothing was simulated.
            return NotFound()
        try:
            return Found(dict(self._exchange.fetch_dry_run_order(tracked.order_id)))
        except InvalidOrderException:
            return _stored(tracked.order_id, tracked.pair)
        except Exception as error:
            return Uncertain(kind_and_words_of(error))


def _stored(order_id: str, pair: str) -> LookupResult:
    """What freqtrade has of an order that the exchange does not know (any more)."""
    order = stored_order(order_id, pair)
    if order is None:
        return NotFound()
    known = dict(order.to_ccxt_object())
    return Found({**known, "status": "canceled" if order.ft_is_open else known["status"]})


def stored_order(order_id: str, pair: str | None = None) -> FreqtradeOrder | None:
    """The order as freqtrade has stored it; None if it has not.

    (Its own ``Order.order_by_id`` has other parameters in each release.)
    """
    orders = FreqtradeOrder.session.query(FreqtradeOrder)
    orders = orders.filter(FreqtradeOrder.order_id == order_id)
    return (orders if pair is None else orders.filter(FreqtradeOrder.ft_pair == pair)).first()
