"""Sums up the denials of a bot by day (UTC), from the totals in the guard's local file."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.monitoring.metrics.totals import read_daily_totals


@dataclass(frozen=True, slots=True)
class DenialsOfDay:
    """How many entries were denied on one day, by code, the most frequent first."""

    day: date
    by_code: dict[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_code.values())

    def sentence(self, today: date) -> str:
        """One sentence for people; ``today`` is not over yet."""
        when = f"{self.day:%Y-%m-%d}" + (" so far" if self.day == today else "")
        if not self.by_code:
            return f"{when}: no entry was denied."
        codes = ", ".join(f"{code.replace('_', ' ')} {n}" for code, n in self.by_code.items())
        verb = "entry was" if self.total == 1 else "entries were"
        return f"{when}: {self.total} {verb} denied: {codes}."

    def as_json(self) -> dict[str, Any]:
        """As the command and the endpoint show it."""
        return {"day": self.day.isoformat(), "total": self.total, "denials": dict(self.by_code)}


def denials_by_day(
    path: Path, account: str, bot: str, first: date, last: date
) -> list[DenialsOfDay]:
    """The days from ``first`` to ``last`` on which entries were denied, the oldest first.

    :raises LocalFileError: the file cannot be read
    """
    days: dict[date, dict[str, int]] = {}
    for total in read_daily_totals(path, account):
        day = total.day
        if day is None or total.bot != bot or total.metric != "entries":
            continue
        if first <= day <= last and total.labels[0] == "denied":
            codes = days.setdefault(day, {})
            codes[total.labels[1]] = codes.get(total.labels[1], 0) + total.total
    return [
        DenialsOfDay(day, dict(sorted(codes.items(), key=lambda one: (-one[1], one[0]))))
        for day, codes in sorted(days.items())
    ]
