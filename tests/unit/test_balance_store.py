"""What is believed outlives a restart, but not a day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from freqtrade_balance_guard.balances.snapshot import Holding
from freqtrade_balance_guard.balances.store import BelievedBalances


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
