"""One function of freqtrade is changed: no entry leaves, and every exit that plain freqtrade makes.

Each case is a live bot on the sandbox with a due exit, a position under its stop-loss and an entry
signal: as plain freqtrade (the control), guarded by the mixin, and started by the launcher.
"""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from freqtrade_balance_guard.demo.bot import Bot, BotSettings
from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.integration.startup import self_check
from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from tests.support.changes import KINDS, Change


WAYS = ("plain", "mixin", "launcher")
EXITS = {"ETH/USDT", "BTC/USDT"}
ENTRY = "SOL/USDT"
UNCHANGED = Change("", "", "")
SEED = 20261129
SAMPLE = 1
CASES_PER_SANDBOX = 20
ROOT = Path(__file__).parents[2]


def every_change() -> list[Change]:
    rows = self_check.rows(live=True)
    names = {row.name for row in rows if row.module.startswith("freqtrade.")}
    changes = [Change(*name.split("."), kind) for name in sorted(names) for kind in KINDS]
    return [change for change in changes if change.is_possible()]


def sampled() -> list[Change]:
    return random.Random(SEED).sample(every_change(), SAMPLE)


@dataclass(frozen=True)
class Outcome:
    """What one bot did in its two loops."""

    started: bool
    kind: str
    changed: int
    error: str
    bought: frozenset[str]
    sold: frozenset[str]
    log: str


def bot_settings(sandbox: Sandbox, account: str, way: str, plan: StrategyPlan) -> BotSettings:
    return BotSettings(
        exchange=sandbox.freqtrade_exchange(account),
        plan=plan,
        way=way,
        guard=None if way == "plain" else {},
        stake_amount=100,
        max_open_trades=5,
    )


@contextmanager
def runner() -> Iterator[Callable[[list[dict]], None]]:
    """Give the function that runs the bots of cases to their end, all in one process."""
    command = [sys.executable, "-m", "tests.support.changed_bot"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:

        def run(cases: list[dict]) -> None:
            process.stdin.write(json.dumps(cases) + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"

        yield run


def written(bot: BotSettings, folder: Path, exits: set[str]) -> None:
    files = Bot(bot, folder)
    files._write_files()
    files.control(Control(exits=sorted(exits)))


def outcomes(changes: list[Change], folder: Path) -> dict[tuple[Change, str], Outcome]:
    """Run all bots of ``changes`` on one sandbox, each with an account of its own."""
    names = {
        (change, way): f"{number}-{way}" for number, change in enumerate(changes) for way in WAYS
    }
    accounts = [
        {"name": name, "balances": {"USDT": "1000", "BTC": "0.1", "ETH": "1"}}
        for name in ("seed", *names.values())
    ]
    scenario = Scenario.model_validate({"accounts": accounts})
    with Sandbox.start(scenario) as sandbox, runner() as run:
        seed = folder / "seed"
        plan = StrategyPlan(signals={pair: 1 for pair in EXITS}, stoploss=-0.1)
        written(bot_settings(sandbox, "seed", "plain", plan), seed, set())
        run([{"name": "seed", "change": ["", "", ""], "bots": [_bot("plain", seed)]}])
        sandbox.control.price("ETH/USDT", 2000)  # bought at 2500
        plan = StrategyPlan(signals={ENTRY: None}, stoploss=-0.1)
        cases = []
        for change in changes:
            bots = []
            for way in WAYS:
                own = folder / names[change, way]
                written(bot_settings(sandbox, names[change, way], way, plan), own, {"BTC/USDT"})
                for file in seed.glob("trades.sqlite*"):
                    shutil.copy(file, own)
                bots.append(_bot(way, own))
            values = [change.owner, change.name, change.kind]
            cases.append({"name": str(change), "change": values, "bots": bots})
        run(cases)
        orders = sandbox.control.orders()
        return {
            key: _outcome(folder / name, [o for o in orders if o["account"] == name])
            for key, name in names.items()
        }


def _bot(way: str, folder: Path) -> dict[str, str]:
    return {"way": way, "folder": str(folder)}


def _outcome(folder: Path, orders: list[dict]) -> Outcome:
    log = (folder / "bot.log").read_text(encoding="utf-8", errors="replace")
    file = folder / "result.json"
    ended = json.loads(file.read_text()) if file.exists() else {}
    return Outcome(
        started=ended.get("started", False),
        kind=ended.get("kind", ""),
        changed=ended.get("changed", 0),
        error=ended.get("error", "killed"),
        bought=frozenset(o["pair"] for o in orders if o["side"] == "buy"),
        sold=frozenset(o["pair"] for o in orders if o["side"] == "sell"),
        log=log,
    )


def faults(change: Change, found: dict[tuple[Change, str], Outcome]) -> list[str]:
    """What is wrong with the guarded bots of a change, in the light of the plain one."""
    plain = found[change, "plain"]
    wrong = []
    if not plain.changed:
        wrong.append(f"{change}: nothing was changed ({plain.error})")
    for way in ("mixin", "launcher"):
        guarded = found[change, way]
        if guarded.bought:
            wrong.append(f"{change}, {way}: bought {sorted(guarded.bought)}")
        if missing := plain.sold - guarded.sold:
            wrong.append(f"{change}, {way}: did not sell {sorted(missing)} ({guarded.error})")
        if plain.started and not guarded.started:
            wrong.append(f"{change}, {way}: did not start ({guarded.error})")
        if guarded.started and "Entries are denied, exits go on" not in guarded.log:
            wrong.append(f"{change}, {way}: does not say that entries are denied")
        if guarded.kind == "GuardedBot":
            wrong.append(f"{change}, {way}: is promoted all the same")
    return wrong


@pytest.mark.timeout(580)
def test_a_changed_function_means_no_entry_and_every_exit_of_plain_freqtrade(tmp_path):
    changes = [UNCHANGED, *sampled()]
    found = outcomes(changes, tmp_path)
    for way, kind in (
        ("plain", "FreqtradeBot"),
        ("mixin", "GuardedBot"),
        ("launcher", "GuardedBot"),
    ):
        control = found[UNCHANGED, way]
        assert (control.bought, control.sold) == ({ENTRY}, EXITS), control.log[-3000:]
        assert control.kind == kind
    assert [wrong for change in changes[1:] for wrong in faults(change, found)] == []


@pytest.mark.acceptance
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(-(-len(every_change()) // CASES_PER_SANDBOX)))
def test_every_change_means_no_entry_and_every_exit_of_plain_freqtrade(tmp_path, part):
    changes = every_change()[part * CASES_PER_SANDBOX : (part + 1) * CASES_PER_SANDBOX]
    found = outcomes(changes, tmp_path)
    # Otherwise the control proves nothing.
    assert sum(bool(found[change, "plain"].sold) for change in changes) > len(changes) // 3
    assert [wrong for change in changes for wrong in faults(change, found)] == []
