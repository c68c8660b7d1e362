"""The start: wrong settings end it with one sentence, right ones survive a reload."""

import json
import time

import httpx
import pytest

from freqtrade_balance_guard.demo.bot import Bot
from freqtrade_balance_guard.demo.strategy import StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.live import all_pairs, running, scenario, settings


WRONG = {
    "unknown": ({"min_ordersize": 3}, 'balance_guard.min_ordersize', 'min_order_size'),
    "type": ({"position_size_percent": "80"}, "balance_guard.position_size_percent", "80"),
    "range": ({"position_size_percent": 101}, "balance_guard.position_size_percent", "101"),
    "tiers": ({"tiers": [{"up_to": 9}, {"up_to": 5}]}, "balance_guard.tiers[1].up_to", "5"),
    "venue": ({"venues": {"second": {"name": "krakn"}}}, "venues.second.name", "kraken"),
    "section": ([1], "balance_guard", "object"),
}  # fmt: skip


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox.start(scenario()) as sandbox:
        yield sandbox


def ended(bot):
    """Wait for the end; the exit code."""
    deadline = time.monotonic() + 40
    while bot.exit_code() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return bot.exit_code()


@pytest.mark.parametrize("way", ["launcher", "mixin"])
@pytest.mark.parametrize(
    "name", ["unknown", "tiers", pytest.param("venue", marks=pytest.mark.acceptance)]
)
def test_a_wrong_setting_stops_the_start_with_one_sentence(sandbox, tmp_path, way, name):
    guard, key, value = WRONG[name]
    sandbox.control.reset_counters()
    bot_settings = settings(sandbox, StrategyPlan(), way=way, guard=guard)
    with Bot.start(bot_settings, tmp_path) as bot:
        assert ended(bot) not in (0, None)
        errors = [line for line in bot.lines(" ERROR ") if "balance_guard" in line]
        assert len(errors) == 1 and key in errors[0] and value in errors[0]
        assert "Traceback" not in bot.log()
    counters = sandbox.control.counters()
    assert counters["private"] == 0
    if way == "launcher":
        assert counters["total"] == 0


def test_a_floor_that_the_exchange_does_not_know_is_warned_of_at_the_start(sandbox, tmp_path):
    guard = {"reserve_balance": {"USTD": 5, "BTC": 0.001}}
    with running(settings(sandbox, StrategyPlan(), way="launcher", guard=guard), tmp_path) as bot:
        (line,) = bot.lines("reserve_balance names")
        assert "USTD" in line and 'did you mean "USDT"?' in line and " WARNING " in line


def test_a_misspelt_section_is_named(sandbox, tmp_path):
    bot_settings = settings(
        sandbox, StrategyPlan(), way="launcher", config={"balance_gaurd": {"enabled": True}}
    )
    with Bot.start(bot_settings, tmp_path) as bot:
        assert ended(bot) not in (0, None)
        assert bot.lines('"balance_gaurd" is not a known section.*"balance_guard"')


@pytest.mark.parametrize(
    "name",
    [
        "unknown",
        *(pytest.param(name, marks=pytest.mark.acceptance) for name in WRONG if name != "unknown"),
    ],
)
def test_every_other_command_is_stopped_as_well(workspace, name):
    guard, key, value = WRONG[name]
    workspace.write_config(guard)
    workspace.write_strategy()
    done = workspace.run("list-pairs", launcher=True)
    assert done.returncode != 0
    assert key in done.stderr + done.stdout and value in done.stderr + done.stdout


def test_settings_from_the_environment_hold_and_wrong_ones_are_named(workspace):
    workspace.write_config({})
    name = "FREQTRADE__BALANCE_GUARD__POSITION_SIZE_PERCENT"
    assert workspace.run("list-pairs", launcher=True, environment={name: "50"}).returncode == 0
    done = workspace.run("list-pairs", launcher=True, environment={name: "nan"})
    assert done.returncode != 0
    assert "balance_guard.position_size_percent" in done.stdout + done.stderr


def test_secrets_of_venues_reach_no_export(workspace):
    secret = "c2VjcmV0LW9mLWEtdmVudWU="
    workspace.write_config(
        {
            "venues": {"other": {"name": "kraken", "key": "K-of-venue", "secret": secret}},
            "ledger": {"db_url": "postgresql://bot:hunter22@localhost/books"},
        }
    )
    workspace.write_strategy()
    result = workspace.backtest(launcher=True)
    assert secret not in result["log"] and "hunter22" not in result["log"]
    for path in workspace.folder.rglob("*"):
        if path.is_file() and path.name != "config.json":
            content = path.read_bytes()
            assert secret.encode() not in content and b"hunter22" not in content, path
    # The export is a zip; its config is compressed, so it is read as freqtrade reads it.
    import zipfile

    newest = workspace.results()[-1]
    with zipfile.ZipFile(newest) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            assert secret.encode() not in content and b"hunter22" not in content, name
    shown = workspace.run("show-config", "--show-sensitive", launcher=True)
    assert secret not in shown.stdout


