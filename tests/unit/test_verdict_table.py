"""One test for each row of the table of verdicts: 1000 USDT are expected."""

from dataclasses import replace
from decimal import Decimal

import pytest

from freqtrade_balance_guard.balances.verdict import Comparison, Verdict, judge


ZERO = Decimal(0)
QUIET = Comparison(
    seen=Decimal(1000),
    expected=Decimal(1000),
    tolerance=Decimal("0.01"),
    doubt=ZERO,
    incoming=ZERO,
    outgoing=ZERO,
    unheard=ZERO,
    has_agreed=False,
)


def comparison(seen: str, *, has_agreed: bool = False, **amounts: str) -> Comparison:
    decimals = {name: Decimal(amount) for name, amount in amounts.items()}
    return replace(QUIET, seen=Decimal(seen), has_agreed=has_agreed, **decimals)


@pytest.mark.parametrize("seen", ["1000", "1000.01", "999.99"])
def test_the_same_is_confirmed(seen: str) -> None:
    assert judge(comparison(seen)) is Verdict.CONFIRMED


def test_more_within_the_doubt_of_an_untold_fee_is_confirmed() -> None:
    assert judge(comparison("1000.26", doubt="0.26")) is Verdict.CONFIRMED


def test_less_by_the_doubt_of_an_untold_fee_is_a_drop() -> None:
    assert judge(comparison("999.74", doubt="0.26")) is Verdict.EXTERNAL_CHANGE


@pytest.mark.parametrize("seen", ["500", "750", "999.9"])
def test_less_lags_while_own_income_may_be_missing(seen: str) -> None:
    assert judge(comparison(seen, incoming="500")) is Verdict.LAGGING


def test_nothing_lags_too_where_own_income_is_all_that_is_expected() -> None:
    assert judge(comparison("0", incoming="1000")) is Verdict.LAGGING


def test_less_that_an_open_order_may_have_taken_lags() -> None:
    assert judge(comparison("950", unheard="100")) is Verdict.LAGGING


def test_less_that_an_open_order_may_have_taken_is_external_once_a_second_answer_agrees() -> None:
    agreed = comparison("950", unheard="100", has_agreed=True)
    assert judge(agreed) is Verdict.EXTERNAL_CHANGE
    assert agreed.change == -50


def test_down_to_nothing_is_unreadable() -> None:
    assert judge(comparison("0")) is Verdict.UNREADABLE


def test_down_to_nothing_is_external_once_a_second_answer_agrees() -> None:
    agreed = comparison("0", has_agreed=True)
    assert judge(agreed) is Verdict.EXTERNAL_CHANGE
    assert agreed.change == -1000


def test_less_beyond_all_own_events_is_external_at_once() -> None:
    assert judge(comparison("900")) is Verdict.EXTERNAL_CHANGE
    assert comparison("900").change == -100


def test_only_what_is_beyond_own_events_is_the_external_change() -> None:
    beyond = comparison("600", incoming="100", unheard="200")
    assert judge(beyond) is Verdict.EXTERNAL_CHANGE
    assert beyond.change == -100


@pytest.mark.parametrize("seen", ["1000.1", "1200", "1300"])
def test_more_lags_while_own_expense_may_be_missing(seen: str) -> None:
    assert judge(comparison(seen, outgoing="300")) is Verdict.LAGGING


def test_more_beyond_own_expense_rises_unconfirmed() -> None:
    assert judge(comparison("1301", outgoing="300")) is Verdict.RISING_UNCONFIRMED
    assert judge(comparison("10000")) is Verdict.RISING_UNCONFIRMED


def test_more_beyond_own_expense_is_external_once_a_second_answer_agrees() -> None:
    agreed = comparison("1050", has_agreed=True)
    assert judge(agreed) is Verdict.EXTERNAL_CHANGE
    assert agreed.change == 50


def test_each_border_is_one_hundredth_of_tolerance_wide() -> None:
    same, lags = Verdict.CONFIRMED, Verdict.LAGGING
    assert judge(comparison("1000.27", doubt="0.26")) is same
    assert judge(comparison("1000.28", doubt="0.26")) is Verdict.RISING_UNCONFIRMED
    assert judge(comparison("499.99", incoming="500")) is lags
    assert judge(comparison("499.98", incoming="500")) is Verdict.EXTERNAL_CHANGE
    assert judge(comparison("1301.01", outgoing="300", doubt="1")) is lags
    assert judge(comparison("1301.02", outgoing="300", doubt="1")) is Verdict.RISING_UNCONFIRMED
    assert judge(comparison("899.99", unheard="100")) is lags
    assert judge(comparison("899.98", unheard="100")) is Verdict.EXTERNAL_CHANGE
    assert judge(comparison("0.01")) is Verdict.UNREADABLE
    assert judge(comparison("0.02")) is Verdict.EXTERNAL_CHANGE
