"""The balance book of a futures account: margin that is free, on a wallet that is compared.

The wallet balance (total less unrealised profit) is compared with what own orders did to it, as any
currency of the book is. What is free follows the exchange's last answer and what it may lack:

    spendable = free as seen - what it may lack that takes - a rise that is not confirmed
    expected  = free as seen + what it lacks
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from freqtrade_balance_guard.balances.account import Account, ExternalChange
from freqtrade_balance_guard.balances.book import BalanceBook, alone
from freqtrade_balance_guard.balances.flow import Flow
from freqtrade_balance_guard.balances.margin import (
    MarginOrder,
    MarginOrders,
    MarginSnapshot,
    Position,
)
from freqtrade_balance_guard.balances.other_bots_orders import Shared
from freqtrade_balance_guard.balances.snapshot import Holding, Snapshot
from freqtrade_balance_guard.balances.unseen import MarginEvent, UnseenEvents
from freqtrade_balance_guard.balances.verdict import Verdict
from freqtrade_balance_guard.money import ZERO, exact


# So long an answer may lack an event; entries wait no longer for it.
LONGEST_LAG_SECONDS = 30.0
# A change of the wallet without an order is funding up to this share of all open positions' value.
# What is received counts at once only up to the usual rates.
FUNDING_SHARE = Decimal("0.01")
FUNDING_RECEIVED_SHARE = Decimal("0.001")
FUNDING_DUST = Decimal("0.000001")
FUNDING = "funding"


class MarginBook(BalanceBook):
    """One futures account as one bot sees it; ``coin`` is what it is kept in."""

    def __init__(self, window: float, coin: str) -> None:
        super().__init__(window)
        self.margin = MarginOrders(coin)
        self.orders = self.margin
        self.coin = coin
        self._lag = min(window, LONGEST_LAG_SECONDS)
        self._unseen = UnseenEvents(self._lag)
        self._last: MarginSnapshot | None = None

    # Own events

    @alone
    @exact
    def follow_margin(self, order_id: str, order: MarginOrder, *, is_known: bool) -> None:
        """Follow an order.

        :param is_known: it was on the exchange before; what it ties up is in the answers
        """
        if self.margin.follow(order_id, order) and not is_known and (tied := order.tied()):
            self._add(MarginEvent(order_id, order.changed_at, tied))

    @alone
    def placed(self, order_id: str, now: float) -> None:
        """An order that is followed was accepted ``now``, or its reply was lost."""
        self._unseen.redate(order_id, now)
        self._changed.add(self.coin)
        self.touch(now)

    @alone
    def withdraw(self, order_id: str) -> None:
        """An order that is followed never was on the exchange."""
        self.margin.drop(order_id)
        self._unseen.drop(order_id)
        self._changed.add(self.coin)

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
        event = self.margin.learn(
            order_id, filled=filled, cost=cost, fees=fees, is_open=is_open, now=now
        )
        if event is not None:
            self._add(event)
            self.touch(now)

    @alone
    @exact
    def share(self, key: str, order: Shared, now: float, *, is_old: bool) -> None:
        """What another bot of the account does, as the ledger has it."""
        event = self.margin.learn_of_other(key, order, now, is_old=is_old)
        if event is not None:
            self._add(event)
            self.touch(now)

    @alone
    def others_acted(self, at: float) -> None:
        """Another bot did something ``at``, before its orders were followed."""
        self._unseen.distrust(at + self._lag)

    def _add(self, event: MarginEvent) -> None:
        self._unseen.add(event)
        self._changed.add(self.coin)
        if event.wallet:
            self._book([Flow(self.coin, event.wallet, event.at, event.doubt)])

    @alone
    def unexplained(self) -> dict[str, int]:
        """Nothing: the ledger does not have what orders on contracts did to the wallet."""
        return {}

    # Answers

    @alone
    @exact
    def accept(self, snapshot: Snapshot) -> list[ExternalChange]:
        """Compare an answer with what is expected. Older answers than the last one are dropped."""
        assert isinstance(snapshot, MarginSnapshot)  # noqa: S101  a futures account has no other
        before = self._last
        account = self._accounts.setdefault(self.coin, Account(self.coin))
        account.noise = snapshot.noise + self._unseen.unknown_since(snapshot.as_of - self._lag)
        # What was closed since the answer before may still have cost something.
        known = (*(() if before is None else before.positions), *snapshot.positions)
        positions = {(position.pair, position.side): position for position in known}.values()
        self.margin.at_risk = sum((position.margin for position in positions), ZERO)
        notional = sum((position.notional for position in positions), ZERO)
        funding = self._funding(snapshot, account, notional)
        changes = super().accept(snapshot)
        if self._failure is not None or self._as_of != snapshot.as_of:
            return changes
        self._last = snapshot
        self._changed.add(self.coin)
        seen = snapshot.holdings.get(self.coin, Holding(ZERO))
        self._unseen.compare(seen.total, seen.used, snapshot.noise, snapshot.as_of)
        return [*funding, *(self._named(change, notional) for change in changes)]

    def _funding(
        self, snapshot: MarginSnapshot, account: Account, notional: Decimal
    ) -> list[ExternalChange]:
        """Funding that the answer has; it is expected from now on.

        While an answer may lack own events what is what cannot be known.
        """
        is_older = self._as_of is not None and snapshot.as_of < self._as_of
        seen = snapshot.holdings.get(self.coin)
        if seen is None or is_older or not account.was_seen or not self._unseen.is_empty:
            return []
        change = seen.total - account.expected
        share = FUNDING_SHARE if change < 0 else FUNDING_RECEIVED_SHARE
        if abs(change) <= FUNDING_DUST + snapshot.noise or abs(change) > notional * share:
            return []
        account.expected = seen.total
        return [ExternalChange(self.coin, change, seen.total, FUNDING)]

    def _compare_holds(self, account: Account, as_of: float) -> None:
        if account.currency != self.coin:
            super()._compare_holds(account, as_of)

    def _named(self, change: ExternalChange, notional: Decimal) -> ExternalChange:
        """With open positions a small change of the wallet is funding."""
        if change.currency == self.coin and abs(change.amount) <= notional * FUNDING_SHARE:
            return replace(change, reason=FUNDING)
        return change

    # What holds now

    @property
    def last(self) -> MarginSnapshot | None:
        """The last answer that was accepted."""
        return self._last

    @property
    def positions(self) -> tuple[Position, ...]:
        """Every open position of the account in the last answer."""
        return () if self._last is None else self._last.positions

    @alone
    @exact
    def moves_alone(self) -> Decimal:
        """Return by how much free margin may change without an order: mark prices and funding."""
        return sum((one.notional for one in self.positions), ZERO) * FUNDING_SHARE

    @alone
    def pairs_under_way(self) -> set[str]:
        """Pairs on which an order of ours did something that the last answer may lack."""
        as_of = float("-inf") if self._as_of is None else self._as_of
        return self.margin.pairs_since(as_of - self._lag)

    @alone
    def verdict(self, currency: str) -> Verdict:
        """How far the last answer about ``currency`` is believed."""
        found = super().verdict(currency)
        if currency == self.coin and found is Verdict.CONFIRMED and self._unseen.is_lagging:
            return Verdict.LAGGING
        return found

    @alone
    def confirmed(self) -> list[str]:
        """Currencies of which the last answer said what was expected."""
        is_lagging = self._unseen.is_lagging
        return [one for one in super().confirmed() if one != self.coin or not is_lagging]

    @alone
    @exact
    def expected(self, currency: str) -> Holding:
        """Believed total plus own flows; of the account's coin, used is what is not free."""
        if currency != self.coin:
            return super().expected(currency)
        account = self._accounts.get(currency) or Account(currency)
        return Holding(account.expected, account.expected - self._expected_free())

    @alone
    def shown(self, currency: str) -> Holding:
        """What freqtrade is shown of a coin."""
        return self.expected(currency) if currency == self.coin else super().shown(currency)

    @alone
    @exact
    def in_use(self) -> tuple[Decimal, Decimal] | None:
        """Margin that is tied up, own orders under way included, and all there is.

        None before the first answer.
        """
        if self._last is None or self._failure is not None:
            return None
        total = self._seen_free() + self._last.used
        return total - self._expected_free(), total

    def _seen_free(self) -> Decimal:
        seen = None if self._last is None else self._last.holdings.get(self.coin)
        return ZERO if seen is None else seen.total - seen.used

    def _expected_free(self) -> Decimal:
        return max(self._seen_free() + self._unseen.freed, ZERO)

    @alone
    @exact
    def spendable(self, currency: str) -> Decimal:
        """What an entry may spend now: seen and expected, both; nothing without an answer."""
        if currency != self.coin:
            return super().spendable(currency)
        if self._last is None or self._failure is not None:
            return ZERO
        account, rise = self._accounts[self.coin], ZERO
        if account.verdict is Verdict.RISING_UNCONFIRMED:
            rise = max(account.seen.total - account.expected, ZERO)
        return max(self._seen_free() - self._unseen.spent - rise, ZERO)
