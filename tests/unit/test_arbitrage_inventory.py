"""What legs did on the bot's own exchange, beside freqtrade's trades, and what a currency is
worth."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from freqtrade_balance_guard.arbitrage.booked.inventory import Inventory
from freqtrade_balance_guard.arbitrage.planning.quote_rates import FRESH_SECONDS, QuoteRates
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind, ArbitrageMove, ArbitrageState
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore, store
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.venue import LegOrder, VenueOrder
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.integration.exchange.rates import DOLLAR_COINS


D = Decimal


def leg(side, *, venue="bot", pair="ETH/USDT", number=1):
    return LegOrder(
        venue=venue,
        account="here",
        pair=pair,
        side=side,
        amount=D(1),
        price=D(100),
        fee_rate=D("0.001"),
        client_order_id=f"{venue}-{side}-{number}",
        made_at=ManualClock().wall(),
    )


class Books:
    """A store with pairs that can be begun and ended."""

    def __init__(self, folder):
        self.clock, self.store = ManualClock(), ArbitrageStore(folder / "pairs.sqlite")
        self.inventory = Inventory(self.store, "bot")

    def begin(self, *orders, kind=ArbitrageKind.TWO_LEGS):
        now = self.clock.wall()
        pair = ArbitrageRecord(0, "bot", kind, ArbitrageState.PLANNED, None, orders, now)
        pair.id = self.store.insert(pair)
        pair.state = self.store.mark_sent(pair)
        return pair

    def end(self, pair, fees=None):
        told = {
            order.client_order_id: VenueOrder(f"EX-{order.client_order_id}", False, D(1), D(100),
                                              fees)
            for order in pair.orders
        }  # fmt: skip
        self.store.learn(pair, told)
        move = (
            ArbitrageMove.BALANCE if pair.kind is ArbitrageKind.TWO_LEGS else ArbitrageMove.REPAIR
        )
        self.store.end(pair, move, self.clock.wall(), "")


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path)


def test_a_purchase_that_becomes_a_trade_is_no_inventory(books):
    books.end(books.begin(leg("buy"), leg("sell", venue="there")))
    assert books.inventory.changes() == {}
    assert books.inventory.order_ids() == {"EX-bot-buy-1"}


def test_a_sale_of_inventory_takes_the_coin_and_brings_its_price_less_the_fee(books):
    books.end(books.begin(leg("sell"), leg("buy", venue="there")))
    assert books.inventory.changes() == {"ETH": D(-1), "USDT": D("99.9")}


def test_a_fee_in_the_coin_is_taken_from_the_coin(books):
    pair = books.begin(leg("buy"), kind=ArbitrageKind.CLOSE)
    books.end(pair, {"ETH": D("0.001")})
    assert books.inventory.changes() == {"ETH": D("0.999"), "USDT": D(-100)}


def test_a_pair_that_ends_after_a_later_one_is_counted_too(books):
    first = books.begin(leg("sell", number=1), leg("buy", venue="there", number=1))
    second = books.begin(leg("sell", number=2), leg("buy", venue="there", number=2))
    books.end(second)
    assert books.inventory.changes()["ETH"] == -1
    books.end(first)
    assert books.inventory.changes()["ETH"] == -2
    assert books.inventory.changes()["ETH"] == -2


def test_what_cannot_be_read_now_stays_as_it_was(books, tmp_path):
    books.end(books.begin(leg("sell"), leg("buy", venue="there")))
    before = books.inventory.changes()
    for file in tmp_path.iterdir():
        file.unlink()
    assert books.inventory.changes() == before


def test_refusals_that_repeat_do_not_fill_the_file_and_what_traded_stays(books, monkeypatch):
    monkeypatch.setattr(store, "KEPT", 5)
    monkeypatch.setattr(store, "FORGET_EVERY", 2)
    books.end(books.begin(leg("sell"), leg("buy", venue="there")))
    orders = (leg("sell"), leg("buy", venue="there"))
    for _ in range(20):
        pair = ArbitrageRecord(
            id=0,
            bot="bot",
            kind=ArbitrageKind.TWO_LEGS,
            state=ArbitrageState.PLANNED,
            tag=None,
            orders=orders,
            made_at=books.clock.wall(),
        )
        pair.id = books.store.insert(pair)
        books.store.end(pair, ArbitrageMove.DENY, books.clock.wall(), "no money")
    assert len(books.store.ended_after("bot", 0)) <= 8
    assert books.store.record(1).state is ArbitrageState.HEDGED
    assert books.store.record(pair.id) is not None
    assert books.inventory.changes()["ETH"] == -1


class Exchange:
    """Order books by pair, and how often they were asked for."""

    def __init__(self, **books):
        self.books = {pair.replace("_", "/"): book for pair, book in books.items()}
        self.markets, self.asked = dict.fromkeys(self.books), []

    def fetch_l2_order_book(self, pair, levels):
        self.asked.append(pair)
        if self.books[pair] is None:
            raise ConnectionError("away")
        bid, ask = self.books[pair]
        return {"bids": [[bid, 1]], "asks": [[ask, 1]]}


def rates_of(stake="USDT", **books):
    exchange, clock = Exchange(**books), ManualClock()
    return SimpleNamespace(
        rate=QuoteRates(exchange, stake, clock, DOLLAR_COINS), exchange=exchange, clock=clock
    )


def test_the_stake_currency_is_worth_one_and_nobody_is_asked():
    rates = rates_of()
    assert rates.rate("USDT") == 1
    assert rates.exchange.asked == []


def test_a_rate_is_the_middle_of_the_order_book_in_either_direction():
    assert rates_of(EUR_USDT=(1.0, 1.2)).rate("EUR") == D("1.1")
    assert rates_of(USDT_EUR=(0.7, 0.9)).rate("EUR") == D("1.25")


def test_a_rate_is_asked_for_again_when_it_is_old_and_not_before():
    rates = rates_of(EUR_USDT=(1.0, 1.2))
    for _ in range(3):
        rates.rate("EUR")
    assert len(rates.exchange.asked) == 1
    rates.clock.advance(FRESH_SECONDS)
    rates.rate("EUR")
    assert len(rates.exchange.asked) == 2


def test_two_dollar_coins_without_a_market_are_taken_for_each_other():
    assert rates_of().rate("USD") == 1


def test_without_a_market_or_an_answer_nobody_knows():
    assert rates_of().rate("EUR") is None
    assert rates_of(EUR_USDT=None).rate("EUR") is None
    assert rates_of(EUR_USDT=(float("nan"), 1.0)).rate("EUR") is None
