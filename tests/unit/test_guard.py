"""The guard: the user's settings become amounts, decisions become facts."""

import pickle
from decimal import Decimal
from typing import Any

import pytest

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import (
    EntryApproved,
    Event,
    EventHub,
    OrderDenied,
    PartialExitReduced,
    StakeReduced,
)
from freqtrade_balance_guard.guard import Guard
from freqtrade_balance_guard.limits.decision import Approved, DenialCode, Denied
from freqtrade_balance_guard.limits.market import AmountPrecision, MarketRules, PrecisionMode
from freqtrade_balance_guard.limits.order_check import PartialExit, RoundedOrder
from freqtrade_balance_guard.limits.sizing import EntryKind, EntryRequest
from freqtrade_balance_guard.monitoring.listeners import BacktestCounts, PlainWords
from freqtrade_balance_guard.settings import load_settings


D = Decimal
RULES = MarketRules(
    amount_min=D("0.1"),
    cost_min=D(5),
    precision=AmountPrecision(PrecisionMode.TICK_SIZE, D("0.01")),
)


class Bench:
    """A guard with the facts that it stated."""

    def __init__(
        self,
        section: dict[str, Any] | None = None,
        *,
        rate: str | None = "1",
        stake: str = "USDT",
        stateless: bool = False,
    ) -> None:
        self.facts: list[Event] = []
        self.equity_asked = 0
        self.equity_now = D(1000)
        self.rate_asked = 0
        self.rate = None if rate is None else D(rate)
        self.guard = Guard(
            load_settings(section or {}),
            stake,
            self._dollar_rate,
            EventHub(self.facts.append),
            stateless=stateless,
        )

    def _dollar_rate(self) -> Decimal | None:
        self.rate_asked += 1
        return self.rate

    def equity(self) -> Decimal:
        self.equity_asked += 1
        return self.equity_now

    def limits(self) -> Any:
        return self.guard.entry_limits(self.guard.tier_limits(self.equity))

    def size(self, stake: str = "100", available: str = "1000", **changes: Any) -> Any:
        request = EntryRequest("X/USDT", D(stake), D(available), None, **changes)
        return self.guard.size_entry(request, RULES, self.equity)


# Settings become amounts


def test_the_defaults_are_dollars() -> None:
    limits = Bench().limits()
    assert limits.min_order_size == D("2.5")
    assert limits.min_balance_threshold == D("2.5")
    assert limits.position_size_percent == D(80)
    assert limits.room_for_exit


def test_defaults_in_dollars_are_converted_to_another_stake() -> None:
    limits = Bench(rate="0.00002", stake="BTC").limits()
    assert limits.min_order_size == limits.min_balance_threshold == D("0.00005")


def test_without_a_rate_the_defaults_do_not_apply() -> None:
    limits = Bench(rate=None, stake="BTC").limits()
    assert limits.min_order_size == limits.min_balance_threshold == 0
    assert limits.position_size_percent == D(80)
    assert limits.room_for_exit


def test_amounts_that_the_user_wrote_in_the_stake_apply_without_a_rate() -> None:
    section = {"min_order_size": 0.001, "min_balance_threshold": 0.002}
    limits = Bench(section, rate=None, stake="BTC").limits()
    assert limits.min_order_size == D("0.001")
    assert limits.min_balance_threshold == D("0.002")


def test_amounts_that_the_user_wrote_in_the_stake_are_not_converted() -> None:
    section = {"min_order_size": 0.001, "min_balance_threshold": 0.002}
    limits = Bench(section, rate="0.00002", stake="BTC").limits()
    assert limits.min_order_size == D("0.001")
    assert limits.min_balance_threshold == D("0.002")


def test_dollars_that_the_user_wrote_are_converted() -> None:
    limits = Bench({"min_order_size_usdt": 10}, rate="0.00002", stake="BTC").limits()
    assert limits.min_order_size == D("0.0002")


def test_an_amount_in_the_stake_wins_over_dollars() -> None:
    limits = Bench({"min_order_size_usdt": 10, "min_order_size": 3}).limits()
    assert limits.min_order_size == D(3)


