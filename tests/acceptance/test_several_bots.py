"""Several real bots on one account: disjoint pairs, 150 ms latency, balances that lag 3 s."""

import time

import pytest

from tests.support.balances import GUARDED, figure
from tests.support.fleet import FUNDS, fleet, shared_account
from tests.support.ledger import postgres_server, server_folder


pytestmark = pytest.mark.acceptance

SECONDS = 60
TROUBLE = {"latency_ms": 150, "faults": [{"kind": "balance_lag", "seconds": 3}]}


@pytest.fixture(scope="module")
def postgres():
    with server_folder() as folder, postgres_server(folder) as url:
        yield url


def a_minute(folder, count, way, ledger_url):
    """What ``count`` bots did to each other within a minute of entries and exits."""
    on = shared_account(count, **TROUBLE)
    with fleet(folder, count, on=on, ledger_url=ledger_url, way=way) as bots:
        time.sleep(SECONDS)
        entries = [len(bots.orders_of(number, "buy")) for number in range(count)]
        exits = [len(bots.orders_of(number, "sell")) for number in range(count)]
        seen = {
            "refused for funds": bots.refused()[FUNDS],
            "entries": entries,
            "exits": exits,
            "slowest loop": max(max(bot.loops()) for bot in bots.bots),
        }
        figure(f"{count} bots on one account ({way})", seen)
        if way != "plain":
            assert not bots.refused()
            bots.come_to_rest()
            assert not bots.unknown()
            assert not bots.wrong_books()
            told = [line for bot in bots.bots for line in bot.lines("beyond own orders")]
            assert not told, "what the other bot does is known"
            assert not [line for bot in bots.bots for line in bot.lines("Traceback")]
        return seen


@pytest.mark.parametrize("way", GUARDED)
def test_two_bots_with_one_sqlite_file_both_trade_and_no_order_is_refused(tmp_path, way):
    seen = a_minute(tmp_path, 2, way, f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    assert min(seen["entries"]) >= 3 and min(seen["exits"]) >= 3


def test_two_plain_bots_are_in_each_others_way(tmp_path):
    # The control of the checks here.
    assert a_minute(tmp_path, 2, "plain", None)["refused for funds"] >= 2


def test_four_bots_on_postgresql_all_trade_and_no_order_is_refused(tmp_path, postgres):
    seen = a_minute(tmp_path, 4, "launcher", postgres)
    assert min(seen["entries"]) >= 2 and min(seen["exits"]) >= 2
