"""Entries are paused for the guard alone: stored, shown first, confirmed by a running bot."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.console.bot_command import set_pause
from freqtrade_balance_guard.console.bot_source import NotPossible
from freqtrade_balance_guard.console.explain import explain
from freqtrade_balance_guard.console.printing import console, show_status
from freqtrade_balance_guard.console.status import status_of
from freqtrade_balance_guard.local_file import LocalFileError
from freqtrade_balance_guard.monitoring.commands import CommandBox
from freqtrade_balance_guard.monitoring.entry_pause import EntryPause, read_pauses


NAME = "freqtrade-aaaa"


def entry_pause(registry, bot=NAME):
    return EntryPause(registry.file, "main", bot, registry.clock)


def asleep(registry, bot=NAME, *, answers=True):
    """A bot's loop while the console waits: it reads the pause, then its commands."""
    box, pause = CommandBox(registry.file, registry.clock), entry_pause(registry, bot)

    def loop(seconds):
        pause.refresh()
        for command in box.take(bot):
            if answers:
                is_paused = pause.current is not None
                box.answer(command.id, "read", done=is_paused == (command.kind == "pause"))
        registry.clock.advance(seconds)

    return loop


def test_a_pause_is_stored_and_confirmed_by_the_running_bot(registry):
    registry.bot()
    ledger = registry.ledger_view()
    answer = set_pause(ledger, None, "maintenance", registry.clock, asleep(registry))
    assert answer == (True, f"{NAME}: read")
    pause = entry_pause(registry)
    assert pause.denial is None  # not read yet
    pause.refresh()
    assert "(maintenance)" in pause.denial
    assert set_pause(ledger, None, None, registry.clock, asleep(registry)).done
    pause.refresh()
    assert pause.denial is None and read_pauses(registry.file, "main") == []


def test_a_bot_that_does_not_run_starts_paused(registry):
    registry.bot(silent_for=500)
    answer = set_pause(registry.ledger_view(), None, "", registry.clock, asleep(registry))
    assert answer.done and "holds from its next start" in answer.text
    assert [pause.bot for pause in read_pauses(registry.file, "main")] == [NAME]


def test_a_bot_that_does_not_confirm_is_said_so_and_the_pause_stays(registry):
    registry.bot()
    silent = asleep(registry, answers=False)
    answer = set_pause(registry.ledger_view(), None, "", registry.clock, silent)
    assert not answer.done and "has not answered" in answer.text
    assert read_pauses(registry.file, "main")


def test_a_second_pause_keeps_the_moment_of_the_first_and_takes_the_new_reason(registry):
    registry.bot()
    first = entry_pause(registry).pause("one")
    registry.clock.advance(60)
    second = entry_pause(registry).pause("two")
    assert (second.since, second.why) == (first.since, "two")
    assert entry_pause(registry).resume() and not entry_pause(registry).resume()


def test_a_pause_is_of_one_bot_and_account(registry):
    registry.bot()
    entry_pause(registry).pause("x")
    other = entry_pause(registry, "other-bbbb")
    other.refresh()
    assert other.denial is None
    assert read_pauses(registry.file, "elsewhere") == []


def test_status_shows_it_first_and_explain_names_it(registry, capsys):
    registry.bot()
    registry.believe(USDT="100")
    entry_pause(registry).pause("holiday")
    ledger = registry.ledger_view()
    status = status_of(ledger)
    shown = status.as_json()["paused"]
    assert [(one["bot"], one["why"]) for one in shown] == [(NAME, "holiday")]
    datetime.fromisoformat(shown[0]["since"])
    show_status(console(), status)
    assert capsys.readouterr().out.startswith(f"PAUSED ({NAME}): entries were paused by the user")
    assert explain(ledger, "BTC/USDT").sentences[0].startswith("PAUSED: ")


def test_a_bot_that_is_not_known_cannot_be_paused(registry):
    with pytest.raises(NotPossible, match="There is no bot lost on main"):
        registry.bot()
        set_pause(registry.ledger_view(), "lost", "", registry.clock, asleep(registry))
    registry.bot("other-bbbb")
    with pytest.raises(NotPossible, match="say which one with --bot"):
        set_pause(registry.ledger_view(), None, "", registry.clock, asleep(registry))


def test_where_the_file_cannot_be_read_at_the_start_entries_are_denied(tmp_path):
    path = tmp_path / "balance_guard.sqlite"
    path.write_text("this is no database, and long enough to be one " * 20)
    pause = EntryPause(path, "main", NAME, ManualClock(datetime.now(UTC)))
    pause.refresh()
    assert "is unknown" in pause.denial
    with pytest.raises(LocalFileError):
        pause.pause("x")


def test_a_failed_read_keeps_what_was_read_before(registry):
    registry.bot()
    pause = entry_pause(registry)
    pause.refresh()
    kept = registry.file.read_bytes()
    registry.file.write_bytes(b"broken" * 200)
    for log in registry.userdir.glob("*-wal"):
        log.unlink()
    pause.close()
    pause.refresh()
    assert pause.denial is None
    registry.file.write_bytes(kept)


def test_since_is_the_moment_of_the_users_clock(registry):
    registry.bot()
    pause = entry_pause(registry).pause("")
    assert abs(pause.since - registry.clock.wall()) < timedelta(seconds=1)
    assert json.loads(json.dumps(pause.as_json()))["why"] == ""
