"""A denial for want of stake says when it only has to be waited for."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.limits.true_cause import (
    missing,
    waits_for_own_money,
    waits_for_rise,
)


D = Decimal
SHORT = Denied(
    DenialCode.BELOW_THRESHOLD,
    "available 2 USDT is below min_balance_threshold 2.5 USDT",
    {"available": D(2), "min_balance_threshold": D("2.5")},
)


@pytest.mark.parametrize(
    ("code", "numbers", "more"),
    [
        ("below_threshold", {"available": D(2), "min_balance_threshold": D("2.5")}, "0.5"),
        ("cap_below_minimum", {"cap": D(4), "minimum": D(6), "available": D(5)}, "2"),
        ("insufficient_available", {"available": D(-3), "needed": D(7)}, "10"),
        ("insufficient_available", {"available": D(7), "needed": D(7)}, "0"),
        ("insufficient_available", {"available": D(9), "needed": D(7)}, "0"),
        ("insufficient_available", {"cap": D(0), "available": D(5)}, "0"),
        ("insufficient_available", {"needed": D(5)}, "0"),
        ("stake_below_minimum", {"stake": D(1), "minimum": D(6)}, "0"),
    ],
)
def test_what_is_missing_is_the_stake_that_would_have_been_enough(
    code: str, numbers: dict[str, Decimal], more: str
) -> None:
    assert missing(Denied(DenialCode(code), "", numbers)) == D(more)


def test_a_rise_seen_once_is_named_with_the_seconds_until_it_counts() -> None:
    denied = waits_for_rise(SHORT, D(40), 12.6, "USDT")
    assert denied.code is DenialCode.BALANCE_RISING_UNCONFIRMED
    assert denied.sentence == (
        "available 2 USDT is below min_balance_threshold 2.5 USDT; 40 USDT more were seen than "
        "own orders explain, and count in 13 s if a second answer agrees"
    )
    assert denied.numbers == {**SHORT.numbers, "unconfirmed": D(40), "wait_seconds": D(13)}


def test_own_money_that_is_under_way_is_waited_for() -> None:
    denied = waits_for_own_money(SHORT)
    assert denied.code is DenialCode.BALANCE_LAGGING
    assert denied.sentence == f"{SHORT.sentence}; the rest is under way"
    assert denied.numbers == SHORT.numbers
