"""A real bot with two legs: its own sandbox is "here", a second one is the venue "there"."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from freqtrade_balance_guard.arbitrage.store import ArbitrageStore
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.demo.bot import Bot, BotSettings
from freqtrade_balance_guard.ledger import ReservationLedger, open_ledger
from freqtrade_balance_guard.sandbox import Sandbox, Scenario


PAIR = "ETH/USDT"
LEGS_FILE = "legs.json"
LAST_DIGIT = Decimal("0.00000001")

STRATEGY = '''
"""Offers each opportunity of legs.json once, also across restarts."""

import json
import os
import signal
import time
from pathlib import Path

from freqtrade.strategy import IStrategy

from freqtrade_balance_guard import Leg, Opportunity, ReservedArbitrage, crash_points


FOLDER = Path(__file__).resolve().parent.parent


class Planted:
    """At a named point: a bug (an exception), or the end of the process; once.

    ``planted.json`` says where and at which time; ``planted.done`` that it was there.
    """

    file, done = FOLDER / "planted.json", FOLDER / "planted.done"

    def __init__(self):
        self.passed, self.of = 0, None

    def __call__(self, point):
        if self.done.exists() or not self.file.exists():
            return
        where = json.loads(self.file.read_text())
        if where["number"] != self.of:
            self.passed, self.of = 0, where["number"]
        self.passed += point == where["point"]
        if self.passed >= where["nth"]:
            self.done.write_text(where["point"])
            if where["what"] == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError("planted")


if crash_points.watcher is None:
    crash_points.watcher = Planted()


class Rehearsal(ReservedArbitrage, IStrategy):
    timeframe = "1m"
    process_only_new_candles = False
    stoploss = @STOPLOSS@
    order_types = {"entry": "limit", "exit": "market", "force_exit": "market",
                   "emergency_exit": "market", "stoploss": "market",
                   "stoploss_on_exchange": False}

    def bot_loop_start(self, current_time, **kwargs):
        with (FOLDER / "rehearsal_loops.txt").open("a") as loops:
            loops.write(f"LOOP {time.monotonic():.6f}\\n")

    def find_opportunities(self, current_time, **kwargs):
        offered = FOLDER / "offered.txt"
        known = offered.read_text().split() if offered.exists() else []
        for number, one in self._told()["offers"].items():
            if number not in known or one["always"]:
                with offered.open("a") as file:
                    file.write(f"{number}\\n")
                first, second = (Leg(**leg) for leg in one["legs"])
                yield Opportunity(first, second, tag=one["tag"])

    def should_close_arbitrage(self, trade, current_time, **kwargs):
        return "both legs" if trade.pair in self._told()["exits"] else None

    def populate_entry_trend(self, dataframe, metadata):
        """Ordinary signals beside the pairs."""
        if metadata["pair"] in self._told().get("signals", []):
            dataframe["enter_long"] = 1
        return dataframe

    def confirm_trade_exit(self, pair, **kwargs):
        return pair not in self._told().get("vetoes", [])

    def lock_pair(self, *args, **kwargs):
        """freqtrade locks a pair until its next candle after each exit; nobody waits for that."""

    def _told(self):
        return json.loads((FOLDER / "legs.json").read_text())
'''

# Points of the slow way that the engine does not pass.
INSIDE_ONE_TRANSACTION = ("arbitrage stored", "arbitrage reserved", "arbitrage gated")
# The same opportunities by the engine: as soon as both books of one may be acted on, and again
# until it has begun, as a strategy would. Each has a pair of its own.
BY_BOOKS = """
    def find_opportunities(self, current_time, **kwargs):
        return ()

    def watched_books(self):
        offers = self._told()["offers"].values()
        return {(leg["venue"], leg["pair"]) for one in offers for leg in one["legs"]}

    def on_books(self, books, *, changed, **kwargs):
        from freqtrade_balance_guard.arbitrage.store import read_arbitrages

        begun = set()
        for file in FOLDER.glob("balance_guard*.sqlite"):
            begun |= {order.pair for one in read_arbitrages(file) for order in one.orders}
        for one in self._told()["offers"].values():
            markets = [(leg["venue"], leg["pair"]) for leg in one["legs"]]
            is_new = one["always"] or markets[0][1] not in begun
            if is_new and all(market in books for market in markets):
                first, second = (Leg(**leg) for leg in one["legs"])
                yield Opportunity(first, second, tag=one["tag"])
