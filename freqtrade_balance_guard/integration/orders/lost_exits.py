"""What a new exit does while the outcome of an earlier one is unknown.

At most one of the two may be filled: the new one waits for proof as long as the exits' budget
allows, and then leaves for no more than the exchange shows. In futures an exit is reduce-only.
"""

import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from freqtrade.exceptions import TemporaryError

from freqtrade_balance_guard.deadline import EXIT_WAIT_SECONDS
from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.order_lookup import cancel_known
from freqtrade_balance_guard.money import ZERO, to_decimal, to_float
from freqtrade_balance_guard.orders.events import ExitUnresolved
from freqtrade_balance_guard.orders.funds.entry_funds import EntryFunds
from freqtrade_balance_guard.orders.lookup_result import Order
from freqtrade_balance_guard.orders.reader import OPEN_STATUSES
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.orders.terms import Purpose, currencies
from freqtrade_balance_guard.orders.tracked_order import TrackedOrder


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


logger = logging.getLogger(__name__)

# Two exits of the same amount are the same exit, up to rounding; two stops also at the same price.
SAME_AMOUNT = Decimal("0.01")


class LostExits:
    """Looks for the earlier exits and stops of one bot whose reply was lost."""

    def __init__(
        self,
        wallets: "GuardedWallets",
        registry: OrderRegistry,
        funding: EntryFunds,
        client: GuardClient,
    ) -> None:
        self._wallets = wallets
        self._registry = registry
        self._funding = funding
        self._client = client

    def earlier(
        self, order: Mapping[str, Any], purpose: Purpose
    ) -> tuple[TrackedOrder, Order] | None:
        """An exit of this pair that was sent before and is what this one would be.

        What of the others is still unknown when the budget is used up does not hold this one back.
        """
        registry = self._registry
        for tracked in registry.unresolved(order["pair"]):
            if tracked.is_entry or tracked.is_given_up:
                continue  # nothing of an entry may hold up an exit; housekeeping asks on
            try:
                with registry.waits.wait(EXIT_WAIT_SECONDS) as deadline:
                    found = registry.lookups.ask_until(tracked, deadline)
            except Exception:
                logger.exception("An earlier exit of %s could not be asked for.", tracked.pair)
                continue
            if found is not None:
                self._take_up(tracked, found)
            elif not tracked.is_rejected:
                self._give_up(tracked)
        return self._among_found(order, purpose)

    def _take_up(self, tracked: TrackedOrder, found: Order) -> None:
        self._registry.unclaimed.append((tracked, found))
        try:
            self._registry.report(tracked, found)
        except Exception:
            logger.exception("An exit of %s could not be booked.", tracked.pair)

    def _give_up(self, tracked: TrackedOrder) -> None:
        tracked.is_given_up = True
        self._registry.hub.publish(ExitUnresolved(tracked.pair, tracked.client_order_id))
        logger.error(
            "The outcome of the %s order %s for %s is unknown; the next exit goes out anyway. "
            "[exit_unresolved]",
            tracked.terms.side,
            tracked.client_order_id,
            tracked.pair,
        )

    def _among_found(
        self, order: Mapping[str, Any], purpose: Purpose
    ) -> tuple[TrackedOrder, Order] | None:
        """Of what was found and freqtrade does not know yet: the same exit; stops give way."""
        for one in list(self._registry.unclaimed):
            tracked, found = one
            is_left = is_open(found) or bool(found.get("filled"))
            if tracked.pair != order["pair"] or tracked.is_entry or not is_left:
                continue
            if is_same(tracked, order, purpose):
                self._registry.unclaimed.remove(one)
                return tracked, found
            if tracked.terms.purpose is Purpose.STOP and not tracked.is_over:
                self._cancel(tracked, str(found["id"]))
        return None

    def _cancel(self, tracked: TrackedOrder, order_id: str) -> None:
        """It holds the coins that this exit needs, and freqtrade cannot cancel what it misses."""
        try:
            with self._registry.waits.wait(EXIT_WAIT_SECONDS) as deadline:
                cancel_known(self._client, order_id, tracked.pair, deadline=deadline, is_stop=True)
                final = self._registry.lookups.ask(tracked, deadline)
            if final is not None:
                self._registry.report(tracked, final)
        except Exception as error:
            why = words_of(error)
            logger.warning("Stop %s of %s cannot be cancelled: %s", order_id, tracked.pair, why)

    def amount_left(self, order: Mapping[str, Any]) -> float:
        """What of an exit's amount may leave while an earlier one of its pair is unknown.

        On futures all of it: it can only reduce the position.

        :raises TemporaryError: the exchange shows nothing of it any more: the earlier one holds or
            has sold it; freqtrade tries again in its next loop
        """
        amount, pair = float(order["amount"]), order["pair"]
        lost = [one for one in self._registry.unresolved(pair) if one.is_given_up]
        live = self._wallets.live
        if not lost or live is None or self._registry.is_margin:
            return amount
        base = currencies(pair)[0]
        since = max(one.absence.lost_at or one.sent_at for one in lost)
        if live.book.as_of is None or live.book.as_of <= since:
            live.refresh_for_exit("exit_unresolved", is_urgent=True)
        others = self._registry.or_none(lambda: self._funding.owned_by_other_bots(base)) or ZERO
        left = live.book.last_answer(base).free - others
        if left >= to_decimal(amount):
            return amount
        smallest = self._wallets.market_rules(pair).smallest_order_amount(to_decimal(order["rate"]))
        if left < smallest:
            raise TemporaryError(
                f"The outcome of an earlier exit of {pair} is unknown, and the exchange shows "
                f"{max(left, ZERO):f} {base} left to sell; other bots own {others:f}."
            )
        return to_float(left)

    def behind_rejection(
        self, order: Mapping[str, Any], purpose: Purpose
    ) -> tuple[TrackedOrder, Order] | None:
        """The exchange lacks the coins for an exit: a lost order may hold them.

        :return: what was found, if it is what this order would have been
        """
        registry = self._registry
        base = currencies(order["pair"])[0]
        for tracked in registry.unresolved():
            if tracked.is_entry or currencies(tracked.pair)[0] != base:
                continue
            try:
                with registry.waits.wait(EXIT_WAIT_SECONDS) as deadline:
                    found = None if deadline.is_over else registry.lookups.ask(tracked, deadline)
            except Exception:
                logger.exception("A lost exit of %s could not be asked for.", tracked.pair)
                continue
            if found is not None:
                self._take_up(tracked, found)
        return self._among_found(order, purpose)


def is_same(tracked: TrackedOrder, order: Mapping[str, Any], purpose: Purpose) -> bool:
    """Whether an order that was sent before is what this one would be."""
    terms = tracked.terms
    amount, price = to_decimal(order["amount"]), to_decimal(order["rate"])
    if terms.purpose is not purpose or terms.side != order["side"]:
        return False
    if purpose is Purpose.STOP and abs(terms.price - price) > price * SAME_AMOUNT:
        return False
    return abs(terms.amount - amount) <= amount * SAME_AMOUNT


def is_open(order: Mapping[str, Any]) -> bool:
    """Whether an order, in ccxt's shape, goes on."""
    return order.get("status") in OPEN_STATUSES
