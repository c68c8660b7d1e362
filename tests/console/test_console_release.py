"""A reservation is released by its bot while that lives, and else only after asking."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.console import reservations
from freqtrade_balance_guard.console.bot_source import NotPossible
from freqtrade_balance_guard.console.reconcile import ExchangeOrder, may_ask
from freqtrade_balance_guard.ledger import State
from freqtrade_balance_guard.monitoring.commands import CommandBox
from tests.support.ledger import made, order


D = Decimal
ORDER = ExchangeOrder("X1", "", "COIN/USDT", "buy", "open", D(10), D(0), D(2))


class Exchange:
    """Answers every question with the same order, or with none, or not at all."""

    def __init__(self, answer=None):
        self.answer = answer
        self.asked = []

    def find(self, row):
        self.asked.append(row.client_order_id)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def in_flight(registry, **more):
    bot = registry.bot(**more)
    row = made(bot.reserve(order(bot, "20")))
    bot.send(row.client_order_id)
    return bot, bot.find(row.client_order_id)


def state(registry, row):
    return registry.ledger_view().store.find(row.client_order_id).state


def test_what_is_meant_is_found_by_number_and_by_client_order_id(registry):
    _, row = in_flight(registry, silent_for=300)
    ledger = registry.ledger_view()
    assert (
        reservations.releasable(ledger, str(row.id))
        == reservations.releasable(ledger, row.client_order_id)
        == row
    )
    with pytest.raises(NotPossible, match="No reservation has the number"):
        reservations.releasable(ledger, "999")


def test_what_a_dead_bot_left_and_the_exchange_does_not_know_is_released_with_the_reason(registry):
    bot, row = in_flight(registry, silent_for=300)
    exchange = Exchange()
    outcome = reservations.release_after_asking(
        registry.ledger_view(), row, exchange, registry.clock
    )
    assert outcome.released and "It is released now." in outcome.sentence
    assert exchange.asked == [row.client_order_id]
    last = bot.history(row.client_order_id)[-1]
    assert (last.bot, last.what, last.why) == (
        *("console", "release", "by hand: the exchange has no order"),
    )
    with pytest.raises(NotPossible, match="ended already"):
        reservations.releasable(registry.ledger_view(), str(row.id))


@pytest.mark.parametrize(
    ("found", "released"),
    [
        (ORDER, False),
        (ExchangeOrder("X1", "", "COIN/USDT", "buy", "closed", D(10), D(10), D(2)), False),
        (ExchangeOrder("X1", "", "COIN/USDT", "buy", "canceled", D(10), D(1), D(2)), False),
        (ExchangeOrder("X1", "", "COIN/USDT", "buy", "canceled", D(10), D(0), D(2)), True),
    ],
)
def test_an_order_that_is_there_or_has_fills_is_not_released(registry, found, released):
    _, row = in_flight(registry, silent_for=300)
    outcome = reservations.release_after_asking(
        registry.ledger_view(), row, Exchange(found), registry.clock
    )
    assert outcome.released is released
    assert (state(registry, row) is State.RELEASED) is released
    assert "order X1" in (outcome.sentence if not released else "order X1")


def test_without_an_answer_of_the_exchange_nothing_happens(registry):
    _, row = in_flight(registry, silent_for=300)
    with pytest.raises(NotPossible):
        reservations.release_after_asking(
            registry.ledger_view(), row, Exchange(NotPossible("no answer")), registry.clock
        )
    assert state(registry, row) is State.IN_FLIGHT


def test_by_force_the_used_part_stays_used_and_the_rest_is_free(registry):
    bot, row = in_flight(registry, silent_for=300)
    bot.use(row.client_order_id, D(8), order_id="X1")
    outcome = reservations.release_by_force(
        registry.ledger_view(), bot.find(row.client_order_id), registry.clock
    )
    after = bot.find(row.client_order_id)
    assert outcome.released
    assert (after.state, after.held, after.committed) == (State.COMMITTED, 0, 8)
    assert "forced" in bot.history(row.client_order_id)[-1].why


def test_what_changed_meanwhile_is_not_ended_twice(registry):
    bot, row = in_flight(registry, silent_for=300)
    bot.commit(row.client_order_id, D(20))
    outcome = reservations.release_by_force(registry.ledger_view(), row, registry.clock)
    assert not outcome.released and "changed meanwhile" in outcome.sentence


def test_a_bot_that_runs_is_asked_and_does_it(registry):
    bot, row = in_flight(registry)
    box = CommandBox(registry.file, registry.clock)

    def loop(_):
        for command in box.take(bot.bot):
            assert command.payload["client_order_id"] == row.client_order_id
            bot.release(row.client_order_id, command.payload["why"])
            box.answer(command.id, "released")

    outcome = reservations.release_by_its_bot(registry.ledger_view(), row, registry.clock, loop)
    assert outcome == reservations.Outcome(True, "freqtrade-aaaa: released")
    assert state(registry, row) is State.RELEASED
    box.close()


def test_a_bot_that_refuses_is_believed(registry):
    bot, row = in_flight(registry)
    box = CommandBox(registry.file, registry.clock)

    def loop(_):
        for command in box.take(bot.bot):
            box.answer(command.id, "the exchange has it", done=False)

    outcome = reservations.release_by_its_bot(registry.ledger_view(), row, registry.clock, loop)
    assert outcome == reservations.Outcome(False, "freqtrade-aaaa: the exchange has it")
    box.close()


def test_a_command_that_nobody_takes_is_withdrawn_and_not_carried_out_later(registry):
    bot, row = in_flight(registry)
    outcome = reservations.release_by_its_bot(
        registry.ledger_view(), row, registry.clock, registry.clock.advance
    )
    assert not outcome.released and "withdrawn" in outcome.sentence
    assert CommandBox(registry.file, registry.clock).take(bot.bot) == []
    assert state(registry, row) is State.IN_FLIGHT


def test_a_bot_that_takes_it_and_says_nothing_is_told_as_such(registry):
    bot, row = in_flight(registry)
    box = CommandBox(registry.file, registry.clock)

    def loop(seconds):
        box.take(bot.bot)
        registry.clock.advance(seconds)

    outcome = reservations.release_by_its_bot(registry.ledger_view(), row, registry.clock, loop)
    assert not outcome.released and "has not answered within 15 s" in outcome.sentence
    box.close()


def test_what_ended_may_still_be_given_to_its_living_bot(registry):
    bot, row = in_flight(registry)
    bot.release(row.client_order_id, "x")
    assert reservations.releasable(registry.ledger_view(), str(row.id)).id == row.id


def test_the_exchange_may_be_asked_only_while_nobody_else_uses_the_key():
    assert may_ask([], "reconcile") is None
    reason = may_ask(["b", "a", "a"], "reconcile --exchange")
    assert reason.startswith("a, b is running with the same API key: reconcile --exchange asks")
