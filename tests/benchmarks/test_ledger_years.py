"""A ledger with a million ended reservations, against an empty one. Ratios of one run.

Their ids are random and all of them are still in the live tables: the worst that ``keep_days`` and
the archive leave. What only a flush would hide is measured on a disk in memory besides.
"""

import statistics
import tempfile
import time
import uuid
from pathlib import Path

import psycopg
import pytest
from rich.console import Console
from rich.table import Table

from freqtrade_balance_guard.ledger import open_ledger
from tests.benchmarks.ledger_rivals import Ours
from tests.support.ledger import postgres_server, server_folder
from tests.support.ledger_years import ACCOUNT, BOT, PAIR, fill_postgres, fill_sqlite


pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(2400)]

ENDED = 1_000_000
LAST = "2026-06-01T00:00:00+00:00"
ROWS = []
FUNDS = ["mark", "since"]


@pytest.fixture(scope="module", autouse=True)
def table():
    yield
    shown = Table("goal 14", "measured", "must", "aim", title=f"{ENDED:,} ended reservations")
    for row in ROWS:
        shown.add_row(*map(str, row))
    Console(width=110).print(shown)


@pytest.fixture(scope="module")
def old_sqlite(tmp_path_factory):
    """A file, and the client order id of its oldest reservation."""
    path = tmp_path_factory.mktemp("years") / "years.sqlite"
    open_ledger(f"sqlite:///{path}", bot="maker", account=ACCOUNT).mark()
    return path, fill_sqlite(path, ENDED, last=LAST)


@pytest.fixture(scope="module")
def server():
    with server_folder() as folder, postgres_server(folder) as url:
        yield url


@pytest.fixture(scope="module")
def old_postgres(server):
    """An address, and the client order id of its oldest reservation."""
    url = database(server, "years")
    open_ledger(url, bot="maker", account=ACCOUNT).mark()
    return url, fill_postgres(url, ENDED, last=LAST)


def database(server, name):
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


def seconds(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def reserving(ours):
    def work():
        one = uuid.uuid4().hex
        ours.look()
        spent = seconds(lambda: ours.reserve(one))
        ours.finish(one)
        return spent

    return work


def ratios(urls, funds, blocks, size):
    """Of reserving in the second and the third of these to the first, in turns."""
    rivals = [Ours(url, account=ACCOUNT, funds=funds) for url in urls]
    works = [reserving(one) for one in rivals]
    medians = [[] for _ in works]
    for block in range(blocks + 2):
        for work, found in zip(works, medians, strict=True):
            spent = statistics.median(work() for _ in range(size))
            if block >= 2:
                found.append(spent)
    for one in rivals:
        one.close()
    first = medians[0]
    return [
        statistics.median(b / a for a, b in zip(first, other, strict=True)) for other in medians[1:]
    ]


def start(url):
    """What a bot asks of the ledger when it starts."""
    ledger = open_ledger(url, bot="newcomer", account=ACCOUNT)
    ledger.heartbeat()
    ledger.heartbeats(ACCOUNT)
    ledger.unfinished(account=ACCOUNT, bot="newcomer")
    ledger.owned()
    ledger.abandoned()
    ledger.changes(max(ledger.mark() - 500, 0))
    ledger.reservations(account=ACCOUNT, bot="newcomer", limit=10)
    ledger.reservations(account=ACCOUNT, bot=BOT, limit=10)
    ledger.close()


def look_up(url, oldest, name):
    """A fresh connection: nothing is in its cache."""
    ledger = open_ledger(url, bot="newcomer", account=ACCOUNT)
    ledger.heartbeat()
    histories = [seconds(lambda: ledger.history(oldest)) for _ in range(21)]
    assert [line.what for line in ledger.history(oldest)] == ["reserve", "send", "commit"]
    orders = [(PAIR, f"EX-{number}") for number in range(1, 51)]
    owners = [seconds(lambda: ledger.owners_of(ACCOUNT, orders)) for _ in range(21)]
    assert ledger.owners_of(ACCOUNT, orders) == {one: {BOT} for one in orders}
    steps = seconds(lambda: ledger.archive_step(50))
    ledger.close()
    history, fifty = statistics.median(histories), statistics.median(owners)
    ROWS.append((f"{name}: one order's history", f"{history * 1e3:.2f} ms", "1 ms", ""))
    ROWS.append(("  whose 50 orders are", f"{fifty * 1e3:.2f} ms", "", ""))
    ROWS.append(("  one step of the archive, 50 rows", f"{steps * 1e3:.1f} ms", "", ""))
    return history


def check_start(url, name):
    spent = seconds(lambda: start(url))
    ROWS.append((f"{name}: start", f"{spent:.3f} s", "1 s", "0.3 s"))
    assert spent <= 1


@pytest.mark.parametrize("funds", FUNDS)
def test_reserving_in_sqlite(old_sqlite, tmp_path, funds):
    empty, control = f"sqlite:///{tmp_path / 'a'}", f"sqlite:///{tmp_path / 'b'}"
    old, trust = ratios([empty, f"sqlite:///{old_sqlite[0]}", control], funds, 60, 30)
    ROWS.append((f"SQLite: reserving, to an empty ledger ({funds})", f"{old:.2f}", "1.1", "1.05"))
    ROWS.append(("  control: empty to empty", f"{trust:.2f}", "", ""))
    assert old <= 1.1


def test_reserving_in_sqlite_where_a_flush_costs_nothing(old_sqlite):
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        years = Path(folder) / "years"
        years.write_bytes(old_sqlite[0].read_bytes())
        empty, control = f"sqlite:///{folder}/a", f"sqlite:///{folder}/b"
        old, trust = ratios([empty, f"sqlite:///{years}", control], "mark", 60, 30)
    ROWS.append(("  the work alone", f"{old:.2f}", "", ""))
    ROWS.append(("  control: empty to empty", f"{trust:.2f}", "", ""))
    assert old <= 1.2


def test_starting_and_looking_up_in_sqlite(old_sqlite):
    path, oldest = old_sqlite
    check_start(f"sqlite:///{path}", "SQLite")
    assert look_up(f"sqlite:///{path}", oldest, "SQLite") <= 0.001


@pytest.mark.parametrize("funds", FUNDS)
def test_reserving_in_postgresql(server, old_postgres, funds):
    empty, control = database(server, f"a_{funds}"), database(server, f"b_{funds}")
    old, trust = ratios([empty, old_postgres[0], control], funds, 60, 30)
    title = f"PostgreSQL: reserving, to an empty ledger ({funds})"
    ROWS.append((title, f"{old:.2f}", "1.1", "1.05"))
    ROWS.append(("  control: empty to empty", f"{trust:.2f}", "", ""))
    assert old <= 1.1


def test_starting_and_looking_up_in_postgresql(old_postgres):
    url, oldest = old_postgres
    check_start(url, "PostgreSQL")
    assert look_up(url, oldest, "PostgreSQL") <= 0.001
