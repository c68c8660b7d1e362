"""Which ledger a bot uses in which mode: its own in dry-run, none at all in a backtest."""

import json

import pytest

from freqtrade_balance_guard.demo.strategy import StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.balances import A, bot_on, usdt
from tests.support.fleet import watched


# Put into the strategy: at its end the process tells what it has loaded.
TELLS_MODULES = """
import atexit as _atexit, json as _json, sys as _sys
from pathlib import Path as _Path

def _tell(path=_Path(__file__).with_name("modules.json"), json=_json, sys=_sys):
    path.write_text(json.dumps(sorted(sys.modules)))

_atexit.register(_tell)
"""


@pytest.mark.parametrize(
    "mixin",
    [
        pytest.param(True, id="mixin", marks=pytest.mark.acceptance),
        pytest.param(False, id="launcher"),
    ],
)
def test_a_backtest_makes_no_ledger_and_does_not_even_load_it(workspace, mixin):
    workspace.write_config(guard={"debug_validation": True})
    workspace.write_strategy(mixin=mixin, body=TELLS_MODULES)
    result = workspace.backtest("--enable-protections", launcher=not mixin)
    assert result["trades"]
    told = workspace.folder / "strategies" / "modules.json"
    loaded = json.loads(told.read_text())
    assert "freqtrade_balance_guard.guard" in loaded
    for part in (
        "ledger",
        "orders.registry",
        "orders.funds.other_bots",
        "integration.orders.order_gateway",
    ):
        name = f"freqtrade_balance_guard.{part}"
        assert not [one for one in loaded if one == name or one.startswith(f"{name}.")]
    assert not list(workspace.folder.rglob("balance_guard*"))


@pytest.mark.acceptance
def test_a_dry_run_and_a_live_bot_in_one_folder_have_ledgers_and_accounts_of_their_own(tmp_path):
    plan = StrategyPlan({A: 1})
    with Sandbox.start(usdt("1000")) as sandbox:
        for dry_run in (True, False):
            with bot_on(sandbox, tmp_path, "launcher", plan=plan, dry_run=dry_run) as rehearsed:
                rehearsed.wait_bought(1)
                rehearsed.bot.wait_loops(1)
                folder = rehearsed.bot.user_dir
            # The other bot has a database of its own.
            for path in folder.glob("trades.sqlite*"):
                path.unlink()
    files = {"balance_guard.dryrun.sqlite": "kraken-dry", "balance_guard.sqlite": "kraken"}
    assert {path.name for path in folder.glob("balance_guard*.sqlite")} == set(files)
    for name, account in files.items():
        with watched(f"sqlite:///{folder / name}", account) as ledger:
            assert [row.account for row in ledger.reservations()] == [account]
            (row,) = ledger.reservations()
            assert (row.pair, row.side, row.state) == (A, "buy", "committed")
            assert ledger.audit() == []
