"""The balance book of a live bot: when to read, what to tell freqtrade, what orders did.

freqtrade refreshes its wallets about six times per trade. Only two kinds of refresh must reach the
exchange: the one in front of an exit (a stop order was just cancelled) and the first one of a loop
that sizes an entry after something happened. The others only want wallets that know of the last
order, and the book knows of it.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from freqtrade.wallets import Wallet

from freqtrade_balance_guard.balances.book import BalanceBook, ExternalChange, Need
from freqtrade_balance_guard.balances.snapshot import Holding, Unreadable
from freqtrade_balance_guard.balances.store import REFRESH_AFTER, BelievedBalances
from freqtrade_balance_guard.balances.verdict import Verdict
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.deadline import WaitBudget
from freqtrade_balance_guard.events import (
    BalanceCacheMissed,
    BalanceChangedExternally,
    BalanceRead,
    BalanceRecovered,
    BalanceServedFromCache,
    BalanceUnreadable,
    EventHub,
)
from freqtrade_balance_guard.integration.exchange.balance_reader import BalanceReader
from freqtrade_balance_guard.integration.wallets.open_trades import (
    has_open_trades,
    owned_by_trades,
)
from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.money import to_decimal, to_float
from freqtrade_balance_guard.orders.bot_loop import current_loop


logger = logging.getLogger(__name__)

# freqtrade's own patience with refreshes that it may skip.
SKIPPABLE_SECONDS = 3600.0
# Of what may be waited in front of an exit, a read for an entry leaves so much to the exit itself;
# with less than the second left a read is not begun: a healthy exchange may take as long.
LEFT_FOR_EXITS_SECONDS = 0.5
SHORTEST_READ_SECONDS = 1.0
# A lock is lifted when a read says so; no cache is too short for that.
LOCKED_SECONDS = 5.0


class SnapshotMarks(Protocol):
    """Says in the ledger which of its rows an answer of the exchange contains."""

    def mark(self) -> int | None:
        """Take this before a balance is asked for; None while the ledger cannot be used."""

    def caught_up(self) -> int | None:
        """Book what others and legs did: up to which event of the ledger the book knows all then.

        None while the ledger cannot be used.
        """

    def seen(self, mark: int | None, currencies: list[str] | None = None) -> None:
        """The balance that was asked for after ``mark`` is believed."""


class LiveBalances:
    """One spot account as one live bot sees it (``FuturesBalances``: a futures account).

    :param time_to_live: seconds that an answer may be reused while nothing happened
    :param waits: what may be waited while an exit may be due, with everything else that waits
    """

    def __init__(
        self,
        book: BalanceBook,
        reader: BalanceReader,
        store: BelievedBalances | None,
        stake_currency: str,
        time_to_live: float,
        clock: Clock,
        waits: WaitBudget,
    ) -> None:
        self.book = book
        # Of a bot whose orders are under the ledger.
        self.marks: SnapshotMarks | None = None
        self.hub = EventHub()
        # While a trade is open its exit may be waiting behind a read.
        self.may_exit: Callable[[], bool] = has_open_trades
        self.waits = waits
        self.reader = reader
        self._store = store
        self._stake_currency = stake_currency
        self._time_to_live = time_to_live
        self._clock = clock
        self._table: dict[str, Wallet] = {}
        self._believed: dict[str, Holding] = {}
        self._unkept: set[str] = set()
        self._kept_all_at: datetime | None = None
        self._following = threading.Lock()
        self._was_unreadable = False
        self._sending = self._sent = 0
        self._wall: datetime | None = None
        self._is_kept = True
        if store is not None:
            book.remember(store.load(clock.wall()), clock.monotonic(), store.marks)

    def now(self) -> float:
        """Monotonic seconds, as the book counts them."""
        return self._clock.monotonic()

    def wall(self) -> datetime:
        """Now, for comparison with what other bots have stored."""
        return self._clock.wall()

    # Refreshes, by what freqtrade needs them for

    def refresh_for_entry(self) -> None:
        """Before an entry is sized: read if anything makes it necessary, at most once per loop."""
        loop = current_loop.get()
        need = self.book.need(self._clock.monotonic(), self._time_to_live)
        if not need or (loop is not None and loop.has_read_for_entry):
            self.hub.publish(BalanceServedFromCache(self.age()))
            return
        if loop is not None:
            loop.has_read_for_entry = True
        self.hub.publish(BalanceCacheMissed(str(need)))
        self._read(need, is_urgent=self.may_exit())

    def refresh_for_exit(self, reason: str = "exit", *, is_urgent: bool = False) -> None:
        """In front of an exit: read, unless the exchange already failed in this loop.

        After slow reads the exit goes out on what is believed: own orders are known, and waiting
        costs more than a stranger's trade could.
        """
        is_urgent = is_urgent or self.may_exit()
        if not is_urgent or self.waits.seconds_left >= SHORTEST_READ_SECONDS:
            self._read(reason, is_urgent=is_urgent, keep=0.0)

    def refresh_for_rebalance(self) -> bool:
        """A read that a rebalance is decided on; False if none could be begun now.

        It runs while exits wait for the next loop: it takes part in their patience.
        """
        before, loop = self.book.as_of, current_loop.get()
        self.refresh_for_exit("rebalance", is_urgent=True)
        return self.book.as_of != before or (loop is not None and loop.has_failed)

    def refresh_if_due(self) -> None:
        """While entries are locked nothing else asks: read what has grown older than the cache."""
        loop = current_loop.get()
        if self.age() < max(self._time_to_live, LOCKED_SECONDS) or loop is None:
            return
        if not loop.has_read_for_entry:
            loop.has_read_for_entry = True
            self._read(Need.EXPIRED, is_urgent=self.may_exit())

    def refresh_if_changed(self) -> None:
        """Where freqtrade would do with an answer of an hour ago: read if anything happened.

        It comes here in every loop, whether there is something to buy or not: an answer that is
        believed is not asked for a second time, as it is before an entry. It comes here from
        threads of its own, too (/balance): they get what is believed, since two requests at once
        with one key are in each other's way (nonce).
        """
        loop = current_loop.get()
        if loop is None:
            if self.age() >= SKIPPABLE_SECONDS:
                # Nothing waits for it but the thread that asks.
                self._read(Need.EXPIRED, is_urgent=False)
            return
        need = self.book.need(self._clock.monotonic(), SKIPPABLE_SECONDS)
        if need is Need.UNCONFIRMED and self.verdict() is Verdict.CONFIRMED:
            return
        if need and not loop.has_read_for_entry:
            loop.has_read_for_entry = True
            self._read(need, is_urgent=self.may_exit())

    def _read(
        self, reason: Need | str, *, is_urgent: bool, keep: float = LEFT_FOR_EXITS_SECONDS
    ) -> None:
        """Ask the exchange, once.

        :param is_urgent: an exit may be waiting
        :param keep: seconds of what may be waited that are left for it
        """
        loop = current_loop.get()
        if loop is not None and loop.has_failed:
            return
        sent, mark = self._sent, None if self.marks is None else self.marks.mark()
        began = self._clock.monotonic()
        if is_urgent:
            with self.waits.wait(self.waits.seconds_left, keep=keep) as deadline:
                answer = self.reader.read(deadline)
        else:
            answer = self.reader.read()
        took = self._clock.monotonic() - began
        if isinstance(answer, Unreadable):
            if loop is not None:
                loop.has_failed = True
            self._failed(answer, str(reason), took)
            return
        self.hub.publish(BalanceRead(str(reason), took))
        if self._sending or self._sent != sent:
            # Of another thread: it may know of an order that the book does not know yet.
            return
        for change in self.book.accept(answer):
            self._announce(change)
        self._wall, self._is_kept = answer.wall, False
        if self.marks is not None:
            self.marks.seen(mark, self.book.confirmed())
        if self._was_unreadable and self.book.verdict(self._stake_currency) != Verdict.UNREADABLE:
            self._was_unreadable = False
            self.hub.publish(BalanceRecovered())
            logger.info("Balances are readable again.")

    def _failed(self, failure: Unreadable, read_for: str, seconds: float) -> None:
        self.book.fail(failure)
        self._is_kept = False
        self.hub.publish(BalanceUnreadable(failure.reason, read_for, seconds))
        if not self._was_unreadable:
            self._was_unreadable = True
            logger.warning(
                "Balances are unreadable (%s). No new entry until they are; exits go on.",
                failure.reason,
            )

    def _announce(self, change: ExternalChange) -> None:
        if change.reason:
            logger.info(
                "%s: %+f %s, %f now.", change.reason, change.amount, change.currency, change.total
            )
            return
        self.hub.publish(BalanceChangedExternally(change.currency, change.amount, change.total))

    def keep(self) -> None:
        """Write down what is believed, for a restart; at the end of a loop, where no exit waits."""
        if self._store is None or self._wall is None:
            return
        if self._is_kept:
            # Legs and other bots' orders move the book without a read.
            self._follow_book()
            if not self._unkept:
                return
        self._is_kept = True
        mark = None if self.marks is None else self.marks.caught_up()
        self._follow_book()
        failed = self.book.failure is not None
        if failed or self._kept_all_at is None or self._wall - self._kept_all_at >= REFRESH_AFTER:
            # So that the file says of every coin how old it is.
            self._unkept.update(self._believed)
            self._kept_all_at = None if failed else self._wall
        unkept, self._unkept = self._unkept, set()
        believed = {currency: self._believed[currency] for currency in unkept}
        verdicts = {currency: self.book.verdict(currency) for currency in believed}
        self._store.save(believed, verdicts, self._wall, mark)

    # What freqtrade is shown

    # Exits look at positions, not at coins.
    has_positions = False

    def moves_alone(self) -> Decimal:
        """Return by how much the free stake currency may change without an order; here by none."""
        return Decimal(0)

    def positions(self) -> dict[str, Any]:
        """freqtrade's table of positions; on a spot market there are none."""
        return {}

    def wallets(self) -> dict[str, Wallet]:
        """freqtrade's table of balances, from the book.

        While the balance is unreadable nothing less than what the open trades own stands in front
        of their exits.
        """
        self._follow_book()
        table = dict(self._table)
        if self.book.has_unreadable:
            for currency, amount in owned_by_trades().items():
                known = table.get(currency, Wallet(currency))
                if known.total < amount and self._is_unreadable(currency):
                    holding = Holding(amount, to_decimal(known.used))
                    table[currency] = _wallet(currency, holding)
        return table

    def _follow_book(self) -> None:
        """Take over what changed; an account may have hundreds of coins that do not."""
        with self._following:
            for currency in self.book.take_changed():
                self._table[currency] = _wallet(currency, self.holding(currency))
                self._believed[currency] = self.book.expected(currency)
                self._unkept.add(currency)

    def _is_unreadable(self, currency: str) -> bool:
        return self.book.verdict(currency) is Verdict.UNREADABLE

    def holding(self, currency: str) -> Holding:
        """The stake currency as expected; other coins as nothing may stand in front of an exit."""
        if currency == self._stake_currency:
            return self.book.expected(currency)
        return self.book.shown(currency)

    def equity(self) -> Decimal | None:
        """All margin of a futures account; None on a spot market."""
        return None

    def spendable(self) -> Decimal:
        """Stake currency that both the exchange's last answer and our own events confirm."""
        return self.book.spendable(self._stake_currency)

    def verdict(self) -> Verdict:
        """How far the stake currency is believed."""
        return self.book.verdict(self._stake_currency)

    @property
    def is_unreadable(self) -> bool:
        """Whether the last answer said nothing about the stake currency."""
        return self.verdict() is Verdict.UNREADABLE

    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        """The control of entries: nothing is sized on a balance that cannot be read."""
        if not self.is_unreadable:
            return None
        failure = self.book.failure
        reason = failure.reason if failure else "the answer is not believed yet"
        return Denied(DenialCode.BALANCE_UNREADABLE, f"the balance is unreadable: {reason}")

    def age(self) -> float:
        """Seconds since the last good answer was asked for; infinite before the first."""
        as_of = self.book.as_of
        return self._clock.monotonic() - as_of if as_of is not None else float("inf")

    # What our orders did

    @contextmanager
    def sending(self) -> Iterator[None]:
        """While an order is on its way and its outcome is not booked yet."""
        self._sending += 1
        try:
            yield
        finally:
            self._sent += 1
            self._sending -= 1

    def touched(self) -> None:
        """Something of ours happened that the book cannot follow: the next entry reads first."""
        self.book.touch(self._clock.monotonic())

    def has_learnt(self) -> None:
        """The book knows more of our orders than what was stored last."""
        self._is_kept = False


def _wallet(currency: str, holding: Holding) -> Wallet:
    return Wallet(currency, to_float(holding.free), to_float(holding.used), to_float(holding.total))
