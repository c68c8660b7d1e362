"""What a user reads of a real bot in dry-run and live, while it runs and after a clean stop."""

import json
import os
import subprocess
import sys
from decimal import Decimal

import pytest

from freqtrade_balance_guard.demo.strategy import StrategyPlan
from freqtrade_balance_guard.money import format_amount
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.live import all_pairs, running, scenario, settings


pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

D = Decimal
WIDTH = 80


class Console:
    """Types commands as a user does in a window of 80 columns."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, *arguments, code=0):
        answer = subprocess.run(
            [
                sys.executable,
                "-m",
                "freqtrade_balance_guard",
                *arguments,
                "-c",
                str(self.folder / "config.json"),
                "--userdir",
                str(self.folder),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "COLUMNS": str(WIDTH)},
        )
        assert answer.returncode == code, (arguments, answer.stdout, answer.stderr)
        return answer.stdout

    def read(self, *arguments, code=0):
        """The words of an answer, each line of which fits."""
        shown = self(*arguments, code=code)
        assert max(map(len, shown.splitlines())) <= WIDTH, shown
        return " ".join(shown.split())

    def json(self, *arguments, code=0):
        return json.loads(self(*arguments, "--json", code=code))


def check_numbers(console, pairs, is_running):
    """The figures add up and agree in table, sentence, list and explanation."""
    status = console.json("status")
    (coins,) = status["balances"].values()
    stake, coin = coins["USDT"], coins[pairs[0].partition("/")[0]]
    assert 790 < D(stake["total"]) < 801
    promised = D(stake["floor"]) + D(stake["reserved_own"]) + D(stake["reserved_others"])
    assert D(stake["available"]) == D(stake["free"]) - promised
    assert (D(stake["floor"]), D(stake["reserved_others"])) == (50, 0)
    # A resting stop holds the coin, once.
    assert D(coin["total"]) > 0 and D(coin["used"]) == D(coin["total"])
    assert all(D(coin[name]) == 0 for name in ("free", "reserved_own", "reserved_others"))
    available = format_amount(D(stake["available"]))
    words = console.read("status")
    assert f"USDT on {status['account']}: {available} available" in words
    assert f"{available} USDT available, and no stake is being used up" in words
    assert f"Available: {available} USDT" in console.read("explain", pairs[2])
    rows = console.json("reservations", "list")
    assert {row["state"] for row in rows} == {"open", "committed"}
    assert [row["pair"] for row in rows if row["state"] == "open"] == [pairs[1], pairs[0]]
    listed = console.read("reservations", "list")
    assert all(row["client_order_id"] in listed for row in rows)
    assert ("alive" in words) is is_running


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry-run", "live"])
def test_numbers_are_true_while_it_runs_and_after_a_clean_stop_with_resting_stops(
    tmp_path, dry_run
):
    console = Console(tmp_path)
    with Sandbox.start(scenario("1000")) as sandbox:
        pairs = all_pairs(sandbox, 3)
        plan = StrategyPlan(
            signals={pairs[0]: 1, pairs[1]: 1, pairs[2]: None},
            stakes={pairs[2]: 1.0},
            stoploss=-0.5,
            stoploss_on_exchange=True,
        )
        bot_settings = settings(
            sandbox,
            plan,
            way="launcher",
            guard={"reserve_balance": {"USDT": 50}},
            stake_amount=100,
            dry_run=dry_run,
            max_open_trades=4,
        )
        with running(bot_settings, tmp_path) as bot:
            bot.wait_until(
                lambda: sum(one["ft_order_side"] == "stoploss" for one in bot.orders()) == 2,
                60,
                "two stops",
            )
            bot.wait_loops(6)
            check_numbers(console, pairs, is_running=True)
            assert not bot.lines("Traceback")
        check_numbers(console, pairs, is_running=False)
        assert "No bot is running" in console.read("doctor")
        console("doctor", "--json")
        assert "No difference" in console.read("reconcile")
        console("status", "--bot", "no-such-bot", code=1)
