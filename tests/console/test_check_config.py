"""``check-config``: every mistake and doubt at once, each with what to do, and nothing started."""

import json
from pathlib import Path

import pytest

from freqtrade_balance_guard.cli.main import main
from freqtrade_balance_guard.sandbox import Sandbox, Scenario


STRATEGY = """
from freqtrade.strategy import IStrategy
from freqtrade_balance_guard import BalanceGuard, ReservedArbitrage

class {name}({bases}):
    timeframe = "5m"
    minimal_roi = {{}}
    stoploss = -0.1
    {more}

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe
"""


def write_strategy(registry, name: str, bases: str, more: str = "pass") -> None:
    folder = registry.userdir / "strategies"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(STRATEGY.format(name=name, bases=bases, more=more))


@pytest.fixture
def check(registry, capsys: pytest.CaptureFixture[str]):
    """Run it on a config; exit code, findings by code, and what people read."""

    def check(*words: str, **config):
        path = str(registry.write_config(**config))
        arguments = ["check-config", "-c", path, "--userdir", str(registry.userdir), *words]
        with pytest.raises(SystemExit) as end:
            main([*arguments, "--json"])
        found = json.loads(capsys.readouterr().out)
        with pytest.raises(SystemExit):
            main(arguments)
        by_code: dict[str, list[dict[str, str]]] = {}
        for finding in found["findings"]:
            by_code.setdefault(finding["code"], []).append(finding)
        return int(end.value.code or 0), by_code, capsys.readouterr().out

    return check


def test_a_config_without_a_doubt_is_fine(check, registry):
    write_strategy(registry, "Good", "BalanceGuard, IStrategy")
    code, found, out = check("--offline", "--strategy", "Good")
    assert code == 0 and set(found) == {"tested_exchange", "guarded_by_mixin"}
    assert "Healthy" in out


def test_all_mistakes_of_the_section_are_listed_at_once(check):
    section = {
        "min_order_sze": 3,
        "position_size_percent": 120,
        "ledger": {"orphan_orders": "sell"},
        "metrics": {"listen_port": 70000},
    }
    code, found, out = check("--offline", balance_guard=section)
    sentences = [finding["sentence"] for finding in found["wrong_setting"]]
    assert code == 1 and len(sentences) == 4
    for key in ("min_order_sze", "position_size_percent", "orphan_orders", "listen_port"):
        assert sum(key in sentence for sentence in sentences) == 1 and key in out


def test_what_else_is_wrong_is_found_beside_a_wrong_section(check, registry):
    write_strategy(registry, "Swapped", "IStrategy, BalanceGuard")
    code, found, _ = check("--strategy", "Swapped", balance_guard={"min_order_size": "x"})
    assert code == 1 and {"wrong_setting", "strategy_not_loaded"} <= set(found)
    (swapped,) = found["strategy_not_loaded"]
    assert swapped["remedy"] == "write the mixin first: class Swapped(BalanceGuard, IStrategy)"


def test_a_config_without_a_section_is_not_guarded(check, registry):
    path = registry.write_config()
    config = json.loads(path.read_text())
    del config["balance_guard"]
    config["balanceguard"] = {}
    registry.write_config = lambda **_: path
    path.write_text(json.dumps(config))
    code, found, _ = check("--offline")
    assert code == 1
    (missing,) = found["no_section"]
    assert missing["sentence"].startswith("NOT guarded") and "balanceguard" in missing["remedy"]


def test_a_share_below_one_is_questioned_also_in_a_tier(check):
    section = {
        "position_size_percent": 0.4,
        "tiers": [{"up_to": 100, "position_size_percent": 0.8}],
    }
    code, found, _ = check("--offline", balance_guard=section)
    assert code == 1
    assert [one["sentence"] for one in found["percent_below_one"]] == [
        "balance_guard.position_size_percent is 0.4: 0.4 means 0.4 %.",
        "balance_guard.tiers[0].position_size_percent is 0.8: 0.8 means 0.8 %.",
    ]
    assert found["percent_below_one"][0]["remedy"] == "write 40 if 40 % is meant"


def test_a_floor_above_the_wallet_lets_no_entry_out(check, registry):
    section = {"reserve_balance": {"USDT": 500}}
    code, found, _ = check("--offline", balance_guard=section, dry_run=True, dry_run_wallet=200)
    assert code == 1
    (floor,) = found["floor_above_wallet"]
    assert "500 USDT is above the wallet's 200 USDT: no entry" in floor["sentence"]
    assert "floor_above_wallet" not in check("--offline", balance_guard=section)[1]
    registry.bot()
    registry.believe(USDT="400")
    live = {"ledger": {"account": "main"}, **section}
    assert "floor_above_wallet" in check("--offline", balance_guard=live)[1]


