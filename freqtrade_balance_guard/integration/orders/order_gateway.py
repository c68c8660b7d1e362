"""Takes freqtrade's orders to the registry: before sending, and once answered or lost."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from freqtrade.exchange import Exchange

from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.order_error import (
    Outcome,
    classify,
    is_insufficient_funds,
    reason_of,
)
from freqtrade_balance_guard.integration.exchange.order_query import stored_order
from freqtrade_balance_guard.integration.host.entry_denied import EntryDenied
from freqtrade_balance_guard.integration.orders.lost_exits import LostExits
from freqtrade_balance_guard.integration.orders.order_terms import terms_of
from freqtrade_balance_guard.ledger import LedgerUnavailable
from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.limits.sizing import EntryKind
from freqtrade_balance_guard.network.request_expiry import RequestExpiry
from freqtrade_balance_guard.orders.bot_loop import adopted_order
from freqtrade_balance_guard.orders.client_ids import ClientIds, belongs_to, tag_of
from freqtrade_balance_guard.orders.events import (
    LostReplyFound,
    OrderAccepted,
    OrderRejected,
    OrderReplyLost,
    OrderUnresolved,
)
from freqtrade_balance_guard.orders.funds.entry_funds import EntryFunds
from freqtrade_balance_guard.orders.lookup_result import Order
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.orders.terms import Purpose, Terms
from freqtrade_balance_guard.orders.tracked_order import TrackedOrder


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


logger = logging.getLogger(__name__)

# The client order id of the order that is being sent; read where freqtrade makes its parameters.
current_id: ContextVar[str | None] = ContextVar("current_id", default=None)


class OwnLegs(Protocol):
    """Knows which orders on the bot's exchange are legs, and so none that freqtrade sent."""

    def legs_among(self, order_ids: set[str]) -> set[str]:
        """Those of ``order_ids`` that are legs."""

    def client_order_ids(self) -> set[str]:
        """Our ids of legs in flight."""


