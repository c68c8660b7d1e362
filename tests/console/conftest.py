"""A user's folder per test, and one real PostgreSQL server."""

import uuid

import psycopg
import pytest

from tests.support.console import Desk
from tests.support.ledger import postgres_server, server_folder


@pytest.fixture
def registry(tmp_path):
    """The folder of a user whose bots keep the ledger where it is by default."""
    registry = Desk(tmp_path)
    yield registry
    registry.close()


@pytest.fixture(scope="session")
def server():
    """The address of a real server that ends with the session."""
    with server_folder() as folder, postgres_server(folder) as url:
        yield url


@pytest.fixture
def postgres(server):
    """The address of a database of its own."""
    name = f"console_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as link:
        link.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")
