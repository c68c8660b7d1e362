"""What the exchange refused is not sent again until something is different."""

from dataclasses import replace
from decimal import Decimal

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.limits.decision import DenialCode
from freqtrade_balance_guard.limits.market import AmountPrecision, MarketRules, PrecisionMode
from freqtrade_balance_guard.limits.rejections import (
    Rejections,
    is_minimum_rejection,
)


PAIR, OTHER = "ADA/USDT", "XRP/USDT"
RULES = MarketRules(
    amount_min=Decimal(5),
    cost_min=Decimal("0.5"),
    precision=AmountPrecision(PrecisionMode.TICK_SIZE, Decimal("0.00000001")),
    fee=Decimal("0.004"),
    reserve=Decimal("0.05"),
)
FREE = Decimal(100)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def rejections(clock):
    return Rejections(clock)


@pytest.mark.parametrize(
    "words",
    [
        "kraken EOrder:Cost minimum not met",
        "kraken EGeneral:Invalid arguments:volume minimum not met",
        'binance {"code":-1013,"msg":"Filter failure: NOTIONAL"}',
        'binance {"code":-1013,"msg":"Filter failure: MIN_NOTIONAL"}',
        'binance {"code":-1013,"msg":"Filter failure: LOT_SIZE"}',
        "Order amount is lower than the minimum",
        "order size is smaller than the min. 5 USDT",
        "okx Your order should meet or exceed the minimum order amount",
        "The order value is too small",
        "Amount below minimum",
    ],
)
def test_the_words_of_exchanges_for_too_small_are_understood(words):
    assert is_minimum_rejection(words)


@pytest.mark.parametrize(
    "words",
    [
        "kraken EOrder:Insufficient funds",
        "kraken EService:Unavailable",
        "kraken EAPI:Rate limit exceeded",
        "kraken EGeneral:Invalid arguments:price",
        "Connection reset by peer",
    ],
)
def test_other_words_are_not_taken_for_too_small(words):
    assert not is_minimum_rejection(words)


# Entries


def test_after_a_minimum_rejection_the_pair_waits_for_market_data_that_differ(rejections, clock):
    rejections.minimum_rejected(PAIR, RULES)
    clock.advance(86_400)

    assert rejections.entry_refusal(PAIR, RULES, FREE).code == DenialCode.MINIMUM_REJECTED
    assert rejections.entry_refusal(OTHER, RULES, FREE) is None
    assert rejections.entry_refusal(PAIR, replace(RULES, cost_min=Decimal(20)), FREE) is None
    assert rejections.entry_refusal(PAIR, RULES, FREE) is None, "what differed once is over"


def reloads(rejections, clock, *, seconds):
    """The seconds at which market data are loaded anew for a pair that signals in every loop."""
    found = []
    for second in range(seconds):
        if rejections.wants_markets(PAIR):
            found.append(second)
        clock.advance(1)
    return found


def test_market_data_are_loaded_at_once_and_then_with_growing_pauses(rejections, clock):
    assert not rejections.wants_markets(PAIR)
    rejections.minimum_rejected(PAIR, RULES)

    assert reloads(rejections, clock, seconds=300) == [0, 15, 45, 105, 225]
    assert len(reloads(rejections, clock, seconds=6000)) == 10, "never rarer than ten minutes"
    assert not rejections.wants_markets(OTHER)


def test_market_data_are_loaded_on_while_they_say_the_new_minimum(rejections, clock):
    rejections.minimum_rejected(PAIR, RULES)
    assert rejections.wants_markets(PAIR)
    assert rejections.entry_refusal(PAIR, replace(RULES, cost_min=Decimal(20)), FREE) is None

    clock.advance(15)
    assert rejections.wants_markets(PAIR), "it may fall again"


def test_an_order_that_goes_through_ends_the_loading_of_market_data(rejections, clock):
    rejections.exit_rejected(PAIR, Decimal(10), "exit_signal")
    assert rejections.wants_markets(PAIR)
    rejections.position_changed(PAIR)

    assert reloads(rejections, clock, seconds=60) == []


def test_after_a_funds_rejection_the_pair_waits_for_a_balance_that_differs(rejections):
    rejections.funds_rejected(PAIR, FREE)

    refusal = rejections.entry_refusal(PAIR, RULES, FREE)
    assert refusal.code == DenialCode.FUNDS_REJECTED
    assert "100" in refusal.sentence
    assert rejections.entry_refusal(OTHER, RULES, FREE) is None
    assert rejections.entry_refusal(PAIR, RULES, FREE - 1) is None


@pytest.mark.parametrize(
    ("spendable", "waits"), [("100", True), ("103", True), ("97", True), ("103.1", False)]
)
def test_what_mark_prices_and_funding_move_is_no_other_balance(rejections, spendable, waits):
    rejections.funds_rejected(PAIR, FREE, noise=Decimal(3))

    assert (rejections.entry_refusal(PAIR, RULES, Decimal(spendable)) is not None) is waits


def test_a_funds_rejection_that_no_balance_explains_is_over_after_ten_minutes(rejections, clock):
    rejections.funds_rejected(PAIR, FREE)

    clock.advance(600 - 1)
    assert rejections.entry_refusal(PAIR, RULES, FREE) is not None
    clock.advance(1)
    assert rejections.entry_refusal(PAIR, RULES, FREE) is None


