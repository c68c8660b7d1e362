"""A real bot that is killed at a named point of an order's way and started again, many times."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.crash_points import ORDER_POINTS
from freqtrade_balance_guard.demo.bot import Bot, BotSettings
from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.balances import PAIRS
from tests.support.fleet import (
    ACCOUNT,
    KILL_AT_POINT,
    Fleet,
    kill_at,
    killed_at,
    shared_account,
)
from tests.support.live import ExtendedBot


# freqtrade locks a pair until the next candle after each exit; nobody here can wait for that.
NO_LOCKS = """

Rehearsal.lock_pair = lambda self, *args, **kwargs: None
"""
OWN_PAIRS = PAIRS[:4]
# A kill at no named point: the machine fails whenever it likes.
ANY_MOMENT = "any moment"
# What has to happen on the exchange for an order to come to a point.
TROUBLE: dict[str, dict[str, Any]] = {
    "order rejected": {"kind": "refuse", "message": "EOrder:Insufficient funds"},
    "order found": {"kind": "lost_reply", "how": "drop"},
}


class Mortal:
    """One bot that buys and sells all pairs in turn; its files outlive it."""

    def __init__(self, sandbox: Sandbox, folder: Path, **ledger: Any) -> None:
        self.folder = folder / "bot0"
        self.exchange = sandbox.control
        self.url = f"sqlite:///{folder / 'ledger.sqlite'}"
        exchange = sandbox.freqtrade_exchange(account="main")
        exchange["pair_whitelist"] = OWN_PAIRS
        self._settings = BotSettings(
            exchange=exchange,
            plan=StrategyPlan(dict.fromkeys(OWN_PAIRS), exit_after_s=1),
            way="launcher",
            guard={
                "position_size_percent": 100,
                "ledger": {"account": ACCOUNT, "db_url": self.url, **ledger},
            },
            stake_amount=50,
            max_open_trades=len(OWN_PAIRS),
        )

    @contextmanager
    def alive(self) -> Iterator[Fleet]:
        """One life."""
        kind = type("Bot", (ExtendedBot,), {"extra": NO_LOCKS + KILL_AT_POINT})
        with kind.start(self._settings, self.folder) as bot:
            yield Fleet(self.exchange, [bot], self.url)

    def live_until(self, point: str, number: int, chance: random.Random) -> None:
        """A life that ends at ``point``, when it is reached for the ``number``-th time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        kill_at(self.folder, point, number)
        if point in TROUBLE:
            self.exchange.fault(times=number, endpoint="AddOrder", **TROUBLE[point])
        with self.alive() as life:
            (bot,) = life.bots
            if point == ANY_MOMENT:
                _kill_somewhere(bot, chance)
            else:
                _wait_for_death(bot, point)
                assert killed_at(self.folder) == point
            self.exchange.clear_faults()
            assert not life.unknown(), f"after a kill at {point}"
            with life.ledger() as ledger:
                assert not ledger.audit(), f"after a kill at {point}"

    def live_on(self, orders: int) -> list[str]:
        """A last life in peace: trading goes on, then everything is sold; what is wrong then."""
        (self.folder / "kill.json").unlink(missing_ok=True)
        with self.alive() as life:
            (bot,) = life.bots
            bot.wait_running()
            before = len(bot.orders())
            bot.wait_until(lambda: len(bot.orders()) >= before + orders, 120, f"{orders} orders")
            life.come_to_rest()
            wrong = life.wrong_books() + life.unknown()
            wrong += [line for line in bot.lines("Traceback")]
            return wrong


def _kill_somewhere(bot: Bot, chance: random.Random) -> None:
    bot.wait_running()
    ends = chance.uniform(0, 6)
    loops = int(ends)
    if loops:
        bot.wait_loops(loops)
    bot.kill()


def _wait_for_death(bot: Bot, point: str) -> None:
    bot.control(Control())
    while bot.exit_code() is None:
        try:
            bot.wait_until(lambda: bot.exit_code() is not None, 90, f"a kill at {point}")
        except Exception:
            if bot.exit_code() is None:
                raise


def points(chance: random.Random, kills: int) -> list[str]:
    """Every named point as often as the others, in random order."""
    names = [*ORDER_POINTS, ANY_MOMENT]
    many = names * (kills // len(names) + 1)
    some = many[:kills]
    chance.shuffle(some)
    return some


@contextmanager
def mortal_bot(folder: Path, **ledger: Any) -> Iterator[Mortal]:
    """A bot on an exchange of its own."""
    with Sandbox.start(shared_account(1, "100000", latency_ms=20)) as sandbox:
        yield Mortal(sandbox, folder, **ledger)
