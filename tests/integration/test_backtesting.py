"""The guard in freqtrade's offline commands: same decisions, nothing added, nothing broken."""

import json

import pytest

from tests.support.workspace import trades_of


NEUTRAL = {
    "min_order_size": 0,
    "min_balance_threshold": 0,
    "position_size_percent": 100,
    "balance_cache_duration": 0,
    "post_trade_refresh_window": 0,
}


@pytest.fixture(scope="module")
def plain(workspace):
    """What plain freqtrade does, once for all."""
    workspace.write_config()
    workspace.write_strategy(adjust=True)
    result = workspace.backtest()
    assert len(result["trades"]) > 50
    return result


@pytest.mark.parametrize(
    ("way", "guard"),
    [
        pytest.param("launcher", None, id="no section, launcher"),
        pytest.param("mixin", NEUTRAL, id="neutral, mixin"),
        pytest.param(
            "mixin", {"enabled": False}, id="disabled, mixin", marks=pytest.mark.acceptance
        ),
        pytest.param("mixin", None, id="no section, mixin", marks=pytest.mark.acceptance),
        pytest.param(
            "launcher", {"enabled": False}, id="disabled, launcher", marks=pytest.mark.acceptance
        ),
        pytest.param("launcher", NEUTRAL, id="neutral, launcher", marks=pytest.mark.acceptance),
    ],
)
def test_inert_and_neutral_settings_give_the_same_trades_as_plain(workspace, plain, way, guard):
    workspace.write_config(guard)
    workspace.write_strategy(adjust=True, mixin=way == "mixin")
    result = workspace.backtest(launcher=way == "launcher")
    assert trades_of(result) == trades_of(plain)
    assert result["final_balance"] == plain["final_balance"]


def test_mixin_and_launcher_make_the_same_decisions(workspace, plain):
    guard = {"position_size_percent": 40, "reserve_balance": {"USDT": 100}}
    results = []
    for way in ("mixin", "launcher"):
        workspace.write_config(guard)
        workspace.write_strategy(adjust=True, mixin=way == "mixin")
        results.append(workspace.backtest(launcher=way == "launcher"))
    assert trades_of(results[0]) == trades_of(results[1])
    assert trades_of(results[0]) != trades_of(plain)
    assert "Balance guard" in results[0]["log"]


@pytest.mark.acceptance
def test_the_same_run_twice_gives_the_same_trades(workspace):
    workspace.write_config(
        {"tiers": [{"up_to": 990, "position_size_percent": 20}, {"position_size_percent": 50}]}
    )
    workspace.write_strategy(adjust=True)
    first, second = (workspace.backtest(launcher=True) for _ in range(2))
    assert trades_of(first) == trades_of(second)


def test_no_entry_takes_more_than_its_share(workspace):
    workspace.write_config({"position_size_percent": 10}, max_open_trades=1)
    workspace.write_strategy()
    result = workspace.backtest(launcher=True)
    # 990 of 1000 are tradable; one entry takes at most a tenth of what is available before it.
    assert max(trade["stake_amount"] for trade in result["trades"]) <= 0.1 * 1.2 * 1000
    assert result["trades"][0]["stake_amount"] == pytest.approx(99, rel=1e-3)


def test_no_position_is_opened_that_could_not_be_sold_at_its_stop(workspace):
    """Half a dollar is the minimum cost; 15 % must be left of what is bought, hence 3.5 dollars."""
    workspace.write_config(None, stake_amount=2.65, max_open_trades=5)
    workspace.write_strategy(stoploss=-0.85)
    assert workspace.backtest()["total_trades"] > 0
    workspace.write_config({"min_order_size": 0.1}, stake_amount=2.65, max_open_trades=5)
    assert workspace.backtest(launcher=True)["total_trades"] == 0


COUNTERS = """

import atexit
import sqlite3

from freqtrade.strategy import strategy_wrapper

counts = {"deepcopy": 0, "sql": 0}
_deepcopy = strategy_wrapper.deepcopy


def deepcopy(*args, **kwargs):
    counts["deepcopy"] += 1
    return _deepcopy(*args, **kwargs)


def audit(event, args):
    if event == "sqlite3.connect":
        counts["sql"] += 1


strategy_wrapper.deepcopy = deepcopy
import sys
sys.addaudithook(audit)
atexit.register(lambda: print("COUNTED", counts["deepcopy"], counts["sql"]))
"""


@pytest.mark.parametrize("guarded", ["mixin", "launcher"])
@pytest.mark.acceptance
def test_a_guarded_backtest_copies_no_trade_and_opens_no_database_more_than_plain(
    workspace, guarded
):
    counted = {}
    for way in ("plain", guarded):
        workspace.write_strategy(adjust=True, mixin=way == "mixin")
        path = workspace.folder / "strategies" / "clockwork.py"
        path.write_text(path.read_text() + COUNTERS)
        # The same entries, so that callbacks are called as often.
        workspace.write_config(
            None if way == "plain" else {"min_order_size": 0.001, "position_size_percent": 100,
                                         "min_balance_threshold": 0},
            stake_amount=50, max_open_trades=5,
        )  # fmt: skip
        result = workspace.backtest("--timerange", "20260601-20260606", launcher=way == "launcher")
        (line,) = [line for line in result["log"].splitlines() if line.startswith("COUNTED")]
        counted[way] = (len(result["trades"]), line)
    assert counted[guarded] == counted["plain"]
    assert counted["plain"][0] > 20


@pytest.mark.acceptance
def test_lookahead_analysis_runs_with_the_guard(workspace):
    workspace.write_config({"position_size_percent": 30}, stake_amount=10_000)
    workspace.write_strategy()
    done = workspace.run(
        "lookahead-analysis", "--strategy", "Clockwork", "--minimum-trade-amount", "5",
        "--targeted-trade-amount", "10", "--timerange", "20260601-20260610",
        launcher=True,
    )  # fmt: skip
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-3000:]
    assert "Clockwork" in output and "no bias detected" in output.lower()


def test_the_pairlist_filter_is_found_by_name_and_drops_what_is_too_dear(workspace):
    workspace.write_config(
        {"min_order_size": 1},
        dry_run_wallet=2.65,
        pairlists=[{"method": "StaticPairList"}, {"method": "MinimumBalanceFilter"}],
    )
    done = workspace.run("test-pairlist", "--print-json", launcher=True)
    assert done.returncode == 0, done.stderr[-3000:]
    kept = json.loads(done.stdout.strip().splitlines()[-1])
    assert 0 < len(kept) < 5, kept
    workspace.write_config(
        {"min_order_size": 1},
        dry_run_wallet=280,
        pairlists=[{"method": "StaticPairList"}, {"method": "MinimumBalanceFilter"}],
    )
    done = workspace.run("test-pairlist", "--print-json", launcher=True)
    assert len(json.loads(done.stdout.strip().splitlines()[-1])) == 5


def test_denials_by_code_stand_in_the_printed_result_and_in_the_export(workspace):
    workspace.write_config({"reserve_balance": {"USDT": 700}, "min_balance_threshold": 150})
    workspace.write_strategy(adjust=True)
    result = workspace.backtest(launcher=True)
    section = result["balance_guard"]
    assert section["denials"]["below_threshold"] > 0
    assert section["approved"] >= len(result["trades"])
    assert "BALANCE GUARD" in result["log"] and "below_threshold" in result["log"]
    workspace.write_config()
    plain = workspace.backtest(launcher=True)
    assert "balance_guard" not in plain and "BALANCE GUARD" not in plain["log"]
