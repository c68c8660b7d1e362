"""Two order books and their fees: in which direction, how much, and to which price."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_balance_guard.arbitrage.compare import Book, best_opportunity
from freqtrade_balance_guard.errors import MoneyError


D = Decimal


def book(venue, bids, asks, fee="0", rate=1, quote="USDT"):
    return Book(venue, f"BTC/{quote}", bids, asks, D(fee), rate)


def shown(found):
    return [(leg.venue, leg.side, leg.amount, leg.limit_price) for leg in found.legs]


CHEAP = book("cheap", [[99, 5]], [[100, 1], [101, 2], [105, 9]])
DEAR = book("dear", [[104, 0.5], [103, 1], [100.5, 9]], [[105, 9]])


@pytest.mark.parametrize("books", [(CHEAP, DEAR), (DEAR, CHEAP)])
def test_as_much_as_is_worth_it_in_the_right_direction(books):
    found = best_opportunity(*books, max_amount=9)
    assert shown(found) == [
        ("cheap", "buy", D("1.5"), D(101)),
        ("dear", "sell", D("1.5"), D(103)),
    ]


def test_not_more_than_the_most():
    assert shown(best_opportunity(CHEAP, DEAR, max_amount=0.2)) == [
        ("cheap", "buy", D("0.2"), D(100)),
        ("dear", "sell", D("0.2"), D(104)),
    ]


def test_fees_and_the_least_profit_make_it_smaller_or_nothing():
    dear = book("dear", [[104, 0.5], [103, 1]], [[105, 9]], fee="0.01")
    assert shown(best_opportunity(CHEAP, dear, 9, min_profit_percent=1))[0][2] == D("1")
    assert shown(best_opportunity(CHEAP, dear, 9, min_profit_percent=2))[0][2] == D("0.5")
    assert best_opportunity(CHEAP, dear, 9, min_profit_percent=3) is None


def test_two_quote_currencies_are_compared_by_their_rates():
    euros = book("other", [[95, 1]], [[96, 1]], rate=1.1, quote="EUR")
    found = best_opportunity(CHEAP, euros, 9)
    assert [leg.pair for leg in found.legs] == ["BTC/USDT", "BTC/EUR"]
    assert best_opportunity(CHEAP, book("other", [[95, 1]], [[106, 1]], rate=1.01), 9) is None


def test_an_empty_book_offers_nothing():
    assert best_opportunity(CHEAP, book("dear", [], []), 9) is None
    assert best_opportunity(CHEAP, book("dear", [[200, 0]], []), 9) is None


def test_a_price_that_is_no_number_is_an_error():
    with pytest.raises(MoneyError):
        best_opportunity(CHEAP, book("dear", [[float("nan"), 1]], []), 9)


prices = st.integers(90, 110)
sides = st.lists(st.tuples(prices, st.integers(1, 5)), max_size=5)


@given(sides, sides, sides, sides, st.sampled_from(["0", "0.01", "0.05"]))
def test_what_is_found_brings_more_than_it_costs(bids, asks, other_bids, other_asks, fee):
    one = book("one", sorted(bids, reverse=True), sorted(asks), fee)
    other = book("other", sorted(other_bids, reverse=True), sorted(other_asks), fee)
    found = best_opportunity(one, other, 7)
    least_ask = min((price for price, _ in other_asks), default=10**6)
    best_bid = max((price for price, _ in bids), default=0)
    if found is None:
        assert least_ask * (1 + D(fee)) >= best_bid * (1 - D(fee))
    else:
        buy, sell = found.legs
        assert 0 < buy.amount == sell.amount <= 7
        assert buy.limit_price * (1 + D(fee)) < sell.limit_price * (1 - D(fee))


def test_the_strategy_of_the_page_finds_what_is_worth_it():
    page = Path(__file__).parents[2] / "docs" / "arbitrage.md"
    (example,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        if "best_opportunity" in block
    )
    names: dict[str, object] = {}
    exec(example, names)
    strategy = object.__new__(names["CrossExchange"])
    here = Book("bot", "BTC/USDT", bids=[[49990, 1]], asks=[[50000, 1]], taker_fee=0.001)
    there = Book("second", "BTC/USDT", bids=[[50900, 1]], asks=[[50910, 1]], taker_fee=0.002)
    markets = strategy.watched_books()
    found = strategy.on_books({markets[0]: here, markets[1]: there}, changed=frozenset(markets))
    assert shown(found)[1] == ("second", "sell", D("0.004"), D(50900))
    same = {markets[0]: here, markets[1]: here}
    assert strategy.on_books(same, changed=frozenset(markets)) is None
    assert strategy.on_books({markets[0]: here}, changed=frozenset(markets)) is None
