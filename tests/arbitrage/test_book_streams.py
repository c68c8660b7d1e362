"""Streamed books on real exchanges' protocols: what may be used, and what becomes of trouble."""

import time
from types import SimpleNamespace

import pytest

from freqtrade_balance_guard.arbitrage.books import venue_books
from freqtrade_balance_guard.arbitrage.books.feed import BookFeed
from freqtrade_balance_guard.arbitrage.threads.event_loop import EventLoopThread
from freqtrade_balance_guard.arbitrage.threads.queues import KeyQueues
from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.integration.arbitrage.venues import make_venue
from freqtrade_balance_guard.ledger import open_ledger
from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from freqtrade_balance_guard.settings import ArbitrageSettings, VenueSettings
from tests.support.arbitrages import D
from tests.support.exchange import freqtrade_config
from tests.support.legs_bot import PAIR, market


MARKET = ("streamed", PAIR)


def until(condition, seconds=15.0):
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.01)
    return found


class Fed:
    """A feed of one venue on a sandbox with websockets."""

    def __init__(self, sandbox, folder, **settings):
        self.control = sandbox.control
        clock = SystemClock()
        self.ledger = open_ledger(
            f"sqlite:///{folder / 'l.sqlite'}", bot="b", account="a", clock=clock
        )
        section = sandbox.freqtrade_exchange(streams=True)
        its = VenueSettings.model_validate({**section, "account": "streamed"})
        self.venue = make_venue(
            "streamed",
            its,
            freqtrade_config({"name": section["name"]}) | {"dry_run": False},
            bot="b",
            ledger=self.ledger,
            clock=clock,
        )
        self.context = SimpleNamespace(
            venues={"streamed": self.venue},
            clock=clock,
            settings=ArbitrageSettings.model_validate(settings),
            queues=KeyQueues(clock),
            rate=lambda currency: D(1),
            known_rate=lambda currency: D(1),
        )
        self.loop = EventLoopThread()
        self.feed = BookFeed(self.context, self.loop)
        self.changes = []
        self.feed.on_change = self.changes.append
        self.feed.want([MARKET], forever=True)

    def book(self):
        found = self.feed.usable(MARKET)
        return None if isinstance(found, str) else found

    def streamed(self):
        book = self.book()
        return book if book is not None and book.source == "stream" else None

    def asks_of(self, price):
        book = self.streamed()
        return book if book is not None and book.asks[0][0] >= price else None

    def close(self):
        self.loop.close()
        self.context.queues.close()
        self.ledger.close()


@pytest.fixture(params=["kraken", "binance"], scope="module")
def sandbox(request):
    account = {"name": "main", "keys": [{}], "balances": {"USDT": "1000", "ETH": "4"}}
    scenario = {"dialect": request.param, "accounts": [account], "markets": [market(PAIR, "2500")]}
    with Sandbox.start(Scenario.model_validate(scenario)) as sandbox:
        yield sandbox


@pytest.fixture
def fed(sandbox, tmp_path):
    opened = []

    def start(**settings):
        sandbox.control.price(PAIR, "2500")
        opened.append(Fed(sandbox, tmp_path, **settings))
        return opened[-1]

    yield start
    sandbox.control.clear_faults()
    for one in opened:
        one.close()


def test_a_streamed_book_follows_the_price_and_stays_young_in_silence(fed):
    feed = fed()
    first = until(feed.streamed)
    assert first.bids[0][0] < first.asks[0][0] and first.taker_fee > 0
    changes = len(feed.changes)
    feed.control.price(PAIR, "2600")
    until(lambda: feed.asks_of(2600))
    assert len(feed.changes) > changes
    # Nothing changes any more; the connection proves that the book is still the market.
    ends, ages = time.monotonic() + 2, []
    while time.monotonic() < ends:
        assert feed.streamed() is not None
        ages.append(feed.feed.age(MARKET))
        time.sleep(0.02)
    assert max(ages) < 1.0


def test_without_streaming_the_same_market_is_read(fed):
    feed = fed(stream=False, max_book_age=5)
    assert until(feed.book).source == "rest"


def test_a_broken_line_makes_the_book_unusable_until_the_stream_has_begun_anew(fed):
    feed = fed()
    until(feed.streamed)
    feed.control.fault("stream_disconnect", times=1)
    until(lambda: feed.streamed() is None)
    feed.control.price(PAIR, "2700")
    until(lambda: feed.asks_of(2700))


def test_a_crossed_book_is_not_used(fed):
    feed = fed()
    until(feed.streamed)
    feed.control.fault("book_crossed", amount="0.01")
    feed.control.price(PAIR, "2510")
    why = until(lambda: found if isinstance(found := feed.feed.usable(MARKET), str) else None)
    assert "crossed" in why
    feed.control.clear_faults()
    feed.control.price(PAIR, "2520")
    until(feed.streamed)


def test_a_stream_that_shows_an_old_book_is_found_out_by_reading_beside_it(fed, monkeypatch):
    monkeypatch.setattr(venue_books, "COMPARE_SECONDS", 1.0)
    monkeypatch.setattr(venue_books, "CONFIRM_SECONDS", 0.3)
    feed = fed()
    until(feed.streamed)
    feed.control.fault("book_frozen", endpoint="stream book")
    time.sleep(0.2)
    feed.control.price(PAIR, "2800")
    read = until(lambda: b if (b := feed.book()) is not None and b.asks[0][0] >= 2800 else None)
    assert read.source == "rest"


def test_an_exchange_at_another_address_without_websockets_there_is_read(sandbox, tmp_path):
    """Its orders would go there; the books of the real exchange must not decide about them."""
    clock = SystemClock()
    ledger = open_ledger(f"sqlite:///{tmp_path / 'l.sqlite'}", bot="b", account="a", clock=clock)
    section = sandbox.freqtrade_exchange()
    its = VenueSettings.model_validate({**section, "account": "read"})
    config = freqtrade_config({"name": section["name"]}) | {"dry_run": False}
    venue = make_venue("read", its, config, bot="b", ledger=ledger, clock=clock)
    assert venue.book_stream is None
    ledger.close()
