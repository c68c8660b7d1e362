"""When there is a rebalance: each condition alone prevents it, and says why."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from freqtrade_balance_guard.rebalance.plan import Capital, Plan, SaleOrder
from freqtrade_balance_guard.rebalance.policy import (
    CONDITIONS,
    NotNow,
    NotNowCode,
    RebalanceLimits,
    decide,
    plan_of,
    reasons_against,
)
from freqtrade_balance_guard.settings import load_settings
from tests.support.rebalance import LIMITS, position, stuck


D = Decimal
FIVE = Capital(funds=D(5), room=D(5))

# One change of a stuck bot each, and the only reason that it gives.
PREVENTED: list[tuple[str, dict[str, Any], NotNowCode, str]] = [
    (
        "not switched on",
        {"limits": replace(LIMITS, is_enabled=False)},
        NotNowCode.DISABLED,
        "rebalance.enabled is false",
    ),
    (
        "no spot market",
        {"is_spot": False},
        NotNowCode.FUTURES,
        "there is no rebalance in futures: profits, funding and margin move the balance, so what "
        "it should be is not known",
    ),
    ("paused", {"bot_state": "paused"}, NotNowCode.NOT_RUNNING, "the bot is paused"),
    ("stopped", {"bot_state": "stopped"}, NotNowCode.NOT_RUNNING, "the bot is stopped"),
    (
        "attempts cannot be read",
        {"attempts_problem": "balance_guard.sqlite cannot be used (disk I/O error)"},
        NotNowCode.ATTEMPTS_UNKNOWN,
        "whether the cooldown is over is not known: balance_guard.sqlite cannot be used "
        "(disk I/O error)",
    ),
    (
        "cooldown just begun",
        {"since_attempt": 0.0},
        NotNowCode.COOLDOWN,
        "the last attempt was 0 s ago, the cooldown is 3600 s",
    ),
    (
        "cooldown almost over",
        {"since_attempt": 3599.9},
        NotNowCode.COOLDOWN,
        "the last attempt was 3599 s ago, the cooldown is 3600 s",
    ),
    (
        "59 minutes without a trade",
        {"since_trade": 59 * 60.0},
        NotNowCode.TRADED_RECENTLY,
        "the last trade was 3540 s ago, 3600 s must have passed",
    ),
    (
        "one order in flight",
        {"in_flight": 1},
        NotNowCode.ORDER_IN_FLIGHT,
        "the outcome of one order is not known yet",
    ),
    (
        "an entry rests",
        {"open_orders": 2, "capital": Capital(D("2.86"), D("2.86"), held=D("7.5"))},
        NotNowCode.ORDER_OPEN,
        "2 orders may still be filled or cancelled, 7.5 USDT are held by them",
    ),
    (
        "an exit rests",
        {"open_orders": 1},
        NotNowCode.ORDER_OPEN,
        "one order may still be filled or cancelled",
    ),
    (
        "a fill is not in the balance yet",
        {"is_unsettled": True},
        NotNowCode.UNSETTLED,
        "an own order has filled and the balance does not show it yet",
    ),
    (
        "stake at 5.0",
        {"capital": FIVE},
        NotNowCode.ENOUGH_STAKE,
        "available 5 USDT is enough: no rebalance from 5 USDT on",
    ),
    (
        "99 percent of a target that is no more than enough",
        {"limits": replace(LIMITS, target_stake=D(5)), "capital": Capital(D("4.95"), D("4.95"))},
        NotNowCode.ENOUGH_STAKE,
        "available 4.95 USDT is enough: no rebalance from 4.95 USDT on",
    ),
    (
        "a tier with a lower limit",
        {"limits": replace(LIMITS, enough_stake=D("2.5"))},
        NotNowCode.ENOUGH_STAKE,
        "available 2.86 USDT is enough: no rebalance from 2.5 USDT on",
    ),
    (
        "no limit at all",
        {"limits": replace(LIMITS, enough_stake=D(0)), "capital": Capital(D(-3), D(-3))},
        NotNowCode.ENOUGH_STAKE,
        "available -3 USDT is enough: no rebalance from 0 USDT on",
    ),
    (
        "nothing deployed",
        {"positions": ()},
        NotNowCode.NOTHING_DEPLOYED,
        "available 2.86 USDT is all there is: no position is open",
    ),
    (
        "nothing that can be sold",
        {
            "positions": (
                position(1, amount=D("1.9"), stake=D("1.9"), in_wallet=D("1.9")),
                position(2, has_open_order=True),
                position(3, in_wallet=D("9.8")),
                position(4, rate=None),
            )
        },
        NotNowCode.NOTHING_TO_SELL,
        "no position can be sold now: COIN1/USDT is below what the exchange takes, COIN2/USDT has "
        "an open order, COIN3/USDT is not in the wallet, COIN4/USDT has no rate to sell at",
    ),
    (
        "a balance of before",
        {"is_fresh": False},
        NotNowCode.BALANCE_NOT_FRESH,
        "the balance has not been read for this decision yet",
    ),
    (
        "no usable answer",
        {"verdict": "unreadable"},
        NotNowCode.BALANCE_UNREADABLE,
        "the balance cannot be read",
    ),
    (
        "a lagging balance",
        {"verdict": "lagging"},
        NotNowCode.BALANCE_UNCONFIRMED,
        "the balance is not certain yet (lagging)",
    ),
    (
        "a rise that nobody confirmed",
        {"verdict": "rising_unconfirmed"},
        NotNowCode.BALANCE_UNCONFIRMED,
        "the balance is not certain yet (rising unconfirmed)",
    ),
    (
        "a change from outside just now",
        {"verdict": "external_change"},
        NotNowCode.BALANCE_UNCONFIRMED,
        "the balance is not certain yet (external change)",
    ),
]
NAMES = [name for name, *_ in PREVENTED]


def test_a_stuck_bot_gets_a_plan() -> None:
    answer = decide(stuck())
    assert isinstance(answer, Plan)
    assert answer.reaches_target


@pytest.mark.parametrize(("changes", "code", "sentence"), [p[1:] for p in PREVENTED], ids=NAMES)
def test_each_condition_alone_prevents_it_and_says_why(
    changes: dict[str, Any], code: NotNowCode, sentence: str
) -> None:
    picture = stuck(**changes)
    reasons = list(reasons_against(picture))
    assert [reason.code for reason in reasons] == [code]
    assert reasons[0].sentence == sentence
    assert decide(picture) == reasons[0]


def test_every_code_has_its_condition_and_its_row_in_the_table() -> None:
    assert {code for _, _, code, _ in PREVENTED} == set(NotNowCode)
    assert len(CONDITIONS) == len(NotNowCode)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "nothing deployed"])
def test_conditions_are_asked_in_the_order_of_their_codes(name: str) -> None:
    """What is earlier in the table is told where two conditions hold."""
    by_name = {each[0]: each for each in PREVENTED}
    _, changes, code, _ = by_name[name]
    codes = list(NotNowCode)
    for _, others, other, _ in PREVENTED:
        if other is code or others.keys() & changes.keys():
            continue
        answer = decide(stuck(**changes, **others))
        assert isinstance(answer, NotNow)
        assert answer.code is min(code, other, key=codes.index)


@pytest.mark.parametrize(
    "changes",
    [
        {"since_attempt": 3600.0},
        {"since_attempt": 3601.0},
        {"since_trade": 3600.0},
        {"since_trade": 3601.0},
        {"since_attempt": None},
        {"bot_state": "-running".removeprefix("-")},
    ],
)
def test_a_time_that_is_over_and_a_bot_that_runs_do_not_prevent_it(changes: dict[str, Any]) -> None:
    assert isinstance(decide(stuck(**changes)), Plan)


def test_while_nobody_answers_nothing_is_available_and_that_is_no_shortage() -> None:
    answer = decide(stuck(verdict="unreadable", capital=Capital(D(0), D(0))))
    assert isinstance(answer, NotNow)
    assert answer.code is NotNowCode.BALANCE_UNREADABLE


def test_who_asks_for_one_does_not_wait() -> None:
    answer = decide(stuck(is_asked=True, since_attempt=1.0, since_trade=1.0))
    assert isinstance(answer, Plan)
    assert answer.is_asked


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (changes, code)
        for _, changes, code, _ in PREVENTED
        if code not in (NotNowCode.COOLDOWN, NotNowCode.TRADED_RECENTLY)
    ],
    ids=[n for n, _, c, _ in PREVENTED if c not in ("cooldown", "traded_recently")],
)
def test_who_asks_for_one_meets_every_other_condition(
    changes: dict[str, Any], code: NotNowCode
) -> None:
    answer = decide(stuck(is_asked=True, **changes))
    assert isinstance(answer, NotNow)
    assert answer.code is code


def test_the_preview_shows_a_plan_although_something_prevents_it() -> None:
    picture = stuck(since_attempt=10.0, since_trade=20.0)
    assert [r.code for r in reasons_against(picture)] == ["cooldown", "traded_recently"]
    assert plan_of(picture) == decide(stuck())


def test_numbers_of_a_refusal_name_their_units() -> None:
    answer = decide(stuck(since_attempt=12.5))
    assert isinstance(answer, NotNow)
    assert answer.numbers == {"since_attempt_seconds": D("12.5"), "cooldown_seconds": D("3600.0")}
    assert str(answer).endswith("the cooldown is 3600 s [cooldown]")


def test_deployed_capital_is_part_of_the_picture() -> None:
    picture = stuck(positions=(position(1), position(2, rate=D("0.5")), position(3, rate=None)))
    assert picture.deployed == 30
    # 1 % slippage, 0.4 % fee; what has no rate brings nothing that we know of.
    assert picture.in_exchange_for == D("9.9") * D("0.996") + D("4.95") * D("0.996")


# Settings of a tier, in stake currency


def limits(section: dict[str, Any], tier: int | None = None, rate: str = "1") -> RebalanceLimits:
    chosen = load_settings(section).limits_for_tier(tier)
    return RebalanceLimits.of(chosen, lambda dollars: dollars * D(rate))


def test_defaults_are_those_of_the_settings() -> None:
    assert limits({}) == replace(LIMITS, is_enabled=False)


def test_default_amounts_are_dollars_and_written_ones_are_stake() -> None:
    assert limits({}, rate="0.5").enough_stake == D("2.5")
    assert limits({}, rate="0.5").target_stake == D(5)
    written = limits({"rebalance": {"enough_stake": 8}}, rate="0.5")
    assert (written.enough_stake, written.target_stake) == (8, 16)


def test_without_a_rate_a_default_never_triggers() -> None:
    none = replace(limits({}, rate="0"), is_enabled=True)
    answer = decide(stuck(limits=none, capital=Capital(D(-1), D(-1))))
    assert isinstance(answer, NotNow)
    assert answer.code is NotNowCode.ENOUGH_STAKE


def test_a_tier_lowers_what_is_enough() -> None:
    section = {
        "rebalance": {"enabled": True, "enough_stake": 5, "min_hours_without_trade": 0.5},
        "tiers": [{"up_to": 50, "rebalance": {"enough_stake": 2}}, {"up_to": 500}],
        "emergency_rebalance_cooldown": 60,
    }
    small, large = limits(section, 0), limits(section, 1)
    assert (small.enough_stake, small.target_stake) == (2, 4)
    assert (large.enough_stake, large.target_stake) == (5, 10)
    assert (small.seconds_without_trade, small.cooldown) == (1800, 60)
    assert small.order is SaleOrder.MOST_PROFITABLE