class OrderGateway:
    """The way of each order of one live or dry-run bot."""

    def __init__(
        self,
        exchange: Exchange,
        wallets: "GuardedWallets",
        registry: OrderRegistry,
        funding: EntryFunds,
        ids: ClientIds,
        client: GuardClient,
        expiry: RequestExpiry,
        own_legs: OwnLegs | None = None,
    ) -> None:
        self.registry = registry
        self._own_legs = own_legs
        self.ids = ids
        self.expiry = expiry
        self._exchange = exchange
        self._wallets = wallets
        self._funding = funding
        self._lost_exits = LostExits(wallets, registry, funding, client)

    # An order

    def send(
        self, order: Mapping[str, Any], purpose: Purpose, kind: EntryKind, go: Callable[..., Order]
    ) -> Order:
        """Send an order, or hand over the one that was sent before and is only known now.

        :param order: freqtrade's arguments of ``create_order``
        :param go: sends it; takes another ``amount``
        :raises EntryDenied: an entry may not go now
        :raises Exception: what freqtrade raised, where the exchange rejected it or it is unknown
        """
        if (adopted := adopted_order.get()) is not None:
            if adopted.tracked is None:
                return adopted.order
            return self._book(adopted.tracked, adopted.order)
        if purpose is Purpose.ENTRY:
            tracked = self._entry(order, kind)
        else:
            earlier = self._lost_exits.earlier(order, purpose)
            if earlier is not None:
                return self._hand_over(*earlier)
            amount = self._lost_exits.amount_left(order)
            if amount < order["amount"]:
                order, go = {**order, "amount": amount}, partial(go, amount=amount)
            booked = self._exit(order, purpose)
            if booked is None:
                return go()
            tracked = booked
        token = current_id.set(tracked.client_order_id)
        try:
            accepted = go()
        except Exception as error:
            crash_point("order answered")
            return self._after_error(tracked, order, error)
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
        """The control of entries: an order of the pair may exist, or has no trade."""
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
        fee = self._wallets.market_rules(order["pair"]).fee
        is_neutral = self._wallets.is_neutral
        return terms_of(self._exchange, order, purpose, fee, is_neutral=is_neutral)

    # Its outcome

    def _book(self, tracked: TrackedOrder, order: Order) -> Order:
        try:
            self.registry.report(tracked, order)
        except Exception:
            # The order is out; freqtrade must get it whatever happens to our books.
            logger.exception("An order of %s could not be booked in the ledger.", tracked.pair)
        return order

    def _hand_over(self, tracked: TrackedOrder, found: Order) -> Order:
        self._report_found(tracked, found)
        return self._book(tracked, found)

    def _after_error(
        self, tracked: TrackedOrder, order: Mapping[str, Any], error: Exception
    ) -> Order:
        """:raises Exception: ``error``, unless the order is found"""
        purpose, why = str(tracked.terms.purpose), words_of(error)
        if "deadline" in why.lower():
            self.expiry.distrust()
        if classify(error) is Outcome.REJECTED:
            self.registry.rejected(tracked, why)
            self.registry.hub.publish(OrderRejected(tracked.pair, purpose, reason_of(error), why))
            if not tracked.is_entry and is_insufficient_funds(error):
                behind = self._lost_exits.behind_rejection(order, tracked.terms.purpose)
                if behind is not None:
                    return self._hand_over(*behind)
            raise error
        self.registry.hub.publish(OrderReplyLost(tracked.pair, purpose))
        found = None
        try:
            self.registry.lost(tracked)
            found = self.registry.lookups.resolve(tracked)
        except Exception:
            # freqtrade knows what to do with the exchange's error, not with ours.
            logger.exception("A lost order of %s could not be asked for.", tracked.pair)
        if found is not None:
            return self._hand_over(tracked, found)
        if not tracked.is_rejected:
            self.registry.hub.publish(
                OrderUnresolved(tracked.pair, tracked.client_order_id, purpose)
            )
            logger.error(
                "The reply to the %s order %s for %s was lost (%s), and the exchange could not "
                "say whether it exists. No new entry on %s until it can.",
                tracked.terms.side,
                tracked.client_order_id,
                tracked.pair,
                why,
                tracked.pair,
            )
        raise error

    def _report_found(self, tracked: TrackedOrder, found: Mapping[str, Any]) -> None:
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

    # freqtrade's search for unknown orders

    def without_other_bots(self, orders: Sequence[Order]) -> list[Order]:
        """Only what may be this bot's: freqtrade would take any order of the pair for its own."""
        own = tag_of(self.registry.ledger.bot)
        tags = {str(order.get("id")): belongs_to(order.get("clientOrderId")) for order in orders}
        of_others = {one for one, tag in tags.items() if tag not in (None, own)}
        pairs = self._own_legs
        if pairs is not None:
            of_others |= pairs.legs_among(set(tags))
            # Of a leg that is under way, perhaps only our id is known.
            going = pairs.client_order_ids()
            of_others |= {
                str(order.get("id")) for order in orders if order.get("clientOrderId") in going
            }
        # Two bots' names may share a tag, and not every exchange takes ids: the ledger knows.
        if own in tags.values() or not self.ids.sends():
            asked = [order for order in orders if str(order.get("id")) not in of_others]
            of_others |= self._bound_to_others(asked)
        return [order for order in orders if str(order.get("id")) not in of_others]

    def _bound_to_others(self, orders: Sequence[Order]) -> set[str]:
        """Which of these belong to other bots.

        While the ledger cannot say: all that freqtrade does not know, where ids do not tell.
        """
        ledger = self.registry.ledger
        keys = [(str(order.get("symbol")), str(order.get("id"))) for order in orders]
        owners = self.registry.or_none(lambda: ledger.owners_of(ledger.account, keys))
        if owners is None and self.ids.sends():
            return set()
        if owners is None:
            return {order_id for _, order_id in keys if stored_order(order_id) is None}
        return {order_id for (_, order_id), bots in owners.items() if bots - {ledger.bot}}


def _unresolved(tracked: TrackedOrder) -> Denied:
    known = (
        f"order {tracked.order_id} is on the exchange, and freqtrade has no trade for it"
        if tracked.order_id is not None
        else "it is not known yet whether the exchange has it"
    )
    return Denied(
        DenialCode.ORDER_UNRESOLVED,
        f"the reply to an earlier order ({tracked.client_order_id}) was lost, and {known}",
    )
