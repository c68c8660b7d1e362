"""Plays a rehearsal: the user's strategy on two equal exchanges, plain and guarded."""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.demo import measure
from freqtrade_balance_guard.demo.bot import Bot, BotError, BotSettings, OwnStrategy
from freqtrade_balance_guard.demo.measure import Measures
from freqtrade_balance_guard.demo.rehearsal import troubles
from freqtrade_balance_guard.demo.rehearsal.own_config import rehearsal_config, rehearsal_section
from freqtrade_balance_guard.demo.scenes.scene import RightSize, Scene
from freqtrade_balance_guard.demo.stage import (
    ACCOUNT,
    Performance,
    Played,
    Report,
    Side,
    broken_claims,
)
from freqtrade_balance_guard.demo.strategy import StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox, SandboxClient, Scenario


_START_TIMEOUT_S = 300.0  # a strategy may load a lot
_BEAT = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) .*Bot heartbeat", re.MULTILINE)
_BEAT_FORM = "%Y-%m-%d %H:%M:%S,%f"
_GUARD_ERROR = re.compile(r" - freqtrade_balance_guard\S* - (?:ERROR|CRITICAL) - (.*)")


@dataclass(frozen=True)
class Rehearsal:
    """What is rehearsed. ``floor``: of the stake currency, never spent by the guarded bot."""

    strategy: OwnStrategy
    config: Mapping[str, Any]  # the user's, as freqtrade has merged it
    exchange: Scenario
    pairs: Sequence[str]
    currency: str
    floor: Decimal
    seconds: float

    def as_scene(self) -> Scene:
        """The rehearsal as the demo's table, JSON and picture show scenes."""
        return Scene(
            name=self.strategy.name,
            title=f"{self.strategy.name} with scripted troubles, {self.seconds / 60:g} minutes",
            scenario=self.exchange.model_dump(mode="json"),
            plan=StrategyPlan(),
            guard=rehearsal_section(self.config["balance_guard"], "guarded"),
            right_size=RightSize(floor=self.floor),
            most_refusal_lines=10_000,  # a rehearsal is longer than one line's ten minutes
        )


@dataclass
class Rehearsed:
    """How it went, and what it could not show."""

    played: Played
    faults: dict[Side, list[dict[str, Any]]]
    notes: list[str] = field(default_factory=list)


def with_waves(
    scenario: Scenario, pairs: Sequence[str], money: str, currency: str, seconds: float
) -> Scenario:
    """The exchange of a rehearsal: only its pairs, with moving prices, and one account."""
    markets = {market.symbol: market for market in scenario.markets}
    content = scenario.model_dump(mode="json", exclude_unset=True)
    content["markets"] = [
        {
            **markets[pair].model_dump(mode="json", exclude_unset=True),
            "price_path": troubles.wave(number, len(pairs), seconds),
        }
        for number, pair in enumerate(pairs)
    ]
    content["dialect"] = scenario.dialect
    content["accounts"] = [{"name": ACCOUNT, "balances": {currency: money}}]
    return Scenario.model_validate(content)


def play(rehearsal: Rehearsal, folder: Path, report: Report) -> Rehearsed:
    """Both sides at the same time, each with its own exchange.

    :raises BotError: when a bot does not start
    """
    give_up = threading.Event()
    faults: dict[Side, list[dict[str, Any]]] = {}
    errors: dict[Side, list[str]] = {}

    def side_of(side: Side) -> Performance:
        try:
            stage = _Stage(rehearsal, side, folder / side, report, give_up)
            performance = stage.play()
            faults[side], errors[side] = stage.faults, stage.errors
            return performance
        except BaseException:
            give_up.set()
            raise

    with ThreadPoolExecutor(max_workers=2) as pool:
        try:
            plain, guarded = pool.submit(side_of, "plain"), pool.submit(side_of, "guarded")
            played = Played(rehearsal.as_scene(), plain.result(), guarded.result(), [])
        except BaseException:
            # Also Ctrl-C: the other side must not go on alone.
            give_up.set()
            raise
    played.broken = [*broken_claims(played.scene, played.guarded.measures), *errors["guarded"]]
    if not played.guarded.measures.orders:
        played.broken.append(
            "the strategy ordered nothing: nothing was rehearsed; try --minutes 30 or other pairs"
        )
    notes = [
        f"Not met by an order of the guarded bot, so nothing is shown about it: {label}"
        for label in troubles.not_met(faults["guarded"])
    ]
    return Rehearsed(played, faults, notes)