@pytest.mark.parametrize("way", [pytest.param("launcher", marks=pytest.mark.acceptance), "mixin"])
def test_reload_config_keeps_the_guard_on_once_and_takes_new_settings(sandbox, tmp_path, way):
    port = 8900 + (0 if way == "mixin" else 1)
    api = {
        "enabled": True, "listen_ip_address": "127.0.0.1", "listen_port": port, "username": "u",
        "password": "p", "jwt_secret_key": "not-a-secret-but-long-enough-for-the-hash-function",
        "CORS_origins": [], "verbosity": "error", "enable_openapi": False, "ws_token": "w",
    }  # fmt: skip
    with Sandbox.start(scenario("1000")) as own:
        first, second = all_pairs(own, 2)
        plan = StrategyPlan(signals={first: 1, second: 1})
        guard = {"position_size_percent": 10}
        bot_settings = settings(
            own, plan, way=way, guard=guard, config={"api_server": api}, max_open_trades=2
        )
        with running(bot_settings, tmp_path) as bot:
            bot.wait_until(lambda: len(bot.trades()) == 2, 30, "2 trades")
            assert bot.trades()[0]["stake_amount"] == pytest.approx(99, rel=0.01)
            path = tmp_path / "config.json"
            config = json.loads(path.read_text())
            config["balance_guard"]["position_size_percent"] = 5
            config["max_open_trades"] = 3
            path.write_text(json.dumps(config))
            plan_file = tmp_path / "rehearsal_plan.json"
            third = all_pairs(own, 3)[2]
            changed = json.loads(plan_file.read_text())
            changed["signals"] = {third: 1}
            plan_file.write_text(json.dumps(changed))
            answer = httpx.post(
                f"http://127.0.0.1:{port}/api/v1/reload_config", auth=("u", "p"), timeout=20
            )
            assert answer.status_code == 200
            bot.wait_for("Balance guard .* is on", 30, count=2)
            bot.wait_until(lambda: len(bot.trades()) == 3, 30, "a trade after the reload")
            # About 790 are left free; a twentieth of what is available.
            assert 30 < bot.trades()[2]["stake_amount"] < 45
            assert len(bot.lines(f"Stake for {third} made smaller")) == 1
        assert own.control.rejections() == []


@pytest.mark.acceptance
@pytest.mark.parametrize("way", ["launcher", "mixin"])
def test_a_typo_with_reload_config_keeps_the_settings_and_denies_entries_until_it_is_mended(
    tmp_path, way
):
    port = 8910 + (0 if way == "mixin" else 1)
    api = {
        "enabled": True, "listen_ip_address": "127.0.0.1", "listen_port": port, "username": "u",
        "password": "p", "jwt_secret_key": "not-a-secret-but-long-enough-for-the-hash-function",
        "CORS_origins": [], "verbosity": "error", "enable_openapi": False, "ws_token": "w",
    }  # fmt: skip

    def reload() -> None:
        address = f"http://127.0.0.1:{port}/api/v1/reload_config"
        assert httpx.post(address, auth=("u", "p"), timeout=20).status_code == 200

    def change(file, **more) -> None:
        content = json.loads(file.read_text())
        file.write_text(json.dumps({**content, **more}))

    with Sandbox.start(scenario("1000")) as own:
        first, second = all_pairs(own, 2)
        bot_settings = settings(
            own,
            StrategyPlan(signals={first: 1}),
            way=way,
            guard={"position_size_percent": 10},
            config={"api_server": api},
            max_open_trades=2,
        )
        with running(bot_settings, tmp_path) as bot:
            bot.wait_until(lambda: len(bot.trades()) == 1, 60, "a trade")
            config, plan = tmp_path / "config.json", tmp_path / "rehearsal_plan.json"
            change(config, balance_guard={"position_size_percnt": 5})
            change(plan, signals={first: 1, second: 1})
            reload()
            bot.wait_for("No entries, exits go on: the reloaded settings are wrong", 60)
            bot.wait_for(rf"No order for {second}: .*position_size_percnt.*\[settings_wrong", 60)
            bot.wait_for("Sending rpc message: .*entries are denied.*settings_wrong", 60)
            assert len(bot.trades()) == 1
            # An exit goes out, with the guard's settings of before.
            answer = httpx.post(
                f"http://127.0.0.1:{port}/api/v1/forceexit",
                auth=("u", "p"),
                json={"tradeid": "1"},
                timeout=20,
            )
            assert answer.status_code == 200
            bot.wait_until(lambda: not bot.open_trades(), 60, "the exit")

            change(config, balance_guard={"position_size_percent": 10})
            reload()
            bot.wait_until(lambda: len(bot.trades()) == 2, 60, "an entry after the mend")
            assert bot.trades()[1]["stake_amount"] == pytest.approx(99, rel=0.02)
