"""The balance book: what we believe, expect and may spend, currency by currency.

    expected  = last believed total + own flows since; of it, our orders and foreign ones hold
    spendable = the smaller of what was seen and what is expected
    shown     = what freqtrade is shown, so that no exit waits for the exchange to catch up

All moments are monotonic seconds, all amounts Decimal in the currency's own unit. The book reads
nothing and sends no request; it takes answers (``accept``, ``fail``) and own order events.

It relies on two things: an answer is never older than the window, and an order's fills are observed
within the window. Where that fails an external change may be announced that was none, and is
announced back; what is spendable stays right.
"""

import functools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Concatenate, ParamSpec, TypeVar

from freqtrade_balance_guard.balances.account import NOTHING, Account, ExternalChange
from freqtrade_balance_guard.balances.flow import Flow
from freqtrade_balance_guard.balances.other_bots_orders import Shared
from freqtrade_balance_guard.balances.own_orders import OwnOrder, OwnOrders
from freqtrade_balance_guard.balances.snapshot import Holding, Snapshot, Unreadable
from freqtrade_balance_guard.balances.verdict import Need, Verdict
from freqtrade_balance_guard.money import ZERO, exact


__all__ = ["BalanceBook", "ExternalChange", "Need", "alone"]

P = ParamSpec("P")
R = TypeVar("R")
B = TypeVar("B", bound="BalanceBook")


