"""What freqtrade says in floats is compared with a limit as the number that was meant."""

import random
from decimal import Decimal

from freqtrade_balance_guard.limits.float_rounding import (
    available_without_rounding_noise,
    capacity_without_rounding_noise,
)
from freqtrade_balance_guard.money import to_decimal


def as_freqtrade(tied_up: float, free: float, ratio: float) -> tuple[float, float]:
    """Its total and its available stake, in its own floats."""
    total = (tied_up + free) * ratio
    return total, min(total - tied_up, free)


def test_exactly_five_beside_three_positions_of_ten_is_five() -> None:
    random_ = random.Random(5)
    noisy = 0
    for _ in range(2000):
        tied_up = sum(round(random_.uniform(9.9, 10.1), 8) for _ in range(3))
        total, available = as_freqtrade(tied_up, 5.0, 1.0)
        noisy += available != 5.0 or to_decimal(total) - to_decimal(tied_up) != 5
        assert capacity_without_rounding_noise(total, tied_up, 5.0, 1.0) == 5
        assert available_without_rounding_noise(available, tied_up, 5.0, 1.0) == 5
    # What this is about does happen.
    assert noisy > 200


def test_the_tradable_ratio_counts_to_the_last_digit() -> None:
    total, available = as_freqtrade(30.12345678, 7.5, 0.99)
    meant = (Decimal("30.12345678") + Decimal("7.5")) * Decimal("0.99") - Decimal("30.12345678")
    assert capacity_without_rounding_noise(total, 30.12345678, 7.5, 0.99) == meant
    assert available_without_rounding_noise(available, 30.12345678, 7.5, 0.99) == meant


def test_under_a_tradable_ratio_the_noise_is_taken_off_too() -> None:
    random_ = random.Random(7)
    noisy = 0
    for _ in range(500):
        tied_up, free = round(random_.uniform(10, 60), 8), round(random_.uniform(5, 50), 8)
        total, available = as_freqtrade(tied_up, free, 0.99)
        tied, at_hand = to_decimal(tied_up), to_decimal(free)
        meant = (tied + at_hand) * Decimal("0.99") - tied
        noisy += to_decimal(total) - tied != meant
        assert capacity_without_rounding_noise(total, tied_up, free, 0.99) == meant
        assert available_without_rounding_noise(available, tied_up, free, 0.99) == meant
    assert noisy > 50


def test_what_freqtrade_counts_otherwise_is_taken_as_it_is() -> None:
    # available_capital: 40 of it, 30 in trades, whatever is free.
    assert capacity_without_rounding_noise(40.0, 30.0, 500.0, 0.99) == 10
    assert available_without_rounding_noise(10.0, 30.0, 500.0, 0.99) == 10
    # A difference that is no noise is a difference.
    assert available_without_rounding_noise(4.99999999, 30.0, 5.0, 1.0) == Decimal("4.99999999")
