"""Reconcile names each difference with what heals it, and is silent when there is none."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

from freqtrade_balance_guard.balances.snapshot import Holding
from freqtrade_balance_guard.console.reconcile import (
    ExchangeOrder,
    ExchangeView,
    exchange_differences,
    stored_differences,
)
from tests.support.ledger import made, order


D = Decimal
RESTING = ExchangeOrder("X1", "", "COIN/USDT", "buy", "open", D(10), D(0), D(2))


def opened(bot, amount="20", order_id="X1"):
    row = made(bot.reserve(order(bot, amount)))
    bot.send(row.client_order_id)
    bot.bind(row.client_order_id, order_id)
    return row


def kinds(found):
    return [one.kind for one in found]


def test_books_of_a_bot_that_runs_have_no_difference(registry):
    bot = registry.bot()
    opened(bot)
    made(bot.reserve(order(bot, "5")))
    registry.believe(USDT="100", used="20", mark=bot.mark())
    assert stored_differences(registry.ledger_view()) == []


def test_what_a_dead_bot_holds_is_named_with_how_to_end_it(registry):
    bot = registry.bot(silent_for=300)
    row = opened(bot)
    (found,) = stored_differences(registry.ledger_view())
    assert (found.kind, found.subject, found.account) == ("owner_gone", row.client_order_id, "main")
    assert "20 USDT for a buy of COIN/USDT (open, by freqtrade-aaaa)" in found.sentence
    assert "silent for 300 s" in found.sentence
    assert f"reservations release {row.id}" in found.healed_by


def test_a_living_run_of_the_same_bot_takes_care_of_what_an_earlier_one_left(registry):
    row = made((old := registry.bot(silent_for=300)).reserve(order(old)))
    registry.bot()
    # Made 300 s ago and not sent: it should have expired by now.
    (found,) = stored_differences(registry.ledger_view())
    assert (found.kind, found.subject) == ("never_sent", row.client_order_id)


def test_an_outcome_that_stays_unknown_is_named_after_a_minute(registry):
    old = registry.bot(silent_for=61)
    row = made(old.reserve(order(old)))
    old.send(row.client_order_id)
    assert kinds(stored_differences(registry.ledger_view())) == ["outcome_unknown"]
    registry.bot("other-bbbb")
    fresh = registry.bot("new-cccc")
    fresh.send(made(fresh.reserve(order(fresh))).client_order_id)
    assert len(stored_differences(registry.ledger_view())) == 1


def test_a_broken_rule_of_the_ledger_is_found(registry):
    bot = registry.bot()
    row = made(bot.reserve(order(bot, "20")))
    bot.close()
    with closing(sqlite3.connect(registry.file)) as db:
        db.execute("DROP TRIGGER what_has_ended_stays")
        db.execute("UPDATE reservations SET held = '3'")
        db.commit()
    found = stored_differences(registry.ledger_view())
    assert {one.kind for one in found} == {"rule_broken"}
    assert {one.subject for one in found} == {row.client_order_id}


def test_open_orders_that_the_balance_does_not_show_as_used_are_a_difference(registry):
    bot = registry.bot()
    opened(bot, "20")
    before = bot.mark()
    registry.believe(USDT="100", used="5", mark=before)
    (found,) = stored_differences(registry.ledger_view())
    assert (found.kind, found.subject) == ("used_below_reserved", "USDT")
    registry.believe(USDT="100", used="5", verdict="lagging", mark=before)
    assert stored_differences(registry.ledger_view()) == []
    registry.believe(USDT="100", used="5", mark=0)
    assert stored_differences(registry.ledger_view()) == []


def test_the_exchange_agrees(registry):
    opened(registry.bot(silent_for=300))
    view = ExchangeView({"USDT": Holding(D(100), D(20))}, [RESTING])
    assert exchange_differences(registry.ledger_view(), view) == []


def test_an_order_is_known_by_its_client_order_id_too(registry):
    bot = registry.bot(silent_for=300)
    row = made(bot.reserve(order(bot, "20")))
    bot.send(row.client_order_id)
    mine = replace(RESTING, client_order_id=row.client_order_id)
    (found,) = exchange_differences(
        registry.ledger_view(), ExchangeView({"USDT": Holding(D(9), D(20))}, [mine])
    )
    assert (found.kind, found.subject) == ("order_unnoticed", row.client_order_id)
    assert "order X1" in found.sentence and "start the bot again" in found.healed_by


def test_each_way_to_disagree_with_the_exchange_has_its_name(registry):
    bot = registry.bot(silent_for=300)
    opened(bot, "20")  # half filled below
    gone = opened(bot, "7", "X2")
    lost = made(bot.reserve(order(bot, "3")))
    bot.send(lost.client_order_id)
    filled = replace(RESTING, filled=D(5))
    foreign = replace(RESTING, order_id="Y", side="sell", amount=D(4))
    view = ExchangeView(
        {"USDT": Holding(D(100), D(15)), "COIN": Holding(D(9), D(4))}, [filled, foreign]
    )
    found = {one.kind: one for one in exchange_differences(registry.ledger_view(), view)}
    assert set(found) == {
        "amount_differs",
        "order_gone",
        "no_open_order",
        "order_without_reservation",
        "used_differs",
    }
    assert found["order_gone"].subject == gone.client_order_id
    assert found["no_open_order"].subject == lost.client_order_id
    assert found["order_without_reservation"].subject == "Y"
    assert found["used_differs"].subject == "USDT"
    assert "15 USDT in use" in found["used_differs"].sentence
    assert all(one.healed_by for one in found.values())


def test_the_books_of_postgres_are_compared_alike(registry, postgres):
    registry.url = postgres
    row = opened(registry.bot(silent_for=300))
    (found,) = stored_differences(registry.ledger_view())
    assert (found.kind, found.subject) == ("owner_gone", row.client_order_id)
