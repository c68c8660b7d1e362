"""Every answer of an exchange is checked before it counts."""

from decimal import Decimal, localcontext

import pytest

from freqtrade_balance_guard.balances.snapshot import Holding, Unreadable, read_answer


def reason(answer: object) -> str:
    read = read_answer(answer)
    assert isinstance(read, Unreadable)
    return read.reason


def usdt(**amounts: object) -> Holding:
    read = read_answer({"USDT": amounts})
    assert not isinstance(read, Unreadable)
    return read["USDT"]


def test_a_good_answer_is_read_exactly() -> None:
    assert usdt(free=0.1, used=0.2, total=0.3) == Holding(Decimal("0.3"), Decimal("0.2"))


def test_what_ccxt_adds_to_a_balance_is_no_currency() -> None:
    answer = {
        "info": {"free": "9", "total": "9", "used": "0"},
        "free": {"USDT": 1.0},
        "timestamp": None,
        "USDT": {"free": 1.0, "used": 0.0, "total": 1.0},
    }
    assert read_answer(answer) == {"USDT": Holding(Decimal("1.0"), Decimal("0.0"))}


@pytest.mark.parametrize("answer", [None, "<html>502 Bad Gateway</html>", [], 7])
def test_an_answer_that_is_no_table_is_unreadable(answer: object) -> None:
    assert "no table of currencies" in reason(answer)


@pytest.mark.parametrize(
    "answer", [{}, {"info": {}}, {"USDT": {"free": None, "used": None, "total": None}}]
)
def test_an_empty_answer_is_unreadable_and_not_zero(answer: object) -> None:
    assert reason(answer) == "the answer is empty"


@pytest.mark.parametrize("number", ["rubbish", float("nan"), float("inf"), True, "NaN", "1e40"])
def test_a_number_that_is_none_makes_the_answer_unreadable(number: object) -> None:
    good = {"free": 1.0, "used": 0.0, "total": 1.0}
    answer = {"BTC": good, "USDT": {"free": 1.0, "used": 0.0, "total": number}}
    assert reason(answer).startswith("USDT total is")


def test_a_negative_total_makes_the_answer_unreadable() -> None:
    assert "negative" in reason({"USDT": {"free": -5.0, "used": 0.0, "total": -5.0}})


def test_a_negative_hold_makes_the_answer_unreadable() -> None:
    assert "negative" in reason({"USDT": {"free": 15.0, "used": -5.0, "total": 10.0}})


def test_amounts_that_do_not_add_up_make_the_answer_unreadable() -> None:
    assert "are not its total" in reason({"USDT": {"free": 100.0, "used": 0.0, "total": 1000.0}})


def test_rounding_between_the_three_amounts_is_no_fault() -> None:
    assert usdt(free=0.7000001, used=0.3, total=1.0).total == 1


def test_zero_is_a_readable_amount() -> None:
    assert usdt(free=0.0, used=0.0, total=0.0) == Holding(Decimal(0), Decimal(0))


def test_free_alone_is_the_total_where_the_exchange_tells_no_hold() -> None:
    assert usdt(free=12.5) == Holding(Decimal("12.5"), Decimal(0))


def test_total_alone_is_all_free() -> None:
    assert usdt(total=12.5).free == Decimal("12.5")


def test_the_hold_is_what_free_leaves_of_the_total() -> None:
    assert usdt(free=10, total=12).used == 2


def test_a_hold_above_a_lagging_total_is_no_fault_and_leaves_nothing_free() -> None:
    """freqtrade takes Kraken's hold from a second request: the order is there, its money not."""
    holding = usdt(free=-90.0, used=100.0, total=10.0)
    assert holding == Holding(Decimal("10.0"), Decimal("100.0"))
    assert holding.free == 0


def test_a_float_residue_below_zero_is_zero() -> None:
    assert usdt(free=-1e-17, used=0.3, total=0.3).free == 0
    assert usdt(free=-1e-12, used=0.0, total=-1e-12).total == 0


def test_a_strategys_decimal_precision_does_not_change_what_is_read() -> None:
    with localcontext() as context:
        context.prec = 4
        assert usdt(free="1000.25", used="0.50").total == Decimal("1000.75")
