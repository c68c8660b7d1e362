"""The last decision about each pair is in a file, at next to no cost for the bot."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import (
    BalanceRecovered,
    EntryApproved,
    OrderDenied,
    PartialExitReduced,
    StakeReduced,
)
from freqtrade_balance_guard.ledger.opening import open_store
from freqtrade_balance_guard.local_file import LocalFileError
from freqtrade_balance_guard.monitoring.decisions import LastDecisions, Outcome, read_decisions


D = Decimal


class Bot:
    """One listener, its clock and its file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock()
        self.listener = LastDecisions(path, "kraken", "bot-1", self.clock)

    def denied(self, code: str = "below_threshold", pair: str = "A/USDT", have: str = "1") -> None:
        numbers = {"available": D(have)}
        self.listener(OrderDenied(pair, code, f"available {have} is too little", numbers))

    def read(self, pair: str = "A/USDT"):
        return read_decisions(self.path, "kraken", pair)


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot(tmp_path / "data" / "guard.sqlite")


def test_a_refusal_is_there_at_once_with_code_sentence_and_exact_numbers(bot: Bot) -> None:
    bot.denied(have="0.10")
    (found,) = bot.read()
    assert (found.bot, found.outcome, found.code) == ("bot-1", Outcome.DENIED, "below_threshold")
    assert found.sentence == "available 0.10 is too little"
    assert str(found.numbers["available"]) == "0.10"
    assert (found.count, found.at, found.since) == (1, bot.clock.wall(), bot.clock.wall())


def test_what_repeats_is_counted_and_written_once_in_ten_seconds(bot: Bot) -> None:
    begun = bot.clock.wall()
    bot.denied()
    for _ in range(9):
        bot.clock.advance(1)
        bot.denied(have="2")
    assert bot.read()[0].count == 1
    bot.clock.advance(1)
    bot.denied(have="3")
    (found,) = bot.read()
    assert (found.count, found.since, found.at) == (11, begun, bot.clock.wall())
    assert found.numbers == {"available": D(3)}


def test_another_reason_is_written_at_once_and_begins_a_new_count(bot: Bot) -> None:
    bot.denied()
    bot.denied()
    bot.denied("balance_lagging")
    (found,) = bot.read()
    assert (found.code, found.count) == ("balance_lagging", 1)


def test_refusal_approval_and_reduction_of_one_pair_stand_beside_each_other(bot: Bot) -> None:
    bot.denied()
    bot.clock.advance(1)
    bot.listener(StakeReduced("A/USDT", D(50), D(40), "position_size_percent"))
    bot.clock.advance(1)
    bot.listener(EntryApproved("A/USDT", D(40)))
    bot.clock.advance(1)
    bot.listener(PartialExitReduced("A/USDT", D("0.3"), D("0.2")))
    found = bot.read()
    assert [one.outcome for one in found] == ["exit_reduced", "approved", "reduced", "denied"]
    assert found[1].numbers == {"stake": D(40)}
    assert found[2].code == "position_size_percent"
    assert found[2].sentence == "40 instead of 50 in stake currency"


def test_pairs_accounts_and_other_facts_are_kept_apart(bot: Bot) -> None:
    bot.denied()
    bot.denied(pair="B/USDT")
    bot.listener(BalanceRecovered())
    assert [one.pair for one in bot.read("B/USDT")] == ["B/USDT"]
    assert read_decisions(bot.path, "other", "A/USDT") == []


def test_what_was_not_written_yet_is_written_at_the_end(bot: Bot) -> None:
    bot.denied()
    bot.denied()
    bot.listener.close()
    assert bot.read()[0].count == 2


def test_a_file_in_trouble_is_told_once_does_not_raise_and_is_tried_again_after_a_pause(
    bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    bot.denied()
    with closing(sqlite3.connect(bot.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for number in range(20):
            bot.denied(pair=f"P{number}/USDT")
        assert len([r for r in caplog.records if "Decisions cannot be kept" in r.message]) == 1
    bot.denied("guard_error")
    assert bot.read()[0].code == "below_threshold", "the pause is not over"
    bot.clock.advance(10)
    bot.denied("guard_error")
    assert bot.read()[0].code == "guard_error"
    assert bot.read("P19/USDT"), "nothing of what was meant to be written is lost"


def test_a_file_that_was_deleted_while_the_bot_ran_is_not_made_anew(bot: Bot) -> None:
    # The ledger puts it back with all it held; a new file would stand in its way.
    bot.denied()
    for leftover in bot.path.parent.iterdir():
        leftover.unlink()
    bot.clock.advance(10)
    bot.denied()
    assert not bot.path.exists()
    assert bot.read() == []


def test_the_ledger_and_the_decisions_share_a_file(bot: Bot) -> None:
    store = open_store(f"sqlite:///{bot.path}")
    bot.path.parent.mkdir()
    assert store.mark() == 0
    bot.denied()
    assert (store.mark(), bot.read()[0].count) == (0, 1)
    store.close()


def test_looking_makes_no_file_and_leaves_none_behind(bot: Bot) -> None:
    assert bot.read() == []
    assert not bot.path.parent.exists()
    bot.denied()
    bot.listener.close()
    before = sorted(file.name for file in bot.path.parent.iterdir())
    assert bot.read()
    assert sorted(file.name for file in bot.path.parent.iterdir()) == before == ["guard.sqlite"]


def test_what_is_no_database_is_one_sentence(bot: Bot) -> None:
    bot.path.parent.mkdir()
    bot.path.write_text("no database, but long enough to look like one at first sight" * 20)
    with pytest.raises(LocalFileError, match=r"guard.sqlite cannot be read: .+\.$"):
        bot.read()
    bot.denied()
