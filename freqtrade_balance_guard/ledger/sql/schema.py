"""The tables, per version, and how to get from one version to the next without losing data.

A released step is never edited: a new version is a new step at the end. Every step runs in one
transaction with its version number, so that a kill leaves the old version or the new one. There
are no steps backward; a version that finds a newer number stops with one sentence (``too_new``).

The database itself rejects what must never be: two rows for one client order id, a negative
amount, money held by what has ended, a change of what has ended, a changed or missing line of
history. SQLite has no decimal type, so its amounts are text of digits and a point, summed as
Decimal by the store; PostgreSQL's ``numeric`` is exact.

A row with the state "refused" is no reservation: it keeps the id of a denied request,
so that a repeated question can never become a "yes".
"""

from collections.abc import Sequence
from typing import NamedTuple

from freqtrade_balance_guard.ledger.errors import LedgerUnavailable, SchemaTooNew


class Schema(NamedTuple):
    """All versions of one dialect: ``steps[0]`` makes version 1 out of nothing."""

    steps: Sequence[Sequence[str]]

    @property
    def version(self) -> int:
        return len(self.steps)


def too_new(found: int, known: int, place: str) -> SchemaTooNew:
    return SchemaTooNew(
        f"The ledger in {place} has schema {found}, made by a newer freqtrade-balance-guard; this "
        f"one knows up to {known}: install the newer one again."
    )


def too_old(found: int, known: int, place: str) -> LedgerUnavailable:
    """For who only looks: to migrate under a bot that runs would stop its entries."""
    return LedgerUnavailable(
        f"The ledger in {place} has schema {found}, made by an older freqtrade-balance-guard; this "
        f"one reads {known}: the bot brings it up to date when it is started again."
    )
