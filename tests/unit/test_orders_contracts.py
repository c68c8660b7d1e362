"""What the balance book of a futures account is given of an order, and what others did before."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from freqtrade_balance_guard.balances.margin import MarginOrder
from freqtrade_balance_guard.balances.margin_book import MarginBook
from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.ledger import Request, ReservationLedger
from freqtrade_balance_guard.orders.funds.other_bots import OtherBots
from freqtrade_balance_guard.orders.reader import OrderAnswer
from freqtrade_balance_guard.orders.subscribers import MarginBookOrders
from freqtrade_balance_guard.orders.terms import Purpose, margin_terms
from freqtrade_balance_guard.orders.tracked_order import TrackedOrder
from tests.support.memory_store import MemoryStore


D = Decimal
PAIR = "ETH/USDT:USDT"
POSITION = SimpleNamespace(open_rate=95.5, leverage=5.0)


class Book(MarginBook):
    """A book that also remembers what it was given."""

    def __init__(self) -> None:
        super().__init__(30.0, "USDT")
        self.given: list[tuple[str, MarginOrder, bool]] = []
        self.acted: list[float] = []

    def follow_margin(self, order_id: str, order: MarginOrder, *, is_known: bool) -> None:
        self.given.append((order_id, order, is_known))
        super().follow_margin(order_id, order, is_known=is_known)

    def others_acted(self, at: float) -> None:
        self.acted.append(at)
        super().others_acted(at)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def follow(clock, side, purpose, *, position=POSITION, answer=None, is_of_this_run=True):
    book = Book()
    orders = MarginBookOrders(
        book, lambda pair: D("0.0005"), clock, lambda: None, lambda pair: position
    )
    terms = margin_terms(PAIR, side, purpose, D(2), D(100), fee_rate=D("0.0005"), leverage=D(3))
    tracked = TrackedOrder("one-1", terms, clock.wall(), 0.0, is_of_this_run=is_of_this_run)
    tracked.answer = answer
    orders.follow(tracked)
    assert orders.follows(tracked)
    (given,) = book.given
    return given


@pytest.mark.parametrize(
    ("side", "purpose", "is_long"),
    [
        ("buy", Purpose.ENTRY, True),
        ("sell", Purpose.ENTRY, False),
        ("sell", Purpose.EXIT, True),
        ("buy", Purpose.EXIT, False),
        ("buy", Purpose.STOP, False),
    ],
)
def test_which_way_a_position_goes_follows_from_side_and_purpose(clock, side, purpose, is_long):
    _, order, _ = follow(clock, side, purpose)
    assert (order.is_long, order.is_entry) == (is_long, purpose is Purpose.ENTRY)


def test_an_entry_has_the_price_and_leverage_that_it_asks_for(clock):
    clock.advance(7)
    order_id, order, is_known = follow(clock, "buy", Purpose.ENTRY)
    assert (order_id, is_known) == ("one-1", False)
    assert (order.pair, order.amount, order.price, order.fee_rate) == (PAIR, 2, 100, D("0.0005"))
    assert (order.entry_price, order.leverage) == (100, 3)
    assert (order.filled, order.cost, order.changed_at) == (0, 0, clock.monotonic())


def test_an_exit_has_the_price_and_leverage_of_its_position(clock):
    _, order, _ = follow(clock, "sell", Purpose.EXIT)
    assert (order.entry_price, order.leverage) == (D("95.5"), 5)
    _, order, _ = follow(clock, "sell", Purpose.EXIT, position=None)
    assert (order.entry_price, order.leverage) == (100, 3)


@pytest.mark.parametrize(("cost", "counted"), [(D(150), 150), (None, 0)])
def test_what_has_filled_before_is_in_the_balance(clock, cost, counted):
    answer = OrderAnswer("EX-1", "open", D("1.5"), cost)
    _, order, is_known = follow(clock, "buy", Purpose.ENTRY, answer=answer, is_of_this_run=False)
    assert (order.filled, order.cost, is_known) == (D("1.5"), counted, True)


def test_what_other_bots_did_before_the_first_look_is_dated_as_it_was(clock):
    store = MemoryStore()
    mine, other = (
        ReservationLedger(store, bot=bot, account="kraken", process=f"{bot}-1", clock=clock)
        for bot in ("mine", "other")
    )
    for name in ("o-1", "o-2"):
        other.reserve(Request(name, "kraken", PAIR, "buy", "USDT", D(10), None))
        clock.advance(2)
        other.send(name)
        clock.advance(3)
    mine.reserve(Request("m-1", "kraken", PAIR, "buy", "USDT", D(10), None))
    book = Book()
    OtherBots(mine, "USDT").look(book, clock.monotonic(), clock.wall())
    now = clock.monotonic()
    assert book.acted == [now - 8, now - 3]
