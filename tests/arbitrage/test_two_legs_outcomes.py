"""Each row of the table of outcomes, buy first and sell first."""

from dataclasses import replace
from decimal import Decimal

import pytest

from freqtrade_balance_guard import crash_points
from freqtrade_balance_guard.arbitrage.events import (
    ArbitrageFinished,
    LegUnresolved,
    OpportunityDenied,
    UnhedgedOpened,
)
from freqtrade_balance_guard.arbitrage.results import (
    ArbitrageDenialCode,
    ArbitrageDenied,
    ArbitrageEnded,
    ArbitrageUnresolved,
)
from freqtrade_balance_guard.arbitrage.states import ArbitrageState
from freqtrade_balance_guard.ledger import LedgerUnavailable, State
from freqtrade_balance_guard.orders.lookup_result import NotFound
from tests.support.venue import FILLS, REJECTED, RESTS, Fate, ScriptedVenue


D = Decimal
C, R = State.COMMITTED, State.RELEASED
LOST = Fate(lost=True)
NEVER_THERE = Fate(arrives=None)


def with_(world, first_fate, second_fate):
    """Give the legs their fates, whichever of them the strategy names first."""
    buying, selling = (
        (first_fate, second_fate) if world.first == "buy" else (second_fate, first_fate)
    )
    world.here.fates, world.there.fates = [buying], [selling]
    return world


def sent(world):
    return [one for venue in world.venues for one in venue.asked if one.startswith("place")]


# 1 and 2: not enough


def test_1_too_little_for_the_first_leg_reserves_and_sends_nothing(make, first):
    poor = {"COIN": D(10), "USDT": D(100)} if first == "buy" else {"COIN": D("0.5"), "USDT": D(1)}
    world = make(first=first, **{"money_here" if first == "buy" else "money_there": poor})
    denied = world.go()
    assert (
        isinstance(denied, ArbitrageDenied)
        and denied.code is ArbitrageDenialCode.INSUFFICIENT_AVAILABLE
    )
    venue, needed, there_is = ("here", "100.1", "100") if first == "buy" else ("there", "1", "0.5")
    assert denied.venue == venue
    assert denied.sentence.startswith(f"{venue}: {needed} ")
    assert f"{there_is} " in denied.sentence
    assert denied.numbers["needed"] == D(needed)
    assert (world.rows(), sent(world)) == ([], [])
    assert [event.denial for event in world.published(OpportunityDenied)] == [denied]
    world.check()


def test_2_too_little_for_the_second_leg_releases_the_first_in_the_same_step(make, first):
    poor = {"COIN": D("0.99"), "USDT": D(1)} if first == "buy" else {"COIN": D(1), "USDT": D(99)}
    world = make(first=first, **{"money_there" if first == "buy" else "money_here": poor})
    denied = world.go()
    assert denied.code is ArbitrageDenialCode.INSUFFICIENT_AVAILABLE
    assert denied.venue == ("there" if first == "buy" else "here")
    assert (world.rows(), sent(world)) == ([], [])
    assert world.arbitrages()[0].state is ArbitrageState.DENIED
    world.check()


def test_an_account_without_the_coin_at_all_is_too_little(make, first):
    world = make(first=first, money_there={"USDT": D(5)})
    assert world.go().code is ArbitrageDenialCode.INSUFFICIENT_AVAILABLE
    assert sent(world) == []


# 3: an error before sending


@pytest.mark.parametrize("which", [0, 1])
def test_3_a_bug_in_the_check_of_a_leg_releases_both(make, first, which):
    bugs = [FILLS, FILLS]
    bugs[which] = Fate(bug=True)
    world = with_(make(first=first), *bugs)
    ended = world.go()
    assert isinstance(ended, ArbitrageEnded) and ended.state is ArbitrageState.ABANDONED
    assert "token id" in ended.note
    assert (world.states(), sent(world)) == ([R, R], [])
    world.check()


def test_3_a_gate_that_stays_closed_releases_both(make, first):
    world = make(first=first)

    def expire(point):
        if point == "arbitrage reserved":
            world.clock.advance(61)
            world.ledger.expire_unsent()

    crash_points.watcher = expire
    ended = world.go()
    assert ended.state is ArbitrageState.ABANDONED
    assert (world.states(), sent(world)) == ([State.EXPIRED, State.EXPIRED], [])
    world.check()


# 4 to 7: refused or filled