def test_a_threshold_equal_to_the_default_counts_as_the_stake_once_it_is_written() -> None:
    limits = Bench({"min_balance_threshold": 2.5}, rate="0.00002", stake="BTC").limits()
    assert limits.min_balance_threshold == D("2.5")


def test_a_minimum_of_zero_switches_the_room_for_the_exit_off() -> None:
    limits = Bench({"min_order_size": 0}).limits()
    assert limits.min_order_size == 0
    assert not limits.room_for_exit


def test_the_floor_is_found_without_case_and_is_zero_for_other_currencies() -> None:
    bench = Bench({"reserve_balance": {"usdt": 12.5, "BNB": 0.1}})
    assert bench.guard.floor("USDT", bench.equity) == D("12.5")
    assert bench.guard.floor("bnb", bench.equity) == D("0.1")
    assert bench.guard.floor("ETH", bench.equity) == 0


# Tiers

TIERS = {
    "position_size_percent": 50,
    "tiers": [
        {"up_to": 100, "position_size_percent": 95, "reserve_balance": {"USDT": 1}},
        {"up_to": 1000, "position_size_percent": 70, "min_order_size": 20},
    ],
}


@pytest.mark.parametrize(
    ("equity", "percent", "minimum"),
    [("100", 95, "2.5"), ("100.01", 70, "20"), ("1000", 70, "20"), ("1000.01", 50, "2.5")],
)
def test_a_tier_overrides_the_section_up_to_its_border_inclusive(
    equity: str, percent: int, minimum: str
) -> None:
    bench = Bench(TIERS)
    bench.equity_now = D(equity)
    limits = bench.limits()
    assert limits.position_size_percent == percent
    assert limits.min_order_size == D(minimum)


def test_the_floor_is_the_one_of_the_tier() -> None:
    bench = Bench(TIERS)
    bench.equity_now = D(50)
    assert bench.guard.floor("USDT", bench.equity) == D(1)
    bench.equity_now = D(500)
    assert bench.guard.floor("USDT", bench.equity) == 0


def test_an_account_that_swings_about_a_border_keeps_its_tier() -> None:
    bench = Bench(TIERS)
    seen = []
    for equity in ("99", "101", "105", "105.01", "101", "96", "95", "104"):
        bench.equity_now = D(equity)
        seen.append(int(bench.limits().position_size_percent))
    assert seen == [95, 95, 95, 70, 70, 70, 95, 95]


def test_a_backtest_chooses_its_tier_anew_each_time() -> None:
    bench = Bench(TIERS, stateless=True)
    seen = []
    for equity in ("99", "101", "99"):
        bench.equity_now = D(equity)
        seen.append(int(bench.limits().position_size_percent))
    assert seen == [95, 70, 95]


def test_equity_is_asked_only_where_there_are_tiers() -> None:
    bench = Bench()
    bench.size()
    assert bench.equity_asked == 0
    tiered = Bench(TIERS)
    tiered.size()
    assert tiered.equity_asked > 0


# Decisions become facts


def test_an_approval_is_a_fact() -> None:
    bench = Bench()
    assert bench.size() == Approved(D(100))
    assert bench.facts == [EntryApproved("X/USDT", D(100))]


def test_a_smaller_stake_is_a_fact_before_its_approval() -> None:
    bench = Bench()
    assert bench.size("900") == Approved(D(800), "position_size_percent")
    assert bench.facts == [
        StakeReduced("X/USDT", D(900), D(800), "position_size_percent"),
        EntryApproved("X/USDT", D(800)),
    ]


def test_a_refusal_is_a_fact_with_the_same_words_and_numbers() -> None:
    bench = Bench()
    denied = bench.size(available="2.4")
    assert isinstance(denied, Denied)
    assert bench.facts == [OrderDenied("X/USDT", denied.code, denied.sentence, denied.numbers)]
    assert denied.code is DenialCode.BELOW_THRESHOLD