"""


class _LegsBot(Bot):
    stoploss = -0.99
    extra = ""

    def _write_files(self) -> None:
        super()._write_files()
        path = self.user_dir / "strategies" / "rehearsal.py"
        path.write_text(STRATEGY.replace("@STOPLOSS@", str(self.stoploss)) + self.extra)
        if not (self.user_dir / LEGS_FILE).exists():
            (self.user_dir / LEGS_FILE).write_text('{"offers": {}, "exits": []}')


@dataclass
class LegsBot:
    """The bot, both exchanges, and what has to be true of all their books."""

    here: Sandbox
    there: Sandbox
    bot: Bot
    folder: Path
    by_books: bool = False

    # What the strategy finds

    def offer(
        self,
        *legs: dict[str, Any],
        amount: object = "0.1",
        sell_first: bool = False,
        always: bool = False,
        tag: str | None = "two legs",
    ) -> None:
        """By default: buy here, sell there."""
        buy = {"venue": "bot", "pair": PAIR, "side": "buy", "amount": str(amount)}
        sell = {"venue": "there", "pair": PAIR, "side": "sell", "amount": str(amount)}
        both = list(legs) or ([sell, buy] if sell_first else [buy, sell])
        told = self._told()
        number = str(len(told["offers"]) + 1)
        told["offers"][number] = {"legs": both, "tag": tag, "always": always}
        self._tell(told)

    def close(self, *pairs: str) -> None:
        """``should_close_arbitrage`` says yes for these from now on."""
        self._tell({**self._told(), "exits": list(pairs)})

    def veto(self, *pairs: str) -> None:
        """``confirm_trade_exit`` says no for these from now on."""
        self._tell({**self._told(), "vetoes": list(pairs)})

    def signal(self, *pairs: str) -> None:
        """Ordinary entry signals for these from now on."""
        self._tell({**self._told(), "signals": list(pairs)})

    def plant(self, point: str, *, what: str = "raise", nth: int = 1) -> None:
        """A bug, or a kill, when a point such as "arbitrage reserved" is reached the nth time."""
        self.planted.unlink(missing_ok=True)
        number = self.bot.user_dir / "planted.json"
        told = {"point": point, "what": what, "nth": nth, "number": str(uuid4())}
        fresh = number.with_suffix(".new")
        fresh.write_text(json.dumps(told))
        fresh.replace(number)

    @property
    def planted(self) -> Path:
        """It is there when the point was reached."""
        return self.folder / "planted.done"

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.folder / LEGS_FILE).read_text())
        return told

    def _tell(self, told: dict[str, Any]) -> None:
        fresh = self.folder / f"{LEGS_FILE}.new"
        fresh.write_text(json.dumps(told))
        fresh.replace(self.folder / LEGS_FILE)

    # What there is

    @property
    def is_dry_run(self) -> bool:
        return self.bot.settings.dry_run

    @property
    def file(self) -> Path:
        name = "balance_guard.dryrun.sqlite" if self.is_dry_run else "balance_guard.sqlite"
        return self.folder / name

    def ledger(self) -> ReservationLedger:
        """The books, looked at from outside."""
        return open_ledger(
            f"sqlite:///{self.file}", bot="observer", account="here", clock=SystemClock()
        )

    def store(self) -> ArbitrageStore:
        return ArbitrageStore(self.file)

    def bot_name(self) -> str:
        """The bot's name in the ledger."""
        (name,) = {pair.bot for pair in self.arbitrages()}
        return name

    def arbitrages(self) -> list[Any]:
        found, store = [], self.store()
        while (pair := store.record(len(found) + 1)) is not None:
            found.append(pair)
        return found

    def exposures(self) -> list[Exposure]:
        return self.store().open_exposures(self.bot_name()) if self.arbitrages() else []

    def wait_arbitrages(self, count: int, timeout: float = 40) -> None:
        """Until so many pairs and orders of exposures have ended, and nothing is going."""
        self.bot.wait_until(
            lambda: (
                len(self.arbitrages()) >= count
                and all(pair.state not in ("planned", "sent") for pair in self.arbitrages())
            ),
            timeout,
            f"{count} ended pairs",
        )

    def coins(self, sandbox: Sandbox, currency: str = "ETH") -> Decimal:
        """What the account really owns."""
        balances = sandbox.control.state()["accounts"]["main"]["balances"]
        return Decimal(str(balances.get(currency, {"total": 0})["total"]))

    def orders(self, sandbox: Sandbox, side: str) -> list[dict[str, Any]]:
        return [order for order in sandbox.control.orders() if order["side"] == side]

    def messages(self) -> list[str]:
        """What was sent to the user."""
        return self.bot.lines(r"Sending rpc strategy_msg")

    # What must hold when nothing is going

    def check(self) -> None:
        """0 leaked reservations, 0 unknown orders; every fill on both exchanges is in the books."""
        ledger = self.ledger()
        try:
            assert ledger.unfinished(account="here") == []
            assert ledger.unfinished(account="there") == []
            rows = {
                row.client_order_id: row
                for account in ("here", "there")
                for row in ledger.reservations(account=account)
            }
        finally:
            ledger.close()
        for sandbox in (self.here, self.there):
            assert sandbox.control.audit()["ok"]
            assert sandbox.control.state()["open_orders"] == []
            for order in sandbox.control.orders():
                row, filled = rows[order["cl_ord_id"]], Decimal(str(order["filled"]))
                cost = Decimal(str(order["cost"])) + Decimal(str(order["fee"]))
                booked = filled if order["side"] == "sell" else cost
                # The exchange shows cost and fee rounded; the ledger knows filled x average.
                assert abs(row.committed - booked) <= LAST_DIGIT, (order, row)


