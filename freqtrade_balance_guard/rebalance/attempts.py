"""Every attempt to rebalance is kept, and the time since the last one: at most one per cooldown.

    begin       one row with its plan, flushed to the disk *before* the first sale: whatever
                happens then, it counts for the cooldown
    record      the outcome of one sale
    end         all sales were tried
    a restart   finds an attempt that was not ended, looks up the outcomes of its sales, and ends it

A plan that was not started is no attempt. If the row cannot be written, nothing may be sold.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.rebalance.attempt import (
    MAY_BE_SOLD,
    MAY_FOLLOW,
    Attempt,
    Outcome,
    Reason,
    SaleRecord,
)
from freqtrade_balance_guard.rebalance.attempt_store import (
    AttemptStore,
    AttemptsUnavailable,
    AttemptUnderWay,
)
from freqtrade_balance_guard.rebalance.plan import Plan
from freqtrade_balance_guard.rebalance.waiting import Wait


logger = logging.getLogger(__name__)

# A kill costs at most that much of what was counted.
KEEP_SECONDS = 10.0

# The outcome of a sale of an attempt that a kill interrupted, and the order's id; None if there
# is none.
Find = Callable[[Attempt, SaleRecord], tuple[Outcome, str] | None]


class AttemptLog:
    """The attempts of one bot, and how long ago the last one was.

    Every method but ``keep_time`` raises AttemptsUnavailable if the file cannot be used.

    :param store: None keeps nothing (backtesting, which has no restart)
    :param bot: the same after a restart, another one for each bot of an account
    """

    def __init__(self, store: AttemptStore | None, account: str, bot: str, clock: Clock) -> None:
        self._store = store
        self._account = account
        self._bot = bot
        self._clock = clock
        self._born_at = clock.wall()
        self._last: Attempt | None = None
        self._wait: Wait | None = None
        self._has_loaded = store is None
        self._kept_at: float | None = None

    # The last attempt

    def last(self) -> Attempt | None:
        """The newest attempt; None if there was none."""
        if not self._has_loaded and self._store is not None:
            self._last = self._store.last(self._bot)
            if self._last is not None:
                self._wait = Wait(self._last.progress, self._clock)
            self._has_loaded = True
        return self._last

    def seconds_since_last(self) -> float | None:
        """Seconds since it was begun, whatever was done to the clock; None if there was none."""
        self.last()
        return self._wait.seconds() if self._wait is not None else None

    def left(self, cooldown: float) -> float:
        """Seconds until the cooldown is over."""
        since = self.seconds_since_last()
        return max(cooldown - since, 0.0) if since is not None else 0.0

    def locked_pairs(self, cooldown: float) -> tuple[str, ...]:
        """What was sold, or may have been, and must not be bought back yet."""
        last = self.last()
        if last is None or not self.left(cooldown):
            return ()
        return tuple(sale.pair for sale in last.sales if sale.outcome in MAY_BE_SOLD)

    def keep_time(self, cooldown: float) -> None:
        """Once per loop: keep how much of the cooldown is over, so that no restart begins it anew.

        Writes when the process comes up, then every ten seconds until the cooldown is over. Never
        raises: what cannot be written is tried again in ten seconds.
        """
        now = self._clock.monotonic()
        is_kept = self._kept_at is not None and now - self._kept_at < KEEP_SECONDS
        if self._store is None or is_kept:
            return
        try:
            last = self.last()
            if last is None or self._wait is None or last.progress.waited >= cooldown:
                return
            self._kept_at = now
            progress = self._wait.progress()
            self._store.keep(last.id, progress)
            self._last = replace(last, progress=progress)
        except AttemptsUnavailable as error:
            logger.debug("How much of the cooldown is over was not kept: %s", error)

    # An attempt

    def begin(self, plan: Plan, currency: str) -> Attempt:
        """Write an attempt down; when this returns it is on the disk, and sales may begin.

        :param currency: the stake currency
        :raises AttemptUnderWay: another process of this bot was faster; nothing may be sold
        :raises ValueError: there is nothing to sell: that is no attempt
        """
        if not plan.sales:
            raise ValueError("A plan without sales is no attempt.")
        before = self.last()
        wait = Wait.from_now(self._clock)
        progress = wait.progress()
        attempt = Attempt(
            id=before.id + 1 if before is not None else 1,
            account=self._account,
            bot=self._bot,
            started_at=progress.started_at,
            ended_at=None,
            reason=Reason.ASKED if plan.is_asked else Reason.STUCK,
            currency=currency,
            available=plan.available,
            target=plan.target,
            expected=plan.expected,
            sales=tuple(
                SaleRecord(sale.trade_id, sale.pair, sale.amount, sale.is_whole, sale.freed)
                for sale in plan.sales
            ),
            progress=progress,
        )
        if self._store is not None:
            attempt = replace(attempt, id=self._insert(attempt, before))
        self._last, self._wait, self._kept_at = attempt, wait, self._clock.monotonic()
        return attempt

    def _insert(self, attempt: Attempt, before: Attempt | None) -> int:
        assert self._store is not None  # noqa: S101 - the caller has looked
        try:
            return self._store.insert(attempt, before.id if before is not None else None)
        except AttemptUnderWay:
            self._has_loaded = False  # the other one counts for our cooldown
            raise

    def record(
        self, trade_id: int, outcome: Outcome, *, order_id: str = "", detail: str = ""
    ) -> Attempt:
        """Record the outcome of a sale of the last attempt; ``SENDING`` before it is sent.

        If it cannot be written, this process knows it nevertheless.

        :raises ValueError: there is no such sale, or the outcome cannot follow what is known
        """
        last = self.last()
        sales = {sale.trade_id: sale for sale in last.sales} if last is not None else {}
        sale = sales.get(trade_id)
        if sale is None:
            raise ValueError(f"Trade {trade_id} is in no attempt.")
        if outcome not in MAY_FOLLOW.get(sale.outcome, set()):
            raise ValueError(f"{sale.pair} was {sale.outcome}; it cannot become {outcome}.")
        sales[trade_id] = replace(
            sale, outcome=outcome, order_id=order_id or sale.order_id, detail=detail or sale.detail
        )
        return self._update(sales=tuple(sales.values()))

    def end(self) -> Attempt:
        """All sales of the last attempt were tried; what was not sent is not sent any more.

        :raises ValueError: there is none, or a sale is still being sent
        """
        last = self.last()
        if last is None:
            raise ValueError("There is no attempt.")
        if any(sale.outcome is Outcome.SENDING for sale in last.sales):
            raise ValueError("A sale is still being sent.")
        sales = tuple(
            replace(sale, outcome=Outcome.NOT_SENT) if sale.outcome is Outcome.PLANNED else sale
            for sale in last.sales
        )
        return self._update(sales=sales, ended_at=last.ended_at or self._clock.wall())

    def complete_interrupted(self, find: Find) -> Attempt | None:
        """After a restart: end an attempt that the last run did not end; None if there is none.

        :param find: asked for each sale whose outcome is not known, also for planned ones: a power
            cut may have taken the word that it was being sent
        """
        last = self.last()
        if last is None or last.ended_at is not None:
            return None
        for sale in last.sales:
            if sale.outcome not in (Outcome.PLANNED, Outcome.SENDING):
                continue
            found = find(last, sale)
            if sale.outcome is Outcome.PLANNED:
                if found is None:
                    continue
                self.record(sale.trade_id, Outcome.SENDING)
            outcome, order_id = found or (Outcome.UNKNOWN, "")
            self.record(sale.trade_id, outcome, order_id=order_id, detail="the bot was interrupted")
        return self.end()

    def _update(
        self, *, sales: tuple[SaleRecord, ...], ended_at: datetime | None = None
    ) -> Attempt:
        assert self._last is not None  # noqa: S101 - all callers have looked
        # First here: what was sold is known to this process also when the disk is full.
        self._last = replace(self._last, sales=sales, ended_at=ended_at or self._last.ended_at)
        if self._store is not None:
            self._store.update(self._last)
        return self._last

    # The guard's first start

    def first_start(self) -> datetime:
        """When this bot was guarded for the first time: its last trade, as long as it has none."""
        if self._store is None:
            return self._born_at
        return self._store.first_start(self._bot, self._born_at)
