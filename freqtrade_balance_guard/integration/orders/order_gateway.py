"""Takes freqtrade's orders to the registry: before sending, and once answered or lost."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from freqtrade.exceptions import TemporaryError
from freqtrade.exchange import Exchange

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.integration.exchange.order_error import Outcome, classify, reason_of
from freqtrade_balance_guard.integration.exchange.order_query import stored_order
from freqtrade_balance_guard.integration.host.bot_loop import adopted_order
from freqtrade_balance_guard.integration.host.entry_denied import EntryDenied
from freqtrade_balance_guard.integration.wallets.entry_funds import EntryFunds
from freqtrade_balance_guard.ledger import LedgerUnavailable
from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.limits.sizing import EntryKind
from freqtrade_balance_guard.money import ZERO, to_decimal
from freqtrade_balance_guard.orders.client_ids import ClientIds, belongs_to, tag_of
from freqtrade_balance_guard.orders.events import (
    LostReplyFound,
    OrderAccepted,
    OrderRejected,
    OrderReplyLost,
    OrderUnresolved,
)
from freqtrade_balance_guard.orders.lookup_result import Order
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.orders.terms import Purpose, Side, Terms, margin_terms, spot_terms
from freqtrade_balance_guard.orders.tracked_order import TrackedOrder


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


logger = logging.getLogger(__name__)

# The client order id of the order that is being sent; read where freqtrade makes its parameters.
current_id: ContextVar[str | None] = ContextVar("current_id", default=None)

# An exit is not held up longer than this by an earlier one of which nobody knows.
EXIT_WAITS_SECONDS = 3.0
# How long it may take to ask for it once.
ASK_SECONDS = 1.0
# Two exits of the same amount are the same exit, up to rounding.
SAME_AMOUNT = Decimal("0.01")


class OrderGateway:
    """The way of each order of one live or dry-run bot."""

    def __init__(
        self,
        exchange: Exchange,
        wallets: "GuardedWallets",
        registry: OrderRegistry,
        funding: EntryFunds,
        ids: ClientIds,
        clock: Clock,
    ) -> None:
        self.registry = registry
        self.ids = ids
        self._exchange = exchange
        self._wallets = wallets
        self._funding = funding
        self._clock = clock

    # An order

    def send(
        self, order: Mapping[str, Any], purpose: Purpose, kind: EntryKind, go: Callable[[], Order]
    ) -> Order:
        """Send an order, or hand over the one that was sent before and is only known now.

        :param order: freqtrade's arguments of ``create_order``
        :param go: sends it
        :raises EntryDenied: an entry may not go now
        :raises Exception: what freqtrade raised, where the exchange refused or nobody knows
        """
        if (adopted := adopted_order.get()) is not None:
            if adopted.tracked is None:
                return adopted.order
            return self._book(adopted.tracked, adopted.order)
        if purpose is Purpose.ENTRY:
            tracked = self._entry(order, kind)
        else:
            earlier = self._earlier_exit(order, purpose)
            if earlier is not None:
                return earlier
            booked = self._exit(order, purpose)
            if booked is None:
                return go()
            tracked = booked
        token = current_id.set(tracked.client_order_id)
        try:
            accepted = go()
        except Exception as error:
            crash_point("order answered")
            return self._after_error(tracked, error)
        finally:
            current_id.reset(token)
        crash_point("order answered")
        self.registry.hub.publish(OrderAccepted(tracked.pair, str(tracked.terms.purpose)))
        return self._book(tracked, accepted)

    def _entry(self, order: Mapping[str, Any], kind: EntryKind) -> TrackedOrder:
        """:raises EntryDenied: its money could not be reserved"""
        wallets = self._wallets
        pair = order["pair"]
        try:
            waits_for = wallets.controls.check(PlannedEntry(pair, kind), is_neutral=True)
        except Exception as error:
            raise EntryDenied(wallets.fail_closed(pair, error)) from error
        if waits_for is not None:
            raise EntryDenied(wallets.denied(pair, waits_for))
        try:
            terms = self._terms(order, Purpose.ENTRY)
            tracked = self.registry.open_entry(terms, self._funding.for_entry(terms, kind))
        except LedgerUnavailable as error:
            tracked = self.registry.unavailable(error)
        except Exception as error:
            raise EntryDenied(wallets.fail_closed(pair, error)) from error
        if isinstance(tracked, Denied):
            raise EntryDenied(wallets.denied(pair, tracked))
        return tracked

    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        """The control of entries: an order of the pair may exist, or belongs to no trade."""
        for tracked in self.registry.unresolved(entry.pair):
            return _unresolved(tracked)
        blocking = self.registry.blocking_order(entry.pair)
        return None if blocking is None else _unresolved(blocking)

    def _exit(self, order: Mapping[str, Any], purpose: Purpose) -> TrackedOrder | None:
        try:
            return self.registry.open_exit(self._terms(order, purpose))
        except Exception:
            logger.exception("An exit of %s could not be booked; it goes out.", order["pair"])
            return None

    def _terms(self, order: Mapping[str, Any], purpose: Purpose) -> Terms:
        exchange, pair = self._exchange, order["pair"]
        contracts = exchange._amount_to_contracts(pair, order["amount"])
        amount = exchange._contracts_to_amount(pair, exchange.amount_to_precision(pair, contracts))
        price = order["rate"]
        if order["ordertype"] != "market":
            price = exchange.price_to_precision(pair, price)
        fee = self._wallets.market_rules(pair).fee
        side: Side = "buy" if order["side"] == "buy" else "sell"
        what = (pair, side, purpose, _positive(amount, order["amount"]), to_decimal(price))
        tag = order.get("tag") or ""
        if exchange._config.get("trading_mode", "spot") != "spot":
            leverage = to_decimal(order.get("leverage") or 1)
            return margin_terms(*what, fee_rate=fee, leverage=leverage, tag=tag)
        is_market = order["ordertype"] == "market"
        # With neutral settings a stake may be all that is free, as it may without us.
        fee_rate = ZERO if self._wallets.is_neutral else fee
        return spot_terms(*what, is_market=is_market, fee_rate=fee_rate, tag=tag)

    # Its outcome

    def _book(self, tracked: TrackedOrder, order: Order) -> Order:
        try:
            self.registry.report(tracked, order)
        except Exception:
            # The order is out; freqtrade must get it whatever happens to our books.
            logger.exception("An order of %s could not be booked in the ledger.", tracked.pair)
        return order

    def _after_error(self, tracked: TrackedOrder, error: Exception) -> Order:
        """:raises Exception: ``error``, unless the order is found"""
        purpose = str(tracked.terms.purpose)
        if classify(error) is Outcome.REFUSED:
            self.registry.refused(tracked, str(error)[:200])
            self.registry.hub.publish(
                OrderRejected(tracked.pair, purpose, reason_of(error), str(error)[:200])
            )
            raise error
        self.registry.hub.publish(OrderReplyLost(tracked.pair, purpose))
        found = None
        try:
            found = self.registry.resolve(tracked)
        except Exception:
            # freqtrade knows what to do with the exchange's error, not with ours.
            logger.exception("A lost order of %s could not be asked for.", tracked.pair)
        if found is not None:
            self._tell_found(tracked, found)
            return self._book(tracked, found)
        if not tracked.is_refused:
            self.registry.hub.publish(
                OrderUnresolved(tracked.pair, tracked.client_order_id, purpose)
            )
            logger.error(
                "The reply to the %s order %s for %s was lost (%s), and the exchange could not "
                "say what became of it. No new entry on %s until it can.",
                tracked.terms.side,
                tracked.client_order_id,
                tracked.pair,
                str(error)[:200],
                tracked.pair,
            )
        raise error

    def _tell_found(self, tracked: TrackedOrder, found: Mapping[str, Any]) -> None:
        self.registry.hub.publish(
            LostReplyFound(tracked.pair, str(found["id"]), str(tracked.terms.purpose))
        )
        logger.warning(
            "The reply to the %s order for %s was lost; it was found by its client order id %s "
            "as order %s and is handed to freqtrade.",
            tracked.terms.side,
            tracked.pair,
            tracked.client_order_id,
            found["id"],
        )

    # An exit whose reply was lost in an earlier loop

    def _earlier_exit(self, order: Mapping[str, Any], purpose: Purpose) -> Order | None:
        """The order that was sent before, if it is what this one would be.

        :raises TemporaryError: it was sent just now, and nobody knows yet; freqtrade tries again in
            its next loop
        """
        for tracked in self.registry.unresolved(order["pair"]):
            if tracked.is_entry:
                continue  # nothing of an entry may hold up an exit
            try:
                found = self.registry.ask(tracked, ASK_SECONDS)
            except Exception:
                logger.exception("An earlier exit of %s could not be asked for.", tracked.pair)
                continue
            if found is not None:
                booked = self._book(tracked, found)
                if _is_same(tracked, order, purpose):
                    self._tell_found(tracked, found)
                    return booked
                self.registry.unclaimed.append((tracked, booked))
            elif tracked.absent_since is not None:
                self.registry.give_up(tracked)
            elif self._clock.monotonic() - tracked.sent_at < EXIT_WAITS_SECONDS:
                raise TemporaryError(
                    f"The reply to the last exit of {tracked.pair} was lost; asking what became "
                    "of it."
                )
        return None

    # freqtrade's search for unknown orders

    def without_other_bots(self, orders: Sequence[Order]) -> list[Order]:
        """Only what may be this bot's: freqtrade would take any order of the pair for its own."""
        own = tag_of(self.registry.ledger.bot)
        tags = {str(order.get("id")): belongs_to(order.get("clientOrderId")) for order in orders}
        strangers = {one for one, tag in tags.items() if tag not in (None, own)}
        pairs = self._wallets.pairs
        if pairs is not None:
            strangers |= pairs.legs_among(set(tags))
            # Of a leg that is under way, perhaps only our id is known.
            going = pairs.client_order_ids()
            strangers |= {
                str(order.get("id")) for order in orders if order.get("clientOrderId") in going
            }
        # Two bots' names may share a tag, and not every exchange takes ids: the ledger knows.
        if own in tags.values() or not self.ids.sends():
            strangers |= self._bound_to_others(set(tags) - strangers)
        return [order for order in orders if str(order.get("id")) not in strangers]

    def _bound_to_others(self, order_ids: set[str]) -> set[str]:
        """Which of these belong to other bots.

        While the ledger cannot say: all that freqtrade does not know, where ids do not tell.
        """
        ledger = self.registry.ledger
        rows = self.registry.or_none(
            lambda: ledger.reservations(account=ledger.account, limit=5000)
        )
        if rows is None and self.ids.sends():
            return set()
        if rows is None:
            return {one for one in order_ids if stored_order(one) is None}
        return {row.order_id for row in rows if row.order_id and row.bot != ledger.bot}


def _positive(rounded: float, asked: float) -> Decimal:
    """An exit is booked even when nothing of it is left after rounding; the exchange refuses it."""
    amount = to_decimal(rounded)
    return amount if amount > 0 else to_decimal(asked)


def _is_same(tracked: TrackedOrder, order: Mapping[str, Any], purpose: Purpose) -> bool:
    terms = tracked.terms
    asked = to_decimal(order["amount"])
    is_like = terms.purpose is purpose and terms.side == order["side"]
    return is_like and abs(terms.amount - asked) <= asked * SAME_AMOUNT


def _unresolved(tracked: TrackedOrder) -> Denied:
    known = (
        f"order {tracked.order_id} is on the exchange, and freqtrade has no trade for it"
        if tracked.order_id is not None
        else "nobody knows yet whether the exchange has it"
    )
    return Denied(
        DenialCode.ORDER_UNRESOLVED,
        f"the reply to an earlier order ({tracked.client_order_id}) was lost, and {known}",
    )