class _Stage:
    """One side of a rehearsal."""

    def __init__(
        self,
        rehearsal: Rehearsal,
        side: Side,
        folder: Path,
        report: Report,
        give_up: threading.Event,
    ) -> None:
        self._rehearsal = rehearsal
        self._side: Side = side
        self._folder = folder
        self._report = report
        self._give_up = give_up
        self._clock = SystemClock()
        self._labels: list[tuple[float, str]] = []
        self.faults: list[dict[str, Any]] = []
        self.errors: list[str] = []

    def play(self) -> Performance:
        self._report(self._side, "starting", 0.0)
        with Sandbox.start(self._rehearsal.exchange) as sandbox:
            began = self._now()
            with Bot.start(self._settings(sandbox), self._folder) as bot:
                bot.wait_running(_START_TIMEOUT_S)
                curtain = self._now()
                sandbox.control.reset_counters()
                self._follow_script(sandbox.control, bot, curtain, began)
                performance = Performance(
                    side=self._side,
                    way="launcher" if self._side == "guarded" else "plain",
                    measures=self._measure(sandbox.control, bot),
                    journal=sandbox.control.journal(),
                    curtain=curtain,
                    ended=self._now(),
                    labels=self._labels,
                )
                self._look_closer(sandbox.control, bot)
                self._report(self._side, "stopping", 1.0)
            performance.log = bot.log()
        self._report(self._side, "done", 1.0)
        return performance

    def _settings(self, sandbox: Sandbox) -> BotSettings:
        config = rehearsal_config(self._rehearsal.config, self._rehearsal.pairs)
        exchange = {
            **sandbox.freqtrade_exchange(account=ACCOUNT),
            "pair_whitelist": list(self._rehearsal.pairs),
        }
        return BotSettings(
            exchange=exchange,
            own=self._rehearsal.strategy,
            way="launcher" if self._side == "guarded" else "plain",
            guard=rehearsal_section(self._rehearsal.config["balance_guard"], self._side),
            stake_currency=self._rehearsal.currency,
            config={**config, "bot_name": f"rehearsal-{self._side}"},
        )

    def _follow_script(
        self, exchange: SandboxClient, bot: Bot, curtain: float, began: float
    ) -> None:
        """Plays every trouble at its time; returns early when the bot has ended."""
        seconds = self._rehearsal.seconds
        for trouble in troubles.TROUBLES:
            fault = trouble.scheduled(seconds)
            exchange.fault(**fault)
            self._labels.append((curtain + fault["start_after_s"], trouble.label))
        window = seconds - troubles.QUIET_END_S
        fall_at = troubles.FALL_BEGINS * window
        back_at = fall_at + troubles.FALL_LASTS * window
        actions: list[tuple[float, Callable[[], None]]] = [
            (fall_at, lambda: self._prices_fall(exchange)),
            (back_at, lambda: self._prices_are_back(exchange, began)),
            (seconds, lambda: None),
        ]
        for at, action in actions:
            while (elapsed := self._now() - curtain) < at:
                if self._give_up.wait(0.2):
                    raise BotError("The other side of the rehearsal failed.")
                if bot.exit_code() is not None:
                    return
                self._report(self._side, "trading", elapsed / seconds)
            action()

    def _prices_fall(self, exchange: SandboxClient) -> None:
        self._labels.append((self._now(), "prices fall by 7 %"))
        ticks = {market.symbol: market.tick_size for market in self._rehearsal.exchange.markets}
        for pair, prices in exchange.state()["prices"].items():
            points = troubles.fall(Decimal(prices["last"]), ticks[pair])
            exchange.price(pair, path={"kind": "script", "points": points, "linear": True})

    def _prices_are_back(self, exchange: SandboxClient, began: float) -> None:
        self._labels.append((self._now(), "prices are back"))
        elapsed, pairs = self._now() - began, self._rehearsal.pairs
        prices = {market.symbol: market.price for market in self._rehearsal.exchange.markets}
        for number, pair in enumerate(pairs):
            path = troubles.wave(number, len(pairs), self._rehearsal.seconds, elapsed)
            exchange.price(pair, price=prices[pair], path=path)

    def _measure(self, exchange: SandboxClient, bot: Bot) -> Measures:
        state, log, currency = exchange.state(), bot.log(), self._rehearsal.currency
        refused = [row for row in exchange.rejections() if row["fault"] is None]
        on_exchange, loops = exchange.orders(), loop_lengths(log)
        codes, pairs = measure.refusals(log)
        markets = {
            symbol: {**rules, "price": state["prices"][symbol]["bid"]}
            for symbol, rules in state["markets"].items()
        }
        is_futures = self._rehearsal.exchange.dialect == "binance-futures"
        return Measures(
            orders=len(on_exchange),
            rejections=measure.rejections(refused),
            private_calls=exchange.counters()["private"],
            slowest_loop=max(loops, default=0.0),
            loops=len(loops),
            # A contract takes margin, not its cost.
            wrong_sizes=[]
            if is_futures
            else measure.wrong_sizes(
                exchange.journal(), ACCOUNT, currency, self._rehearsal.as_scene().right_size
            ),
            unknown_orders=unknown_orders(on_exchange, bot.orders()),
            stuck_trades=measure.stuck_trades(bot.open_trades(), refused, markets),
            warnings=measure.warnings(log),
            refusals=codes,
            refused_pairs=pairs,
            exit_code=bot.exit_code(),
            sold=measure.sold(bot.trades()),
        )

    def _look_closer(self, exchange: SandboxClient, bot: Bot) -> None:
        """What a rehearsal claims besides a scene's claims."""
        self.faults = exchange.faults()
        audit = exchange.audit()
        if not audit["ok"]:
            self.errors.append(f"the books of the sandbox are wrong: {audit['findings'][:3]}")
        found = _GUARD_ERROR.findall(bot.log())
        if found:
            self.errors.append(f"{len(found)} errors of the guard in its log, first: {found[0]}")

    def _now(self) -> float:
        return self._clock.wall().timestamp()


def unknown_orders(
    on_exchange: Sequence[Mapping[str, Any]], in_database: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Orders with an effect of which the bot has no row.

    Binance's ids are numbers of their pair (``number``), Kraken's are unique (``id``). An order
    that was cancelled before anything was filled has had no effect.
    """
    known = {(str(row["ft_pair"]), str(row["order_id"])) for row in in_database}
    return [
        f"{order['side']} {order['pair']} {order['amount']} ({order['id']})"
        for order in on_exchange
        if (Decimal(order["filled"]) or order["status"] == "open")
        and not {(order["pair"], str(order["id"])), (order["pair"], str(order["number"]))} & known
    ]


def loop_lengths(log: str) -> list[float]:
    """Seconds from each heartbeat line to the next; one is logged in every loop."""
    beats = [datetime.strptime(at, _BEAT_FORM).timestamp() for at in _BEAT.findall(log)]
    return [round(later - earlier, 2) for earlier, later in pairwise(beats)]
