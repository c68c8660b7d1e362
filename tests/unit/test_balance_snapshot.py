"""Every answer of an exchange is checked before it counts."""

from decimal import Decimal, localcontext

import pytest

from freqtrade_balance_guard.balances.snapshot import Answer, AnswerReader, Holding, Unreadable


GOOD = {"free": 1.0, "used": 0.0, "total": 1.0}


def read_answer(answer: object) -> Answer | Unreadable:
    return AnswerReader().read(answer, {"USDT"})


def reason(answer: object) -> str:
    read = read_answer(answer)
    assert isinstance(read, Unreadable)
    return read.reason


def usdt(**amounts: object) -> Holding:
    read = read_answer({"USDT": amounts})
    assert isinstance(read, Answer)
    return read.holdings["USDT"]


def test_a_good_answer_is_read_exactly() -> None:
    assert usdt(free=0.1, used=0.2, total=0.3) == Holding(Decimal("0.3"), Decimal("0.2"))


def test_what_ccxt_adds_to_a_balance_is_no_currency() -> None:
    answer = {
        "info": {"free": "9", "total": "9", "used": "0"},
        "free": {"USDT": 1.0},
        "timestamp": None,
        "USDT": {"free": 1.0, "used": 0.0, "total": 1.0},
    }
    assert read_answer(answer) == Answer({"USDT": Holding(Decimal("1.0"), Decimal("0.0"))})


@pytest.mark.parametrize("answer", [None, "<html>502 Bad Gateway</html>", [], 7])
def test_an_answer_that_is_no_table_is_unreadable(answer: object) -> None:
    assert "no table of currencies" in reason(answer)


@pytest.mark.parametrize("answer", [{}, {"info": {}}])
def test_an_answer_without_currencies_has_none(answer: object) -> None:
    """Whether the account is empty is a question for the book."""
    assert read_answer(answer) == Answer({})


def test_currencies_without_amounts_are_unreadable_and_not_zero() -> None:
    answer = {"USDT": {"free": None, "used": None, "total": None}}
    assert reason(answer) == "the answer has currencies without amounts"
    assert read_answer({**answer, "BTC": GOOD}) == Answer({"BTC": Holding(Decimal(1))})


@pytest.mark.parametrize("number", ["rubbish", float("nan"), float("inf"), True, "NaN", "1e40"])
def test_a_number_that_is_none_makes_the_answer_unreadable(number: object) -> None:
    good = {"free": 1.0, "used": 0.0, "total": 1.0}
    answer = {"BTC": good, "USDT": {"free": 1.0, "used": 0.0, "total": number}}
    assert reason(answer).startswith("USDT total is")


def test_a_negative_total_makes_the_answer_unreadable() -> None:
    assert "negative" in reason({"USDT": {"free": -5.0, "used": 0.0, "total": -5.0}})


def test_a_negative_hold_makes_the_answer_unreadable() -> None:
    assert "negative" in reason({"USDT": {"free": 15.0, "used": -5.0, "total": 10.0}})


@pytest.mark.parametrize(
    ("amounts", "total", "free"),
    [
        ({"free": 100.0, "used": 0.0, "total": 1000.0}, 100, 100),
        ({"free": 100.0, "used": 50.0, "total": 1000.0}, 150, 100),
        ({"free": 419.13, "used": 580.0, "total": 998.96}, "998.96", "418.96"),
        ({"free": 100.0, "used": 50.0, "total": 40.0}, 40, 0),
    ],
    ids=["a bonus", "a bonus and a hold", "margin", "less in all than free"],
)
def test_where_amounts_do_not_add_up_the_smaller_one_is_believed(
    amounts: dict[str, float], total: object, free: object
) -> None:
    holding = usdt(**amounts)
    assert (holding.total, holding.free) == (Decimal(str(total)), Decimal(str(free)))


@pytest.mark.parametrize(
    "odd",
    [
        {"free": -0.06142, "used": 0.0, "total": -0.06142},
        {"free": 1.0, "used": -1.0, "total": 0.0},
        {"free": 1.0, "used": 0.0, "total": "rubbish"},
        {"free": 1.0, "used": 0.0, "total": float("nan")},
        {"free": 1e40, "used": 0.0, "total": 1e40},
    ],
    ids=["debt", "negative hold", "garbage", "not a number", "absurd"],
)
def test_an_odd_coin_that_nothing_depends_on_is_left_out(odd: dict[str, object]) -> None:
    read = AnswerReader().read({"ETH": odd, "USDT": GOOD}, {"USDT"})
    assert isinstance(read, Answer)
    assert read.holdings == {"USDT": Holding(Decimal(1))}
    assert read.left_out["ETH"].startswith("ETH ")
    assert isinstance(AnswerReader().read({"ETH": odd, "USDT": GOOD}, {"USDT", "ETH"}), Unreadable)


def test_what_was_read_before_is_not_taken_for_what_is_there_now() -> None:
    reader = AnswerReader()
    for free in (1.0, 2.0, 2.0, "rubbish", 3.0):
        read = reader.read({"USDT": {"free": free, "used": 0.0, "total": free}}, {"USDT"})
        if free == "rubbish":
            assert isinstance(read, Unreadable)
        else:
            assert isinstance(read, Answer)
            assert read.holdings["USDT"].total == Decimal(str(free))


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
