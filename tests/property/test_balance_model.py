"""The balance book against a model of an exchange that answers late, wrong and out of order.

The exchange knows the truth at every moment. The bot hears of its own fills up to ten seconds
late, an answer tells the truth of some moment up to twenty seconds ago, and the book has a window
of thirty seconds. Externals, faults and restarts come at any time.
"""

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from balance_exchange import (
    CURRENCIES,
    FEE_RATE,
    PRICES,
    START,
    WALL,
    ZERO,
    RealOrder,
    TrueExchange,
)
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from freqtrade_balance_guard.balances.book import BalanceBook
from freqtrade_balance_guard.balances.own_orders import OwnOrder
from freqtrade_balance_guard.balances.snapshot import AnswerReader, Holding, Snapshot, Unreadable
from freqtrade_balance_guard.balances.verdict import Verdict
from tests.support.effort import examples


WINDOW = 30.0
MOST_LAG = 20
HEARD_WITHIN = 10.0

seconds = st.integers(0, 10)
lags = st.integers(0, MOST_LAG)
bases = st.sampled_from(sorted(PRICES))
sides: st.SearchStrategy[Literal["buy", "sell"]] = st.sampled_from(["buy", "sell"])
shares = st.sampled_from([Decimal("0.25"), Decimal("0.5"), Decimal(1)])
amounts = st.sampled_from([Decimal(1), Decimal(5), Decimal(10), Decimal(30)])


