"""Permits of freqtrade's loop: claimed once, by the engine or by an entry, under one lock."""

import threading

import pytest

from freqtrade_balance_guard import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.gate.permits import Claim, PermitDesk, Permits
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.clock import ManualClock


PAIRS = ["A/USDT", "B/USDT", "C/USDT"]
NO = ArbitrageDenied(ArbitrageDenialCode.PAIR_LOCKED, "locked")


def buying(pair="A/USDT"):
    return Opportunity(Leg("bot", pair, "buy", 1), Leg("other", pair, "sell", 1))


def selling(pair="A/USDT"):
    return Opportunity(Leg("other", pair, "buy", 1), Leg("bot", pair, "sell", 1))


class Desk(PermitDesk):
    def __init__(self, **more):
        self.clock = ManualClock()
        self.stopped = None
        super().__init__(self.clock, lambda: self.stopped)
        self.say(**more)

    def say(self, going=(), **more):
        before = self.over()
        usual = {"purchases": dict.fromkeys(PAIRS), "slots": 3, "valid_until": 10.0}
        self.publish(Permits(**(usual | more)), before, going)

    def code(self, opportunity):
        answer = self.claim(opportunity)
        return str(answer.code) if isinstance(answer, ArbitrageDenied) else None


def test_nothing_is_allowed_before_the_loop_has_said_what():
    desk = PermitDesk(ManualClock())
    assert desk.claim(buying()).code is ArbitrageDenialCode.PAUSED


def test_what_was_said_holds_for_its_time():
    desk = Desk()
    desk.clock.advance(10)
    assert desk.code(buying()) is None
    desk.clock.advance(0.1)
    assert desk.code(buying("B/USDT")) == "paused"


def test_a_stop_holds_at_once_without_waiting_for_the_next_loop():
    desk = Desk()
    desk.stopped = ArbitrageDenied(ArbitrageDenialCode.PAUSED, "the bot is stopped")
    assert desk.code(buying()) == "paused"


@pytest.mark.parametrize(
    ("said", "opportunity", "code"),
    [
        ({"denied": NO}, buying(), "pair_locked"),
        ({"purchases": {"A/USDT": NO}}, buying(), "pair_locked"),
        ({"purchases": {}}, buying(), "not_in_whitelist"),
        ({"no_sale": {"A": NO}}, selling(), "pair_locked"),
        ({"slots": 0}, buying(), "no_slot"),
        ({"slots": 0}, selling(), None),
        ({"purchases": {}}, selling(), None),
        ({"slots": 1, "coming": frozenset({"B/USDT"})}, buying(), "no_slot"),
        (
            {"slots": 1, "coming": frozenset({"B/USDT"}), "open_pairs": frozenset({"B/USDT"})},
            buying(),
            None,
        ),
    ],
)
def test_what_freqtrade_does_not_allow_is_denied(said, opportunity, code):
    assert Desk(**said).code(opportunity) == code


def test_slots_count_over_all_markets():
    desk = Desk(slots=2)
    assert [desk.code(buying(pair)) for pair in PAIRS] == [None, None, "no_slot"]


@pytest.mark.parametrize(
    ("first", "second"),
    [(buying(), buying()), (buying(), selling()), (selling(), buying())],
)
def test_of_two_that_want_one_pair_or_its_coin_the_second_is_denied(first, second):
    desk = Desk()
    claim = desk.claim(first)
    assert isinstance(claim, Claim)
    assert desk.code(second) == "arbitrage_in_progress"
    desk.release(claim)
    assert desk.code(second) is None


def test_an_entry_waits_for_the_arbitrage_of_its_pair_its_coin_or_the_last_slot():
    desk = Desk(slots=1)
    claim = desk.claim(buying())
    assert "buying A/USDT" in desk.claim_entry("A/USDT")
    assert "last slot" in desk.claim_entry("B/USDT")
    desk.release(claim)
    desk.claim(selling())
    assert "selling the coin" in desk.claim_entry("A/USDC")
    assert isinstance(desk.claim_entry("B/USDT"), Claim)


def test_an_entry_into_an_open_trade_needs_no_slot():
    desk = Desk(slots=1, open_pairs=frozenset({"B/USDT"}))
    desk.claim(buying())
    assert isinstance(desk.claim_entry("B/USDT"), Claim)


def test_an_arbitrage_waits_for_an_entry_until_the_loop_knows_its_trade():
    desk = Desk(slots=2)
    entry = desk.claim_entry("A/USDT")
    assert desk.code(buying()) == desk.code(selling()) == "arbitrage_in_progress"
    desk.say(slots=2)  # the entry is being made: the claim stays
    assert desk.code(buying()) == "arbitrage_in_progress"
    entry.is_over = True
    desk.say(slots=1, open_pairs=frozenset({"A/USDT"}))
    assert desk.code(selling()) is None


def test_an_entry_takes_its_slot_from_the_engine_at_once():
    desk = Desk(slots=1)
    desk.claim_entry("B/USDT")
    assert desk.code(buying()) == "no_slot"


def test_what_was_bought_is_claimed_until_it_is_freqtrades_trade():
    desk = Desk()
    claim = desk.claim(buying())
    desk.say()  # planned, not begun: it has no number
    assert desk.bought() == {"A/USDT"}
    claim.number = 7
    desk.say(going={7})
    assert desk.bought() == {"A/USDT"}
    desk.say(going=set())
    assert desk.bought() == set()


def test_what_begins_while_the_loop_makes_its_permits_is_not_let_go():
    desk = Desk()
    before = desk.over()
    claim = desk.claim(buying())
    claim.number = 8
    desk.publish(Permits(valid_until=10.0), before, set())
    assert desk.bought() == {"A/USDT"}


def test_of_many_threads_one_gets_the_pair():
    for _ in range(50):
        desk, got, gate = Desk(), [], threading.Barrier(6)

        def engine(desk=desk, got=got, gate=gate):
            gate.wait()
            got.append(isinstance(desk.claim(buying()), Claim))

        def entry(desk=desk, got=got, gate=gate):
            gate.wait()
            got.append(isinstance(desk.claim_entry("A/USDT"), Claim))

        # An entry may come again (freqtrade forbids that itself); here one of them is enough.
        threads = [threading.Thread(target=engine) for _ in range(5)]
        threads.append(threading.Thread(target=entry))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got.count(True) == 1