# Exits


def tries(rejections, clock, *, seconds, value, minimum, reason="exit_signal"):
    """The seconds at which an exit that is wanted in every loop goes out, each time in vain."""
    found = []
    for second in range(seconds):
        worth = value(second)
        if not rejections.exit_waits(PAIR, worth, minimum, reason):
            found.append(second)
            rejections.exit_rejected(PAIR, worth, reason)
        clock.advance(1)
    return found


def test_a_rejected_exit_is_news_once(rejections):
    assert rejections.exit_rejected(PAIR, Decimal(10), "exit_signal")
    assert not rejections.exit_rejected(PAIR, Decimal(10), "exit_signal")
    rejections.position_changed(PAIR)
    assert rejections.exit_rejected(PAIR, Decimal(10), "exit_signal")


@pytest.mark.parametrize("minimum", [2, 20], ids=["market data do not know", "market data know"])
def test_an_exit_that_stays_too_small_is_tried_with_growing_pauses(rejections, clock, minimum):
    seen = tries(
        rejections, clock, seconds=1200, value=lambda _: Decimal(10), minimum=Decimal(minimum)
    )

    assert seen == [0, 30, 90, 210, 450, 750, 1050]


@pytest.mark.parametrize(
    "value",
    [
        lambda second: Decimal(10) + Decimal(second) / 5,
        lambda second: Decimal(10) + second % 3,
        lambda second: Decimal(10) * Decimal("1.02") ** second,
    ],
    ids=["slow rise", "up and down", "steep rise"],
)
def test_no_price_makes_it_more_than_three_vain_tries_a_minute(rejections, clock, value):
    seen = tries(rejections, clock, seconds=400, value=value, minimum=Decimal(2))

    for begin in range(400):
        assert sum(begin <= at < begin + 60 for at in seen) <= 3


def test_an_exit_goes_at_once_when_it_is_worth_the_known_minimum(rejections, clock):
    minimum = Decimal(20)
    rejections.exit_rejected(PAIR, Decimal(10), "exit_signal")
    clock.advance(1)

    assert rejections.exit_waits(PAIR, Decimal("19.99"), minimum, "exit_signal")
    assert not rejections.exit_waits(PAIR, Decimal(20), minimum, "exit_signal")


def test_an_exit_goes_at_once_when_it_is_worth_more_and_nobody_knows_the_minimum(rejections, clock):
    unknown = Decimal(2)
    for _ in range(2):
        rejections.exit_rejected(PAIR, Decimal(10), "exit_signal")
    clock.advance(1)

    assert rejections.exit_waits(PAIR, Decimal("10.05"), unknown, "exit_signal")
    assert not rejections.exit_waits(PAIR, Decimal("10.2"), unknown, "exit_signal")


def test_an_exit_goes_at_once_when_the_minimum_was_lowered_again(rejections, clock):
    value = Decimal(10)
    rejections.exit_rejected(PAIR, value, "exit_signal")
    assert rejections.exit_waits(PAIR, value, Decimal(20), "exit_signal")
    assert not rejections.exit_waits(PAIR, value, Decimal(5), "exit_signal")
    # The exchange thinks otherwise: what the market data say is no reason any more.
    rejections.exit_rejected(PAIR, value, "exit_signal")
    clock.advance(5)
    assert rejections.exit_waits(PAIR, value, Decimal(5), "exit_signal")


def test_what_was_rejected_once_is_no_reason_to_hurry_after_a_fall(rejections, clock):
    unknown = Decimal(2)
    rejections.exit_rejected(PAIR, Decimal(10), "exit_signal")
    rejections.exit_rejected(PAIR, Decimal(8), "exit_signal")
    clock.advance(1)

    assert rejections.exit_waits(PAIR, Decimal(9), unknown, "exit_signal")


def test_market_data_that_were_loaded_anew_decide(rejections, clock):
    rejections.exit_rejected(PAIR, Decimal(10), "exit_signal")
    clock.advance(1)

    assert rejections.exit_waits(PAIR, Decimal(10), Decimal(2), "exit_signal")
    assert rejections.exit_waits(PAIR, Decimal(15), Decimal(20), "exit_signal")
    assert not rejections.exit_waits(PAIR, Decimal(21), Decimal(20), "exit_signal")


def test_tries_of_more_than_a_minute_ago_do_not_hold_back_what_is_worth_more(rejections, clock):
    unknown = Decimal(2)
    for value in (10, 11, 12):
        rejections.exit_rejected(PAIR, Decimal(value), "exit_signal")
    clock.advance(59)
    assert rejections.exit_waits(PAIR, Decimal(13), unknown, "exit_signal")

    clock.advance(1)
    assert not rejections.exit_waits(PAIR, Decimal(13), unknown, "exit_signal")


def test_another_kind_of_exit_goes_at_once(rejections, clock):
    rejections.exit_rejected(PAIR, Decimal(10), "exit_signal")
    clock.advance(1)

    assert not rejections.exit_waits(PAIR, Decimal(9), Decimal(20), "stop_loss")


def test_another_pair_does_not_wait(rejections):
    rejections.exit_rejected(PAIR, Decimal(10), "exit_signal")

    assert not rejections.exit_waits(OTHER, Decimal(10), Decimal(20), "exit_signal")