def test_4_both_refused_releases_both(make, first):
    world = with_(make(first=first), REJECTED, REJECTED)
    ended = world.go()
    assert (ended.state, ended.exposure) == (ArbitrageState.FAILED, None)
    assert world.states() == [R, R]
    world.check()


def unhedged(world, ended, net):
    assert ended.state is ArbitrageState.UNHEDGED
    assert ended.exposure.net == net
    (event,) = world.published(UnhedgedOpened)
    assert event.exposure == ended.exposure
    assert world.executor.exposures()[0].id == ended.exposure.id
    assert world.executor.exposures()[0].doing.startswith("held")
    denied = world.go()
    assert denied.code is ArbitrageDenialCode.UNHEDGED
    assert denied.numbers["unhedged"] == ended.exposure.value
    world.check()


def test_5_the_first_refused_and_the_second_filled(make, first):
    world = with_(make(first=first), REJECTED, FILLS)
    ended = world.go()
    assert world.states() == [R, C]
    unhedged(world, ended, D(-1) if first == "buy" else D(1))


def test_6_the_first_filled_and_the_second_refused(make, first):
    world = with_(make(first=first), FILLS, REJECTED)
    ended = world.go()
    assert world.states() == [C, R]
    unhedged(world, ended, D(1) if first == "buy" else D(-1))


def test_7_both_filled_commits_both(make, first):
    world = make(first=first)
    ended = world.go()
    assert (ended.state, ended.bought, ended.sold) == (ArbitrageState.HEDGED, D(1), D(1))
    assert world.states() == [C, C]
    assert world.executor.exposures() == []
    assert world.here.money == {"COIN": D(11), "USDT": D(1000) - D("100.1")}
    assert world.there.money == {"COIN": D(9), "USDT": D(1110) - D("0.11")}
    world.check()


# 8: unexpected errors


@pytest.mark.parametrize(
    "point", [one for one in crash_points.ARBITRAGE_POINTS if one != "arbitrage planned"]
)
def test_8_an_unexpected_error_anywhere_ends_in_one_of_the_rows(make, first, point):
    world = make(first=first, policy="unwind", max_unhedged=0)
    if point == "arbitrage tended":
        world = with_(make(first=first, policy="unwind"), FILLS, REJECTED)
    elif point == "arbitrage asked":
        world = with_(world, LOST, FILLS)
    hits = []

    def fail(reached):
        if reached == point and not hits:
            hits.append(reached)
            raise RuntimeError("out of the blue")

    crash_points.watcher = fail
    world.go()
    crash_points.watcher = None
    assert hits == [point]
    world.work(60)
    world.check()
    assert world.executor.unresolved() == []
    # Who books pairs and counts exposures hears of each once.
    told = [event.number for event in world.published(ArbitrageFinished)]
    assert sorted(told) == [pair.id for pair in world.arbitrages()]
    opened = [event.exposure.id for event in world.published(UnhedgedOpened)]
    assert len(opened) == len(set(opened)) == (point in ("arbitrage tended", "arbitrage leaving"))


def test_8_a_ledger_that_goes_away_after_the_send_is_told_when_it_is_back(make, first):
    world = make(first=first)
    settle, gone = world.ledger.store.move, []

    def move(steps, stamp):
        if gone:
            raise LedgerUnavailable("gone")
        return settle(steps, stamp)

    world.ledger.store.move = move
    crash_points.watcher = lambda point: gone.append(1) if point == "arbitrage answered" else None
    result = world.go()
    assert isinstance(result, ArbitrageUnresolved)
    denied = world.go()
    assert denied.code is ArbitrageDenialCode.UNHEDGED and denied.numbers["in_doubt"] >= D(110)
    gone.clear()
    crash_points.watcher = None
    world.work(10)
    assert world.arbitrages()[0].state is ArbitrageState.HEDGED
    world.check()


# 9: parts


@pytest.mark.parametrize("one", ["0", "0.4", "1"])
@pytest.mark.parametrize("other", ["0", "0.3", "0.4", "1"])
def test_9_parts_are_committed_and_the_difference_is_unhedged(make, first, one, other):
    world = with_(make(first=first), Fate(fills=D(one)), Fate(fills=D(other)))
    ended = world.go()
    net = D(one) - D(other) if first == "buy" else D(other) - D(one)
    assert world.states() == [C if D(share) else R for share in (one, other)]
    if net:
        unhedged(world, ended, net)
    else:
        assert ended.state is (ArbitrageState.HEDGED if D(one) else ArbitrageState.FAILED)
        assert ended.exposure is None
        world.check()


