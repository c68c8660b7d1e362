"""The examples in user_data run: in a backtest, and live on the sandbox."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from freqtrade.configuration.load_config import load_config_file, load_from_files

from freqtrade_balance_guard.demo.bot import Bot, BotSettings
from freqtrade_balance_guard.demo.strategy import STRATEGY_NAME
from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from freqtrade_balance_guard.version import __version__


USER_DATA = Path(__file__).resolve().parents[2] / "user_data"
STRATEGIES = {"GuardedTrend": ("guarded_trend.py", False), "PlainDip": ("plain_dip.py", True)}
TWO_LEGS = {
    "CrossExchange": "cross_exchange.py",
    "TwoQuotes": "two_quotes.py",
    "Complements": "complements.py",
}


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
        del config["db_url"], config["api_server"]
        (self.user_dir / "config.json").write_text(json.dumps(config))
        for file, _ in STRATEGIES.values():
            shutil.copy(USER_DATA / "strategies" / file, self.user_dir / "strategies")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox.start(Scenario.from_file(USER_DATA / "sandbox-waves.json")) as sandbox:
        yield sandbox


@pytest.mark.parametrize(
    "name", ["GuardedTrend", pytest.param("PlainDip", marks=pytest.mark.acceptance)]
)
def test_an_example_strategy_trades_in_a_backtest_under_the_guard(workspace, name):
    file, launcher = STRATEGIES[name]
    shutil.copy(USER_DATA / "strategies" / file, workspace.folder / "strategies")
    workspace.write_config({"position_size_percent": 20})
    options = ("--strategy", name, "--cache", "none", "--export", "none")
    done = workspace.run("backtesting", *options, launcher=launcher)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Balance guard" in done.stderr + done.stdout
    assert "No trades made" not in done.stdout


def test_a_backtest_says_once_that_two_legs_do_nothing_there(workspace):
    for file in TWO_LEGS.values():
        shutil.copy(USER_DATA / "strategies" / file, workspace.folder / "strategies")
    workspace.write_config({})
    options = ("--strategy-list", *TWO_LEGS, "--cache", "none", "--export", "none")
    done = workspace.run("backtesting", *options)
    assert done.returncode == 0, done.stderr[-2000:]
    said = done.stderr + done.stdout
    assert (
        said.count("No trades made")
        == said.count(f"Balance guard {__version__} is on")
        == len(TWO_LEGS)
    )
    assert said.count("ReservedArbitrage does nothing here") == 1


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


# Two legs


class TwoLegsBot(Bot):
    """A bot with an example of two legs and its config, on the ports of these two sandboxes."""

    there: dict[str, Any]

    def _write_files(self) -> None:
        super()._write_files()
        live = "" if self.settings.dry_run else "-live"
        config = load_from_files([str(USER_DATA / f"config-two-sandboxes{live}.json")])
        assert config["dry_run"] == self.settings.dry_run
        config["exchange"] |= {**self.settings.exchange, "pair_whitelist": ["BTC/USDT"]}
        config["balance_guard"]["venues"]["second"] |= self.there
        config["internals"] = {"process_throttle_secs": 1}
        for key in ("db_url", "config_files", "add_config_files"):
            del config[key]
        (self.user_dir / "config.json").write_text(json.dumps(config))
        for file in TWO_LEGS.values():
            shutil.copy(USER_DATA / "strategies" / file, self.user_dir / "strategies")


def runs_of_two_legs():
    for name, venue, pair in (("CrossExchange", 1, "BTC/USDT"), ("TwoQuotes", 0, "BTC/USD")):
        for dry_run in (True, False):
            slow = (name, dry_run) != ("CrossExchange", True)
            yield pytest.param(
                *(name, venue, pair, dry_run),
                id=f"{name}, {'dry-run' if dry_run else 'live'}",
                marks=[pytest.mark.acceptance] if slow else [],
            )


@pytest.mark.parametrize(("name", "venue", "pair", "dry_run"), list(runs_of_two_legs()))
def test_an_example_of_two_legs_opens_a_pair_and_closes_it_when_the_prices_have_met(
    tmp_path, name, venue, pair, dry_run
):
    scenarios = [Scenario.from_file(USER_DATA / f"sandbox-{n}.json") for n in ("here", "there")]
    with Sandbox.start(scenarios[0]) as here, Sandbox.start(scenarios[1]) as there:
        dear = (here, there)[venue]
        dear.control.price(pair, "51000")
        settings = ExampleSettings(
            exchange=here.freqtrade_exchange(), strategy=name, dry_run=dry_run
        )
        kind = type("Bot", (TwoLegsBot,), {"there": there.freqtrade_exchange()})
        with kind.start(settings, tmp_path) as bot:
            sold = rf"Arbitrage 1: bought .* BTC/USDT on bot at .*; sold .* {pair} on "
            assert "Difference after fees: " in bot.wait_for(sold, 60)
            (trade,) = bot.open_trades()
            assert trade["pair"] == "BTC/USDT"
            dear.control.price(pair, "49500")
            assert ": +" in bot.wait_for(r"Arbitrage 1 \(BTC/USDT\) is closed", 30)
            (trade,) = bot.trades()
            assert (trade["is_open"], trade["exit_reason"]) == (0, "prices met")
            assert not bot.lines(" ERROR ")
        for sandbox in (here, there):
            orders = [order["side"] for order in sandbox.control.orders()]
            both = ["buy", "sell"] if name == "CrossExchange" else ["buy", "buy", "sell", "sell"]
            expected = both if sandbox is here or name == "CrossExchange" else []
            assert sorted(orders) == ([] if dry_run else expected)
            assert sandbox.control.rejections() == []
            assert sandbox.control.audit()["ok"]
