"""The bot's side of arbitrages: one opportunity after the other, and what freqtrade must not do."""

from dataclasses import replace
from decimal import Decimal as D
from types import SimpleNamespace

import pytest

from freqtrade_balance_guard import Leg, Opportunity, ReservedArbitrage
from freqtrade_balance_guard.arbitrage.books.feed import BooksNotReady
from freqtrade_balance_guard.arbitrage.gate.permits import PermitDesk
from freqtrade_balance_guard.arbitrage.planning.plan import PlannedLeg
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.integration.arbitrage import positions as of_positions
from freqtrade_balance_guard.integration.arbitrage import venues as opening
from freqtrade_balance_guard.integration.arbitrage.loop import ArbitrageLoop
from freqtrade_balance_guard.integration.arbitrage.positions import ArbitragePositions
from freqtrade_balance_guard.integration.arbitrage.preconditions import Preconditions
from freqtrade_balance_guard.integration.rebalance.inputs import without_hedged
from tests.unit.test_arbitrage_positions import position


BUY = Leg("bot", "COIN/USDT", "buy", D(1))
SELL = Leg("second", "COIN/USDT", "sell", D(1))


def loop_of(strategy=None, **more):
    loop = object.__new__(ArbitrageLoop)
    known = {
        "_strategy": strategy,
        "_clock": ManualClock(),
        "_failed": set(),
        "streaming": SimpleNamespace(desk=PermitDesk(ManualClock())),
        "_has_news": False,
        "_waited": 0.0,
        "_executor": SimpleNamespace(is_recovered=True, unresolved=list),
        "_preconditions": SimpleNamespace(unbooked={}, unservable=lambda bot, found: None),
        "_worker": SimpleNamespace(is_busy=False),
    }
    for name, value in (known | more).items():
        setattr(loop, name, value)
    return loop


@pytest.mark.parametrize("error", [BooksNotReady("not there yet"), KeyError("a bug")])
def test_what_was_found_before_a_book_is_late_is_taken(error):
    """A list of all of them would have lost the first one with the second."""
    taken, sought = [], []

    class Strategy:
        def find_opportunities(self, current_time):
            yield Opportunity(BUY, SELL, "first")
            sought.append(list(taken))
            raise error

    loop = loop_of(Strategy())
    loop._take = lambda bot, found: taken.append(found.tag)
    loop._opportunities(None)
    assert taken == ["first"]
    assert sought == [["first"]]  # it was taken before the next was looked for


def test_a_book_that_is_not_there_makes_the_feed_read_the_rest_of_the_whitelist():
    wanted = []

    def order_books(markets):
        raise BooksNotReady("not yet")

    executor = SimpleNamespace(order_books=order_books, want_books=wanted.extend)
    dp = SimpleNamespace(current_whitelist=lambda: ["A/USDT", "B/USDT"])
    loop = loop_of(SimpleNamespace(dp=dp), _executor=executor)
    with pytest.raises(BooksNotReady):
        loop.order_books([("bot", "A/USDT"), ("Second", "A/USDT")])
    assert set(wanted) == {
        (venue, pair) for venue in ("bot", "second") for pair in ("A/USDT", "B/USDT")
    }


def test_an_entry_of_a_coin_that_is_being_sold_waits():
    desk = PermitDesk(ManualClock())
    claim = desk.claim_found(Opportunity(replace(BUY, venue="third"), replace(SELL, venue="bot")))
    loop = loop_of(streaming=SimpleNamespace(desk=desk))
    assert "selling" in loop.why_not_enter("COIN/USDT")
    assert "selling" in loop.why_not_enter("COIN/EUR")
    assert loop.why_not_enter("OTHER/USDT") is None
    desk.release(claim)
    assert loop.why_not_enter("COIN/USDT") is None


def test_an_entry_of_a_coin_whose_sale_is_not_resolved_waits():
    order = SimpleNamespace(venue="bot", side="sell", base="COIN", pair="COIN/USDT")
    leg = SimpleNamespace(order=order, is_over=False)
    record = SimpleNamespace(kind="two_legs", orders=(order,))
    running = SimpleNamespace(legs=[leg], record=record)
    executor = SimpleNamespace(is_recovered=True, unresolved=lambda: [running])
    assert "selling" in loop_of(_executor=executor).why_not_enter("COIN/USDT")
    leg.is_over = True
    assert loop_of(_executor=executor).why_not_enter("COIN/USDT") is None


def test_nothing_enters_before_the_arbitrages_of_the_last_run_are_known():
    executor = SimpleNamespace(is_recovered=False)
    assert "not loaded yet" in loop_of(_executor=executor).why_not_enter("COIN/USDT")


# What freqtrade sold


def trade(*orders, amount=1.0):
    return SimpleNamespace(
        id=7, pair="BTC/USDT", is_open=True, entry_side="buy", amount=amount, orders=list(orders)
    )


def order(side, filled, is_open):
    return SimpleNamespace(ft_order_side=side, safe_filled=filled, ft_is_open=is_open)


@pytest.mark.parametrize(
    ("orders", "amount", "held"),
    [
        ([order("buy", 1.0, False)], 0.999, "1"),  # less is a fee that became known
        ([order("sell", 0.4, True)], 1.0, "0.6"),
        # A stop on the exchange has a side of its own, and is sold in parts, too.
        ([order("stoploss", 0.6, True)], 1.0, "0.4"),
        ([order("stoploss", 0.6, False)], 0.4, "0.4"),
        ([order("stoploss", 0.3, False), order("sell", 0.2, True)], 0.7, "0.5"),
    ],
)
def test_every_fill_of_an_order_that_is_no_entry_is_a_sale(orders, amount, held):
    one = replace(position(), trade_amount=D(1))
    assert ArbitragePositions._amount(one, trade(*orders, amount=amount)) == D(held)


