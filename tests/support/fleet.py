"""Several real bots on one account of a sandbox, each with its own files and its own API key."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.demo import database
from freqtrade_balance_guard.demo.bot import Bot, BotSettings
from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.integration.host.bot_identity import KEY
from freqtrade_balance_guard.ledger import Reservation, ReservationLedger
from freqtrade_balance_guard.ledger.opening import open_store
from freqtrade_balance_guard.sandbox import Sandbox, SandboxClient, Scenario
from tests.support.balances import PAIRS, WHOLE
from tests.support.live import ExtendedBot


ACCOUNT = "shared"
FUNDS = "EOrder:Insufficient funds"


def shared_account(bots: int, usdt: str = "1000", **more: Any) -> Scenario:
    """One account with a key for each bot."""
    account = {"name": "main", "balances": {"USDT": usdt}, "keys": [{} for _ in range(bots)]}
    return Scenario.model_validate({"accounts": [account], **more})


# Put behind the strategy's text: the bot ends itself at a named point of an order's way, once.
# ``kill.json`` beside the config says where and at which time; ``killed.txt`` that it was there.
KILL_AT_POINT = """

import os
import signal

from freqtrade_balance_guard import crash_points


class Killer:
    file, done = FOLDER / "kill.json", FOLDER / "killed.txt"

    def __init__(self):
        self.passed = 0

    def __call__(self, point):
        if self.done.exists() or not self.file.exists():
            return
        where = json.loads(self.file.read_text())
        self.passed += point == where["point"]
        if self.passed >= where["number"]:
            self.done.write_text(point)
            os.kill(os.getpid(), signal.SIGKILL)


if crash_points.watcher is None:
    crash_points.watcher = Killer()
