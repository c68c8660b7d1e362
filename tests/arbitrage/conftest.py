"""Worlds of two scripted exchanges, on a ledger in memory and on one in a file."""

import tempfile
from pathlib import Path

import pytest

from freqtrade_balance_guard import crash_points
from freqtrade_balance_guard.ledger.opening import open_store
from tests.support.arbitrages import World
from tests.support.memory_store import MemoryStore


@pytest.fixture
def folder():
    """In memory where there is such a place: what is flushed here needs to survive no power cut."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(params=["memory", "sqlite"])
def make(request, folder):
    """Makes worlds, each with stores of its own, and closes them."""
    worlds = []

    def one(**more):
        place = folder / str(len(worlds))
        place.mkdir()
        memory = MemoryStore()
        url = f"sqlite:///{place / 'ledger.sqlite'}"
        # The store is opened anew for each run of the bot.
        keep = (lambda: memory) if request.param == "memory" else (lambda: open_store(url))
        worlds.append(World(keep, place, **more))
        return worlds[-1]

    yield one
    crash_points.watcher = None
    for world in worlds:
        world.close()


@pytest.fixture(params=["buy", "sell"])
def first(request):
    """Which leg the strategy names first."""
    return request.param
