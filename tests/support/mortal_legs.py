"""A real bot with two legs that is killed at a named point and started again, many times."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.demo.bot import BotError
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.legs_matrix import AMOUNT, WAYS, Matrix, Scene, Way, coins, exchanges_of, run_on


D = Decimal
POLICY = {"unhedged_policy": "unwind", "max_slippage_percent": 5, "max_unhedged": 1_000_000}
# At such points of an exit the trade is sold; at the others it is opened.
OF_AN_EXIT = ("arbitrage sold", "arbitrage followed")
OF_UNHEDGED = ("arbitrage tended",)
REFUSED = "EOrder:Insufficient funds"


class MortalLegs:
    """One bot on two exchanges; its files and its scenes outlive it."""

    def __init__(
        self, folder: Path, both: tuple[Sandbox, Sandbox], names: Any, *, by_books: bool
    ) -> None:
        self.folder = folder
        self._by_books = by_books
        self._both = both
        self._names = names
        self._free = {kind: list(pairs) for kind, pairs in names.items()}
        self.scenes: list[tuple[Way, str]] = []

    @contextmanager
    def life(self) -> Iterator[Matrix]:
        """One run of the bot; it may have ended by itself."""
        more = {"arbitrage": POLICY, "by_books": self._by_books}
        with run_on(self.folder, self._both, self._names, **more) as bot:
            yield Matrix(bot, self._free)

    def past(self, world: Matrix) -> list[Scene]:
        return [Scene(world, way, pair) for way, pair in self.scenes]

    def scene(self, world: Matrix, way: Way) -> Scene:
        found = world.scene(way)
        self.scenes.append((way, found.pair))
        return found

    def recovered(self, world: Matrix, timeout: float = 60) -> None:
        """What earlier lives have left comes to its end, and is right on all sides."""
        for sandbox in self._both:
            sandbox.control.clear_faults()
        world.bot.planted.unlink(missing_ok=True)
        (self.folder / "planted.json").unlink(missing_ok=True)
        wrong: list[str] = []

        def is_right() -> bool:
            wrong[:] = [text for scene in self.past(world)[-6:] for text in differences(scene)]
            return not wrong

        try:
            world.bot.bot.wait_until(is_right, timeout, "right books")
        except BotError as error:
            raise AssertionError("\n".join([*wrong, str(error)])) from error
        assert world.bot.bot.lines("Traceback") == []

    def die_at(self, world: Matrix, point: str, nth: int = 1) -> Scene:
        """One more opportunity; the bot dies at ``point`` of its way."""
        way = WAYS[0]
        scene = self.scene(world, way)
        is_exit = point in OF_AN_EXIT
        if is_exit:
            scene.offer()
            scene.wait()
        world.bot.plant(point, what="kill", nth=nth)
        if is_exit:
            world.bot.close(scene.pair)
        else:
            if point in OF_UNHEDGED:
                scene.fault("first", "refuse", message=REFUSED, times=1)
            if point == "arbitrage asked":
                scene.fault("second", "lost_reply", times=1)
            scene.offer()
        self.wait_for_death(world)
        assert world.bot.planted.read_text() == point
        return scene

    def wait_for_death(self, world: Matrix, timeout: float = 40) -> None:
        bot = world.bot.bot
        try:
            bot.wait_until(lambda: bot.exit_code() is not None, timeout, "a kill")
        except BotError:
            if bot.exit_code() is None:
                raise

    def trouble(self, scene: Scene, dice: random.Random) -> None:
        """Perhaps something goes wrong with one of its orders."""
        fault = dice.choice(
            [
                None,
                None,
                ("refuse", {"message": REFUSED}),
                ("partial_fill", {"fraction": "0.4"}),
                ("lost_reply", {"how": "drop"}),
            ]
        )
        if fault is not None:
            scene.fault(dice.choice(["first", "second"]), fault[0], times=1, **fault[1])


def differences(scene: Scene) -> list[str]:
    """What is not at rest, or not right: on the exchanges, in the ledger, in freqtrade's database,
    in what is stored of pairs."""
    found = []
    told = {pair.id: str(pair.state) for pair in scene.stored()}
    if any(state in ("planned", "sent") for state in told.values()):
        found.append(f"{scene.pair}: goes on: {told}")
    if any(row.unfinished for row in scene.rows()):
        found.append(f"{scene.pair}: a reservation has no end")
    try:
        scene._check_ledger()
    except (AssertionError, KeyError) as error:
        found.append(f"{scene.pair}: the ledger differs: {error!r}")
    here = scene.filled("bot", "buy") - scene.filled("bot", "sell")
    there = scene.filled("there", "buy") - scene.filled("there", "sell")
    unhedged = sum((one.net for one in scene.exposures()), D(0))
    if here + there != unhedged:
        found.append(f"{scene.pair}: {here + there} is unhedged, {unhedged} is stored as that")
    trades = [trade for trade in scene.trades() if trade["is_open"]]
    held = sum((D(str(trade["amount"])) for trade in trades), D(0))
    owned = here if scene.way.bot == "buy" and here > 0 else D(0)
    if held != owned or len(trades) > 1:
        found.append(f"{scene.pair}: freqtrade has {held} in {len(trades)} trades, not {owned}")
    known = [order["order_id"] for order in scene.bot.bot.orders()]
    if len(known) != len(set(known)):
        found.append("freqtrade has an order twice")
    return found


@contextmanager
def mortal_legs(folder: Path, count: int, *, by_books: bool = False) -> Iterator[MortalLegs]:
    """Two exchanges, and no life yet."""
    names = coins(count)
    with exchanges_of(names) as both:
        yield MortalLegs(folder, both, names, by_books=by_books)


__all__ = ["AMOUNT", "MortalLegs", "differences", "mortal_legs"]