"""


def kill_at(folder: Path, point: str, number: int = 1) -> None:
    """The bot whose files are in ``folder`` will die there; see ``KILL_AT_POINT``."""
    (folder / "killed.txt").unlink(missing_ok=True)
    fresh = folder / "kill.new"
    fresh.write_text(json.dumps({"point": point, "number": number}))
    fresh.replace(folder / "kill.json")


def killed_at(folder: Path) -> str | None:
    """The point at which it died; None: it was not killed (there)."""
    told = folder / "killed.txt"
    return told.read_text() if told.exists() else None


@dataclass(frozen=True)
class Fleet:
    """The bots, the exchange, and the books that they share."""

    exchange: SandboxClient
    bots: Sequence[Bot]
    ledger_url: str

    def orders_of(self, number: int, side: str | None = None) -> list[dict[str, Any]]:
        """What the exchange got from bot ``number``: told by the order ids that it knows."""
        known = {order["order_id"] for order in self.bots[number].orders()}
        return [
            order
            for order in self.exchange.orders()
            if order["id"] in known and side in (None, order["side"])
        ]

    def refused(self) -> Counter[str]:
        """Orders that the exchange itself refused, by its words."""
        return Counter(
            row["error"]
            for row in self.exchange.rejections()
            if row["endpoint"] == "AddOrder" and row.get("fault") is None
        )

    @contextmanager
    def ledger(self) -> Iterator[ReservationLedger]:
        """The books, as an observer sees them."""
        with watched(self.ledger_url) as ledger:
            yield ledger

    def reservations(self) -> list[Reservation]:
        with self.ledger() as ledger:
            return ledger.reservations(account=ACCOUNT)

    def name_of(self, number: int) -> str:
        """What the ledger calls bot ``number``."""
        return bot_name(self.bots[number])

    def come_to_rest(self, timeout: float = 60) -> None:
        """No more entries; until all is sold and the books have no reservation without an end."""
        for bot in self.bots:
            bot.control(Control(signals={}, exits=list(PAIRS)))

        def rests() -> bool:
            is_open = any(bot.open_trades() for bot in self.bots if bot.exit_code() is None)
            return not is_open and not any(row.unfinished for row in self.reservations())

        self.bots[-1].wait_until(rests, timeout, "an end of all trades and reservations")

    def unknown(self) -> list[str]:
        """Orders on the exchange that neither a bot nor the books know."""
        known = {order["order_id"] for bot in self.bots for order in bot.orders()}
        booked = {row.client_order_id for row in self.reservations()}
        return [
            order["id"]
            for order in self.exchange.orders()
            if order["id"] not in known and order["cl_ord_id"] not in booked
        ]

    def wrong_books(self) -> list[str]:
        """Where the books, at rest, say something else than the exchange; audits included."""
        with self.ledger() as ledger:
            found = [str(violation) for violation in ledger.audit()]
        found += self.exchange.audit()["findings"]
        rows = {row.client_order_id: row for row in self.reservations()}
        for order in self.exchange.orders():
            row = rows.pop(order["cl_ord_id"], None)
            found += differences(order, row)
        found += [f"{row.client_order_id} used something, the exchange has no such order"
                  for row in rows.values() if row.committed]  # fmt: skip
        return found


class InOneFolder(BotSettings):
    """A bot whose user data directory is that of the others; its own files are below it."""

    def command(self, user_dir: Path) -> list[str]:
        command = super().command(user_dir)
        command[command.index("--userdir") + 1] = str(user_dir.parent)
        return [*command, "--strategy-path", str(user_dir / "strategies")]


def bot_name(bot: Bot) -> str:
    """The name that a bot has in the ledger."""
    (row,) = [r for r in database.rows(bot.database, "KeyValueStore") if r["key"] == KEY]
    return str(row["string_value"])


def differences(order: Mapping[str, Any], row: Reservation | None) -> list[str]:
    """What the ledger says else about an order than the exchange does."""
    if row is None:
        return [f"the ledger does not know {order['side']} {order['pair']} {order['id']}"]
    used, fee = Decimal(order["filled"]), Decimal(order["fee"])
    if order["side"] == "buy":
        used = Decimal(order["cost"]) + fee
    if abs(row.committed - used) > used * Decimal("1e-6"):
        return [f"{order['side']} {order['pair']} used {used}, the ledger says {row.committed}"]
    held = Decimal(0) if order["status"] != "open" else None
    if held is not None and row.held != held:
        return [f"{order['id']} is over, and {row.held} is still held for it"]
    return []


@contextmanager
def watched(ledger_url: str, account: str = ACCOUNT) -> Iterator[ReservationLedger]:
    """A ledger that bots use, for a look from outside."""
    store = open_store(ledger_url, read_only=True)
    ledger = ReservationLedger(
        store, bot="observer", account=account, process="observer", clock=SystemClock()
    )
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def fleet(
    folder: Path,
    count: int,
    *,
    on: Scenario,
    ledger_url: str | None,
    way: str = "launcher",
    plans: Sequence[StrategyPlan] = (),
    pairs: Sequence[Sequence[str]] = (),
    guard: Mapping[str, Any] = WHOLE,
    heartbeat_timeout: int = 120,
    ledger: Mapping[str, Any] | None = None,
    extra: str = "",
    one_user_dir: bool = False,
    **settings: Any,
) -> Iterator[Fleet]:
    """``count`` bots on one account; by default each has its own share of the pairs.

    :param one_user_dir: they share freqtrade's user data directory, and the ledger's file in it
    """
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox.start(on))
        bots = []
        for number in range(count):
            own = list(pairs[number]) if pairs else PAIRS[number::count]
            plan = plans[number] if plans else StrategyPlan(dict.fromkeys(own), exit_after_s=4)
            exchange = sandbox.freqtrade_exchange(account="main", key_index=number)
            exchange["pair_whitelist"] = own
            books = {"account": ACCOUNT, "heartbeat_timeout": heartbeat_timeout, **(ledger or {})}
            if ledger_url is not None:
                books["db_url"] = ledger_url
            bot_settings = (InOneFolder if one_user_dir else BotSettings)(
                exchange=exchange,
                plan=plan,
                way=way,  # type: ignore[arg-type]
                guard=None if way == "plain" else {**guard, "ledger": books},
                **settings,
            )
            kind = type("Bot", (ExtendedBot,), {"extra": extra})
            bots.append(stack.enter_context(kind.start(bot_settings, folder / f"bot{number}")))
        for bot in bots:
            bot.wait_running(timeout=180)
        default = f"sqlite:///{folder / 'balance_guard.sqlite'}"
        yield Fleet(sandbox.control, bots, ledger_url or default)