def test_9_a_leg_that_rests_is_cancelled_after_its_time_and_not_before(make, first):
    world = with_(make(first=first, leg_timeout=7), FILLS, RESTS)
    started = world.clock.monotonic()
    world.go()
    assert 7 <= world.clock.monotonic() - started < 9
    assert [venue.asked.count("cancel") for venue in world.venues].count(1) == 1


# 10: lost replies


@pytest.mark.parametrize("second", [FILLS, REJECTED, LOST, NEVER_THERE, Fate(fills=D("0.5"))])
@pytest.mark.parametrize(
    "lost",
    [
        LOST,
        NEVER_THERE,
        Fate(arrives=1.5),
        Fate(lost=True, fills=D("0.5")),
        Fate(lost=True, stale=2),
        Fate(lost=True, deaf=3),
    ],
)
def test_10_a_lost_reply_is_asked_for_and_ends_in_one_of_the_rows(make, first, lost, second):
    world = with_(make(first=first), lost, second)
    if lost.stale:
        # What the exchange lists is behind what it took: the time for late ones covers it too.
        world.here.late_seconds = world.there.late_seconds = 5.0
    ended = world.go()
    assert isinstance(ended, ArbitrageEnded)
    filled = [D(0) if f.arrives is None or f.rejected else f.fills for f in (lost, second)]
    net = filled[0] - filled[1] if first == "buy" else filled[1] - filled[0]
    assert (ended.exposure.net if ended.exposure else D(0)) == net
    assert len(sent(world)) == 2
    world.check()


def test_10_without_any_answer_nothing_is_sent_and_the_pair_counts_as_unhedged(make, first):
    world = with_(make(first=first, policy="complete"), Fate(lost=True, deaf=40), REJECTED)
    result = world.go()
    assert isinstance(result, ArbitrageUnresolved)
    assert len(world.published(LegUnresolved)) == 1
    assert world.go().code is ArbitrageDenialCode.UNHEDGED
    world.work(20)
    assert len(sent(world)) == 2
    world.work(400)
    assert world.arbitrages()[0].state is ArbitrageState.UNHEDGED
    assert world.store.unfinished("bot") == []
    world.check()


def test_10_a_request_that_arrives_within_its_time_is_not_taken_for_absent(make, first):
    world = with_(make(first=first), Fate(arrives=1.9), FILLS)
    assert world.go().state is ArbitrageState.HEDGED
    world.check()


# 12: cancel and fill


@pytest.mark.parametrize("share", ["0.3", "0.6"])
@pytest.mark.parametrize("lost_cancel", [False, True])
def test_12_the_fill_wins_when_a_cancel_races_with_it(make, first, share, lost_cancel):
    racing = Fate(fills=D("0.4"), on_cancel=D(share), lost_cancel=lost_cancel)
    world = with_(make(first=first), FILLS, racing)
    ended = world.go()
    left = D("0.6") - D(share)
    if left:
        assert ended.exposure.amount == left
    else:
        assert ended.state is ArbitrageState.HEDGED
    world.check()


# Exactly all


def test_exactly_all_of_both_balances_goes_out(make, first):
    world = make(
        first=first,
        money_here={"USDT": D("100.1")},
        money_there={"COIN": D(1), "USDT": D(0)},
    )
    assert world.go().state is ArbitrageState.HEDGED
    assert world.here.money["USDT"] == 0 and world.there.money["COIN"] == 0
    world.check()


def test_a_second_check_of_the_balance_would_refuse_what_is_reserved(make, first):
    """The double balance check put back: the test above would fail."""
    world = make(
        first=first,
        money_here={"USDT": D("100.1")},
        money_there={"COIN": D(1), "USDT": D(0)},
    )
    for venue in world.venues:
        place = venue.place

        def checked(order, venue=venue, place=place):
            currency, amount = venue._locked(order, order.amount)
            held = world.ledger.held(currency, account=venue.account)
            assert venue.balances()[currency] - held.own >= amount, "already locked"
            return place(order)

        venue.place = checked
    assert world.go().state is not ArbitrageState.HEDGED
    assert sent(world) == []


# The same key


def test_legs_on_one_key_go_one_after_the_other(make, first):
    world = make(first=first, money_here={"COIN": D(10), "USDT": D(1000)})
    world.there.same_key_as = "here"
    order = []
    for venue in world.venues:
        place = venue.place
        venue.place = lambda one, place=place: (
            order.append("in"),
            place(one),
            order.append("out"),
        )[1]
    assert world.go().state is ArbitrageState.HEDGED
    assert order == ["in", "out", "in", "out"]


