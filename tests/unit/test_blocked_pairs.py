"""Pairs that wait because of an order that freqtrade does not know wait after a restart, too."""

import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.ledger import Funds, ReservationLedger
from freqtrade_balance_guard.orders.blocked_pairs import BlockedPairs
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.orders.terms import Purpose, spot_terms
from tests.support.ledger import MemoryStore


D = Decimal
ETH = "ETH/USDT"


@pytest.fixture
def runs(tmp_path):
    """Makes one run of a bot after the other on the same books."""
    store, clock, numbers = MemoryStore(), ManualClock(), iter(range(100))

    def start(bot="one"):
        ledger = ReservationLedger(
            store, bot=bot, account="kraken", process=f"run-{next(numbers)}", clock=clock
        )
        registry = OrderRegistry(
            ledger, hub=EventHub(), new_id=lambda: f"{bot}-{next(numbers)}", ask=None, clock=clock,
            wait=clock.advance,
            blocked_pairs=BlockedPairs(tmp_path / "guard.sqlite", "kraken", bot),
        )  # fmt: skip
        registry.catch_up()
        return registry

    return start


def bought(registry, pair=ETH):
    terms = spot_terms(pair, "buy", Purpose.ENTRY, D(1), D(100), is_market=False, fee_rate=D(0))
    tracked = registry.open_entry(terms, Funds(D(1000), D(0), since=0))
    filled = {"id": f"EX-{pair}", "status": "closed", "filled": 1, "cost": 100}
    registry.report(tracked, filled)
    return tracked


def test_a_blocked_pair_is_blocked_in_the_next_run(runs):
    first = runs()
    tracked = bought(first)
    first.block_pair(tracked)
    again = runs()
    assert again.blocking_order(ETH).client_order_id == tracked.client_order_id
    assert again.blocking_order("BTC/USDT") is None
    assert again.unresolved() == []


def test_what_the_user_has_released_stays_released(runs):
    first = runs()
    first.block_pair(bought(first))
    first.unblock_pair(ETH)
    assert runs().blocking_order(ETH) is None


def test_the_next_run_can_release_it_as_well(runs):
    first = runs()
    first.block_pair(bought(first))
    runs().unblock_pair(ETH)
    assert runs().blocking_order(ETH) is None


def test_pairs_of_other_bots_are_none_of_ours(runs):
    first = runs()
    first.block_pair(bought(first))
    assert runs("two").blocking_order(ETH) is None


def test_the_newest_order_blocks_its_pair(runs):
    first = runs()
    first.block_pair(bought(first))
    newest = bought(first)
    first.block_pair(newest)
    assert runs().blocking_order(ETH).client_order_id == newest.client_order_id


def test_a_file_that_cannot_be_written_blocks_the_pair_for_this_run(runs, tmp_path, caplog):
    first = runs()
    first.block_pair(bought(first))
    with closing(sqlite3.connect(tmp_path / "guard.sqlite")) as other:
        other.execute("BEGIN EXCLUSIVE")
        tracked = bought(first, "BTC/USDT")
        first.block_pair(tracked)
        other.rollback()
    assert first.blocking_order("BTC/USDT") is tracked
    assert "cannot be stored" in caplog.text


def test_where_no_pair_was_ever_blocked_none_is_and_no_file_is_made(tmp_path):
    path = tmp_path / "guard.sqlite"
    assert BlockedPairs(path, "kraken", "one").load() == {}
    assert not path.exists()
    BlockedPairs(path, "kraken", "one").block(ETH, "id-1", ManualClock().wall())
    assert BlockedPairs(path, "kraken", "one").load() == {ETH: "id-1"}
    assert BlockedPairs(path, "kraken", "two").load() == {}
    assert BlockedPairs(path, "binance", "one").load() == {}
