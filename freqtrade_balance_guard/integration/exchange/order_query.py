"""Asks the exchange what became of one order; in dry-run freqtrade, which simulates them."""

from freqtrade.exceptions import InvalidOrderException
from freqtrade.exchange import Exchange
from freqtrade.persistence import Order as FreqtradeOrder

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.integration.exchange.order_lookup import fetch_known, find_order
from freqtrade_balance_guard.orders.lookup_result import Absent, Answer, Found, Unknown
from freqtrade_balance_guard.orders.terms import Purpose
from freqtrade_balance_guard.orders.tracked_order import TrackedOrder


class OrderQuery:
    """The registry's way to the exchange of one live or dry-run bot."""

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        self._is_dry_run = bool(exchange._config["dry_run"])

    def __call__(self, tracked: TrackedOrder, seconds: float) -> Answer:
        """What is known of an order after at most ``seconds``."""
        if self._is_dry_run:
            return self._simulated(tracked)
        terms = tracked.terms
        is_stop = terms.purpose is Purpose.STOP
        if tracked.order_id is not None:
            answer = fetch_known(
                self._exchange,
                tracked.order_id,
                tracked.pair,
                timeout_seconds=seconds,
                is_stop=is_stop,
            )
            return _stored(tracked.order_id, tracked.pair) if answer == Absent() else answer
        return find_order(
            self._exchange,
            tracked.client_order_id,
            terms.pair,
            terms.side,
            terms.amount,
            tracked.made_at,
            timeout_seconds=seconds,
            clock=self._clock,
            known_order_ids=known_order_ids(terms.pair),
            is_stop=is_stop,
        )

    def _simulated(self, tracked: TrackedOrder) -> Answer:
        if tracked.order_id is None:
            # A simulated order exists once freqtrade has it; before that nothing was simulated.
            return Absent()
        try:
            return Found(dict(self._exchange.fetch_dry_run_order(tracked.order_id)))
        except InvalidOrderException:
            return _stored(tracked.order_id, tracked.pair)
        except Exception as error:
            return Unknown(f"{type(error).__name__}: {str(error)[:200]}")


def _stored(order_id: str, pair: str) -> Answer:
    """What freqtrade has of an order that the exchange does not know (any more)."""
    order = stored_order(order_id, pair)
    if order is None:
        return Absent()
    known = dict(order.to_ccxt_object())
    return Found({**known, "status": "canceled" if order.ft_is_open else known["status"]})


def known_order_ids(pair: str) -> frozenset[str]:
    """The exchange's ids of the orders of ``pair`` that freqtrade has stored."""
    orders = FreqtradeOrder.session.query(FreqtradeOrder).filter(FreqtradeOrder.ft_pair == pair)
    return frozenset(str(order.order_id) for order in orders.all())


def stored_order(order_id: str, pair: str | None = None) -> FreqtradeOrder | None:
    """The order as freqtrade has stored it; None if it has not.

    (Its own ``Order.order_by_id`` has other parameters in each release.)
    """
    orders = FreqtradeOrder.session.query(FreqtradeOrder)
    orders = orders.filter(FreqtradeOrder.order_id == order_id)
    return (orders if pair is None else orders.filter(FreqtradeOrder.ft_pair == pair)).first()
