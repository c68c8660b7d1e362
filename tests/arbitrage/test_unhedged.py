"""Unhedged exposure: what it blocks, what a policy does about it, how it is closed by hand."""

import json
from decimal import Decimal

import pytest

from freqtrade_balance_guard.arbitrage.events import UnhedgedClosed, UnhedgedOpened
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageState
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore, ArbitragesUnavailable, NotOpen
from freqtrade_balance_guard.arbitrage.venue import MarketRules
from freqtrade_balance_guard.cli.main import main
from freqtrade_balance_guard.console.status import status_of
from tests.support.console import Desk
from tests.support.venue import FILLS, REJECTED, RESTS, Fate


D = Decimal


def bought_only(make, **more):
    """One COIN was bought and not sold."""
    world = make(here=[FILLS], there=more.pop("there", [REJECTED]), **more)
    ended = world.go()
    assert ended.exposure.net == 1
    return world, ended.exposure


def sold_only(make, **more):
    world = make(here=more.pop("here", [REJECTED]), there=[FILLS], **more)
    ended = world.go()
    assert ended.exposure.net == -1
    return world, ended.exposure


def test_it_has_amount_venue_age_value_owner_and_what_is_done(make):
    world, exposure = bought_only(make)
    assert (exposure.amount, exposure.base, exposure.venue) == (D(1), "COIN", "here")
    assert (exposure.price, exposure.value, exposure.bot) == (D(100), D(100), "bot")
    world.clock.advance(90)
    (now,) = world.executor.exposures()
    assert now.age_seconds(world.clock.wall()) >= 90
    assert now.doing.startswith("held")


def test_its_end_by_hand_is_published_once_though_another_process_closed_it(make):
    world, exposure = bought_only(make)
    world.work(10)
    assert world.published(UnhedgedClosed) == []
    console = ArbitrageStore(world.file, "account of here")
    console.resolve(exposure.id, world.clock.wall(), "sold by hand")
    world.work(10)
    (ended,) = world.published(UnhedgedClosed)
    assert (ended.exposure.id, ended.exposure.closed_how) == (exposure.id, "sold by hand")


def test_its_end_by_the_policy_is_published_once(make):
    world, exposure = bought_only(make, policy="unwind")
    world.work(30)
    (ended,) = world.published(UnhedgedClosed)
    assert ended.exposure.id == exposure.id


def test_what_an_earlier_run_has_left_and_the_user_closes_is_published_once(make):
    world, exposure = bought_only(make)
    world.start()
    world.work(10)
    ArbitrageStore(world.file, "account of here").resolve(exposure.id, world.clock.wall(), "sold")
    world.work(10)
    assert [one.exposure.id for one in world.published(UnhedgedClosed)] == [exposure.id]


def test_its_value_follows_the_price(make):
    world, _ = bought_only(make)
    world.executor.work()
    world.here.price = D(80)
    world.work(20)
    (now,) = world.executor.exposures()
    assert now.value == D(80)


def test_it_blocks_new_pairs_above_max_unhedged_and_not_below(make):
    world, _ = bought_only(make, max_unhedged=100)
    assert world.go().state is ArbitrageState.HEDGED
    assert world.executor.exposures()[0].value == D(100)
    world.there.fates = [REJECTED]
    world.go("0.01")
    assert world.go().code == "unhedged"


def test_hold_sends_nothing(make, first):
    world, _ = bought_only(make, first=first)
    world.work(100)
    assert world.here.asked.count("place sell") == world.there.asked.count("place buy") == 0
    world.check()


@pytest.mark.parametrize("which", [bought_only, sold_only])
def test_unwind_reverses_the_leg_that_filled(make, first, which):
    world, exposure = which(make, first=first, policy="unwind")
    side = "sell" if which is bought_only else "buy"
    venue = world.here if which is bought_only else world.there
    assert venue.asked.count(f"place {side}") == 1
    assert world.executor.exposures() == []
    (closed,) = world.published(UnhedgedClosed)
    assert closed.exposure.closed_how == f"unwound on {exposure.venue}"
    assert [pair.kind for pair in world.arbitrages()] == [
        ArbitrageKind.TWO_LEGS,
        ArbitrageKind.UNWIND,
    ]
    assert world.go().state is ArbitrageState.HEDGED
    world.check()


