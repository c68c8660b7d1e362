"""Moves what ended long ago to the archive, a little at a time."""

from datetime import datetime, timedelta
from typing import NamedTuple

from freqtrade_balance_guard.ledger.store import Store


# Rows per loop; then so long a pause when there is nothing more to move.
ARCHIVED_AT_ONCE = 50
PAUSE_SECONDS = 3600.0
PRUNED_AT_ONCE = 200


class ArchivePass:
    """Goes through the history from its beginning up to ``keep_days`` ago, again and again."""

    def __init__(self, store: Store, keep_days: float) -> None:
        self._store = store
        self._keep = timedelta(days=keep_days)
        self._until: int | None = None  # the last event of this pass; None: it has not begun
        self._after = 0
        self._resumes = float("-inf")

    def step(self, now: float, wall: datetime, limit: int) -> int:
        """Move at most ``limit`` reservations; how many it were.

        :param now: monotonic seconds; ``wall`` is the same moment
        """
        if now < self._resumes:
            return 0
        if self._until is None:
            self._until, self._after = mark_at(self._store, wall - self._keep), 0
        moved, self._after = self._store.archive(self._after, self._until, limit)
        if moved < limit:
            self._until, self._resumes = None, now + PAUSE_SECONDS
        return moved


def mark_at(store: Store, moment: datetime, *, archived: bool = False) -> int:
    """The last event before ``moment``, by the clocks of the bots that wrote; 0: none.

    :param archived: of what is in the archive; else of the rest
    """
    low, high = 0, store.last_archived() if archived else store.mark()
    while low < high:
        middle = (low + high + 1) // 2
        found = store.event_from(middle, archived=archived)
        if found is not None and found[0] <= high and found[1] < moment:
            low = found[0]
        else:
            high = middle - 1
    return low


class Pruned(NamedTuple):
    """How many reservations were moved to the archive, and how many were deleted from it."""

    archived: int
    deleted: int


def prune(store: Store, before: datetime, *, delete: bool) -> Pruned:
    """Archive everything that ended before a moment, in steps that let bots in between.

    :param delete: delete from the archive what ended before that moment
    """
    until, after, archived, deleted = mark_at(store, before), 0, 0, 0
    moved = PRUNED_AT_ONCE
    while moved == PRUNED_AT_ONCE:
        moved, after = store.archive(after, until, PRUNED_AT_ONCE)
        archived += moved
    if delete:
        until = mark_at(store, before, archived=True)
        while gone := store.forget_archived(until, PRUNED_AT_ONCE):
            deleted += gone
    return Pruned(archived, deleted)
