"""Several real bots on one account of a sandbox, each with its own files and its own API key."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.demo.bot import Bot, BotSettings
from freqtrade_balance_guard.demo.strategy import StrategyPlan
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
    extra: str = "",
    **settings: Any,
) -> Iterator[Fleet]:
    """``count`` bots on one account; by default each has its own share of the pairs."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox.start(on))
        bots = []
        for number in range(count):
            own = list(pairs[number]) if pairs else PAIRS[number::count]
            plan = plans[number] if plans else StrategyPlan(dict.fromkeys(own), exit_after_s=4)
            exchange = sandbox.freqtrade_exchange(account="main", key_index=number)
            exchange["pair_whitelist"] = own
            ledger = {"account": ACCOUNT, "heartbeat_timeout": heartbeat_timeout}
            if ledger_url is not None:
                ledger["db_url"] = ledger_url
            bot_settings = BotSettings(
                exchange=exchange,
                plan=plan,
                way=way,  # type: ignore[arg-type]
                guard=None if way == "plain" else {**guard, "ledger": ledger},
                **settings,
            )
            kind = type("Bot", (ExtendedBot,), {"extra": extra})
            bots.append(stack.enter_context(kind.start(bot_settings, folder / f"bot{number}")))
        for bot in bots:
            bot.wait_running(timeout=180)
        yield Fleet(sandbox.control, bots, ledger_url or "")
