"""One currency: what is expected of it, what was seen, and what is in question between the two."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from freqtrade_balance_guard.balances.flow import Flow
from freqtrade_balance_guard.balances.own_orders import OwnOrders
from freqtrade_balance_guard.balances.snapshot import Holding
from freqtrade_balance_guard.balances.verdict import Comparison, Verdict, judge
from freqtrade_balance_guard.money import ZERO


NOTHING = Holding(ZERO)

# Exchanges round amounts; what is smaller than this share of what moved is no difference.
ROUNDING = Decimal("0.0001")
# A total of many digits comes to us as a float, and may have been added up from floats.
FLOAT_NOISE = Decimal("0.000000001")
DUST = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class ExternalChange:
    """Something beyond own orders changed a balance: deposit, withdrawal, reward, manual trade.

    ``amount`` is what changed, ``total`` what the exchange says now.
    """

    currency: str
    amount: Decimal
    total: Decimal
    # What it is taken for; empty where nothing is known of it.
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Question:
    """A difference that waits for a second answer.

    ``is_floor``: no own expense was missing from the answer, so at least that much is there.
    """

    difference: Decimal
    is_nothing: bool
    is_floor: bool
    since: float


@dataclass(slots=True)
class Account:
    """``expected`` is the believed total with all own flows since; ``flows`` are the young ones.

    ``foreign`` is held by orders that are not ours (manual ones, other bots'). It rises at once
    and falls when a second answer a window later agrees; ``foreign_seen`` is the last answer's.
    """

    currency: str
    expected: Decimal = ZERO
    seen: Holding = NOTHING
    seen_as_of: float = float("-inf")
    verdict: Verdict = Verdict.UNREADABLE
    flows: list[Flow] = field(default_factory=list)
    # Until then a lower answer may lack what flowed in before a restart.
    settles_at: float = float("-inf")
    # What was remembered over a restart knows everything up to this event of the ledger.
    knows_up_to: int | None = None
    # By how much an answer may be off, beside its rounding.
    noise: Decimal = ZERO
    foreign: Decimal = ZERO
    foreign_seen: Decimal = ZERO
    _foreign_lower_since: float | None = None
    _question: _Question | None = None
    _aged: list[Flow] = field(default_factory=list)

    @property
    def was_seen(self) -> bool:
        """Was this currency ever compared with an answer?"""
        return self.seen_as_of > float("-inf")

    @property
    def rising_since(self) -> float | None:
        """Since when more is seen than own events explain; None where there is no such question."""
        if self.verdict is not Verdict.RISING_UNCONFIRMED or self._question is None:
            return None
        return self._question.since

    @property
    def unexplained_since(self) -> int | None:
        """From which event of the ledger on something may explain the first answer."""
        is_as_remembered = self.expected == self.seen.total
        return None if is_as_remembered or not self.was_seen else self.knows_up_to

    def is_explained_by(self, flows: Sequence[Flow]) -> bool:
        """Is the last answer nearer to what is expected with these?"""
        difference = self.seen.total - self.expected
        return abs(difference - sum((flow.amount for flow in flows), ZERO)) < abs(difference)

    @property
    def is_calm(self) -> bool:
        """Nothing happened and nothing is in question: the same answer again changes nothing."""
        return (
            self.verdict is Verdict.CONFIRMED
            and self.expected == self.seen.total
            and not self.flows
            and not self._aged
            and self._question is None
            and self.foreign == self.foreign_seen
            and self.seen_as_of >= self.settles_at
        )

    def book(self, flow: Flow) -> None:
        """An own order moved this currency."""
        self.expected += flow.amount
        self.flows.append(flow)
        if self._question is not None and self._question.difference * flow.amount > 0:
            # That was perhaps what we wondered about.
            self._question = None

    def believe(self, holding: Holding, as_of: float) -> None:
        """Take an answer as it is, with nothing to compare it with."""
        self.seen, self.seen_as_of = holding, as_of
        self.verdict = Verdict.CONFIRMED
        self._settle(holding.total)

    def compare(
        self, holding: Holding, as_of: float, window: float, orders: OwnOrders
    ) -> ExternalChange | None:
        """Hold an answer against what is expected; None unless something else changed it."""
        self._age(as_of - window)
        self.seen, self.seen_as_of = holding, as_of
        comparison = self._comparison(window, orders)
        self.verdict = judge(comparison)
        if self.verdict is Verdict.CONFIRMED:
            self._settle(holding.total)
            return None
        if self.verdict is Verdict.EXTERNAL_CHANGE:
            self._settle(self.expected + comparison.change)
            return ExternalChange(self.currency, comparison.change, holding.total)
        self._ask(comparison, window)
        return None

    def _settle(self, expected: Decimal) -> None:
        self.expected, self._question = expected, None
        self._aged.clear()

    def _age(self, moment: float) -> None:
        """Flows until then are in every answer; only how exact they are waits to be confirmed."""
        self._aged += [flow for flow in self.flows if flow.at <= moment]
        self.flows = [flow for flow in self.flows if flow.at > moment]

    def _comparison(self, window: float, orders: OwnOrders) -> Comparison:
        seen, expected, flows = self.seen.total, self.expected, self.flows
        incoming = sum((flow.amount + flow.doubt for flow in flows if flow.amount > 0), ZERO)
        outgoing = -sum((flow.amount for flow in flows if flow.amount < 0), ZERO)
        if self.seen_as_of < self.settles_at:
            incoming = max(incoming, expected)
        inexact = [*self._aged, *flows]
        moved = sum((abs(flow.amount) for flow in inexact), ZERO)
        tolerance = DUST + self.noise + moved * ROUNDING + max(seen, expected) * FLOAT_NOISE
        doubt = sum((flow.doubt for flow in inexact), ZERO)
        unheard = orders.held(self.currency)
        if orders.may_cost_fees(self.currency, since=self.seen_as_of - window):
            unheard = max(unheard, expected)
        return Comparison(
            seen=seen,
            expected=expected,
            tolerance=tolerance,
            doubt=doubt,
            incoming=incoming,
            outgoing=outgoing,
            unheard=unheard,
            has_agreed=self._has_agreed(seen - expected, tolerance + doubt, outgoing, window),
        )

    def _has_agreed(
        self, difference: Decimal, tolerance: Decimal, outgoing: Decimal, window: float
    ) -> bool:
        asked = self._question
        if asked is None or self.seen_as_of - asked.since < window:
            return False
        if asked.is_nothing and self.seen.total <= tolerance:
            return True
        # With own expenses missing from both answers, some of the rise may be them.
        is_floor = asked.is_floor or outgoing == 0 or difference < 0
        return is_floor and abs(difference - asked.difference) <= tolerance

    def _ask(self, comparison: Comparison, window: float) -> None:
        """Keep the question that is open while this answer may agree; else ask anew."""
        asked, difference = self._question, comparison.difference
        if asked is not None:
            lowest = difference - comparison.outgoing - comparison.tolerance
            highest = difference + comparison.incoming + comparison.unheard + comparison.tolerance
            may_agree = lowest <= asked.difference <= highest
            if not comparison.is_explained:
                # It had its window, or is about the other direction.
                is_open = self.seen_as_of - asked.since < window
                may_agree = may_agree and is_open and asked.difference * difference > 0
            if may_agree or (asked.is_nothing and comparison.is_nothing):
                return
        self._question = None
        if not comparison.is_explained:
            self._question = _Question(
                difference, comparison.is_nothing, comparison.outgoing == 0, self.seen_as_of
            )

    def compare_holds(self, as_of: float, window: float, orders: OwnOrders) -> None:
        """How much of what is held is not ours, as far as this answer can tell."""
        used, own = self.seen.used, orders.held(self.currency)
        certain = own - orders.held(self.currency, since=as_of - window)
        possible = own + orders.released(self.currency, since=as_of - window)
        lowest, highest = max(used - possible, ZERO), max(used - certain, ZERO)
        before, self.foreign_seen = self.foreign_seen, min(max(self.foreign, lowest), highest)
        if self.verdict in (Verdict.RISING_UNCONFIRMED, Verdict.UNREADABLE):
            # What is held is as doubtful as the total; it counts until the next answer.
            return
        if self.foreign <= self.foreign_seen:
            self.foreign, self._foreign_lower_since = self.foreign_seen, None
            return
        if self._foreign_lower_since is None or self.foreign_seen > before:
            self._foreign_lower_since = as_of
        if as_of - self._foreign_lower_since >= window:
            self.foreign, self._foreign_lower_since = self.foreign_seen, None

    # What holds now

    def shown_total(self) -> Decimal:
        """What an exit may count on: nothing of ours is left out for not being shown yet."""
        since = [flow for flow in self.flows if flow.at >= self.seen_as_of]
        unseen = since if self.verdict is Verdict.CONFIRMED else [*self._aged, *self.flows]
        shown = self.expected + sum((flow.doubt for flow in unseen), ZERO)
        if self.verdict is Verdict.RISING_UNCONFIRMED:
            return max(shown, self.seen.total + sum((f.amount + f.doubt for f in since), ZERO))
        return shown

    def seen_since(self) -> Decimal:
        """The total as seen, less what went out since: that may not be in it."""
        return self.seen.total + sum(
            (f.amount for f in self.flows if f.amount < 0 and f.at >= self.seen_as_of), ZERO
        )

    def seen_with_own(self) -> Decimal:
        """The total as seen, with own flows since.

        Each may be in that answer or not: of what is possible the nearest to what is expected.
        """
        since = [flow.amount for flow in self.flows if flow.at >= self.seen_as_of]
        lowest = self.seen.total + sum((one for one in since if one < 0), ZERO)
        highest = self.seen.total + sum((one for one in since if one > 0), ZERO)
        return min(max(self.expected, lowest), highest)

    def paid_unheard(self, orders: OwnOrders) -> Decimal:
        """What the answer lacks because orders took it of which we did not hear yet.

        The exchange no longer holds it for them, and it is gone from the total; to subtract it as
        their hold as well would count it twice.
        """
        if not self.seen.tells_used:
            return ZERO
        own = orders.held(self.currency) - orders.held(self.currency, since=self.seen_as_of)
        no_longer_held = max(own - self.seen.used, ZERO)
        return min(no_longer_held, max(self.expected - self.seen.total, ZERO))

    def asks_again(self, now: float, window: float) -> bool:
        """Is there a question that one more answer could settle now?"""
        if self.verdict in (Verdict.LAGGING, Verdict.UNREADABLE):
            return True
        # A second answer counts only when the window is over; until then asking is vain.
        since = [self._foreign_lower_since]
        if self.verdict is Verdict.RISING_UNCONFIRMED and self._question is not None:
            since.append(self._question.since)
        return any(moment is not None and now - moment >= window for moment in since)
