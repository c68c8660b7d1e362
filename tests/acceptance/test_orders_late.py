"""A request whose reply was lost reaches the exchange seconds after the bot has given up on it.

All pairs at once, so that the late requests also compete for what the bot may wait; the runs of a
dialect are its twenty tries, with an exchange that rejects what has expired meanwhile and with one
that does not look.
"""

from contextlib import contextmanager

import pytest

from freqtrade_balance_guard.demo.strategy import StrategyPlan
from freqtrade_balance_guard.sandbox import Scenario
from tests.support.balances import PAIRS, WHOLE, Rehearsal, figure, rehearsal, usdt
from tests.support.fleet import fleet, shared_account
from tests.support.orders import (
    ACCOUNT,
    WITH_TAG,
    eventually,
    reservations,
    wrong_books,
    wrong_trade,
)


pytestmark = pytest.mark.acceptance

# After the bot has its error; ccxt's time-out counts into it where the reply is a time-out.
LATE_SECONDS = 12.0
TIMEOUT_SECONDS = 2.0
HOW = {
    "drop": {"way": "launcher", "how": "drop"},
    "502": {"way": "mixin", "how": "502"},
    "timeout": {
        "way": "mixin", "how": "timeout", "ccxt": {"timeout": int(TIMEOUT_SECONDS * 1000)},
    },
}  # fmt: skip
DIALECTS = ("kraken", "binance")
EXPIRES = pytest.mark.parametrize("expires", [True, False], ids=["expires", "never expires"])
WHICH = pytest.mark.parametrize(
    ("dialect", "name"),
    [
        ("kraken", "drop"), ("kraken", "timeout"),
        ("binance", "502"), ("binance", "drop"), ("binance", "timeout"),
    ],
)  # fmt: skip
SETTINGS = {
    "stake_amount": 50, "max_open_trades": 10, "extra": WITH_TAG,
    "guard": {**WHOLE, "min_order_size": 10, "ledger": {"account": ACCOUNT}},
}  # fmt: skip


def pairs_of(dialect):
    there = {market.symbol for market in Scenario.default(dialect).markets}
    return [pair for pair in PAIRS if pair in there]


@contextmanager
def bot(tmp_path, dialect, name):
    run = HOW[name]
    on = usdt("1000", dialect=dialect)
    with rehearsal(tmp_path, run["way"], on=on, ccxt=run.get("ccxt"), **SETTINGS) as rehearsed:
        rehearsed.bot.wait_loops(1)
        yield rehearsed


def make_late(exchange, name, side, pairs, *, expires, **which):
    how = HOW[name]["how"]
    seconds = LATE_SECONDS + (TIMEOUT_SECONDS if how == "timeout" else 0)
    for pair in pairs:
        exchange.fault(
            "late_arrival", symbol=pair, side=side, times=1, seconds=seconds, how=how,
            expires=expires, **which,
        )  # fmt: skip


def arrivals(exchange):
    return [line for line in exchange.journal() if line["event"] == "late_arrival"]


def wait_for_arrivals(exchange, bot, count):
    bot.wait_until(lambda: len(arrivals(exchange)) >= count, 120, "late arrivals")


def filled(orders, side, pair):
    return [
        o for o in orders if (o["side"], o["pair"]) == (side, pair) and float(o["filled"])
    ]  # fmt: skip


def wrong(rehearsed, dialect):
    """Where books disagree, but for fees that Binance does not show of an order: assumed in quote.

    The ledger has the entry's end by then; the balance book is corrected by the trades.
    """
    found = wrong_books(rehearsed)
    return [one for one in found if dialect != "binance" or "were used, not" not in one]


