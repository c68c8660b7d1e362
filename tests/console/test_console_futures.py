"""The commands that ask the exchange itself, for a futures account."""

import json
from decimal import Decimal

import pytest

from freqtrade_balance_guard.cli.main import main
from freqtrade_balance_guard.demo.strategy import StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.futures_bot import (
    ADA,
    LEVERAGE,
    SOL,
    futures_scenario,
    futures_settings,
    is_filled,
)
from tests.support.live import running


@pytest.fixture
def typed(capsys):
    """Type a command beside a bot's folder; exit code, and what it printed as JSON."""

    def typed(folder, *words):
        with pytest.raises(SystemExit) as end:
            main([*words, "--json", "-c", str(folder / "config.json"), "--userdir", str(folder)])
        printed = capsys.readouterr()
        assert printed.out, printed.err
        return int(end.value.code or 0), json.loads(printed.out)

    return typed


@pytest.mark.acceptance
@pytest.mark.parametrize("margin_mode", ["isolated", "cross"])
def test_reconcile_is_clean_with_open_positions_and_resting_stops(tmp_path, typed, margin_mode):
    with Sandbox.start(futures_scenario("1000")) as sandbox:
        plan = StrategyPlan(signals={SOL: 1, ADA: 1}, stoploss=-0.2, stoploss_on_exchange=True)
        bot_settings = futures_settings(
            sandbox,
            plan,
            way="launcher",
            guard={},
            margin_mode=margin_mode,
            stake_amount=290,
            max_open_trades=2,
        )
        with running(bot_settings, tmp_path, LEVERAGE.format(leverage=2)) as bot:
            bot.wait_until(lambda: is_filled(bot, 2), 40, "two open trades")
            bot.wait_until(lambda: len(sandbox.control.stops()) == 2, 20, "two stops")
            bot.wait_loops(2)
            bot.stop()
        # free + used is not the total here: a position that lost keeps its margin.
        sandbox.control.price(SOL, Decimal(98))
        code, answer = typed(tmp_path, "reconcile", "--exchange")
        assert (code, answer["differences"]) == (0, [])
        assert len([stop for stop in sandbox.control.stops() if stop["status"] == "NEW"]) == 2


@pytest.mark.parametrize(
    ("modes", "codes"),
    [
        ({}, set()),
        ({"hedge_mode": True}, {"hedge_mode"}),
        ({"multi_assets": True}, {"multi_assets_mode"}),
    ],
    ids=["as freqtrade wants it", "hedge mode", "multi-assets mode"],
)
def test_doctor_names_the_mode_of_an_account(tmp_path, typed, modes, codes):
    with Sandbox.start(futures_scenario("1000", futures=modes)) as sandbox:
        config = {
            **futures_settings(sandbox, StrategyPlan(), guard={}).as_config(),
            "trading_mode": "futures",
        }
        (tmp_path / "config.json").write_text(json.dumps(config, default=float))
        _, answer = typed(tmp_path, "doctor", "--exchange")
        found = {finding["code"]: finding for finding in answer["findings"]}
        position_mode = "hedge" if modes.get("hedge_mode") else "one-way"
        assert f"position mode {position_mode}" in found["account_mode"]["sentence"]
        assert found.keys() & {"hedge_mode", "multi_assets_mode"} == codes
        assert "account" in answer["checked"]