def test_two_keys_are_used_at_the_same_time(make, first):
    """Each venue waits for the other's request: one after the other would never end."""
    import threading

    world = make(first=first)
    both = threading.Barrier(2)
    for venue in world.venues:
        place = venue.place
        venue.place = lambda one, place=place: (both.wait(10), place(one))[1]
    assert world.go().state is ArbitrageState.HEDGED


# Double endings


def test_a_pair_ends_once_by_type_and_by_database(make):
    from freqtrade_balance_guard.arbitrage.states import ArbitrageMove, NotAllowed
    from freqtrade_balance_guard.arbitrage.store import ArbitragesUnavailable

    world = make()
    world.go()
    (pair,) = world.arbitrages()
    with pytest.raises(NotAllowed):
        world.store.end(pair, ArbitrageMove.FAIL, world.clock.wall(), "", None)
    pair.state = ArbitrageState.SENT  # as a bug would have it
    with pytest.raises(ArbitragesUnavailable, match="this arbitrage has ended"):
        world.store.end(pair, ArbitrageMove.FAIL, world.clock.wall(), "", None)
    assert world.arbitrages()[0].state is ArbitrageState.HEDGED


def test_a_second_commit_and_a_release_after_it_are_refused(make):
    from freqtrade_balance_guard.ledger import AlreadyEnded

    world = make()
    world.go()
    for one in [row.client_order_id for row in world.rows()]:
        assert isinstance(world.ledger.commit(one, D(1)), AlreadyEnded)
        assert isinstance(world.ledger.release(one, "twice"), AlreadyEnded)
    world.check()


def test_the_bots_own_recovery_may_be_first(make, first):
    """What the ledger has ended meanwhile is not ended again, and the pair still ends."""
    world = with_(make(first=first), LOST, FILLS)
    done = []

    def meddle(point):
        if point == "arbitrage learned" and not done:
            done.append(1)
            for row in world.ledger.unfinished():
                kept = {**world.here.orders, **world.there.orders}.get(row.client_order_id)
                report = ScriptedVenue._told(world.here, kept).report(kept.order)
                world.ledger.commit(row.client_order_id, report.used, received=report.received)

    crash_points.watcher = meddle
    assert world.go().state is ArbitrageState.HEDGED
    world.check()


def test_what_the_user_released_by_hand_ends_a_pair_that_nobody_answers_for(make):
    world = make(there=[replace(LOST, deaf=10**6)], here=[REJECTED])
    assert isinstance(world.go(), ArbitrageUnresolved)
    (one,) = [row.client_order_id for row in world.ledger.unfinished()]
    world.ledger.release(one, "by hand")
    world.work(10)
    assert world.arbitrages()[0].state is ArbitrageState.FAILED


def test_nothing_leaves_any_more_when_the_bot_stops(make):
    world = make()
    world.executor._context = replace(world.executor._context, is_stopping=lambda: True)
    world.executor._runner._context = world.executor._context
    world.go()
    assert [venue.asked for venue in world.venues] == [[], []]
    assert world.states() == ["released", "released"]


def test_a_leg_is_late_from_the_moment_it_left_and_not_from_the_queue_before(make):
    world = make(there=[Fate(lost=True)])
    left_at = []
    look = world.there.look_up

    def look_up(order, order_id):
        (pair,) = world.executor.unresolved()
        left_at.extend(leg.sent_at for leg in pair.legs if leg.order.venue == "there")
        return look(order, order_id)

    world.there.look_up = look_up
    submit = world.executor._context.queues.submit

    def after_something_else(venue, work, lane=""):
        def later():
            if venue is world.there and not world.there.asked:
                world.clock.advance(20)
            return work()

        return submit(venue, later, lane)

    world.executor._context.queues.submit = after_something_else
    before = world.clock.monotonic()
    assert world.go().state == "hedged"
    assert left_at[0] >= before + 20


def test_an_order_that_the_exchange_told_and_then_forgot_ends_with_what_it_had_filled(make):
    world = make(there=[Fate(fills=D("0.4"))], leg_timeout=1000)
    world.there.look_up = lambda order, order_id: NotFound()
    world.executor._context.clock.advance(0)
    world.go()
    world.work(120)
    assert world.states() == ["committed", "committed"]
    (exposure,) = world.executor.exposures()
    assert exposure.net == D("0.6")