class BalanceModel(RuleBasedStateMachine, TrueExchange):
    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        TrueExchange.__init__(self)
        self.book = BalanceBook(WINDOW)
        self.requests: list[float] = []
        self.last_answer: tuple[Snapshot, float] | None = None
        self.externals: dict[str, Decimal] = defaultdict(Decimal)
        self.had_externals: set[str] = set()
        self.untold: set[str] = set()
        self.announced: dict[str, Decimal] = defaultdict(Decimal)
        # Drops that no unambiguous answer has shown yet: (moment, amount).
        self.unseen_drops: dict[str, list[tuple[float, Decimal]]] = defaultdict(list)
        self.heard_flows: dict[str, float] = {}
        # What the last answer showed, less what the bot knows to have gone since.
        self.seen: dict[str, Decimal] = {}
        self.foreign: dict[str, Decimal] = defaultdict(Decimal)
        self.slack: dict[str, Decimal] = defaultdict(lambda: Decimal("0.000001"))
        self.fault_since: float | None = None
        self.is_calm = True
        self.has_restarted = False

    # Time passes

    @rule(passed=seconds)
    def wait(self, passed: int) -> None:
        end = self.now + passed
        for order in sorted(self.orders.values(), key=lambda o: o.unheard_since or 0):
            if order.unheard_since is not None and order.unheard_since + HEARD_WITHIN < end:
                self.now = max(self.now, order.unheard_since + HEARD_WITHIN)
                self.hear(order)
        self.now = end
        self.requests = [began for began in self.requests if began > end - 15]

    # Orders

    @rule(
        base=bases,
        side=sides,
        amount=amounts,
        fee_coin=st.sampled_from(["base", "quote", "BNB"]),
        tells_fee=st.booleans(),
        tells_cost=st.booleans(),
        is_market=st.booleans(),
        heard_at_once=st.booleans(),
    )
    def order(
        self,
        base: str,
        side: Literal["buy", "sell"],
        amount: Decimal,
        fee_coin: str,
        tells_fee: bool,
        tells_cost: bool,
        is_market: bool,
        heard_at_once: bool,
    ) -> None:
        own = OwnOrder(
            base=base,
            quote="USDT",
            side=side,
            amount=amount,
            price=PRICES[base],
            fee_rate=FEE_RATE,
            placed_at=self.now,
            changed_at=self.now,
        )
        coin = {"base": base, "quote": "USDT"}.get(fee_coin, fee_coin)
        order_id = f"order-{len(self.orders)}"
        order = RealOrder(order_id, own, coin, tells_fee, tells_cost)
        currency, hold = order.hold()
        if self.free(currency) < hold or self.book.expected(currency).free < hold:
            return
        self.orders[order_id] = order
        self.move(currency, held=hold, cause=side)
        self.book.place(order_id, own)
        if is_market:
            self.fill(order, Decimal(1))
        if heard_at_once:
            self.hear(order)

    @precondition(lambda self: self.open_orders())
    @rule(data=st.data(), share=shares)
    def fill_one(self, data: st.DataObject, share: Decimal) -> None:
        self.fill(data.draw(st.sampled_from(self.open_orders()), label="order"), share)

    def fill(self, order: RealOrder, share: Decimal) -> None:
        own = order.own
        amount, cost, coin, fee = self.execute(order, share)
        if coin == "BNB":
            self.unseen_drops[coin].append((self.now, fee))
            if not order.tells_fee:
                self.externals[coin] -= fee
                self.is_calm = False
                self.had_externals.add(coin)
            elif not order.heard_fees:
                # Nobody could know that this order pays in a third coin before its fee was told.
                self.had_externals.add(coin)
        for moved, size in ((own.base, amount), (own.quote, cost), (coin, fee)):
            doubt = Decimal("0.0002") + (ZERO if order.tells_fee else FEE_RATE * 2)
            doubt += ZERO if order.tells_cost else Decimal("0.05")
            self.slack[moved] += size * doubt
        if order.unheard_since is None:
            order.unheard_since = self.now

    @precondition(lambda self: self.open_orders())
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self.open_orders()), label="order")
        self.end(order)
        if order.unheard_since is None:
            order.unheard_since = self.now

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def hear_one(self, data: st.DataObject) -> None:
        self.hear(data.draw(st.sampled_from(list(self.orders.values())), label="order"))

    @precondition(lambda self: any(order.reports for order in self.orders.values()))
    @rule(data=st.data())
    def hear_again(self, data: st.DataObject) -> None:
        """An old report of an order, repeated or late, changes nothing."""
        heard = [order for order in self.orders.values() if order.reports]
        order = data.draw(st.sampled_from(heard), label="order")
        report = data.draw(st.sampled_from(order.reports), label="report")
        before = [self.book.expected(currency) for currency in CURRENCIES]
        self.book.observe(order.order_id, **report, now=self.now)
        assert [self.book.expected(currency) for currency in CURRENCIES] == before

    def hear(self, order: RealOrder) -> None:
        before = {currency: self.book.expected(currency).total for currency in self.seen}
        report = {
            "filled": order.filled,
            "cost": order.cost if order.tells_cost else None,
            "fees": dict(order.fees) if order.tells_fee else None,
            "is_open": order.is_open,
        }
        order.reports.append(report)
        self.book.observe(order.order_id, **report, now=self.now)
        if order.unheard_since is not None:
            for currency in (order.own.base, order.own.quote, *order.fees):
                self.heard_flows[currency] = self.now
        for currency, total in before.items():
            gone = total - self.book.expected(currency).total
            self.seen[currency] -= max(gone, ZERO)
        order.heard_filled, order.heard_fees = order.filled, dict(order.fees)
        order.heard_cost = order.cost if order.tells_cost else order.filled * order.own.price
        order.unheard_since = None

    # Others

    @rule(currency=st.sampled_from(CURRENCIES), amount=amounts)
    def deposit(self, currency: str, amount: Decimal) -> None:
        self.move(currency, amount)
        self.externals[currency] += amount
        self.had_externals.add(currency)
        self.is_calm = False

    @rule(currency=st.sampled_from(CURRENCIES), amount=amounts)
    def withdraw(self, currency: str, amount: Decimal) -> None:
        if self.free(currency) < amount:
            return
        self.move(currency, -amount)
        self.externals[currency] -= amount
        self.had_externals.add(currency)
        self.unseen_drops[currency].append((self.now, amount))
        self.is_calm = False

    @rule(currency=st.sampled_from(CURRENCIES), amount=amounts)
    def hold_by_hand(self, currency: str, amount: Decimal) -> None:
        if self.free(currency) < amount:
            return
        self.move(currency, held=amount)
        self.foreign[currency] += amount
        self.unseen_drops[currency].append((self.now, amount))
        self.is_calm = False

    @rule(currency=st.sampled_from(CURRENCIES))
    def release_by_hand(self, currency: str) -> None:
        self.move(currency, held=-self.foreign[currency])
        self.foreign[currency] = ZERO
        self.is_calm = False

    # Answers

    @rule(lag=lags, lagging=st.sampled_from([None, None, "buy", "sell"]))
    def read(self, lag: int, lagging: str | None) -> None:
        self.answer(self.now, self.now - lag, lagging)

    @rule()
    def ask(self) -> None:
        self.requests.append(self.now)

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        as_of = data.draw(st.sampled_from(self.requests), label="asked at")
        self.requests.remove(as_of)
        moment = data.draw(st.integers(int(as_of) - MOST_LAG, int(self.now)), label="truth of")
        self.answer(as_of, float(moment))

    @precondition(lambda self: self.last_answer is not None)
    @rule()
    def repeat(self) -> None:
        assert self.last_answer is not None
        self.deliver(*self.last_answer)

    def answer(self, as_of: float, moment: float, lagging: str | None = None) -> None:
        holdings = self.holdings(moment, lagging)
        self.last_answer = Snapshot(holdings, as_of, WALL), moment
        self.deliver(*self.last_answer)

    def deliver(self, snapshot: Snapshot, moment: float) -> None:
        if self.book.as_of is not None and snapshot.as_of < self.book.as_of:
            assert self.book.accept(snapshot) == []
            return
        is_first = self.book.as_of is None and not self.has_restarted
        self.accept(snapshot)
        self.fault_since = None
        for currency in CURRENCIES:
            if is_first or self.is_unambiguous(currency, snapshot.as_of):
                self.unseen_drops[currency] = [
                    (at, amount) for at, amount in self.unseen_drops[currency] if at > moment
                ]

    def is_unambiguous(self, currency: str, as_of: float) -> bool:
        """Can nothing but a stranger be the reason of a difference in this answer?"""
        if self.heard_flows.get(currency, 0.0) > as_of - WINDOW:
            return False
        if self.book.orders.held(currency) or self.book.orders.released(
            currency, since=as_of - WINDOW
        ):
            return False
        if any(order.unheard_since is not None for order in self.orders.values()):
            return False
        if currency == "BNB" and any(order.is_open for order in self.orders.values()):
            return False
        return self.book.verdict(currency) not in (
            Verdict.RISING_UNCONFIRMED,
            Verdict.UNREADABLE,
            Verdict.LAGGING,
        )

    def accept(self, snapshot: Snapshot) -> None:
        nothing = Holding(ZERO)
        self.seen = {coin: snapshot.holdings.get(coin, nothing).total for coin in CURRENCIES}
        for change in self.book.accept(snapshot):
            # What nobody told exactly (a fee, a cost) may be told as somebody else's doing.
            is_noise = abs(change.amount) <= self.slack[change.currency]
            assert is_noise or change.currency in self.had_externals, f"nobody did {change}"
            self.announced[change.currency] += change.amount

    # Faults: shorter than the window

    @rule(
        kind=st.sampled_from(["silent", "empty", "zero", "negative", "ten times", "garbage"]),
        missing=st.sampled_from(CURRENCIES),
    )
    def fault(self, kind: str, missing: str) -> None:
        self.tell_fault(kind, None)

    @rule(currency=st.sampled_from(CURRENCIES))
    def miss(self, currency: str) -> None:
        self.tell_fault("zero", currency)

    def tell_fault(self, kind: str, only: str | None) -> None:
        if self.book.as_of is None:
            return  # the first complete answer is believed, whatever it says
        if self.fault_since is None:
            self.fault_since = self.now
        if self.now - self.fault_since >= WINDOW:
            return
        self.is_calm = False
        before = {currency: self.book.expected(currency).total for currency in CURRENCIES}
        read = AnswerReader().read(self.faulty_answer(kind, only), CURRENCIES)
        if kind == "silent" or isinstance(read, Unreadable):
            assert kind not in ("zero", "ten times")
            self.book.fail(Unreadable("fault"))
            assert all(self.book.spendable(currency) == 0 for currency in CURRENCIES)
        elif only is not None or kind in ("zero", "ten times"):
            self.accept(Snapshot(read.holdings, self.now, WALL))
        touched = CURRENCIES if only is None else (only,)
        for currency in touched:
            expected = self.book.expected(currency).total
            is_right = abs(self.truth(currency).total - before[currency]) <= self.slack[currency]
            if is_right and before[currency]:
                assert abs(expected - before[currency]) <= self.slack[currency], currency

    # A restart

    @rule()
    def restart(self) -> None:
        if self.book.as_of is None:
            return
        totals = {currency: self.book.expected(currency).total for currency in CURRENCIES}
        self.book = BalanceBook(WINDOW)
        self.book.remember(totals, self.now)
        self.has_restarted = True
        self.requests.clear()
        # A deposit that was sold before anybody saw it may never be told after a restart.
        self.untold |= {currency for currency, total in totals.items() if total == 0}
        for order in self.orders.values():
            if order.is_open or order.unheard_since is not None:
                self.book.place(
                    order.order_id,
                    replace(
                        order.own,
                        placed_at=self.now,
                        filled=order.heard_filled,
                        cost=order.heard_cost,
                        fees=order.heard_fees,
                    ),
                )
        for currency, amount in self.foreign.items():
            self.unseen_drops[currency].append((self.now, amount))
        self.is_calm = False

    # What must hold

    @invariant()
    def spendable_is_never_above_the_truth(self) -> None:
        for currency in CURRENCIES:
            spendable = self.book.spendable(currency)
            unseen = sum((amount for _, amount in self.unseen_drops[currency]), ZERO)
            assert spendable >= 0
            assert spendable <= max(self.free(currency), ZERO) + unseen + self.slack[currency], (
                f"{currency}: spendable {spendable}, free {self.free(currency)}, unseen {unseen}"
            )

    @invariant()
    def spendable_is_never_above_what_was_seen(self) -> None:
        for currency, seen in self.seen.items():
            assert self.book.spendable(currency) <= max(seen, ZERO), currency

    @invariant()
    def shown_is_never_below_what_open_trades_own(self) -> None:
        if self.book.as_of is None:
            return
        for base in PRICES:
            if base in self.had_externals:
                continue
            owned = START.get(base, ZERO)
            for order in self.orders.values():
                if order.own.base == base:
                    sign = 1 if order.own.side == "buy" else -1
                    owned += sign * order.heard_filled
                    owned -= order.heard_fees.get(base, ZERO)
            assert self.book.shown(base).total >= owned - self.slack[base]

    @rule()
    def settle(self) -> None:
        """After quiet one read makes it right; what others did needs a second and a third."""
        was_calm = self.is_calm and self.book.as_of is not None
        for order in self.orders.values():
            self.hear(order)
        for attempt in range(3):
            self.now += WINDOW + MOST_LAG
            self.requests.clear()
            self.answer(self.now, self.now)
            if was_calm or attempt == 2:
                self.check_equal()
        for currency in CURRENCIES:
            told, happened = self.announced[currency], self.externals[currency]
            assert currency in self.untold or abs(told - happened) <= self.slack[currency], (
                f"{currency}: announced {told}, happened {happened}"
            )
        self.is_calm = True
        # What is known exactly now is compared exactly from here on.
        self.announced.clear()
        self.externals.clear()
        self.untold.clear()
        if not self.open_orders():
            self.slack.clear()

    def check_equal(self) -> None:
        for currency in CURRENCIES:
            exact = self.slack[currency]
            expected, spendable = self.book.expected(currency), self.book.spendable(currency)
            truth, free = self.truth(currency), max(self.free(currency), ZERO)
            assert abs(expected.total - truth.total) <= exact, f"{currency}: {expected} {truth}"
            assert abs(spendable - free) <= exact, f"{currency}: spendable {spendable}, free {free}"

    @initialize(lag=lags)
    def first_answer(self, lag: int) -> None:
        self.answer(self.now, self.now - lag)


BalanceModel.TestCase.settings = settings(
    max_examples=examples(250),
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestBalanceModel = BalanceModel.TestCase
