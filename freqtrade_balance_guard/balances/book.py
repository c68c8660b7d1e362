"""The balance book: what we believe, expect and may spend, currency by currency.

    expected  = last believed total + own flows since, minus what our orders hold
    spendable = the smaller of what was seen and what is expected

All moments are monotonic seconds, all amounts Decimal in the currency's own unit. The book reads
nothing and asks nobody; it is told answers (``accept``, ``fail``) and own order events.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from freqtrade_balance_guard.balances.own_orders import Flow, OwnOrder, OwnOrders
from freqtrade_balance_guard.balances.snapshot import Holding, Snapshot, Unreadable
from freqtrade_balance_guard.balances.verdict import Comparison, Verdict, judge
from freqtrade_balance_guard.money import ZERO


# Exchanges round amounts; what is smaller than this share of what moved is no difference.
ROUNDING = Decimal("0.0001")
DUST = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class ExternalChange:
    """Something beyond own orders changed a balance: deposit, withdrawal, reward, manual trade."""

    currency: str
    amount: Decimal
    total: Decimal


class Need(StrEnum):
    """Why a read is needed now; the empty one says that it is not."""

    NOTHING = ""
    FIRST = "first"
    OWN_EVENT = "own_event"
    UNCONFIRMED = "unconfirmed"
    EXPIRED = "expired"
    FAILED = "failed"


@dataclass(slots=True)
class _Account:
    """One currency: what is believed, what flowed since, what was seen, what is in question."""

    believed: Decimal
    seen: Holding
    seen_as_of: float
    verdict: Verdict = Verdict.CONFIRMED
    flows: list[Flow] = field(default_factory=list)
    foreign: Decimal = ZERO  # held by orders that are not ours: manual ones, other bots'
    questioned: Decimal | None = None  # the difference that waits for a second answer
    questioned_since: float = 0.0


class BalanceBook:
    """One account at one exchange, as one bot sees it.

    :param window: seconds after an own event during which the exchange may lag; 0 switches the
        comparison off: what is seen is believed
    """

    def __init__(self, window: float) -> None:
        self.orders = OwnOrders()
        self._window = window
        self._accounts: dict[str, _Account] = {}
        self._early_flows: dict[str, list[Flow]] = defaultdict(list)
        self._failure: Unreadable | None = None
        self._as_of: float | None = None
        self._last_event = 0.0
        self._has_event = False

    def remember(self, totals: Mapping[str, Decimal], now: float) -> None:
        """Take up what was believed before a restart; the first answer is compared with it."""
        for currency, total in totals.items():
            self._accounts[currency] = _Account(total, Holding(total), now, Verdict.UNREADABLE)

    # Own events

    def place(self, order_id: str, order: OwnOrder) -> None:
        """An order of ours was accepted."""
        self.orders.place(order_id, order)
        self.touch(order.placed_at)

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
        if order_id not in self.orders:
            return
        flows = self.orders.observe(
            order_id, filled=filled, cost=cost, fees=fees, is_open=is_open, now=now
        )
        self._book(flows)
        if flows or order_id not in self.orders:
            self.touch(now)

    def touch(self, now: float) -> None:
        """Something of ours happened: what was seen before is older than that."""
        self._last_event = now
        self._has_event = True

    def _book(self, flows: Iterable[Flow]) -> None:
        for flow in flows:
            account = self._accounts.get(flow.currency)
            if account is None:
                self._early_flows[flow.currency].append(flow)
            else:
                account.flows.append(flow)

    # Answers

    def fail(self, failure: Unreadable) -> None:
        """There was no answer, or one that is none. What is expected stays as it is."""
        self._failure = failure

    def accept(self, snapshot: Snapshot) -> list[ExternalChange]:
        """Compare an answer with what is expected. Older answers than the last one are dropped."""
        if self._as_of is not None and snapshot.as_of < self._as_of:
            return []
        is_first = self._as_of is None and not self._accounts
        self._failure = None
        self._as_of = snapshot.as_of
        changes: list[ExternalChange] = []
        for currency in {*snapshot.holdings, *self._accounts, *self._early_flows}:
            change = self._accept_one(currency, snapshot, is_first)
            if change is not None:
                changes.append(change)
        return changes

    def _accept_one(
        self, currency: str, snapshot: Snapshot, is_first: bool
    ) -> ExternalChange | None:
        holding = snapshot.holdings.get(currency, Holding(ZERO))
        account = self._accounts.get(currency)
        as_of = snapshot.as_of
        if account is None:
            # The very first answer is believed. A currency that turns up later is compared with
            # what our own orders brought of it.
            believed = holding.total if is_first else ZERO
            flows = [] if is_first else self._early_flows.pop(currency, [])
            account = _Account(believed, holding, as_of, flows=flows)
            self._accounts[currency] = account
        known = [flow for flow in account.flows if flow.at < as_of]
        later = [flow for flow in account.flows if flow.at >= as_of]
        expected = account.believed + sum((flow.amount for flow in known), ZERO)
        account.seen, account.seen_as_of = holding, as_of
        account.foreign = max(
            holding.used - self.orders.held(currency) + self.orders.held_since(currency, as_of),
            ZERO,
        )
        if self._window <= 0:
            account.believed, account.flows, account.verdict = (
                holding.total,
                later,
                Verdict.CONFIRMED,
            )
            return None
        comparison = self._compare(account, currency, holding.total, expected, known, as_of)
        account.verdict = judge(comparison)
        if account.verdict is Verdict.CONFIRMED:
            account.believed, account.flows = holding.total, later
            account.questioned = None
            return None
        if account.verdict is Verdict.EXTERNAL_CHANGE:
            return self._believe_change(account, currency, comparison, known, later)
        # In question: what is expected stays. Old flows are no longer under way.
        old = [flow for flow in known if flow.at <= as_of - self._window]
        account.believed += sum((flow.amount for flow in old), ZERO)
        account.flows = [flow for flow in account.flows if flow not in old]
        if comparison.agreed_for is None:
            account.questioned, account.questioned_since = comparison.difference, as_of
        return None

    def _compare(
        self,
        account: _Account,
        currency: str,
        seen: Decimal,
        expected: Decimal,
        known: list[Flow],
        as_of: float,
    ) -> Comparison:
        recent = [flow for flow in known if flow.at > as_of - self._window]
        incoming = sum((flow.amount for flow in recent if flow.amount > 0), ZERO)
        outgoing = -sum((flow.amount for flow in recent if flow.amount < 0), ZERO)
        moved = sum((abs(flow.amount) for flow in known), ZERO)
        doubt = sum((flow.doubt for flow in known), ZERO)
        tolerance = DUST + doubt + moved * ROUNDING
        same_as_before = (
            account.questioned is not None
            and abs(seen - expected - account.questioned) <= tolerance
        )
        return Comparison(
            seen=seen,
            expected=expected,
            tolerance=tolerance,
            # An open order may have filled without our knowledge: its hold may be gone already,
            # and what it brings may be there already.
            incoming=incoming + self.orders.held(currency),
            outgoing=outgoing + self.orders.may_bring(currency),
            agreed_for=as_of - account.questioned_since if same_as_before else None,
            window=self._window,
        )

    def _believe_change(
        self,
        account: _Account,
        currency: str,
        comparison: Comparison,
        known: list[Flow],
        later: list[Flow],
    ) -> ExternalChange:
        change = comparison.difference
        recent = [flow for flow in known if flow.at > account.seen_as_of - self._window]
        if change < 0 and comparison.incoming > 0:
            # Part of what is missing is own money under way: only the rest is a drop.
            change += comparison.incoming
            account.believed = (
                comparison.seen + comparison.incoming - sum((flow.amount for flow in recent), ZERO)
            )
            account.flows = [*recent, *later]
        else:
            account.believed, account.flows = comparison.seen, later
        account.questioned = None
        return ExternalChange(currency, change, account.seen.total)

    # What holds now

    @property
    def failure(self) -> Unreadable | None:
        """Why the last read said nothing; None if it was good."""
        return self._failure

    @property
    def as_of(self) -> float | None:
        """When the last accepted answer was asked for; None before the first."""
        return self._as_of

    def currencies(self) -> list[str]:
        """Every currency that was ever seen."""
        return list(self._accounts)

    def verdict(self, currency: str) -> Verdict:
        """How far the last answer about ``currency`` is believed."""
        if self._failure is not None or self._as_of is None:
            return Verdict.UNREADABLE
        account = self._accounts.get(currency)
        return account.verdict if account else Verdict.CONFIRMED

    def expected(self, currency: str) -> Holding:
        """Believed total plus own flows, and what is held of it by orders."""
        account = self._accounts.get(currency)
        if account is None:
            flows = self._early_flows.get(currency, [])
            total = sum((flow.amount for flow in flows), ZERO)
            return Holding(max(total, ZERO), self.orders.held(currency))
        total = account.believed + sum((flow.amount for flow in account.flows), ZERO)
        return Holding(max(total, ZERO), self.orders.held(currency) + account.foreign)

    def shown(self, currency: str) -> Holding:
        """What freqtrade is told: the exchange's own answer where it is believed, else expected.

        An unconfirmed rise is shown where it cannot be spent by an entry of ours, because nothing
        may stand between a trader and an exit; the stake currency is asked for by ``expected``.
        """
        expected = self.expected(currency)
        account = self._accounts.get(currency)
        if account is not None and account.verdict is Verdict.RISING_UNCONFIRMED:
            return Holding(max(expected.total, account.seen.total), expected.used)
        return expected

    def spendable(self, currency: str) -> Decimal:
        """What an entry may spend now: seen and expected, both."""
        account = self._accounts.get(currency)
        if account is None or self._as_of is None:
            return ZERO
        expected = self.expected(currency)
        # What went out since the answer was asked for is not in it; what came in is not yet seen.
        gone = sum(
            (f.amount for f in account.flows if f.amount < 0 and f.at >= account.seen_as_of), ZERO
        )
        seen = max(account.seen.total + gone - expected.used, ZERO)
        return min(seen, expected.free)

    # Whether to ask again

    def need(self, now: float, time_to_live: float) -> Need:
        """Why an entry needs a new answer before it may be sized."""
        if self._as_of is None:
            return Need.FIRST
        if self._failure is not None:
            return Need.FAILED
        if self._has_event and self._as_of <= self._last_event:
            return Need.OWN_EVENT
        if any(self._is_unsettled(account, now) for account in self._accounts.values()):
            return Need.UNCONFIRMED
        return Need.EXPIRED if now - self._as_of >= time_to_live else Need.NOTHING

    def _is_unsettled(self, account: _Account, now: float) -> bool:
        if account.verdict is Verdict.RISING_UNCONFIRMED:
            # A second answer counts only when the window is over; until then asking is vain.
            return now - account.questioned_since >= self._window
        return account.verdict in (Verdict.LAGGING, Verdict.UNREADABLE)