# Trades that are not there


class Books:
    """One bot's positions on a store of its own; ``trades`` by the exchange's order id."""

    def __init__(self, tmp_path, monkeypatch, bot="bot", dead=()):
        self.store = ArbitrageStore(tmp_path / "arbitrages.sqlite", "kraken")
        self.trades, self.said, self.events = {}, [], []
        monkeypatch.setattr(
            of_positions,
            "trade_of_position",
            lambda one: self.trades.get(one.entry_order_id),
        )
        self.positions = ArbitragePositions(
            store=self.store,
            bot=bot,
            venues=lambda name: None,
            rates=lambda currency: D(1),
            clock=ManualClock(),
            stake_currency="USDT",
            say=self.said.append,
            hub=EventHub(self.events.append),
            dead_bots=lambda: dead,
        )


def hedged(bot="bot"):
    return replace(position(), bot=bot, hedged=D("0.5"), entry_order_id="EX-1")


def test_a_missing_trade_is_an_exposure_that_only_the_user_ends(tmp_path, monkeypatch):
    books = Books(tmp_path, monkeypatch)
    books.store.follow(hedged(), [])
    books.positions.load()
    assert books.positions.follow_all(lambda number: False) is False
    (exposure,) = books.store.open_exposures("bot")
    assert (exposure.net, exposure.is_for_user, exposure.closes) == (D("-0.5"), True, False)
    assert books.store.positions("bot") == []
    assert "unhedged resolve" in books.said[0]


def test_the_trade_of_a_dead_bot_that_is_in_this_database_goes_on(tmp_path, monkeypatch):
    books = Books(tmp_path, monkeypatch, bot="heir", dead={"old"})
    books.store.follow(hedged("old"), [])
    books.trades["EX-1"] = trade()
    books.positions.take_over()
    (mine,) = books.store.positions("heir")
    assert (mine.trade_id, mine.hedged) == (7, D("0.5"))
    assert books.store.positions("old") == [] == books.store.open_exposures("heir")


def test_one_that_is_not_is_reported_once_and_forgotten_when_its_bot_is_back(tmp_path, monkeypatch):
    books = Books(tmp_path, monkeypatch, bot="heir", dead={"old"})
    books.store.follow(hedged("old"), [])
    for _ in range(3):
        books.positions.take_over()
    (exposure,) = books.store.open_exposures("heir")
    assert exposure.is_for_user and len(books.store.positions("old")) == 1
    # The database is back, and with it the bot's old name.
    back = Books(tmp_path, monkeypatch, bot="old")
    back.trades["EX-1"] = trade()
    back.store.claim({"heir"}, "old")
    back.positions.take_over()
    assert back.store.open_exposures("old") == []


# Minimums and keys


def test_min_order_size_holds_for_sales_and_on_every_venue():
    checks = object.__new__(Preconditions)
    checks.rates = SimpleNamespace(known=lambda currency: D(2))
    leg = PlannedLeg(SELL, D("0.1"), D(100), D(100), D(100), D(0))
    denied = checks._below(leg, D(21))
    assert (denied.code, denied.venue) == ("below_minimum", "second")
    assert checks._below(leg, D(20)) is None


def test_one_key_is_one_queue_whatever_the_config_says():
    def with_key(key, exchange="kraken", address="https://api.kraken.com"):
        api = SimpleNamespace(apiKey=key, id=exchange, urls={"api": {"private": address}})
        return opening.queue_of(SimpleNamespace(_api=api))

    assert with_key("k1") == with_key("k1")
    others = {with_key("k2"), with_key("k1", "binance"), with_key("k1", address="http://127.0.0.1")}
    assert len(others) == 3 and with_key("k1") not in others
    assert opening.queue_of(SimpleNamespace(_api=SimpleNamespace())) == ""


# Old names


def test_the_old_names_of_the_strategys_methods_work_and_say_so(caplog):
    class Old(ReservedArbitrage):
        def __init__(self):
            """freqtrade's needs a config; these methods need none."""

        def exit_opportunity(self, trade, current_time, **kwargs):
            return "prices met"

        def own_venues(self):
            return {"mine": "a venue"}

    old = Old()
    assert old.should_close_arbitrage(None, None) == "prices met"
    assert old.custom_venues() == {"mine": "a venue"}
    assert "should_close_arbitrage" in caplog.text and "custom_venues" in caplog.text


def test_a_rebalance_leaves_hedged_trades_alone_and_says_so_once(caplog):
    caplog.set_level("INFO")
    loop = object.__new__(ArbitrageLoop)
    open_ones = [replace(position(), trade_id=7), replace(position(), trade_id=8, hedged=D(0))]
    loop._positions = SimpleNamespace(open=open_ones)
    wallets = SimpleNamespace(pairs=loop)
    trades = [SimpleNamespace(id=number, pair="BTC/USDT") for number in (7, 8, 9)]
    for _ in range(2):
        assert [trade.id for trade in without_hedged(wallets, trades)] == [8, 9]
    assert caplog.text.count("Trade 7 (BTC/USDT) is left out of the rebalance") == 1
    assert without_hedged(SimpleNamespace(pairs=None), trades) == trades
