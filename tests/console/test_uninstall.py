"""``uninstall`` names everything that is left, and removes it only when nothing is open."""

import json
import sqlite3
from contextlib import closing

import pytest

from freqtrade_balance_guard.cli.main import main
from tests.support.ledger import made, order


@pytest.fixture
def uninstall(registry, capsys: pytest.CaptureFixture[str]):
    def uninstall(*words: str):
        arguments = ["uninstall", "-c", str(registry.write_config())]
        with pytest.raises(SystemExit) as end:
            main([*arguments, "--userdir", str(registry.userdir), *words])
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out + printed.err

    return uninstall


def with_a_name(registry) -> None:
    with closing(sqlite3.connect(registry.folder / "trades.sqlite")) as db, db:
        db.execute('CREATE TABLE "KeyValueStore" (key TEXT, string_value TEXT)')
        db.execute("""INSERT INTO "KeyValueStore" VALUES ('balance_guard_bot', 'freqtrade-aaaa')""")
        db.execute("""INSERT INTO "KeyValueStore" VALUES ('bot_start_time', 'x')""")


def test_it_only_says_what_there_is_unless_it_is_asked_to_remove_it(registry, uninstall):
    registry.bot(silent_for=500)
    registry.believe(USDT="100")
    registry.close()
    registry.guard = {"reserve_balance": {}}
    code, out = uninstall()
    assert code == 0 and f"To remove: {registry.file}" in out and "--yes removes it" in out
    assert 'By hand: the section "balance_guard"' in out and "pip uninstall" in out
    assert registry.file.exists()


def test_with_yes_nothing_of_it_is_left(registry, uninstall):
    registry.bot(silent_for=500)
    registry.believe(USDT="100")
    registry.close()
    (registry.userdir / "balance_guard.dryrun.sqlite").write_bytes(b"")
    (registry.userdir / "balance_guard.sqlite.77.rescued").write_bytes(b"")
    (registry.userdir / "tradesv3.sqlite").write_bytes(b"")
    with_a_name(registry)
    code, out = uninstall("--yes")
    assert code == 0 and "Removed: the bot's name in freqtrade's database" in out
    assert [path.name for path in registry.userdir.iterdir()] == ["tradesv3.sqlite"]
    with closing(sqlite3.connect(registry.folder / "trades.sqlite")) as db:
        assert db.execute('SELECT key FROM "KeyValueStore"').fetchall() == [("bot_start_time",)]
    code, out = uninstall("--yes", "--json")
    answer = json.loads(out)
    assert code == 0 and answer["files"] == [] and not answer["name_in_database"]


@pytest.mark.parametrize("silent_for", [0, 500])
def test_while_a_bot_runs_or_a_reservation_is_open_nothing_is_removed(
    registry, uninstall, silent_for
):
    bot = registry.bot(silent_for=silent_for)
    if silent_for:
        made(bot.reserve(order(bot, "20")))
    code, out = uninstall("--yes")
    assert code == 1 and "Not while this is open: " in out
    assert ("running: freqtrade-aaaa" in out) is not bool(silent_for)
    assert registry.file.exists()


def test_what_the_user_has_to_do_by_hand_is_named(registry, uninstall):
    registry.config = {"pairlists": [{"method": "MinimumBalanceFilter"}, {"method": "X"}]}
    strategies = registry.userdir / "strategies"
    strategies.mkdir()
    (strategies / "mine.py").write_text("from freqtrade_balance_guard import BalanceGuard")
    (strategies / "other.py").write_text("")
    _, out = uninstall()
    assert "MinimumBalanceFilter in the pairlists" in out
    assert "the mixin in" in out and "mine.py" in out and "other.py" not in out
