"""What legs did on the bot's own exchange that is none of freqtrade's trades."""

import threading
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.booked.flows import purchase_of
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore, ArbitragesUnavailable
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.venue import LegOrder, VenueOrder
from freqtrade_balance_guard.money import ZERO, exact
from freqtrade_balance_guard.settings.model import BOT_VENUE


class Inventory:
    """Follows the ended arbitrages of one bot; each is looked at once."""

    def __init__(self, store: ArbitrageStore, bot: str) -> None:
        self._store = store
        self._bot = bot
        # Arbitrages do not end in the order of their numbers: all up to this one have.
        self._after = 0
        self._taken: set[int] = set()
        self._changes: dict[str, Decimal] = {}
        self._order_ids: set[str] = set()
        self._lock = threading.Lock()

    def changes(self) -> dict[str, Decimal]:
        """By currency, since the first arbitrage: sold out of the inventory, and bought for it."""
        with self._lock:
            self._look()
            return dict(self._changes)

    def order_ids(self) -> set[str]:
        """The exchange's ids of all legs on the bot's exchange that have ended."""
        with self._lock:
            self._look()
            return set(self._order_ids)

    def _look(self) -> None:
        try:
            # Asked first: what ends in between is taken now, and not passed over later.
            going = [record.id for record in self._store.unfinished(self._bot)]
            arbitrages = self._store.ended_after(self._bot, self._after)
        except ArbitragesUnavailable:
            return  # as it was; it is looked at again
        for record in arbitrages:
            if record.id not in self._taken:
                self._taken.add(record.id)
                self._take(record)
        if arbitrages:
            last = max(record.id for record in arbitrages)
            self._after = max(self._after, min([last, *(number - 1 for number in going)]))
            self._taken = {number for number in self._taken if number > self._after}

    @exact
    def _take(self, record: ArbitrageRecord) -> None:
        purchase = purchase_of(record)
        for order in record.orders:
            reported = record.reported.get(order.client_order_id)
            if order.venue != BOT_VENUE or reported is None:
                continue
            self._order_ids.add(reported.order_id)
            if purchase is None or purchase[0] is not order:
                self._flow(order, reported)

    def _flow(self, order: LegOrder, reported: VenueOrder) -> None:
        base, quote = order.pair.split("/")
        fees = {quote: reported.cost * order.fee_rate} if reported.fees is None else reported.fees
        self._add(base, order.sign * reported.filled)
        self._add(quote, -order.sign * reported.cost)
        for currency, fee in fees.items():
            self._add(currency, -fee)

    def _add(self, currency: str, amount: Decimal) -> None:
        self._changes[currency] = self._changes.get(currency, ZERO) + amount
