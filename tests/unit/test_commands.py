"""Commands reach the right bot once, in time, and never stop it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.ledger.opening import open_store
from freqtrade_balance_guard.local_file import LocalFileError
from freqtrade_balance_guard.monitoring.commands import Answer, CommandBox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a ledger in it, as a bot that runs has it."""
    path = tmp_path / "guard.sqlite"
    store = open_store(f"sqlite:///{path}")
    store.mark()
    store.close()
    return path


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_command_is_taken_once_by_the_bot_it_is_for_and_answered(
    path: Path, clock: ManualClock
) -> None:
    console, bot = CommandBox(path, clock), CommandBox(path, clock)
    number = console.put("release", {"client_order_id": "x"}, bot="one")
    assert CommandBox(path, clock).take("two") == []
    assert console.answer_of(number) is None
    (command,) = bot.take("one")
    assert (command.id, command.kind, command.payload) == (
        number,
        "release",
        {"client_order_id": "x"},
    )
    assert bot.take("one") == []
    assert console.answer_of(number) is None
    bot.answer(number, "released")
    assert console.answer_of(number) == Answer(True, "released")


def test_a_command_for_any_bot_is_taken_by_one_only(path: Path, clock: ManualClock) -> None:
    console = CommandBox(path, clock)
    number = console.put("rebalance", {})
    taken = [CommandBox(path, clock).take(bot) for bot in ("one", "two")]
    assert [[command.id for command in some] for some in taken] == [[number], []]


def test_commands_are_taken_in_the_order_in_which_they_were_put(
    path: Path, clock: ManualClock
) -> None:
    console = CommandBox(path, clock)
    numbers = [console.put("release", {"n": n}) for n in range(5)]
    assert [command.id for command in CommandBox(path, clock).take("one")] == numbers


def test_a_command_that_waited_for_more_than_a_minute_is_not_carried_out(
    path: Path, clock: ManualClock
) -> None:
    console = CommandBox(path, clock)
    number = console.put("release", {})
    clock.advance(61)
    assert CommandBox(path, clock).take("one") == []
    assert console.answer_of(number) == Answer(False, "too late: not taken within a minute")


def test_a_withdrawn_command_is_not_taken_and_a_taken_one_not_withdrawn(
    path: Path, clock: ManualClock
) -> None:
    console, bot = CommandBox(path, clock), CommandBox(path, clock)
    first = console.put("release", {})
    assert console.withdraw(first)
    assert bot.take("one") == []
    second = console.put("release", {})
    assert [command.id for command in bot.take("one")] == [second]
    assert not console.withdraw(second)


def test_a_refusal_is_told_from_a_deed(path: Path, clock: ManualClock) -> None:
    console = CommandBox(path, clock)
    number = console.put("release", {})
    bot = CommandBox(path, clock)
    bot.take("one")
    bot.answer(number, "the order rests on the exchange", done=False)
    assert console.answer_of(number) == Answer(False, "the order rests on the exchange")


def test_no_trouble_with_the_file_reaches_the_bot(
    tmp_path: Path, path: Path, clock: ManualClock
) -> None:
    nowhere = tmp_path / "nowhere" / "guard.sqlite"
    assert CommandBox(nowhere, clock).take("one") == []
    assert not nowhere.parent.exists()
    rubbish = tmp_path / "rubbish.sqlite"
    rubbish.write_text("no database" * 100)
    assert CommandBox(rubbish, clock).take("one") == []
    CommandBox(rubbish, clock).answer(1, "x")
    console, bot = CommandBox(path, clock), CommandBox(path, clock)
    console.put("release", {})
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert bot.take("one") == [], "locked by another program"
    assert len(bot.take("one")) == 1


def test_the_console_does_not_make_the_file(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "guard.sqlite"
    with pytest.raises(LocalFileError):
        CommandBox(path, clock).put("release", {})
    assert not path.exists()