@pytest.mark.parametrize(
    ("section", "code", "numbers"),
    [
        ({"min_balance_threshold": 5000}, "threshold_above_wallet", ("5000", "1000")),
        (
            {
                "reserve_balance": {"USDT": 900},
                "tiers": [{"up_to": 1000, "min_balance_threshold": 101}],
            },
            "threshold_above_wallet",
            ("101", "100 USDT that"),
        ),
        (
            {"position_size_percent": 1, "min_order_size_usdt": 12, "min_balance_threshold": 0},
            "cap_below_minimum",
            ("at most 10 USDT", "12 USDT"),
        ),
    ],
)
def test_limits_that_a_dry_run_wallet_can_never_meet_are_named(check, section, code, numbers):
    wallet = {"dry_run": True, "dry_run_wallet": 1000}
    end, found, _ = check("--offline", balance_guard=section, **wallet)
    assert end == 1
    (finding,) = found[code]
    assert all(number in finding["sentence"] for number in numbers)
    enough = {**wallet, "dry_run_wallet": 10_000}
    assert code not in check("--offline", balance_guard=section, **enough)[1]
    # A live account may have its money in positions.
    assert code not in check("--offline", balance_guard=section)[1]


def test_a_floor_that_the_exchange_does_not_know_is_named_with_the_nearest(check):
    with Sandbox.start(Scenario.default()) as sandbox:
        config = {
            "exchange": sandbox.freqtrade_exchange(),
            "balance_guard": {"reserve_balance": {"USTD": 5, "BTC": 0.001}},
        }
        code, found, _ = check(**config)
    assert code == 1
    (unknown,) = found["unknown_floor"]
    assert "USTD" in unknown["sentence"] and unknown["remedy"] == 'did you mean "USDT"?'


def test_markets_that_cannot_be_read_are_a_note_with_the_cause(check, registry, caplog):
    exchange = {
        "name": "kraken",
        "ccxt_config": {"urls": {"api": {"public": "http://127.0.0.1:9", "private": "http://x"}}},
    }
    write_strategy(registry, "Good", "BalanceGuard, IStrategy")
    code, found, _ = check("--strategy", "Good", exchange=exchange)
    assert code == 0 and "ExchangeNotAvailable" in found["no_markets"][0]["sentence"]
    # Printed where nothing is set up for logging: a user without a network saw two tracebacks.
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]


def test_exchange_venue_slots_and_channels_are_looked_at(check):
    code, found, _ = check(
        "--offline",
        exchange={"name": "whitebit"},
        max_open_trades=-1,
        discord={"enabled": True, "webhook_url": "https://discord.invalid/x"},
        webhook={"enabled": True, "url": "https://webhook.invalid"},
        balance_guard={
            "position_size_basis": "per_slot",
            "venues": {"second": {"name": "krakn", "key": "k"}},
        },
    )
    assert code == 1
    assert {
        "untested_exchange",
        "unlimited_slots",
        "discord_without_warnings",
        "webhook_without_status",
        "unknown_exchange",
    } <= set(found)


def test_a_strategy_with_opportunities_and_without_the_mixin_is_a_mistake(check, registry):
    write_strategy(registry, "Legs", "IStrategy", "def find_opportunities(self, **k): return []")
    code, found, _ = check("--offline", "--strategy", "Legs")
    assert code == 1 and {"arbitrage_without_mixin", "guarded_by_launcher"} <= set(found)
    write_strategy(registry, "Broken", "IStrategy", "x = no_such_name")
    code, found, _ = check("--offline", "--strategy", "Broken")
    assert code == 1 and "no_such_name" in found["strategy_not_loaded"][0]["sentence"]
    code, found, _ = check("--offline", "--strategy", "Nowhere")
    assert code == 1 and "Nowhere" in found["strategy_not_loaded"][0]["sentence"]


def test_nothing_is_created(check, registry):
    before = sorted(path.name for path in Path(registry.folder).rglob("*"))
    check("--offline")
    after = sorted(path.name for path in Path(registry.folder).rglob("*"))
    assert set(after) - set(before) <= {"config.json"}


def test_a_wrong_setting_does_not_hide_what_is_doubtful_in_the_others(registry, check):
    section = {
        "min_order_sise": 3,
        "min_balance_threshold": "x",
        "position_size_percent": 0.4,
        "reserve_balance": {"USDT": 5000, "EUR": "much"},
        "rebalance": {"enabeld": True},
        "venues": {"second": {"name": "krakken"}, "third": {}},
        "tiers": [{"up_to": "x"}],
    }
    code, found, _ = check("--offline", balance_guard=section, dry_run=True, dry_run_wallet=1000)
    assert code == 1
    assert len(found["wrong_setting"]) == 6
    assert {"percent_below_one", "floor_above_wallet", "unknown_exchange"} <= found.keys()