def test_unwind_waits_while_the_price_is_beyond_the_slippage(make):
    world = make(here=[FILLS], there=[REJECTED], policy="unwind")
    place = world.there.place

    def crash(order):
        world.here.price = D("98.99")
        return place(order)

    world.there.place = crash
    world.go()
    (exposure,) = world.executor.exposures()
    assert "beyond the limit 99" in exposure.doing
    world.here.price = D(99)
    world.work(20)
    assert world.executor.exposures() == []
    world.check()


@pytest.mark.parametrize("which", [bought_only, sold_only])
def test_complete_sends_the_missing_amount_where_it_was_missing(make, first, which):
    world, _ = which(make, first=first, policy="complete")
    venue, side = (world.there, "sell") if which is bought_only else (world.here, "buy")
    assert venue.asked.count(f"place {side}") == 2
    assert world.executor.exposures() == []
    world.check()


def test_complete_gives_up_after_its_time(make):
    world, _ = bought_only(make, policy="complete", there=[REJECTED] * 4)
    world.work(60)
    (exposure,) = world.executor.exposures()
    assert exposure.doing == "not completed in time: held"
    assert world.there.asked.count("place sell") <= 3
    world.check()


def test_a_part_that_was_unwound_leaves_the_rest(make):
    world = make(here=[FILLS, Fate(fills=D("0.25"))], there=[REJECTED], policy="unwind")
    world.go()
    (exposure,) = world.executor.exposures()
    assert (exposure.net, exposure.value) == (D("0.75"), D(75))
    world.work(30)
    assert world.executor.exposures() == []
    world.check()


def test_no_second_order_leaves_before_the_first_ones_outcome_is_known(make):
    silent = Fate(lost=True, deaf=60)
    world = make(here=[FILLS, silent], there=[REJECTED], policy="unwind")
    world.go()
    world.work(150)
    assert world.here.asked.count("place sell") == 1
    world.work(600)
    assert world.executor.exposures() == []
    assert world.here.asked.count("place sell") == 1
    world.check()


def test_what_is_too_small_to_sell_is_held_and_says_so(make):
    world = make(here=[FILLS], there=[Fate(fills=D("0.99"))], policy="unwind")
    world.here.market = MarketRules(D("0.01"), D("0.01"), D("0.02"), D(1), world.here.fee)
    world.go()
    (exposure,) = world.executor.exposures()
    assert (exposure.net, exposure.doing) == (D("0.01"), "too small for here: held")
    assert world.here.asked.count("place sell") == 0
    world.check()


def test_it_is_announced_once_when_it_opens(make, first):
    world, exposure = bought_only(make, first=first)
    world.work(60)
    assert [event.exposure for event in world.published(UnhedgedOpened)] == [exposure]


# By hand


def test_resolved_by_hand_it_blocks_no_more(make):
    world, exposure = bought_only(make)
    world.store.resolve(exposure.id, world.clock.wall(), "sold by hand")
    assert world.executor.exposures() == []
    assert world.go().state is ArbitrageState.HEDGED


def test_it_is_closed_once_by_type_and_by_database(make):
    world, exposure = bought_only(make)
    world.store.resolve(exposure.id, world.clock.wall(), "sold by hand")
    with pytest.raises(NotOpen):
        world.store.resolve(exposure.id, world.clock.wall(), "twice")
    with (
        pytest.raises(ArbitragesUnavailable, match="this exposure is closed"),
        world.store.transaction() as db,
    ):
        db.execute("UPDATE arbitrage_exposures SET closed_at = NULL")


def test_it_cannot_be_resolved_while_an_order_of_it_is_under_way(make):
    silent = Fate(fills=D(1), lost=True, deaf=60)
    world, exposure = bought_only(make, policy="unwind")
    assert exposure.id == 1
    world.here.fates, world.there.fates = [FILLS, silent], [REJECTED]
    second = world.go().exposure
    with pytest.raises(NotOpen, match="in progress"):
        world.store.resolve(second.id, world.clock.wall(), "too early")


