"""Would the machine notice? A ledger with one fault put in, and the machine has to find it."""

import pytest
from hypothesis import Phase

from freqtrade_balance_guard.ledger import InvariantBroken, Move, Reservation, State, rules
from freqtrade_balance_guard.ledger.reservation import NEVER, TRANSITIONS
from freqtrade_balance_guard.money import ZERO
from tests.property.test_ledger_machine import Machine, run
from tests.support import memory_store
from tests.support.memory_store import MemoryStore


class ForgetsOtherBots(MemoryStore):
    def _unseen(self, account, currency, mark, bot):
        return super()._unseen(account, currency, mark, bot)[0], ZERO


class TakesEveryBalanceForTheNewest(MemoryStore):
    def _unseen(self, account, currency, mark, bot):
        return super()._unseen(account, currency, NEVER - 1, bot)


class ForgetsWhatWasSpent(MemoryStore):
    def _keep(self, before, after):
        super()._keep(before, after)
        if after.state is State.COMMITTED and before.unfinished:
            self._book(after.account, after.currency).add(after.bot, -after.committed)


class ForgetsRefusals(MemoryStore):
    def _refuse(self, batch, refusal, stamp):
        super()._refuse(batch, refusal, stamp)
        self._refusals.clear()
        return refusal


class ChecksEachLegAlone(MemoryStore):
    def reserve(self, batch, stamp, why):
        answers = [super(ChecksEachLegAlone, self).reserve([leg], stamp, why) for leg in batch]
        return answers[0]


class CountsASecondFillAgain(MemoryStore):
    def _move(self, step, stamp):
        row = self._rows.get(step.client_order_id)
        if row and step.move is Move.USE and row.unfinished:
            step = step._replace(total=min(row.committed + step.total, row.requested))
        return super()._move(step, stamp)


@pytest.fixture
def table(monkeypatch):
    def put(**more):
        for name, value in more.items():
            monkeypatch.setattr(rules, name, value)

    return put


def finds(says, store_class=None):
    machine = type("Faulty", (Machine,), {"kinds": ("memory",), "store_class": store_class})
    with pytest.raises((AssertionError, InvariantBroken), match=says):
        run(
            machine, 1500, 60, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False
        )


@pytest.mark.parametrize(
    ("store_class", "says"),
    [
        (ForgetsOtherBots, "I1"),
        (TakesEveryBalanceForTheNewest, "I1"),
        (ForgetsWhatWasSpent, "I1|totals"),
        (ForgetsRefusals, "replayed|same question"),
        (ChecksEachLegAlone, "is None|I1"),
        (CountsASecondFillAgain, "a fill was counted twice"),
    ],
)
def test_the_machine_finds_a_store_that(store_class, says):
    finds(says, store_class)


def test_the_machine_finds_an_expiry_of_what_was_sent(table):
    table(TRANSITIONS={**TRANSITIONS, (State.IN_FLIGHT, Move.EXPIRE): (State.EXPIRED, "a fault")})
    finds("I3|transitions")


def test_the_machine_finds_an_expiry_by_a_stranger(table):
    honest = rules._end_unused
    table(_end_unused=lambda row, step, state, process: honest(row, step, state, row.process))
    finds("I3|expiry|isinstance")


def test_the_machine_finds_a_second_ending(table):
    honest = rules._end_unused

    def ends_again(row, step, state, process):
        if row.unfinished:
            return honest(row, step, state, process)
        return row.changed(state, ZERO, ZERO, row.order_id, row.known_at, 0)

    again = {(State.COMMITTED, Move.RELEASE): (State.RELEASED, "a fault")}
    table(TRANSITIONS={**TRANSITIONS, **again}, _end_unused=ends_again)
    finds("I2|transitions|one ending")


def test_the_machine_finds_a_second_send(table):
    table(TRANSITIONS={**TRANSITIONS, (State.IN_FLIGHT, Move.SEND): (State.IN_FLIGHT, "a fault")})
    finds("transitions|isinstance|sent twice")


def test_the_machine_finds_a_lost_rest_of_an_order(monkeypatch):
    honest = memory_store.take_step

    def keeps_holding(row, step, event, process):
        after = honest(row, step, event, process)
        if isinstance(after, Reservation) and step.move is Move.COMMIT:
            return after._replace(held=row.requested - after.committed)
        return after

    monkeypatch.setattr(memory_store, "take_step", keeps_holding)
    finds("still holds|amounts")


def test_the_honest_ledger_passes_the_same_search():
    machine = type("Honest", (Machine,), {"kinds": ("memory",)})
    run(machine, 60, 60, derandomize=True)
    assert machine.steps > 2000
