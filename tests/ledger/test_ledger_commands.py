"""``balance-guard ledger prune|backup|check`` as a user types it."""

import json
import sqlite3
from decimal import Decimal

import pytest

from freqtrade_balance_guard.cli.main import main
from tests.support.console import Desk
from tests.support.ledger import made, order


COMMANDS = (["check"], ["prune"], ["backup", "copy.sqlite"])


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    desk = Desk(tmp_path)
    desk.write_config()
    yield desk
    desk.close()


@pytest.fixture
def run(desk, capsys):
    def run(*words):
        config = ["-c", str(desk.folder / "config.json"), "--userdir", str(desk.userdir)]
        with pytest.raises(SystemExit) as end:
            main(["ledger", *words, *config])
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out, printed.err

    return run


def used(desk, days_ago):
    """A ledger in which two reservations ended some days ago, and one is unfinished."""
    ledger = desk.bot("one", silent_for=days_ago * 86400)
    for _ in range(2):
        one = made(ledger.reserve(order(ledger, 10))).client_order_id
        ledger.send(one)
        ledger.release(one, "rejected")
    ledger = desk.bot("one")
    left = made(ledger.reserve(order(ledger, 10))).client_order_id
    return ledger, one, left


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_where_nothing_is_stored_each_says_so_and_makes_no_file(run, desk, words):
    code, out, err = run(*words)
    assert (code, out) == (0, "")
    assert "Nothing is stored yet" in err
    code, out, _ = run(*words, "--json")
    assert (code, json.loads(out)) == (0, {"schema_version": 1})
    assert list(desk.userdir.iterdir()) == []
    assert not (desk.folder / "copy.sqlite").exists()


def test_check_finds_nothing_wrong_in_an_honest_ledger(run, desk):
    used(desk, 1)
    code, _, err = run("check")
    assert (code, err) == (0, "3 stored rows were checked; no rules are broken.\n")
    code, out, _ = run("check", "--json")
    assert (code, json.loads(out)) == (0, {"schema_version": 1, "checked": 3, "violations": []})


def test_check_names_each_broken_rule_and_exits_with_1(run, desk):
    _, _, left = used(desk, 1)
    with sqlite3.connect(desk.userdir / "balance_guard.sqlite") as db:
        db.execute("UPDATE reservations SET held = '7' WHERE client_order_id = ?", [left])
    db.close()
    code, _, err = run("check")
    assert code == 1
    assert f"amounts: {left} holds 7, not 10 less 0" in err
    code, out, _ = run("check", "--json")
    assert code == 1
    assert {one["client_order_id"] for one in json.loads(out)["violations"]} == {left}


def test_prune_archives_by_the_setting_or_by_what_was_said(run, desk):
    ledger, one, left = used(desk, 50)
    code, _, err = run("prune")
    assert (code, "0 reservations that ended more than 90 days ago" in err) == (0, True)
    code, out, _ = run("prune", "--days", "40", "--json")
    answer = json.loads(out)
    assert (code, answer["archived"], answer["deleted"]) == (0, 2, 0)
    assert answer["schema_version"] == 1 and answer["before"]
    rows = ledger.reservations(account=ledger.account)
    assert [row.client_order_id for row in rows] == [left]
    assert ledger.find(one) is not None
    assert type(ledger.release(one, "again")).__name__ == "AlreadyEnded"


def test_prune_deletes_only_where_days_are_named(run, desk):
    ledger, one, _ = used(desk, 50)
    code, _, err = run("prune", "--delete")
    assert (code, "--delete needs --days" in err) == (2, True)
    code, _, err = run("prune", "--days", "40", "--delete")
    assert code == 0
    assert "2 were deleted" in err
    assert ledger.find(one) is None
    assert ledger.audit() == []


@pytest.mark.parametrize("days", ["0", "0.5", "36501", "x", "-1"])
def test_prune_takes_days_from_1_to_36500(run, desk, days):
    code, _, err = run("prune", "--days", days)
    assert code == 2
    assert "--days" in err


def test_backup_writes_a_copy_that_opens(run, desk):
    ledger, one, left = used(desk, 1)
    code, out, _ = run("backup", "copy.sqlite", "--json")
    answer = json.loads(out)
    assert (code, answer["file"]) == (0, "copy.sqlite")
    assert answer["bytes"] == (desk.folder / "copy.sqlite").stat().st_size
    db = sqlite3.connect(desk.folder / "copy.sqlite")
    ids = {row[0] for row in db.execute("SELECT client_order_id FROM reservations")}
    db.close()
    assert {one, left} <= ids
    code, _, err = run("backup", "copy.sqlite")
    assert (code, "exists already" in err) == (2, True)
    assert ledger.commit(left, Decimal(1))


def test_backup_of_postgresql_names_pg_dump_without_the_password(run, desk, postgres):
    desk.url = postgres.replace("postgresql://postgres@", "postgresql://postgres:hunter2@")
    desk.write_config()
    used(desk, 1)
    code, _, err = run("backup", "copy.sql")
    assert code == 2
    assert "pg_dump --schema=balance_guard --file=copy.sql" in err
    assert "hunter2" not in err


def test_no_subcommand_is_wrong_use(run):
    assert run()[0] == 2
    assert run("mend")[0] == 2
