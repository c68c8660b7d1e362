"""Places to keep a ledger, each opened as several bots would."""

import uuid

import psycopg
import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.ledger.opening import open_store
from tests.support.ledger import Place, postgres_server, server_folder
from tests.support.memory_store import MemoryStore


@pytest.fixture(scope="session")
def postgres():
    """The address of a real server that ends with the session."""
    with server_folder() as folder, postgres_server(folder) as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def place(request, tmp_path):
    """The same promises hold in each of these."""
    if request.param == "memory":
        store = MemoryStore()
        place = Place(lambda: store)
    elif request.param == "sqlite":
        place = Place(lambda: open_store(f"sqlite:///{tmp_path / 'ledger.sqlite'}"))
    else:
        url = request.getfixturevalue("postgres")
        place = Place(lambda: open_store(url))
    place.kind = request.param
    place.account = f"account-{uuid.uuid4().hex[:8]}"
    place.clock = ManualClock()
    yield place
    place.close()


@pytest.fixture(params=["sqlite", "postgres"])
def own_place(request, tmp_path):
    """A database that no other test uses: the archive looks at all accounts in it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    else:
        server, name = request.getfixturevalue("postgres"), f"own_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(server, autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}")
        url = server.replace("/postgres?", f"/{name}?")
    place = Place(lambda: open_store(url), kind=request.param, clock=ManualClock())
    yield place
    place.close()