@EXPIRES
@WHICH
def test_a_late_entry_is_the_only_one_of_its_signal_and_becomes_a_trade(
    tmp_path, dialect, name, expires
):
    """Where the late request has expired, the signal that stayed has entered once instead."""
    pairs = pairs_of(dialect)
    with bot(tmp_path, dialect, name) as rehearsed:
        make_late(rehearsed.exchange, name, "buy", pairs, expires=expires)
        # The signal stays: a bot that takes the order for gone would enter again.
        rehearsed.signal(*pairs, times=None)
        wait_for_arrivals(rehearsed.exchange, rehearsed.bot, len(pairs))
        rehearsed.wait_bought(len(pairs), timeout=120)
        rehearsed.bot.wait_loops(5)
        rehearsed.signal()
        eventually(rehearsed, lambda: wrong(rehearsed, dialect))
        for pair in pairs:
            assert len([o for o in rehearsed.orders("buy") if o["pair"] == pair]) == 1, pair
            if dialect == "kraken":  # Binance takes its fee in the coin
                eventually(rehearsed, lambda one=pair: wrong_trade(rehearsed, one))
        trades = rehearsed.bot.open_trades()
        assert sorted(trade["pair"] for trade in trades) == sorted(pairs)
        assert {trade["enter_tag"] for trade in trades} == {"signal"}
        # None that has arrived late was made where requests expire: those of the signal were.
        late = [row for row in reservations(rehearsed) if not row.committed]
        assert len(late) == (len(pairs) if expires else 0)
        figure(f"late entries ({dialect}, {name}, expires {expires})", {"tries": len(pairs)})


@EXPIRES
@WHICH
def test_of_a_late_exit_and_the_next_one_at_most_one_is_filled(tmp_path, dialect, name, expires):
    pairs = pairs_of(dialect)
    with bot(tmp_path, dialect, name) as rehearsed:
        rehearsed.signal(*pairs)
        rehearsed.wait_bought(len(pairs))
        rehearsed.bot.wait_loops(2)
        make_late(rehearsed.exchange, name, "sell", pairs, expires=expires)
        rehearsed.signal(sell=pairs)
        rehearsed.bot.wait_until(lambda: not rehearsed.bot.open_trades(), 120, "the exits")
        wait_for_arrivals(rehearsed.exchange, rehearsed.bot, len(pairs))
        rehearsed.bot.wait_loops(3)
        orders = rehearsed.orders()
        for pair in pairs:
            assert len(filled(orders, "sell", pair)) == 1, pair
            assert len(filled(orders, "buy", pair)) == 1, pair
        assert not rehearsed.bot.open_trades()
        assert rehearsed.exchange.audit()["ok"]
        figure(f"late exits ({dialect}, {name}, expires {expires})", {"tries": len(pairs)})


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_late_exit_sells_nothing_that_another_bot_of_the_account_owns(tmp_path, dialect):
    """Only its expiry stops a late request: the coins that it would sell are there."""
    pairs = pairs_of(dialect)
    with fleet(
        tmp_path, 2, on=shared_account(2, usdt="2000", dialect=dialect),
        ledger_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}", pairs=[pairs, pairs],
        plans=[StrategyPlan(), StrategyPlan()], guard=SETTINGS["guard"], stake_amount=50,
        max_open_trades=10,
    ) as bots:  # fmt: skip
        ours, other = (Rehearsal(bots.exchange, one) for one in bots.bots)
        for one in (ours, other):
            one.signal(*pairs, times=None)
            one.wait_bought(len(pairs), timeout=90)
            one.signal()
        owned = {trade["pair"]: trade["amount"] for trade in other.bot.open_trades()}
        key = ours.bot.settings.exchange["key"]
        make_late(bots.exchange, "drop", "sell", pairs, expires=True, key=key)
        ours.signal(sell=pairs)
        ours.bot.wait_until(lambda: not ours.bot.open_trades(), 120, "the exits")
        wait_for_arrivals(bots.exchange, ours.bot, len(pairs))
        ours.bot.wait_loops(3)
        sold = ours.orders("sell")
        for pair in pairs:
            assert len(filled(sold, "sell", pair)) == 1, pair
        assert {order["key"] for order in sold} == {key}
        held = bots.exchange.state()["accounts"]["main"]["balances"]
        for pair, amount in owned.items():
            assert float(held[pair.partition("/")[0]]["total"]) >= amount * (1 - 1e-9), pair
        assert bots.exchange.audit()["ok"]
