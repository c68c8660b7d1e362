"""Money: finite Decimals, never two currencies in one sum, never rounded the wrong way."""

import math
from decimal import Decimal, localcontext

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_balance_guard.errors import BalanceGuardError, MoneyError
from freqtrade_balance_guard.money import (
    Money,
    exact,
    float_above,
    float_below,
    format_amount,
    round_down,
    round_up,
    to_decimal,
    to_float,
)


D = Decimal
finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.decimals("-1e12", "1e12", allow_nan=False, allow_infinity=False)
steps = st.sampled_from([D("0.01"), D("1e-8"), D("0.3"), D("0.25"), D(1), D(10), D("3e-7"), D(7)])


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        (0.1, "0.1"),
        (1e-10, "1e-10"),
        (3, "3"),
        ("2.50", "2.50"),
        (D("1.5"), "1.5"),
        (-0.25, "-0.25"),
        (numpy.float64(0.1), "0.1"),
        (numpy.float32(0.1), "0.1"),
        (numpy.int64(7), "7"),
    ],
)
def test_a_number_from_outside_becomes_its_shortest_text(outside: object, inside: str) -> None:
    assert to_decimal(outside) == D(inside)


@pytest.mark.parametrize(
    "outside",
    [
        None,
        True,
        False,
        numpy.True_,
        math.nan,
        math.inf,
        -math.inf,
        numpy.nan,
        D("NaN"),
        D("sNaN"),
        D("-Infinity"),
        "nan",
        "Infinity",
        "",
        "ten",
        "1,5",
        b"5",
        [],
        {},
        (1, 2),
        1j,
        object(),
    ],
    ids=lambda value: f"{type(value).__name__} {value!r:.12}",
)
def test_what_is_no_finite_number_is_refused(outside: object) -> None:
    with pytest.raises(MoneyError):
        to_decimal(outside)


def test_a_money_error_is_one_of_ours_and_a_value_error() -> None:
    assert issubclass(MoneyError, BalanceGuardError)
    assert issubclass(MoneyError, ValueError)


def test_a_whole_number_of_any_length_is_a_number() -> None:
    assert to_decimal(10**5000) == D("1e5000")


@given(finite)
def test_a_float_survives_the_journey_to_decimal_and_back(number: float) -> None:
    assert to_float(to_decimal(number)) == number


def test_a_decimal_that_no_float_holds_is_refused_instead_of_becoming_infinite() -> None:
    with pytest.raises(MoneyError, match="does not fit"):
        to_float(D("1e400"))


@given(numbers)
def test_a_limit_from_above_stays_above_what_a_float_makes_of_it(limit: Decimal) -> None:
    carried = float_below(limit)
    assert carried <= limit
    assert to_decimal(to_float(carried)) == carried
    assert math.nextafter(to_float(carried), math.inf) >= to_float(limit)


@given(numbers)
def test_a_limit_from_below_stays_below_what_a_float_makes_of_it(limit: Decimal) -> None:
    carried = float_above(limit)
    assert carried >= limit
    assert to_decimal(to_float(carried)) == carried
    assert math.nextafter(to_float(carried), -math.inf) <= to_float(limit)


@given(finite)
def test_a_limit_that_came_from_a_float_is_carried_unchanged(number: float) -> None:
    assert float_below(to_decimal(number)) == float_above(to_decimal(number)) == to_decimal(number)


@given(numbers, steps)
def test_rounding_goes_to_the_nearest_step_in_the_named_direction(
    value: Decimal, step: Decimal
) -> None:
    down, up = round_down(value, step), round_up(value, step)
    with localcontext(prec=100):
        assert down % step == up % step == 0
        assert down <= value <= up
        assert value - down < step
        assert up - value < step


def test_rounding_down_never_goes_up_where_28_digits_are_too_few() -> None:
    # 0.8999.../0.3 is 2.999..., which 28 digits round to 3.
    assert round_down(D("0.8999999999999999999999999999"), D("0.3")) == D("0.6")
    assert round_up(D("0.9000000000000000000000000001"), D("0.3")) == D("1.2")


@pytest.mark.parametrize("step", [D(0), D(-1)])
def test_without_a_step_nothing_is_rounded(step: Decimal) -> None:
    assert round_down(D("1.23"), step) == round_up(D("1.23"), step) == D("1.23")


def test_rounding_does_not_depend_on_the_decimal_context_of_the_thread() -> None:
    with localcontext(prec=3):
        assert round_down(D("123456.789"), D("0.01")) == D("123456.78")


def test_an_exact_function_calculates_with_its_own_context() -> None:
    @exact
    def third(value: Decimal) -> Decimal:
        """Divide by three."""
        return value / 3

    with localcontext(prec=4):
        assert third(D(1)) == D("0." + "3" * 50)
        assert D(1) / 3 == D("0.3333")
    assert third.__doc__ == "Divide by three."


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0", "0"),
        ("2.50", "2.5"),
        ("100", "100"),
        ("1E+3", "1000"),
        ("0.00000001", "0.00000001"),
        ("1e-10", "0"),
        ("-1e-12", "0"),
        ("-2.5", "-2.5"),
        ("1234567.123456789", "1234567.12345679"),
    ],
)
def test_an_amount_is_shown_with_at_most_eight_decimals_and_no_exponent(
    value: str, shown: str
) -> None:
    assert format_amount(D(value)) == shown


def test_amounts_of_one_currency_are_added_subtracted_and_compared() -> None:
    two, three = Money(D(2), "USDT"), Money(D(3), "USDT")
    assert two + three == Money(D(5), "USDT")
    assert two - three == -Money(D(1), "USDT")
    assert two < three
    assert two <= Money(D("2.0"), "USDT")
    assert three > two
    assert three >= two
    assert max(two, three) is three
    assert str(three) == "3 USDT"


@pytest.mark.parametrize(
    "mix",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a < b,
        lambda a, b: a <= b,
        lambda a, b: a > b,
        lambda a, b: a >= b,
    ],
    ids=["add", "subtract", "less", "at most", "more", "at least"],
)
@pytest.mark.parametrize("other", [Money(D(2), "BTC"), D(2), 2, 0.5, "2 USDT", None])
def test_money_is_not_mixed_with_another_currency_or_a_bare_number(mix, other) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(MoneyError):
        mix(Money(D(1), "USDT"), other)


def test_the_same_amount_in_two_currencies_is_not_equal() -> None:
    assert Money(D(1), "USDT") != Money(D(1), "BTC")
    assert Money(D(1), "USDT") == Money(D("1.00"), "USDT")


@pytest.mark.parametrize("amount", [1, 1.0, "1", True, None, D("NaN"), D("Infinity")])
def test_money_is_made_of_a_finite_decimal_only(amount: object) -> None:
    with pytest.raises(MoneyError):
        Money(amount, "USDT")  # type: ignore[arg-type]


def test_money_without_a_currency_is_refused() -> None:
    with pytest.raises(MoneyError, match="no currency"):
        Money(D(1), "")


def test_a_sum_of_money_keeps_digits_that_the_threads_context_would_drop() -> None:
    with localcontext(prec=4):
        total = Money(D("12345.67890"), "USDT") + Money(D("0.00001"), "USDT")
    assert total.amount == D("12345.67891")
