"""What the user hears of arbitrages: in the log, and as messages (Telegram, FreqUI, webhook)."""

import logging
from collections.abc import Callable
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.events import HoldingChanged, OpportunityDenied
from freqtrade_balance_guard.arbitrage.leg import Leg
from freqtrade_balance_guard.arbitrage.outcomes.outcome_leg import OutcomeLeg
from freqtrade_balance_guard.arbitrage.positions import Position
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenied
from freqtrade_balance_guard.arbitrage.states import ArbitrageState
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.venue import LegOrder
from freqtrade_balance_guard.events import Event, EventHub, OrderDenied
from freqtrade_balance_guard.money import ZERO, format_amount, to_decimal


logger = logging.getLogger(__name__)


class ArbitrageMessages:
    """Of one bot.

    :param send: a message to the user, from any thread
    """

    def __init__(self, hub: EventHub, send: Callable[[str], None], stake_currency: str) -> None:
        self._hub = hub
        self._send = send
        self._stake_currency = stake_currency

    def __call__(self, event: Event) -> None:
        """State denials like any other (once, counted). Incidents are ``monitoring.messages``'."""
        if isinstance(event, OpportunityDenied):
            first: Leg | OutcomeLeg = event.opportunity.first
            name = first.outcome if isinstance(first, OutcomeLeg) else first.pair
            self.denied(name, event.denial)
        elif isinstance(event, HoldingChanged):
            self._message(f"Arbitrage {event.holding.arbitrage_id}: {event.holding.sentence()}.")

    def denied(self, pair: str, denial: ArbitrageDenied) -> None:
        """No arbitrage, or no exit, and why."""
        self._hub.publish(OrderDenied(pair, str(denial.code), denial.sentence, denial.numbers))

    def booked(
        self, record: ArbitrageRecord, position: Position | None, flow: Decimal | None
    ) -> None:
        """An arbitrage, or a completion, is what freqtrade knows as a trade, or is over."""
        legs = "; ".join(
            _told(order, record) for order in record.orders if _filled(order, record) > ZERO
        )
        words = "Difference after fees"
        if record.event:
            # Two purchases: what they bring is paid when the event is resolved.
            words = "Left after fees when it is resolved"
            flow = to_decimal(record.result.get("profit", 0))
        brought = ""
        if flow is not None and record.state is ArbitrageState.HEDGED:
            brought = f" {words}: {format_amount(flow)} {self._stake_currency}."
        trade = "" if position is None else f" Trade {position.trade_id}."
        self.say(f"Arbitrage {record.id}: {legs}.{trade}{brought}")

    def say(self, text: str) -> None:
        """To the log and to the user."""
        logger.info(text)
        self._message(text)

    def _message(self, text: str) -> None:
        self._send(f"Balance guard: {text}")


def _name(order: LegOrder, record: ArbitrageRecord) -> str:
    """Return the pair, or the event and the answer: a token's id has 77 digits."""
    if not record.event:
        return order.pair
    return f"{record.event} {record.result.get(f'answer_{1 + record.orders.index(order)}', '')}"


def _filled(order: LegOrder, record: ArbitrageRecord) -> Decimal:
    reported = record.reported.get(order.client_order_id)
    return ZERO if reported is None else reported.filled


def _told(order: LegOrder, record: ArbitrageRecord) -> str:
    reported = record.reported[order.client_order_id]
    verb = "bought" if order.side == "buy" else "sold"
    price = reported.cost / reported.filled
    return (
        f"{verb} {format_amount(reported.filled)} {_name(order, record)} on {order.venue} at "
        f"{format_amount(price)}"
    )
