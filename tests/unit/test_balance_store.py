"""What is believed outlives a restart, but not a day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from freqtrade_balance_guard.balances.snapshot import Holding
from freqtrade_balance_guard.balances.store import (
    BelievedBalance,
    BelievedBalances,
    read_believed,
)


THEN = datetime(2026, 1, 1, tzinfo=UTC)


def saved(path: Path, at: datetime, **totals: str) -> None:
    holdings = {currency: Holding(Decimal(total)) for currency, total in totals.items()}
    BelievedBalances(path, "main").save(holdings, dict.fromkeys(totals, "confirmed"), at)


@pytest.mark.parametrize(
    ("age", "is_believed"),
    [(timedelta(), True), (timedelta(days=1), True), (timedelta(days=1, seconds=1), False)],
)
def test_a_belief_older_than_a_day_is_none(
    tmp_path: Path, age: timedelta, is_believed: bool
) -> None:
    path = tmp_path / "balance_guard.sqlite"
    saved(path, THEN, USDT="1000", BTC="2")
    loaded = BelievedBalances(path, "main").load(THEN + age)
    assert loaded == ({"USDT": Decimal(1000), "BTC": Decimal(2)} if is_believed else {})


def test_a_coin_that_was_written_long_ago_counts_with_one_that_was_written_now(
    tmp_path: Path,
) -> None:
    path = tmp_path / "balance_guard.sqlite"
    saved(path, THEN, BTC="2")
    saved(path, THEN + timedelta(days=3), USDT="1000")
    loaded = BelievedBalances(path, "main").load(THEN + timedelta(days=3))
    assert loaded == {"USDT": Decimal(1000), "BTC": Decimal(2)}


def test_where_nothing_was_stored_nothing_is_believed(tmp_path: Path) -> None:
    assert BelievedBalances(tmp_path / "balance_guard.sqlite", "main").load(THEN) == {}


def test_only_what_changed_is_written_and_now_and_then_that_nothing_did(tmp_path: Path) -> None:
    path = tmp_path / "balance_guard.sqlite"
    balances = BelievedBalances(path, "main")

    def save(usdt: str, at: datetime, verdict: str = "confirmed") -> dict[str, datetime]:
        holdings = {"USDT": Holding(Decimal(usdt), Decimal(3)), "BTC": Holding(Decimal(2))}
        balances.save(holdings, {"USDT": verdict, "BTC": "confirmed"}, at, 17)
        return {one.currency: one.as_of for one in read_believed(path)}

    soon, later = THEN + timedelta(seconds=29.9), THEN + timedelta(seconds=30)
    assert save("1000", THEN) == {"USDT": THEN, "BTC": THEN}
    assert save("1000", soon) == {"USDT": THEN, "BTC": THEN}
    assert save("999", soon) == {"USDT": soon, "BTC": THEN}
    assert save("999", later) == {"USDT": soon, "BTC": later}
    assert save("999", later, "lagging") == {"USDT": later, "BTC": later}
    found = {one.currency: one for one in read_believed(path)}["USDT"]
    assert found == BelievedBalance(
        "main", "USDT", Decimal(999), Decimal(3), "lagging", later, mark=17
    )
    assert found.free == 996


def test_a_file_that_cannot_be_written_is_no_reason_to_stop_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "balance_guard.sqlite"
    place.mkdir()
    balances = BelievedBalances(place, "main")
    assert balances.load(THEN) == {}
    for _ in range(2):
        balances.save({"USDT": Holding(Decimal(1))}, {"USDT": "confirmed"}, THEN)
    assert len(caplog.records) == 1
    assert "a restart will believe the first answer" in caplog.text
    place.rmdir()
    saved(place, THEN, BTC="2")  # another bot has made the file
    balances.save({"USDT": Holding(Decimal(1))}, {"USDT": "confirmed"}, THEN)
    totals = {one.currency: one.total for one in read_believed(place)}
    assert totals == {"BTC": 2, "USDT": 1}, "what was not written is not lost"
