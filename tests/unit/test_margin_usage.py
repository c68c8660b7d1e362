"""How much of a cross margin account may be tied up."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import DenialCode
from freqtrade_balance_guard.limits.margin_usage import MarginInUse, MarginUsage
from freqtrade_balance_guard.limits.sizing import EntryKind


D = Decimal
PAIR = "ETH/USDT:USDT"


def denied(used, total, kind=EntryKind.NEW, most="80"):
    in_use = None if used is None else MarginInUse(D(used), D(total))
    return MarginUsage(lambda: in_use, D(most), "USDT").check_entry(PlannedEntry(PAIR, kind))


def test_above_the_limit_no_entry_is_made_and_the_numbers_are_in_the_sentence():
    answer = denied("850", "1000")
    assert answer.code is DenialCode.MARGIN_USAGE
    assert answer.sentence == (
        "850 of 1000 USDT margin are in use, 85 %; futures.max_margin_usage is 80 %"
    )
    assert answer.numbers["usage_percent"] == 85


@pytest.mark.parametrize(("used", "total"), [("800", "1000"), ("0", "1000"), (None, None)])
def test_up_to_the_limit_and_before_the_first_answer_nothing_is_denied(used, total):
    assert denied(used, total) is None


def test_without_any_margin_all_of_it_is_in_use():
    assert denied("0", "0").numbers["usage_percent"] == 100


def test_an_addition_is_denied_and_a_replaced_order_is_not():
    assert denied("850", "1000", EntryKind.ADJUSTMENT) is not None
    assert denied("850", "1000", EntryKind.REPLACEMENT) is None