def market(symbol: str, price: str, **more: object) -> dict[str, object]:
    """One pair of an exchange."""
    return {
        "symbol": symbol,
        "price": price,
        "amount_min": "0.001",
        "price_decimals": 2,
        "fee_maker": "0.001",
        "fee_taker": "0.001",
        **more,
    }


def scenario(price: str, **balances: object) -> Scenario:
    held = {"USDT": "10000", "ETH": "4", **{k: str(v) for k, v in balances.items()}}
    account = {"name": "main", "keys": [{}], "balances": held}
    return Scenario.model_validate({"accounts": [account], "markets": [market(PAIR, price)]})


@contextmanager
def exchanges(
    here: dict[str, object] | None = None, there: dict[str, object] | None = None
) -> Iterator[tuple[Sandbox, Sandbox]]:
    """ "here" at 2500, "there" at 2550; 10000 USDT and 4 ETH on each unless told otherwise."""
    with (
        Sandbox.start(scenario("2500", **(here or {}))) as cheap,
        Sandbox.start(scenario("2550", **(there or {}))) as dear,
    ):
        yield cheap, dear


@contextmanager
def legs_bot(
    folder: Path,
    both: tuple[Sandbox, Sandbox],
    *,
    dry_run: bool = False,
    stoploss: float = -0.99,
    guard: dict[str, Any] | None = None,
    arbitrage: dict[str, Any] | None = None,
    wallet: dict[str, float] | None = None,
    max_open_trades: int = 3,
    extra: str = "",
    key_index: int = 0,
    unlisted: tuple[str, ...] = (),
    streams: bool = False,
    by_books: bool = False,
    **config: Any,
) -> Iterator[LegsBot]:
    """One run of the bot in ``folder`` on exchanges that were started before.

    :param by_books: opportunities are found by ``on_books`` from streamed books, not in the loop
    """
    streams, extra = streams or by_books, extra + (BY_BOOKS if by_books else "")
    here, there = both
    wallet = wallet or {"USDT": 10000, "ETH": 4}
    exchange = here.freqtrade_exchange(key_index=key_index, streams=streams)
    listed = [pair for pair in exchange["pair_whitelist"] if pair not in unlisted]
    section = {
        "min_balance_threshold": 2.5,
        "ledger": {"account": "here"},
        "venues": {
            "there": {
                **there.freqtrade_exchange(streams=streams),
                "account": "there",
                "dry_run_wallet": wallet,
            }
        },
        # Many scenes need a leg that rests.
        "arbitrage": {"leg_timeout": 2, "time_in_force": "GTC", **(arbitrage or {})},
        **(guard or {}),
    }
    settings = BotSettings(
        exchange=exchange | {"pair_whitelist": listed},
        way="mixin",
        guard=section,
        dry_run=dry_run,
        dry_run_wallet=wallet if dry_run else 1000,  # type: ignore[arg-type]
        max_open_trades=max_open_trades,
        config=config,
    )
    kind = type("Bot", (_LegsBot,), {"stoploss": stoploss, "extra": extra})
    with kind.start(settings, folder) as bot:
        bot.wait_running()
        yield LegsBot(here, there, bot, folder, by_books)
