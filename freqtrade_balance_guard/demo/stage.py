"""Plays scenes: one sandbox and one bot per side, both sides at the same time."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.demo import measure
from freqtrade_balance_guard.demo.bot import Bot, BotError, BotSettings, Way
from freqtrade_balance_guard.demo.legs_strategy import LEGS_FILE, legs_plan, legs_source
from freqtrade_balance_guard.demo.measure import Measures
from freqtrade_balance_guard.demo.scenes.scene import Claim, Scene
from freqtrade_balance_guard.sandbox import Sandbox, SandboxClient, Scenario


Side = Literal["plain", "guarded"]
SIDES: tuple[Side, Side] = ("plain", "guarded")
ACCOUNT = "main"

# side, what it does now, how much of the scene is over (0..1)
Report = Callable[[Side, str, float], None]


@dataclass
class Performance:
    """How a scene went on one side."""

    side: Side
    way: Way
    measures: Measures
    journal: list[dict[str, Any]] = field(default_factory=list)
    curtain: float = 0.0  # unix time at which the bot began to trade
    ended: float = 0.0  # unix time of the scene's end
    labels: list[tuple[float, str]] = field(default_factory=list)  # (unix time, event)
    log: str = ""


@dataclass
class Played:
    """A scene with both sides, and which of its claims the guarded side broke."""

    scene: Scene
    plain: Performance
    guarded: Performance
    broken: list[str]


def play_scene(
    scene: Scene, folder: Path, *, guarded_way: Way, dry_run: bool, report: Report
) -> Played:
    """Both sides at the same time, each with its own exchange.

    :raises BotError: when a bot does not start or does not get through the scene
    """
    ways: dict[Side, Way] = {"plain": "plain", "guarded": guarded_way}
    give_up = threading.Event()

    def side_of(side: Side) -> Performance:
        try:
            return _Stage(scene, side, ways[side], folder / side, dry_run, report, give_up).play()
        except BaseException:
            give_up.set()
            raise

    with ThreadPoolExecutor(max_workers=2) as pool:
        try:
            plain, guarded = [pool.submit(side_of, side) for side in SIDES]
            played = Played(scene, plain.result(), guarded.result(), [])
        except BaseException:
            # Also Ctrl-C: the other side must not go on alone.
            give_up.set()
            raise
    played.broken = broken_claims(scene, played.guarded.measures, dry_run=dry_run)
    return played


def broken_claims(scene: Scene, guarded: Measures, *, dry_run: bool = False) -> list[str]:
    """What the guarded side showed although the scene claims that it does not; sentences."""
    broken = []
    if guarded.exit_code is not None:
        broken.append(f"the guarded bot ended by itself with code {guarded.exit_code}")
    if "no_rejection" in scene.claims and guarded.rejected > scene.most_rejections:
        broken.append(f"the exchange rejected {guarded.rejected} orders")
    none_of: tuple[tuple[Claim, str, list[str]], ...] = (
        ("no_unknown_order", "unknown to the bot", guarded.unknown_orders),
        ("no_stuck_trade", "stuck", guarded.stuck_trades),
        ("no_leg_alone", "one leg alone", guarded.legs_alone),
        ("no_wrong_size", "wrong size", guarded.wrong_sizes),
    )
    for claim, words, found in none_of:
        if claim in scene.claims and found:
            broken.append(f"{words}: {', '.join(found)}")
    if "no_order" in scene.claims and guarded.orders:
        broken.append(f"{guarded.orders} orders where none may be")
    if scene.most_private_calls is not None and guarded.private_calls > scene.most_private_calls:
        broken.append(f"{guarded.private_calls} private calls")
    for pair in scene.must_sell:
        if pair not in guarded.sold:
            broken.append(f"{pair} was not sold")
    for pair, lines in guarded.refused_pairs.items():
        # A dry run denies for the same reasons, so that this holds there too.
        if lines > scene.most_refusal_lines:
            broken.append(f"{pair} is denied in {lines} lines of the log")
    return broken


class _Stage:
    """One side of one scene."""

    def __init__(
        self,
        scene: Scene,
        side: Side,
        way: Way,
        folder: Path,
        dry_run: bool,
        report: Report,
        give_up: threading.Event,
    ) -> None:
        self._scene = scene
        self._side: Side = side
        self._way: Way = way
        self._folder = folder
        self._dry_run = dry_run
        self._report = report
        self._give_up = give_up
        self._clock = SystemClock()
        self._labels: list[tuple[float, str]] = []
        self._second: Sandbox | None = None

    def play(self) -> Performance:
        scenario = Scenario.model_validate(dict(self._scene.scenario))
        self._report(self._side, "starting", 0.0)
        with ExitStack() as stack:
            sandbox = stack.enter_context(Sandbox.start(scenario))
            if self._scene.second is not None:
                other = Scenario.model_validate(dict(self._scene.second.scenario))
                self._second = stack.enter_context(Sandbox.start(other))
            settings = self._settings(sandbox)
            with Bot.start(settings, self._folder) as bot:
                bot.wait_running()
                curtain = self._now()
                sandbox.control.reset_counters()
                if self._second is not None:
                    self._second.control.reset_counters()
                self._follow_script(sandbox.control, bot)
                # Measured while it runs: what it does on its way out is not part of the scene.
                performance = Performance(
                    side=self._side,
                    way=self._way,
                    measures=self._measure(sandbox.control, bot),
                    journal=sandbox.control.journal(),
                    curtain=curtain,
                    ended=self._now(),
                    labels=self._labels,
                )
                self._report(self._side, "stopping", 1.0)
            performance.log = bot.log()
        self._report(self._side, "done", 1.0)
        return performance

    def _settings(self, sandbox: Sandbox) -> BotSettings:
        settings = self._settings_of_one(sandbox)
        if self._second is None or self._scene.second is None:
            return settings
        there = self._second.freqtrade_exchange(account=ACCOUNT)
        second = {**there, "account": "second", "dry_run_wallet": _wallet(self._second)}
        # The plain strategy has a connection of its own, and so a key of its own.
        its_own = sandbox.freqtrade_exchange(account=ACCOUNT, key_index=1)
        return replace(
            settings,
            guard={**self._scene.guard, "venues": {"second": second}},
            source=legs_source(guarded=self._side == "guarded"),
            files={LEGS_FILE: legs_plan(self._scene.second.offers, its_own, there)},
        )

    def _settings_of_one(self, sandbox: Sandbox) -> BotSettings:
        return BotSettings(
            exchange=sandbox.freqtrade_exchange(account=ACCOUNT),
            plan=self._scene.plan,
            way=self._way,
            guard=self._scene.guard,
            stake_amount=self._scene.stake_amount,
            max_open_trades=self._scene.max_open_trades,
            dry_run=self._dry_run,
            dry_run_wallet=float(self._scene.stake),
        )

    def _follow_script(self, exchange: SandboxClient, bot: Bot) -> None:
        """Events wait for loops, not for seconds: a slow machine plays the same scene."""
        end = self._clock.monotonic() + self._scene.at_most
        done = 0
        for step in [*self._scene.script, None]:
            wanted = self._scene.loops if step is None else step.loop
            while done < wanted and self._clock.monotonic() < end:
                if self._give_up.is_set():
                    raise BotError("The other side of the scene failed.")
                self._wait_one_loop(bot, end)
                done += 1
                self._report(self._side, "trading", done / self._scene.loops)
                if bot.exit_code() is not None:
                    return
            if step is not None:
                self._labels.append((self._now(), step.event.label))
                step.event.play(exchange, bot)

    def _wait_one_loop(self, bot: Bot, end: float) -> None:
        """A loop that takes longer than the scene is part of the measurement, not an error."""
        before = len(bot.loops())
        while len(bot.loops()) == before and self._clock.monotonic() < end:
            if bot.exit_code() is not None or self._give_up.wait(0.05):
                return

    def _measure(self, exchange: SandboxClient, bot: Bot) -> Measures:
        state = exchange.state()
        refused = exchange.rejections()
        in_database = bot.orders()
        on_exchange = [row for row in exchange.orders() if row["account"] == ACCOUNT]
        codes, pairs = measure.refusals(bot.log())
        markets = {
            symbol: {**rules, "price": state["prices"][symbol]["bid"]}
            for symbol, rules in state["markets"].items()
        }
        measures = Measures(
            orders=len(in_database) if self._dry_run else len(on_exchange),
            rejections=measure.rejections(refused),
            private_calls=exchange.counters()["private"],
            slowest_loop=round(max(bot.loops(), default=0.0), 2),
            loops=len(bot.loops()),
            wrong_sizes=measure.wrong_sizes(
                exchange.journal(), ACCOUNT, "USDT", self._scene.right_size
            ),
            unknown_orders=measure.unknown_orders(on_exchange, in_database),
            stuck_trades=measure.stuck_trades(bot.open_trades(), refused, markets),
            warnings=measure.warnings(bot.log()),
            refusals=codes,
            refused_pairs=pairs,
            exit_code=bot.exit_code(),
            sold=measure.sold(bot.trades()),
        )
        if self._second is not None:
            self._add_second(measures, self._second.control, on_exchange)
        return measures

    def _add_second(
        self, measures: Measures, exchange: SandboxClient, orders: list[dict[str, Any]]
    ) -> None:
        state, there = exchange.state(), exchange.orders()
        measures.orders += len(there)
        measures.rejections = dict(
            Counter(measures.rejections) + Counter(measure.rejections(exchange.rejections()))
        )
        measures.private_calls += exchange.counters()["private"]
        prices = {symbol: Decimal(told["last"]) for symbol, told in state["prices"].items()}
        measures.legs_alone = measure.legs_alone([*orders, *there], prices)

    def _now(self) -> float:
        return self._clock.wall().timestamp()


def _wallet(sandbox: Sandbox) -> dict[str, float]:
    """What the account has, as simulated money."""
    balances = sandbox.control.state()["accounts"][ACCOUNT]["balances"]
    return {currency: float(holding["total"]) for currency, holding in balances.items()}


def totals(played: Sequence[Played]) -> dict[Side, Measures]:
    """All scenes together, per side."""
    return {
        "plain": measure.added([one.plain.measures for one in played]),
        "guarded": measure.added([one.guarded.measures for one in played]),
    }
