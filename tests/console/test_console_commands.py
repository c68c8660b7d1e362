"""The commands as a user types them: what is printed, where, and the exit code."""

import json
import logging
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from freqtrade_balance_guard.cli.main import main
from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.monitoring.commands import CommandBox
from tests.support.console import KEY, PASSWORD, SECRET, Desk
from tests.support.ledger import made, order


COMMANDS = (
    ["status"],
    ["reservations", "list"],
    ["explain", "BTC/USDT"],
    ["reconcile"],
    ["doctor"],
)


@pytest.fixture
def run(registry: Desk, capsys: pytest.CaptureFixture[str]):
    """Type ``balance-guard <words>``; exit code, standard output, standard error."""
    registry.write_config()

    def run(*words: str) -> tuple[int, str, str]:
        config = ["-c", str(registry.folder / "config.json"), "--userdir", str(registry.userdir)]
        with pytest.raises(SystemExit) as end:
            main([*words, *config])
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out, printed.err

    return run


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_where_nothing_is_stored_yet_each_command_says_so_and_makes_no_file(run, registry, words):
    code, out, err = run(*words)
    assert code == 0
    assert "Nothing is stored yet" in out + err
    assert list(registry.userdir.iterdir()) == []
    code, out, _ = run(*words, "--json")
    assert code == 0
    json.loads(out)
    assert list(registry.userdir.iterdir()) == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_wrong_setting_is_one_sentence_and_exit_code_2(run, registry, words):
    registry.write_config(balance_guard={"min_order_size": "x"})
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("balance_guard.min_order_size is") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"balance_guard": None}, "balance_guard is null"),
        ({"exchange": {}}, "exchange.name is missing"),
    ],
)
def test_a_config_that_no_bot_could_use_is_wrong_use(run, registry, config, sentence):
    registry.write_config(**config)
    code, _, err = run("status")
    assert code == 2 and sentence in err


def test_a_config_that_is_not_there_and_one_without_our_section(run, registry):
    path = registry.folder / "config.json"
    config = json.loads(path.read_text())
    del config["balance_guard"]
    path.write_text(json.dumps({**config, "ballance_guard": {}}))
    code, _, err = run("status")
    assert code == 2 and 'no balance_guard section; "ballance_guard" is not a known' in err
    path.unlink()
    code, _, err = run("status")
    assert code == 2 and "not found" in err


def test_an_unknown_subcommand_or_option_is_wrong_use(run):
    assert run("reservations", "lost")[0] == 2
    assert run("status", "--jason")[0] == 2
    assert run("reservations", "list", "--limit", "-1")[0] == 2


def test_the_environment_and_several_files_are_merged_as_freqtrade_does(run, registry, monkeypatch):
    more = registry.folder / "more.json"
    more.write_text(json.dumps({"balance_guard": {"reserve_balance": {"USDT": 7}}}))
    code, out, _ = run("explain", "BTC", "--json", "-c", str(more))
    assert code == 0 and "7 USDT is never spent." in json.loads(out)["limits"]
    monkeypatch.setenv("FREQTRADE__BALANCE_GUARD__MIN_ORDER_SIZE", "33")
    _, out, _ = run("explain", "BTC", "--json")
    assert json.loads(out)["limits"][0] == "Smallest entry: 33 USDT."


def test_reservations_are_listed_with_exactly_the_promised_keys(run, registry):
    bot = registry.bot()
    row = made(bot.reserve(order(bot, "20.10", pair="BTC/USDT")))
    code, out, _ = run("reservations", "list", "--json")
    assert code == 0
    assert json.loads(out) == [
        {
            "schema_version": 1,
            "id": row.id,
            "client_order_id": row.client_order_id,
            "account": "main",
            "bot": "freqtrade-aaaa",
            "pair": "BTC/USDT",
            "side": "buy",
            "currency": "USDT",
            "amount": "20.10",
            "committed": "0",
            "state": "reserved",
            "created_at": row.created_at.isoformat(),
            "order_id": None,
        }
    ]
    _, out, _ = run("reservations", "list")
    assert "BTC/USDT" in out and "20.1" in out and row.client_order_id in out


def test_the_list_can_be_narrowed_and_what_ended_be_limited(run, registry):
    one, two = registry.bot("one-aaaa"), registry.bot("two-bbbb")
    for _ in range(25):
        one.release(made(one.reserve(order(one, "1"))).client_order_id, "x")
    kept = made(two.reserve(order(two, "2", pair="ETH/USDT")))

    def ids(*words):
        return [row["id"] for row in json.loads(run("reservations", "list", "--json", *words)[1])]

    assert len(ids()) == 26 and ids()[0] == kept.id
    assert ids("--limit", "0") == ids("--bot", "two-bbbb") == ids("--pair", "eth/usdt") == [kept.id]
    assert len(ids("--limit", "3")) == 4
    assert ids("--account", "other") == []
    _, out, _ = run("reservations", "list")
    assert "5 more have ended" in out


