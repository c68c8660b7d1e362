"""Locks that follow the balance in every loop: freqtrade asks its protections only after a sale.

They show in /locks and in FreqUI. They are no more than the visible side: entries are denied by
the guard itself, with or without them. So after an /unlock they are set again: a list without them
would say that entries are possible.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from freqtrade.exchange import timeframe_to_minutes
from freqtrade.persistence import PairLocks
from freqtrade.persistence.models import PairLock

from freqtrade_balance_guard.events import PairsLocked, PairsUnlocked
from freqtrade_balance_guard.money import format_amount
from freqtrade_balance_guard.rebalance.attempt_store import AttemptsUnavailable


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
    from freqtrade_balance_guard.rebalance.rebalancer import Rebalancer


logger = logging.getLogger("freqtrade_balance_guard")

# Constant on purpose: freqtrade tells locks apart by their whole reason. The numbers are logged.
BELOW_THRESHOLD = "available stake is below min_balance_threshold"
SOLD = "sold by the emergency rebalance"
ALL = "*"
STOP_MINUTES = 5
# A lock is renewed so long before it ends, in minutes.
RENEW_MINUTES = 1


class EntryLocks:
    """Of one bot, or of one backtest.

    :param protections: the strategy's own; ours need not be among them
    """

    def __init__(
        self,
        wallets: "GuardedWallets",
        protections: Sequence[Mapping[str, Any]],
        config: Mapping[str, Any],
        rebalancer: "Rebalancer | None" = None,
    ) -> None:
        self._wallets = wallets
        self._rebalancer = rebalancer
        named = {str(one.get("method")): one for one in protections}
        self._minutes = _minutes(named.get("MinimumBalance", {}), config)
        self._locks_all = bool(named.get("RebalanceCooldown", {}).get("lock_all", False))
        # What earlier runs have left in freqtrade's database is looked at once.
        self._is_locked: bool | None = None
        self._was_below = False
        self._until: datetime | None = None
        self._locked_attempt: int | None = None

    @property
    def is_locked(self) -> bool:
        """Whether all pairs are locked for want of stake."""
        return bool(self._is_locked)

    def keep(self, now: datetime) -> None:
        """Set, renew and lift what is due. ``now``: candle time in a backtest."""
        self._keep_threshold(now)
        self._keep_sold(now)

    # While available is below the threshold

    def _keep_threshold(self, now: datetime) -> None:
        wallets = self._wallets
        guard = wallets.guard
        if guard is None or (wallets.live is not None and wallets.live.is_unreadable):
            return  # nothing is known, so nothing is to be said
        account = wallets.account
        threshold = account.threshold()
        if self._is_locked is None:
            self._is_locked = ALL in _locked_pairs(BELOW_THRESHOLD, now)
        available = account.available()
        was_below, self._was_below = self._was_below, account.is_below_threshold()
        if available < threshold and not self._was_below:
            return  # more was seen already: each denial says so, and no lock outlives the wait
        if available >= threshold:
            if self._is_locked:
                _lift(BELOW_THRESHOLD, now)
                self._is_locked, self._until = False, None
                text = f"{format_amount(available)} {account.currency} available"
                self._publish(PairsUnlocked(ALL, text))
                self._say("All pairs are unlocked: %s.", text, level=logging.INFO)
            return
        if not (was_below or self._is_locked):
            # The first time each pair's own denial says why it gets no order; then the lock does
            # for all. No money goes out meanwhile: the limit holds without the lock.
            return
        is_unlocked = self._is_locked and _was_unlocked(now)
        is_young = self._until is not None and now < self._until - timedelta(minutes=RENEW_MINUTES)
        if is_young and not is_unlocked:
            return
        is_news, self._is_locked = not self._is_locked, True
        self._until = now + timedelta(minutes=self._minutes)
        lock = PairLocks.lock_pair(ALL, self._until, BELOW_THRESHOLD, now=now)
        # Rounded up to the candle, which may be a day.
        self._until = max(self._until, lock.lock_end_time_utc)
        if is_news or is_unlocked:
            are_locked = "All pairs are locked" if is_news else "All pairs stay locked"
            self._publish(PairsLocked(ALL, BELOW_THRESHOLD, lock.to_json()))
            self._say(
                are_locked + ": %s %s is available, below min_balance_threshold %s.",
                format_amount(available),
                account.currency,
                format_amount(threshold),
            )

    # What a rebalance has sold

    def _keep_sold(self, now: datetime) -> None:
        rebalancer = self._rebalancer
        if rebalancer is None:
            return
        try:
            last = rebalancer.log.last()
            if last is None or last.ended_at is None:
                return
            is_new = last.id != self._locked_attempt
            if not (is_new or PairLocks.use_db):
                return  # in a backtest no user can take a lock away
            sold = rebalancer.sold_lately()
        except AttemptsUnavailable:
            return
        self._locked_attempt = last.id
        if sold is None:
            return
        pairs = {ALL} if self._locks_all else set(sold.pairs)
        until = now + timedelta(seconds=sold.seconds_left)
        for pair in pairs - _locked_pairs(SOLD, now):
            lock = PairLocks.lock_pair(pair, until, SOLD, now=now)
            self._publish(PairsLocked(pair, SOLD, lock.to_json()))
            if not is_new:
                self._say("%s stays locked: %s.", "Every pair" if pair == ALL else pair, SOLD)

    def _publish(self, event: PairsLocked | PairsUnlocked) -> None:
        if self._wallets.guard is not None:
            self._wallets.guard.hub.publish(event)

    def _say(self, text: str, *values: str, level: int = logging.WARNING) -> None:
        if PairLocks.use_db:  # a backtest says nothing
            logger.log(level, text, *values)


def _minutes(protection: Mapping[str, Any], config: Mapping[str, Any]) -> int:
    """As freqtrade reads it; a lock that is renewed needs no more than a few minutes."""
    if "stop_duration_candles" in protection:
        candle = timeframe_to_minutes(str(config["timeframe"]))
        return int(protection["stop_duration_candles"]) * candle
    return int(protection.get("stop_duration", STOP_MINUTES))


def _locked_pairs(reason: str, now: datetime) -> set[str]:
    return {lock.pair for lock in PairLocks.get_pair_locks(None, now) if lock.reason == reason}


def _was_unlocked(now: datetime) -> bool:
    """Whether a user took the lock on everything away; in a backtest none can."""
    return PairLocks.use_db and ALL not in _locked_pairs(BELOW_THRESHOLD, now)


def _lift(reason: str, now: datetime) -> None:
    # freqtrade's own unlock_reason takes real time also in a backtest, and finds nothing there.
    for lock in PairLocks.get_pair_locks(ALL, now):
        if lock.reason == reason:
            lock.active = False
    if PairLocks.use_db:
        PairLock.session.commit()
