"""A small world around the ledger: an exchange that never lies, a slow network, and several bots.

The exchange refuses an order that is not covered and an order that it has already, so whatever the
ledger promises twice shows up here as a broken rule. Every question goes to several stores at once,
which must give the same answer.
"""

import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.ledger import Funds, Request, Reservation, ReservationLedger, State
from freqtrade_balance_guard.ledger.opening import open_store
from freqtrade_balance_guard.ledger.store import Store
from tests.support.memory_store import MemoryStore


START = Decimal(100)
FLOOR = Decimal(5)


@dataclass
class Order:
    """An order as the exchange has it."""

    account: str
    amount: Decimal
    filled: Decimal = Decimal(0)
    open: bool = True


class Exchange:
    """Two accounts with money, and the orders that reached them."""

    def __init__(self, accounts: tuple[str, str]) -> None:
        self.free = dict.fromkeys(accounts, START)
        self.orders: dict[str, Order] = {}

    def accept(self, client_order_id: str, account: str, amount: Decimal) -> None:
        assert client_order_id not in self.orders, "one order was sent twice"
        assert self.free[account] >= amount, "I1: an order was not covered"
        self.free[account] -= amount
        self.orders[client_order_id] = Order(account, amount)

    def fill(self, client_order_id: str, share: Decimal) -> None:
        order = self.orders[client_order_id]
        order.filled += (order.amount - order.filled) * share

    def end(self, client_order_id: str) -> None:
        order = self.orders[client_order_id]
        order.open = False
        self.free[order.account] += order.amount - order.filled

    def deposit(self, account: str, amount: Decimal) -> None:
        self.free[account] += amount


class Twins:
    """One run of a bot on several stores at once. Each must say the same."""

    def __init__(self, stores: list[Store], bot: str, process: str, clock: ManualClock) -> None:
        self.process = process
        self.ledgers = [
            ReservationLedger(
                store,
                bot=bot,
                account="none",
                process=process,
                clock=clock,
                reservation_timeout=60,
                debug_validation=True,
            )
            for store in stores
        ]

    def mark(self) -> tuple[int, ...]:
        return tuple(ledger.mark() for ledger in self.ledgers)

    def seen(self, mark: tuple[int, ...], account: str) -> None:
        for ledger, own in zip(self.ledgers, mark, strict=True):
            ledger.seen(own, account=account)

    def reserve(self, requests: list[Request], mark: tuple[int, ...]) -> Any:
        answers = []
        for ledger, own in zip(self.ledgers, mark, strict=True):
            asked = [one._replace(funds=Funds(*one.funds[:2], own)) for one in requests]
            answers.append(ledger.reserve(asked))
        return _one_answer(answers)

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **more: _one_answer(
            [getattr(ledger, name)(*args, **more) for ledger in self.ledgers]
        )


def _one_answer(answers: list[Any]) -> Any:
    first, *others = answers
    for other in others:
        assert comparable(other) == comparable(first), "the stores disagree"
    return first


def comparable(answer: Any) -> Any:
    """An answer without what each store numbers in its own way."""
    if isinstance(answer, Reservation):
        return answer._replace(id=0, known_at=None, visible_from=0)
    if isinstance(answer, list | tuple):
        return [type(answer).__name__, *map(comparable, answer)]
    if hasattr(answer, "__dataclass_fields__"):
        return [
            type(answer).__name__,
            *(comparable(getattr(answer, name)) for name in answer.__dataclass_fields__),
        ]
    return answer


@dataclass
class Bot:
    """One bot: its ledger, the balance it believes, and what it is waiting for."""

    name: str
    runs: int = 0
    twins: Any = None
    believed: dict[str, tuple[Decimal, tuple[int, ...]]] = field(default_factory=dict)
    begun: dict[str, tuple[int, ...]] = field(default_factory=dict)
    asked: list[tuple[list[Request], tuple[int, ...], str]] = field(default_factory=list)
    # What the network still holds: orders on their way out, and reports on their way back.
    wire: list[tuple[str, str, Decimal]] = field(default_factory=list)
    reports: list[tuple[str, str, Decimal]] = field(default_factory=list)


class World:
    """Everything together, and the rules that must hold in it at every moment."""

    bots_number = 3

    def __init__(self, kinds: tuple[str, ...], store_class: Any = None) -> None:
        self.clock = ManualClock()
        # What is asked here is logic; to wait for a disk is another test's business.
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        self._folder = tempfile.TemporaryDirectory(dir=memory)
        self.prefix = Path(self._folder.name).name
        self.accounts = (f"{self.prefix}-main", f"{self.prefix}-venue")
        self.exchange = Exchange(self.accounts)
        self._kinds = kinds
        self._memory = (store_class or MemoryStore)()
        self.bots = [Bot(name) for name in "abc"[: self.bots_number]]
        self.orders = 0
        self.sent: set[str] = set()
        self.makers: dict[str, str] = {}
        self.ended: dict[str, State] = {}
        for bot in self.bots:
            self.start(bot)
            for account in self.accounts:
                bot.believed[account] = (START, (0,) * len(kinds))

    def start(self, bot: Bot) -> None:
        if bot.twins is not None:
            bot.twins.close()
        bot.runs += 1
        process = f"{bot.name}-{bot.runs}"
        stores = [self._open(kind) for kind in self._kinds]
        bot.twins = Twins(stores, bot.name, process, self.clock)

    def _open(self, kind: str) -> Store:
        if kind == "memory":
            return self._memory
        if kind == "sqlite":
            return open_store(f"sqlite:///{self._folder.name}/ledger.sqlite")
        return open_store(kind)

    def rows(self, asking: Bot, **only: Any) -> list[Reservation]:
        """What is in the books of both accounts."""
        listed = asking.twins.reservations
        return [row for account in self.accounts for row in listed(account=account, **only)]

    def new_id(self) -> str:
        self.orders += 1
        return f"{self.prefix}-{self.orders}"

    def close(self) -> None:
        for bot in self.bots:
            bot.twins.close()
        self._folder.cleanup()

    # What must be true after every step

    def check(self) -> None:
        ledger = self.bots[0].twins.ledgers[0]
        rows = [row for one in self.accounts for row in ledger.reservations(account=one)]
        for account in self.accounts:
            promised = sum(
                (
                    row.held
                    for row in rows
                    if row.account == account
                    and row.unfinished
                    and row.client_order_id not in self.exchange.orders
                ),
                Decimal(0),
            )
            free = self.exchange.free[account]
            assert promised <= max(free - FLOOR, Decimal(0)), "I1: more is promised than there is"
        for row in rows:
            self._check_ending(row)

    def _check_ending(self, row: Reservation) -> None:
        earlier = self.ended.get(row.client_order_id)
        if earlier is not None:
            assert row.state is earlier, "I2: it ended twice"
        elif not row.unfinished:
            self.ended[row.client_order_id] = row.state
        if row.state is State.EXPIRED:
            assert row.client_order_id not in self.sent, "I3: it expired although it was sent"
        order = self.exchange.orders.get(row.client_order_id)
        if order is not None and row.state is State.COMMITTED:
            assert row.committed == order.filled, "a fill was lost or counted twice"
        if order is not None:
            assert row.committed <= order.filled, "a fill was counted twice"
        if order is not None and order.open:
            assert row.unfinished, "an order rests without its reservation"

    def check_at_the_end(self) -> None:
        self.rows(self.bots[0])  # the same in all stores
        for account in self.accounts:
            for ledger in self.bots[0].twins.ledgers:
                found = ledger.audit(account)
                assert not found, found