@pytest.fixture
def registry(tmp_path):
    """A user's folder."""
    registry = Desk(tmp_path)
    yield registry
    registry.close()


def stored(registry, make):
    """An exposure of a bot, in that folder."""
    world = make(here=[FILLS], there=[RESTS])
    world.store = ArbitrageStore(registry.file)
    object.__setattr__(world.executor._context, "store", world.store)
    return world.go().exposure


def console(registry, *words):
    arguments = [*words, "-c", str(registry.write_config()), "--userdir", str(registry.userdir)]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


def test_the_console_lists_and_resolves_it(registry, make, capsys):
    exposure = stored(registry, make)
    assert console(registry, "unhedged", "list", "--json") == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["id"], D(shown["amount"]), shown["direction"]) == (exposure.id, 1, "long")
    assert (D(shown["value"]), shown["venue"], shown["state"]) == (100, "here", "open")
    status = status_of(registry.ledger_view()).as_json()
    assert [one["id"] for one in status["unhedged"]] == [exposure.id]
    assert console(registry, "unhedged", "list") == 0
    assert "COIN/USDT" in capsys.readouterr().out
    why = ("--why", "sold by hand")
    assert console(registry, "unhedged", "resolve", str(exposure.id), "--yes", *why) == 0
    assert "sold by hand" in capsys.readouterr().err
    assert console(registry, "unhedged", "resolve", str(exposure.id), "--yes") == 1
    assert console(registry, "unhedged", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []
    assert console(registry, "unhedged", "list", "--json", "--all") == 0
    (closed,) = json.loads(capsys.readouterr().out)
    assert (closed["state"], closed["doing"]) == ("closed", "sold by hand")
    assert status_of(registry.ledger_view()).as_json()["unhedged"] == []


def test_on_a_narrow_screen_no_word_of_the_list_is_broken(registry, make, capsys, monkeypatch):
    stored(registry, make)
    monkeypatch.setenv("COLUMNS", "80")
    assert console(registry, "unhedged", "list") == 0
    out = capsys.readouterr().out
    assert "pair: COIN/USDT" in out and "what is being done: " in out
    assert max(map(len, out.splitlines())) <= 80


def test_nothing_is_resolved_without_a_yes(registry, make, capsys, monkeypatch):
    exposure = stored(registry, make)
    monkeypatch.setattr("builtins.input", lambda _: "no")
    assert console(registry, "unhedged", "resolve", str(exposure.id)) == 1
    assert "not confirmed" in capsys.readouterr().err


def test_without_anything_stored_nothing_is_unhedged_and_no_file_is_made(registry, capsys):
    assert console(registry, "unhedged", "list") == 0
    assert "Nothing is unhedged" in capsys.readouterr().out
    assert not registry.file.exists()


def test_the_console_lists_arbitrages_with_what_they_earned(registry, make, capsys):
    world = make()
    object.__setattr__(world.executor._context, "store", ArbitrageStore(registry.file, "kraken"))
    assert world.go().state == "hedged"
    earned = D(110) - D(100) - D("0.11") - D("0.1")
    assert console(registry, "arbitrages", "list", "--json") == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["id"], one["state"]) == (1, "hedged")
    assert D(one["result"]["profit"]) == D(one["result"]["quoted_profit"]) == earned
    assert D(one["result"]["fees"]) == D("0.21")
    assert [D(one["result"][f"slippage_{n}"]) for n in (1, 2)] == [0, 0]
    assert [leg["reported"]["filled"] for leg in one["legs"]] == ["1.00", "1.00"]
    assert console(registry, "arbitrages", "show", "1") == 0
    shown = capsys.readouterr().out
    assert "9.79" in shown and "sell 1 COIN/USDT on there at 110: 1 filled" in shown
    assert console(registry, "arbitrages", "show", "2") == 1
    assert "no arbitrage with the number 2" in capsys.readouterr().err