def test_one_is_shown_with_its_history(run, registry):
    bot = registry.bot()
    row = made(bot.reserve(order(bot, "20"), "for a signal"))
    bot.release(row.client_order_id, "exchange said no")
    code, out, _ = run("reservations", "show", str(row.id), "--json")
    shown = json.loads(out)
    assert code == 0 and shown["requested"] == "20"
    assert [(line["what"], line["why"]) for line in shown["history"]] == [
        *(("reserve", "for a signal"), ("release", "exchange said no")),
    ]
    _, out, _ = run("reservations", "show", row.client_order_id)
    assert "exchange said no" in out and "is running" in out
    code, out, err = run("reservations", "show", "999")
    assert (code, out) == (1, "") and "No reservation has the number" in err


def test_a_dead_bots_reservation_is_not_released_without_a_word_about_the_exchange(run, registry):
    bot = registry.bot(silent_for=500)
    row = made(bot.reserve(order(bot, "20")))
    code, _, err = run("reservations", "release", str(row.id), "--yes")
    assert code == 2 and "--exchange" in err and "--force" in err
    assert bot.find(row.client_order_id).unfinished


def test_forcing_says_what_that_means_and_asks(run, registry, monkeypatch):
    bot = registry.bot(silent_for=500)
    row = made(bot.reserve(order(bot, "20")))
    monkeypatch.setattr("builtins.input", lambda _: "no")
    code, _, err = run("reservations", "release", str(row.id), "--force")
    assert code == 1 and "given out a second time" in err and "not confirmed" in err
    assert bot.find(row.client_order_id).unfinished
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    code, _, err = run("reservations", "release", str(row.id), "--force")
    assert code == 0 and "Released: 20 USDT for a buy of COIN/USDT" in err
    assert not bot.find(row.client_order_id).unfinished
    code, _, err = run("reservations", "release", str(row.id), "--force", "--yes")
    assert code == 1 and "has ended already" in err


def test_a_bot_that_runs_is_asked_by_a_command(run, registry):
    bot = registry.bot()
    row = made(bot.reserve(order(bot, "20")))
    over = threading.Event()

    def loop():
        box = CommandBox(registry.file, SystemClock())
        while not over.wait(0.05):
            for command in box.take(bot.bot):
                bot.release(command.payload["client_order_id"], command.payload["why"])
                box.answer(command.id, "released")
        box.close()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        # --force does not get around a bot that runs.
        code, out, _ = run("reservations", "release", str(row.id), "--force", "--yes", "--json")
    finally:
        over.set()
        thread.join()
    assert code == 0
    assert json.loads(out) == {
        "schema_version": 1,
        "id": row.id,
        "released": True,
        "sentence": "freqtrade-aaaa: released",
    }
    assert bot.history(row.client_order_id)[-1].why == "released by hand"


@pytest.mark.parametrize(
    "words", [["reconcile", "--exchange"], ["reservations", "release", "1", "--exchange", "--yes"]]
)
def test_the_exchange_is_not_asked_in_dry_run(run, registry, words):
    registry.config = {"dry_run": True}
    registry.write_config()
    registry.url = f"sqlite:///{registry.userdir / 'balance_guard.dryrun.sqlite'}"
    bot = registry.bot(account="main-dry", silent_for=500)
    made(bot.reserve(order(bot)))
    code, _, err = run(*words)
    assert code == 1 and "In dry-run there is nothing at the exchange" in err


def test_the_exchange_is_not_asked_while_a_bot_with_the_key_runs(run, registry):
    registry.bot(key="")
    code, out, err = run("reconcile", "--exchange", "--json")
    assert (code, out) == (1, "")
    assert "freqtrade-aaaa is running with the same API key" in err


def test_findings_have_exit_code_1_and_json_alone_on_standard_output(run, registry):
    bot = registry.bot(silent_for=500)
    made(bot.reserve(order(bot)))
    code, out, err = run("reconcile", "--json")
    assert (code, err) == (1, "")
    assert [one["kind"] for one in json.loads(out)["differences"]] == ["owner_gone"]
    code, out, err = run("doctor", "--json")
    assert (code, err) == (1, "")
    assert not json.loads(out)["healthy"]
    assert "What heals it" in run("reconcile")[1] and "What to do" in run("doctor")[1]


def test_all_is_well_has_exit_code_0(run, registry):
    registry.bot()
    registry.believe(USDT="100")
    for words in COMMANDS:
        code, out, err = run(*words)
        assert (code, err) == (0, "") and out
    status = json.loads(run("status", "--json")[1])
    assert status["balances"]["main"]["USDT"]["available"] == "95"
    assert (status["unhedged"], status["last_rebalance"]) == ([], None)