def test_nothing_may_be_entered_while_less_than_the_threshold_is_available() -> None:
    bench = Bench({"min_balance_threshold": 50})
    assert bench.guard.check_available("X/USDT", D(50), bench.equity) is None
    assert bench.facts == []
    denied = bench.guard.check_available("X/USDT", D("49.99"), bench.equity)
    assert denied is not None
    assert denied.code is DenialCode.BELOW_THRESHOLD
    assert [type(fact) for fact in bench.facts] == [OrderDenied]


def test_the_last_look_refuses_as_a_fact_and_passes_in_silence() -> None:
    bench = Bench()
    order = RoundedOrder("X/USDT", D("0.55"), D(10), EntryKind.NEW, stoploss=D("-0.1"))
    denied = bench.guard.look_at_entry(order, RULES, bench.equity)
    assert denied is not None
    assert denied.code is DenialCode.NO_ROOM_FOR_EXIT
    assert [type(fact) for fact in bench.facts] == [OrderDenied]

    bench.facts.clear()
    relaxed = Bench({"min_order_size": 0})
    assert relaxed.guard.look_at_entry(order, RULES, relaxed.equity) is None
    assert relaxed.facts == []


def test_a_smaller_partial_exit_is_a_fact_a_whole_one_is_not() -> None:
    bench = Bench()
    exit_ = PartialExit("X/USDT", D("1.9"), D(2), D(10), stoploss=D("-0.1"))
    assert bench.guard.shape_partial_exit(exit_, RULES) == D("1.41")
    assert bench.facts == [PartialExitReduced("X/USDT", D("1.9"), D("1.41"))]

    bench.facts.clear()
    whole = PartialExit("X/USDT", D(2), D(2), D(10))
    assert bench.guard.shape_partial_exit(whole, RULES) == D(2)
    assert bench.facts == []


def test_a_refused_partial_exit_is_a_fact() -> None:
    bench = Bench()
    exit_ = PartialExit("X/USDT", D("0.4"), D(2), D(10))
    denied = bench.guard.shape_partial_exit(exit_, RULES)
    assert isinstance(denied, Denied)
    assert bench.facts == [OrderDenied("X/USDT", denied.code, denied.sentence, denied.numbers)]


def test_guard_error_names_the_kind_of_the_error_and_its_text() -> None:
    bench = Bench()
    denied = bench.guard.deny_for_error("X/USDT", KeyError("X/USDT"))
    assert denied.code == "guard_error"
    assert denied.sentence == (
        "the guard failed (KeyError: 'X/USDT') and lets no entry out on an unknown state"
    )
    assert denied.numbers == {}
    assert bench.facts == [OrderDenied("X/USDT", denied.code, denied.sentence, {})]


def test_a_failing_listener_does_not_stop_a_decision() -> None:
    heard: list[Event] = []

    def fails(event: Event) -> None:
        raise OSError("disk full")

    guard = Guard(load_settings({}), "USDT", lambda: D(1), EventHub(fails, heard.append))
    request = EntryRequest("X/USDT", D(100), D(1000), None)
    assert guard.size_entry(request, RULES, lambda: D(1000)) == Approved(D(100))
    assert heard == [EntryApproved("X/USDT", D(100))]


def test_a_signal_that_is_refused_in_every_loop_is_counted_always_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, counts = ManualClock(), BacktestCounts()
    guard = Guard(load_settings({}), "USDT", lambda: D(1), EventHub(counts, PlainWords(clock)))
    request = EntryRequest("X/USDT", D(100), D(2), None)
    for _ in range(300):
        guard.size_entry(request, RULES, lambda: D(2))
        clock.advance(1)
    assert counts.denials == {"below_threshold": 300}
    assert len(caplog.messages) == 1


def one() -> Decimal:
    return D(1)


def test_a_guard_travels_to_hyperopts_workers_with_its_limits() -> None:
    guard = Guard(load_settings(TIERS), "USDT", one, EventHub(BacktestCounts()), stateless=True)
    copy = pickle.loads(pickle.dumps(guard))
    request = EntryRequest("X/USDT", D(100), D(1000), None)
    assert copy.size_entry(request, RULES, one) == guard.size_entry(request, RULES, one)
