"""The examples in user_data run: in a backtest, and live on the sandbox."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from freqtrade.configuration.load_config import load_config_file

from freqtrade_balance_guard.demo.bot import Bot, BotSettings
from freqtrade_balance_guard.demo.strategy import STRATEGY_NAME
from freqtrade_balance_guard.sandbox import Sandbox, Scenario


USER_DATA = Path(__file__).resolve().parents[2] / "user_data"
STRATEGIES = {"GuardedTrend": ("guarded_trend.py", False), "PlainDip": ("plain_dip.py", True)}


@dataclass(frozen=True)
class ExampleSettings(BotSettings):
    """Runs one of the examples."""

    strategy: str = ""

    def command(self, user_dir: Path) -> list[str]:
        words = super().command(user_dir)
        return [self.strategy if word == STRATEGY_NAME else word for word in words]


class ExampleBot(Bot):
    """A bot with the example config and strategies, on another exchange's port."""

    def _write_files(self) -> None:
        super()._write_files()
        config = load_config_file(str(USER_DATA / "config-sandbox.json"))
        config["exchange"] = self.settings.exchange
        del config["db_url"]
        (self.user_dir / "config.json").write_text(json.dumps(config))
        for file, _ in STRATEGIES.values():
            shutil.copy(USER_DATA / "strategies" / file, self.user_dir / "strategies")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox.start(Scenario.from_file(USER_DATA / "sandbox-waves.json")) as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_example_strategy_trades_in_a_backtest_under_the_guard(workspace, name):
    file, launcher = STRATEGIES[name]
    shutil.copy(USER_DATA / "strategies" / file, workspace.folder / "strategies")
    workspace.write_config({"position_size_percent": 20})
    options = ("--strategy", name, "--cache", "none", "--export", "none")
    done = workspace.run("backtesting", *options, launcher=launcher)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Balance guard" in done.stderr + done.stdout
    assert "No trades made" not in done.stdout


def test_the_quickstart_shows_entries_made_smaller_within_a_minute(sandbox, tmp_path):
    settings = ExampleSettings(
        exchange=sandbox.freqtrade_exchange(), way="launcher", strategy="PlainDip"
    )
    with ExampleBot.start(settings, tmp_path) as bot:
        bot.wait_for("Balance guard .* is on", 60)
        bot.wait_for("Stake for .* made smaller by position_size_percent", 75)
        bot.wait_until(lambda: len(bot.trades()) >= 1, 20, "a trade")
    assert sandbox.control.rejections() == []
    assert sandbox.control.audit()["ok"]


def test_the_example_with_the_mixin_is_guarded_under_plain_freqtrade(sandbox, tmp_path):
    # The account's second key: Kraken wants one sequence of requests for each.
    settings = ExampleSettings(
        exchange=sandbox.freqtrade_exchange(key_index=1), way="plain", strategy="GuardedTrend"
    )
    with ExampleBot.start(settings, tmp_path) as bot:
        bot.wait_for("Balance guard .* is on", 60)
        bot.wait_running()
        assert not bot.lines(" ERROR ")
