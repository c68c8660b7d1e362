"""The harness with real bots: each way in, live on the sandbox, and in dry-run."""

import argparse
import json
from statistics import median

import pytest

from freqtrade_balance_guard.demo import command
from freqtrade_balance_guard.demo.bot import Bot, BotError, BotSettings
from freqtrade_balance_guard.demo.strategy import Adjustment, Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox


GUARD = {"position_size_percent": 50}


def _settings(sandbox, **changes):
    exchange = sandbox.freqtrade_exchange()
    exchange["pair_whitelist"] = ["ADA/USDT", "XRP/USDT"]
    plan = StrategyPlan(signals={"ADA/USDT": 1})
    return BotSettings(**{"exchange": exchange, "plan": plan, "max_open_trades": 1, **changes})


@pytest.mark.acceptance
def test_a_plain_bot_trades_live_obeys_its_control_file_and_leaves_its_rows(tmp_path):
    with Sandbox.start() as sandbox:
        plan = StrategyPlan(
            signals={"ADA/USDT": 1}, adjustments=(Adjustment("ADA/USDT", share=-0.25),)
        )
        settings = _settings(sandbox, plan=plan, guard=GUARD, stake_amount=600)
        with Bot.start(settings, tmp_path) as bot:
            bot.wait_running()
            bot.wait_until(lambda: len(sandbox.control.orders()) >= 2, 30, "entry and part")
            bot.wait_loops(2)
            bot.control(Control(exits=["ADA/USDT"]))
            bot.wait_until(lambda: bot.trades() and not bot.open_trades(), 30, "a closed trade")
            loops = bot.loops()
        orders = sandbox.control.orders()

    assert [order["side"] for order in orders] == ["buy", "sell", "sell"]
    assert [row["order_id"] for row in bot.orders()] == [order["id"] for order in orders]
    assert float(orders[0]["cost"]) == pytest.approx(600, rel=0.01), "plain ignores the section"
    assert float(orders[1]["amount"]) == pytest.approx(float(orders[0]["amount"]) / 4, rel=0.01)
    assert len(loops) >= 4
    # On a busy machine one line of the log may come late and the next at once.
    assert 0.5 < median(loops[:-1])
    assert bot.exit_code() is not None, "leaving the block ended it"


def test_a_bot_that_was_killed_goes_on_with_its_database_and_shows_only_its_own_log(tmp_path):
    with Sandbox.start() as sandbox:
        settings = _settings(sandbox, stake_amount=600)
        with Bot.start(settings, tmp_path) as bot:
            bot.wait_until(lambda: bool(bot.open_trades()), 60, "a trade")
            bot.kill()
            first = bot.log()
        with Bot.start(settings, tmp_path) as bot:
            before = bot.log()
            bot.wait_loops(2)
            again = bot.log()
            loops = bot.loops()

    assert len(bot.trades()) == 1
    assert "Long signal found" in first
    assert "Long signal found" not in again
    assert len(before) < len(again)
    assert len(loops) <= 3, "the loops of the killed one are not ours"


@pytest.mark.acceptance
def test_through_the_mixin_the_same_plan_meets_the_limits(tmp_path):
    with Sandbox.start() as sandbox:
        settings = _settings(sandbox, way="mixin", guard=GUARD, stake_amount=600)
        with Bot.start(settings, tmp_path) as bot:
            bot.wait_until(lambda: bool(sandbox.control.orders()), 60, "an entry")
        cost = float(sandbox.control.orders()[0]["cost"])

    # Half of freqtrade's 990 of 1000.
    assert 480 < cost <= 500


def test_waiting_for_a_bot_that_ended_says_so_with_its_last_words(tmp_path):
    with Sandbox.start() as sandbox:
        settings = _settings(sandbox, config={"max_open_trades": "many"})
        with Bot.start(settings, tmp_path) as bot, pytest.raises(BotError) as told:
            bot.wait_running(timeout=60)

    assert "The bot ended" in str(told.value)
    assert "max_open_trades" in str(told.value)


def _run(capfd, *options):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    code = command.run(parser.parse_args(options))
    return code, capfd.readouterr().out


def test_the_demo_plays_a_scene_on_both_sides_and_prints_nothing_but_json(capfd, tmp_path):
    output = tmp_path / "out"

    code, out = _run(capfd, "--json", "--scenes", "floor", "--output", str(output))

    results = json.loads(out)
    (scene,) = results["scenes"]
    assert (code, results["ok"], scene["broken"]) == (0, True, [])
    assert len(scene["plain"]["wrong_sizes"]) == 2, "plain spends what is to stay"
    assert scene["guarded"]["wrong_sizes"] == []
    assert scene["guarded"]["orders"] == 2
    assert json.loads((output / "results.json").read_text()) == results
    assert (output / "timeline.svg").exists()
    assert "Balance guard" in (output / "floor-guarded.log").read_text()


@pytest.mark.acceptance
def test_the_demo_shows_the_same_wiring_in_dry_run(capfd, tmp_path):
    code, out = _run(
        capfd,
        *("--json", "--dry-run", "--way", "mixin", "--scenes", "between"),
        *("--output", str(tmp_path / "out")),
    )

    results = json.loads(out)
    (scene,) = results["scenes"]
    assert (code, results["mode"]) == (0, "dry-run")
    assert scene["plain"]["warnings"] > 20, "a warning per pair in every loop"
    assert scene["guarded"]["refusals"] == {"cap_below_minimum": 6}
    assert set(scene["guarded"]["refused_pairs"].values()) == {1}


@pytest.mark.acceptance
@pytest.mark.parametrize("mode", ["live", "dry-run"])
def test_with_two_exchanges_the_plain_bot_is_left_with_one_leg_and_the_guarded_one_is_not(
    capfd, tmp_path, mode
):
    options = ["--json", "--scenes", "two-legs", "--output", str(tmp_path / "out")]
    code, out = _run(capfd, *options, *(["--dry-run"] if mode == "dry-run" else []))

    (scene,) = json.loads(out)["scenes"]
    assert (code, scene["broken"]) == (0, [])
    plain, guarded = scene["plain"], scene["guarded"]
    assert guarded["legs_alone"] == [] and guarded["refusals"] == {"insufficient_available": 1}
    if mode == "live":
        assert [alone.split()[1] for alone in plain["legs_alone"]] == ["XRP", "DOT"]
        assert (plain["rejected"], guarded["rejected"]) == (2, 1)
        assert (plain["orders"], guarded["orders"]) == (4, 4)


def test_the_scenes_are_listed_without_playing_them(capfd):
    code, out = _run(capfd, "--list-scenes", "--json")

    assert code == 0
    assert {"name", "title"} == set(json.loads(out)[0])


def test_an_unknown_scene_is_a_wrong_option(capfd):
    code, out = _run(capfd, "--scenes", "moon", "--json")

    assert (code, out) == (2, "")
