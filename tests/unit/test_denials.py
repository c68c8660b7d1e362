"""Denied entries by day: what the daily message, the command and the endpoint show."""

from datetime import date, timedelta

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import OrderDenied
from freqtrade_balance_guard.monitoring.denials import DenialsOfDay, denials_by_day
from freqtrade_balance_guard.monitoring.metrics.totals import Totals


DAY = date(2026, 1, 2)


def test_a_day_is_one_sentence_with_the_most_frequent_code_first() -> None:
    found = DenialsOfDay(DAY, {"balance_lagging": 9, "below_threshold": 3})
    assert found.sentence(date(2026, 1, 3)) == (
        "2026-01-02: 12 entries were denied: balance lagging 9, below threshold 3."
    )
    assert DenialsOfDay(DAY, {"paused": 1}).sentence(DAY) == (
        "2026-01-02 so far: 1 entry was denied: paused 1."
    )
    assert DenialsOfDay(DAY, {}).sentence(DAY) == "2026-01-02 so far: no entry was denied."


def test_only_denials_of_this_bot_within_the_days_count(tmp_path) -> None:
    path, clock = tmp_path / "guard.sqlite", ManualClock()
    first = clock.wall().date()
    ours, other = (Totals(path, "kraken", bot, clock) for bot in ("one", "two"))
    for code in ("paused", "below_threshold", "below_threshold"):
        ours(OrderDenied("A/B", code, "", {}))
    other(OrderDenied("A/B", "paused", "", {}))
    clock.advance(timedelta(days=2).total_seconds())
    ours(OrderDenied("A/B", "paused", "", {}))
    for one in (ours, other):
        one.close()
    last = clock.wall().date()
    found = denials_by_day(path, "kraken", "one", first, last)
    assert [one.as_json() for one in found] == [
        {
            "day": first.isoformat(),
            "total": 3,
            "denials": {"below_threshold": 2, "paused": 1},
        },
        {"day": last.isoformat(), "total": 1, "denials": {"paused": 1}},
    ]
    assert list(found[0].by_code) == ["below_threshold", "paused"]
    assert len(denials_by_day(path, "kraken", "one", last, last)) == 1
    assert denials_by_day(path, "another", "one", first, last) == []