def alone(
    method: Callable[Concatenate[B, P], R],
) -> Callable[Concatenate[B, P], R]:
    """The bot's loop and its RPC threads use one book. Nothing in here waits for anything."""

    @functools.wraps(method)
    def locked(self: B, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._lock:
            return method(self, *args, **kwargs)

    return locked


class BalanceBook:
    """One account at one exchange, as one bot sees it. Several threads may use it.

    :param window: seconds after an own event during which the exchange may lag; 0 switches the
        comparison off: what is seen is believed
    """

    def __init__(self, window: float) -> None:
        self.orders = OwnOrders()
        self._lock = threading.RLock()
        self._window = window
        self._accounts: dict[str, Account] = {}
        self._failure: Unreadable | None = None
        self._as_of: float | None = None
        self._remembers = False
        self._last_event: float | None = None
        self._empty_since: float | None = None
        self._changed: set[str] = set()
        self._unreadable: set[str] = set()
        # The last answers about accounts to which nothing happens.
        self._calm: dict[str, Holding] = {}

    @alone
    def remember(
        self, totals: Mapping[str, Decimal], now: float, marks: Mapping[str, int] | None = None
    ) -> None:
        """Take up what was believed before a restart; the first answer is compared with it.

        What flowed in shortly before the restart may still be under way: for one window a lower
        answer counts, but is not announced.

        :param marks: up to which event of the ledger each of them knows everything
        """
        for currency, total in totals.items():
            if currency not in self._accounts:
                self._changed.add(currency)
                self._accounts[currency] = account = Account(currency, total)
                account.settles_at = now + self._window
                account.knows_up_to = (marks or {}).get(currency)
                self._remembers = True

    @alone
    def unexplained(self) -> dict[str, int]:
        """Currencies that are not as remembered, and from which event of the ledger on to look."""
        marks = {one.currency: one.unexplained_since for one in self._accounts.values()}
        return {currency: mark for currency, mark in marks.items() if mark is not None}

    @alone
    def catch_up(self, currency: str, flows: Sequence[Flow]) -> None:
        """What orders did after the remembered balance was written down, where that explains it."""
        if self._accounts[currency].is_explained_by(flows):
            self._book(flows)

    # Own events

    @alone
    def follow(self, order_id: str, order: OwnOrder) -> None:
        """Follow an order of before; what is filled of it already is in the balance."""
        self.orders.place(order_id, order)
        for currency in (order.base, order.quote):
            self._wake(currency)
            self._changed.add(currency)

    @alone
    @exact
    def place(self, order_id: str, order: OwnOrder) -> None:
        """An order of ours was accepted. Nothing of it counts as filled before ``observe``."""
        self.follow(order_id, order)
        self.touch(order.placed_at)

    @alone
    def placed(self, order_id: str, now: float) -> None:
        """An order that is followed was accepted ``now``, or its reply was lost."""
        self._changed.update(self.orders.currencies(order_id))
        self.orders.placed(order_id, now)
        self.touch(now)

    @alone
    def withdraw(self, order_id: str) -> None:
        """An order that is followed never was on the exchange."""
        self._changed.update(self.orders.currencies(order_id))
        self.orders.withdraw(order_id)

    @alone
    @exact
    def observe(
        self,
        order_id: str,
        *,
        filled: Decimal,
        cost: Decimal | None,
        fees: Mapping[str, Decimal] | None,
        is_open: bool,
        now: float,
    ) -> None:
        """An answer about an order of ours; unknown orders are not ours to follow."""
        was_open = self.orders.is_open(order_id)
        self._changed.update(self.orders.currencies(order_id))
        flows = self.orders.observe(
            order_id, filled=filled, cost=cost, fees=fees, is_open=is_open, now=now
        )
        self._book(flows)
        if flows or was_open != self.orders.is_open(order_id):
            self.touch(now)

    @alone
    @exact
    def share(self, key: str, order: Shared, now: float, *, is_old: bool) -> None:
        """What another bot of the account does, as the ledger has it (``SharedOrders.share``)."""
        held = self.orders.shared.held(order.currency)
        flows = self.orders.shared.share(key, order, now, is_old=is_old)
        self._wake(order.currency)
        self._changed.add(order.currency)
        self._book(flows)
        if flows or held != self.orders.shared.held(order.currency):
            self.touch(now)

    def others_acted(self, at: float) -> None:
        """Another bot of the account did something ``at``, before its orders were followed.

        On a spot market its orders say themselves what an answer may lack.
        """

    def _wake(self, currency: str) -> None:
        """An account to which nothing happens is not touched; now it is needed as of today."""
        if self._calm.pop(currency, None) is not None and self._as_of is not None:
            self._accounts[currency].seen_as_of = self._as_of

    def _book(self, flows: Iterable[Flow]) -> None:
        for flow in flows:
            self._wake(flow.currency)
            self._accounts.setdefault(flow.currency, Account(flow.currency)).book(flow)
            self._changed.add(flow.currency)

    @alone
    def touch(self, now: float) -> None:
        """Something of ours happened: what was seen before is older than that."""
        self._last_event = now if self._last_event is None else max(now, self._last_event)

    # Answers

    @alone
    def fail(self, failure: Unreadable) -> None:
        """There was no answer, or one that is none. What is expected stays as it is."""
        self._failure = failure

    @alone
    @exact
    def accept(self, snapshot: Snapshot) -> list[ExternalChange]:
        """Compare an answer with what is expected. Older answers than the last one are dropped."""
        if self._as_of is not None and snapshot.as_of < self._as_of:
            return []
        if (failure := self._empty(snapshot)) is not None:
            self._failure = failure
            return []
        # The very first answer is believed. A currency that turns up later is compared with what
        # our own orders brought of it.
        is_first = self._as_of is None and not self._remembers
        self._failure = None
        concerned = self.orders.concerned()
        for currency in self._calm.keys() & (concerned | snapshot.left_out.keys()):
            self._wake(currency)
        self._as_of = snapshot.as_of
        changes = []
        unreadable = self._accounts.keys() & snapshot.left_out.keys()
        missing = self._accounts.keys() - snapshot.holdings.keys() - snapshot.left_out.keys()
        for currency, holding in (*snapshot.holdings.items(), *((one, NOTHING) for one in missing)):
            known = self._calm.get(currency)
            if known is holding or (known is not None and known.is_same(holding)):
                continue  # by far the most frequent where an account has hundreds of coins
            account = self._accounts.get(currency)
            if account is None:
                if holding == NOTHING and currency not in concerned:
                    continue  # an exchange may list all of its coins
                account = self._accounts[currency] = Account(currency)
            if (change := self._judge(account, holding, snapshot.as_of, is_first)) is not None:
                changes.append(change)
            self._changed.add(currency)
            if account.verdict is Verdict.UNREADABLE:
                unreadable.add(currency)
            if account.is_calm:
                self._calm[currency] = holding
            else:
                self._calm.pop(currency, None)
        for currency in self._accounts.keys() & snapshot.left_out.keys():
            self._accounts[currency].verdict = Verdict.UNREADABLE
            self._changed.add(currency)
        self._unreadable = unreadable
        return sorted(changes, key=lambda change: change.currency)

    def _judge(
        self, account: Account, holding: Holding, as_of: float, is_first: bool
    ) -> ExternalChange | None:
        change = None
        if is_first or self._window <= 0:
            account.believe(holding, as_of)
        else:
            change = account.compare(holding, as_of, self._window, self.orders)
        self._compare_holds(account, as_of)
        if self._window <= 0:
            account.flows.clear()
        return change

    def _compare_holds(self, account: Account, as_of: float) -> None:
        account.compare_holds(as_of, self._window, self.orders)

    def _empty(self, snapshot: Snapshot) -> Unreadable | None:
        """Why an answer without any currency says nothing; None if it may be believed.

        Many exchanges leave out what is zero: an account that nothing is known of is empty when a
        second answer, a window later, has nothing either.
        """
        if snapshot.holdings or snapshot.left_out:
            self._empty_since = None
            return None
        if any(account.expected > 0 for account in self._accounts.values()):
            return Unreadable("the answer is empty")
        if self._empty_since is None:
            self._empty_since = snapshot.as_of
        left = self._window - (snapshot.as_of - self._empty_since)
        if left > 0:
            return Unreadable(
                f"the answer is empty; the account is taken to be so if it still is in {left:.0f} s"
            )
        return None

    # What holds now

    @property
    def window(self) -> float:
        """Seconds during which the exchange may lag."""
        return self._window

    @property
    def failure(self) -> Unreadable | None:
        """Why the last read said nothing; None if it was good."""
        return self._failure

    @property
    def as_of(self) -> float | None:
        """When the last accepted answer was asked for; None before the first."""
        return self._as_of

    @property
    def is_empty(self) -> bool:
        """The exchange lists no currency at all, and that is believed."""
        return self._empty_since is not None and self._failure is None

    @alone
    def currencies(self) -> list[str]:
        """Every currency that there ever was something of, or that moved."""
        return list(self._accounts)

    @alone
    def take_changed(self) -> set[str]:
        """Currencies of which something may be different since this was called last."""
        changed, self._changed = self._changed, set()
        return changed

    @alone
    @exact
    def unconfirmed_rise(self, currency: str, now: float) -> tuple[Decimal, float] | None:
        """How much more was seen than own events explain, and the seconds until it may count.

        None while there is no such question.
        """
        account = self._accounts.get(currency)
        since = None if account is None else account.rising_since
        if account is None or since is None or self._failure is not None:
            return None
        return account.seen.total - account.expected, max(since + self._window - now, 0.0)

    @alone
    def last_answer(self, currency: str) -> Holding:
        """What the exchange's last answer said of ``currency``."""
        account = self._accounts.get(currency)
        return Holding(ZERO) if account is None else account.seen

    @alone
    def verdict(self, currency: str) -> Verdict:
        """How far the last answer about ``currency`` is believed."""
        if self._failure is not None or self._as_of is None:
            return Verdict.UNREADABLE
        account = self._accounts.get(currency)
        if account is None:
            return Verdict.CONFIRMED
        # Bought since, and never seen before.
        return account.verdict if account.was_seen else Verdict.LAGGING

    @alone
    def confirmed(self) -> list[str]:
        """Currencies of which the last answer said what was expected."""
        if self._failure is not None:
            return []
        verdict = Verdict.CONFIRMED
        return [name for name, one in self._accounts.items() if one.verdict is verdict]

    @property
    def has_unreadable(self) -> bool:
        """The last answer said nothing, at least about one currency."""
        return self._failure is not None or self._as_of is None or bool(self._unreadable)

    @alone
    @exact
    def expected(self, currency: str) -> Holding:
        """Believed total plus own flows, and what is held of it by orders, ours and others'."""
        account = self._accounts.get(currency) or Account(currency)
        used = self.orders.held(currency) + max(account.foreign, account.foreign_seen)
        return Holding(max(account.expected, ZERO), used)

    @alone
    @exact
    def shown(self, currency: str) -> Holding:
        """What freqtrade is shown of a coin: nothing may stand between a trader and an exit.

        What own orders brought counts before it is seen, a rise before it is confirmed, and no
        more is held than the exchange says. None of that is for sizing an entry.
        """
        account = self._accounts.get(currency) or Account(currency)
        used = self.orders.held(currency) + min(account.foreign, account.foreign_seen)
        if account.was_seen:
            young = self.orders.held(currency, since=account.seen_as_of)
            used = min(used, account.seen.used + young)
        return Holding(max(account.shown_total(), ZERO), used)

    @alone
    @exact
    def seen(self, currency: str) -> Decimal | None:
        """The total in the last answer, with what own orders did since; None before the first."""
        account = self._accounts.get(currency)
        return account.seen_with_own() if account is not None and account.was_seen else None

    @alone
    def is_settling(self, now: float) -> bool:
        """Did something of ours happen within the window that no answer was asked for since?"""
        if self._last_event is None or now - self._last_event >= self._window:
            return False
        return self._as_of is None or self._as_of <= self._last_event

    @alone
    @exact
    def spendable(self, currency: str) -> Decimal:
        """What an entry may spend now: seen and expected, both. Nothing without an answer."""
        account = self._accounts.get(currency)
        if account is None or self._as_of is None or self._failure is not None:
            return ZERO
        total = min(account.seen_since() + account.paid_unheard(self.orders), account.expected)
        return max(total - self.expected(currency).used, ZERO)

    # Whether to ask again

    @alone
    def need(self, now: float, time_to_live: float) -> Need:
        """Why an entry needs a new answer before it may be sized."""
        if self._as_of is None:
            return Need.FIRST
        if self._failure is not None:
            return Need.FAILED
        if self._last_event is not None:
            if self._as_of <= self._last_event:
                return Need.OWN_EVENT
            if now - self._last_event < self._window:
                return Need.UNCONFIRMED
        if any(account.asks_again(now, self._window) for account in self._accounts.values()):
            return Need.UNCONFIRMED
        return Need.EXPIRED if now - self._as_of >= time_to_live else Need.NOTHING