def test_a_ledger_out_of_reach_is_one_sentence_without_its_password(run, registry):
    address = f"postgresql://guard:{PASSWORD}@127.0.0.1:1/none"
    registry.write_config(balance_guard={"ledger": {"db_url": address}})
    for words in COMMANDS:
        code, out, err = run(*words)
        assert code == 1 and "cannot be used" in out + err and PASSWORD not in out + err


def test_no_secret_is_ever_printed(run, registry):
    registry.bot()
    registry.believe(USDT="100")
    for words in [*COMMANDS, ["reservations", "show", "1"]]:
        for form in ([], ["--json"]):
            _, out, err = run(*words, *form)
            assert not any(secret in out + err for secret in (KEY, SECRET))


def test_the_bot_and_the_locks_are_read_from_freqtrades_own_database(run, registry):
    registry.bot("one-aaaa")
    own = registry.bot("two-bbbb")
    registry.believe(USDT="100")
    made(own.reserve(order(own, "20")))
    file = registry.folder / "trades.sqlite"
    until = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None)
    with closing(sqlite3.connect(file)) as db:
        db.execute('CREATE TABLE "KeyValueStore" (key TEXT, string_value TEXT)')
        db.execute("INSERT INTO \"KeyValueStore\" VALUES ('balance_guard_bot', 'two-bbbb')")
        db.execute(
            "CREATE TABLE pairlocks (pair TEXT, side TEXT, lock_end_time DATETIME, reason TEXT, "
            "active BOOLEAN)"
        )
        rows = [
            ("*", "*", str(until), "Cooldown", 1),
            ("BTC/USDT", "*", str(until), "over", 0),
            ("BTC/USDT", "*", "2020-01-01 00:00:00.000000", "long ago", 1),
        ]
        db.executemany("INSERT INTO pairlocks VALUES (?, ?, ?, ?, ?)", rows)
        db.commit()
    before = file.stat()
    status = json.loads(run("status", "--json")[1])
    assert status["bot"] == "two-bbbb"
    assert status["balances"]["main"]["USDT"]["reserved_own"] == "20"
    explained = json.loads(run("explain", "BTC", "--json")[1])
    assert [(lock["pair"], lock["reason"]) for lock in explained["locks"]] == [("*", "Cooldown")]
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert {path.name for path in registry.folder.iterdir()} == {
        *("config.json", "trades.sqlite", "user_data"),
    }


def test_the_commands_stand_in_the_help(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = capsys.readouterr().out
    for name in ("status", "reservations", "explain", "reconcile", "doctor"):
        assert f"  {name}" in listed


def test_a_command_that_neither_we_nor_freqtrade_have_is_wrong_use_with_a_suggestion(capsys):
    for words, near in (("statsu", "status"), ("trad", "trade"), ("bactesting", "backtesting")):
        with pytest.raises(SystemExit) as end:
            main([words])
        err = capsys.readouterr().err
        assert end.value.code == 2 and f'did you mean "{near}"?' in err


def test_a_log_is_written_where_it_is_asked_for(run, registry, tmp_path):
    registry.bot()
    log = tmp_path / "guard.log"
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    try:
        code, out, err = run("status", "--json", "-v", "--logfile", str(log))
        assert (code, err) == (0, "") and json.loads(out)["schema_version"] == 1
        assert log.is_file()
    finally:
        root.handlers[:] = before
        root.setLevel(logging.WARNING)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_json_object_has_the_version_of_its_schema(run, registry, words):
    bot = registry.bot()
    made(bot.reserve(order(bot, "20", pair="BTC/USDT")))
    registry.believe(USDT="100")
    answer = json.loads(run(*words, "--json")[1])
    objects = answer if isinstance(answer, list) else [answer]
    assert objects and all(one["schema_version"] == 1 for one in objects)


def test_a_bot_that_there_is_not_is_an_error_and_not_an_empty_answer(run, registry):
    registry.bot("one-aaaa")
    for words in (["status"], ["explain", "BTC"], ["rebalance", "--now"], ["pause"]):
        code, out, err = run(*words, "--bot", "lost")
        assert (code, out) == (1, "") and "lost" in err and "one-aaaa" in err
    assert run("status", "--bot", "one-aaaa")[0] == 0


@pytest.mark.parametrize(
    "command",
    ["status", "explain A/B", "history", "denials", "reservations list", "report --html r.html",
     "rebalance --preview", "pause"],
)  # fmt: skip
def test_a_bot_that_does_not_exist_is_an_error_in_every_command(registry, run, command):
    bot = registry.bot("one-aaaa")
    made(bot.reserve(order(bot, "1")))
    code, out, err = run(*command.split(), "--bot", "nobody")
    assert (code, out) == (1, "")
    assert err == "There is no bot nobody on main; those there are: one-aaaa.\n"
