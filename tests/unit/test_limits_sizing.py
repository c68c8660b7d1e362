"""How large an entry may be: each refusal with its numbers and its sentence, borders included."""

from dataclasses import replace
from decimal import Decimal

import pytest

from freqtrade_balance_guard.limits.decision import Approved, Decision, DenialCode, Denied
from freqtrade_balance_guard.limits.market import AmountPrecision, MarketRules, PrecisionMode
from freqtrade_balance_guard.limits.sizing import (
    EntryKind,
    EntryLimits,
    EntryRequest,
    SizeBasis,
    below_threshold,
    entry_minimum,
    size_entry,
)
from freqtrade_balance_guard.money import ZERO


D = Decimal
LIMITS = EntryLimits(
    min_order_size=D("2.5"), min_balance_threshold=D("2.5"), position_size_percent=D(80)
)
RULES = MarketRules(
    amount_min=D("0.01"),
    cost_min=D(5),
    precision=AmountPrecision(PrecisionMode.TICK_SIZE, D("0.01")),
    fee=D("0.001"),
)
REQUEST = EntryRequest(
    pair="X/USDT",
    stake=D(100),
    available=D(1000),
    freqtrade_minimum=D("5.25"),
    price=D(10),
    stoploss=D("-0.1"),
)
# 5 / 9 * 1.05 = 0.583 -> 0.59 sold at the stop; before the fee 0.5906 -> 0.60 bought.
ROOM = D("6.000000006")


def size(request: EntryRequest, limits: EntryLimits = LIMITS) -> Decision:
    return size_entry(request, limits, RULES, "USDT")


def asked(**changes: object) -> EntryRequest:
    return replace(REQUEST, **changes)  # type: ignore[arg-type]


def limited(**changes: object) -> EntryLimits:
    return replace(LIMITS, **changes)  # type: ignore[arg-type]


def denied(decision: Decision) -> Denied:
    assert isinstance(decision, Denied)
    return decision


# Approvals


def test_a_stake_within_all_limits_goes_as_asked() -> None:
    assert size(asked()) == Approved(D(100))


def test_a_stake_equal_to_the_cap_goes_as_asked() -> None:
    assert size(asked(stake=D(800))) == Approved(D(800))


def test_a_larger_stake_is_made_as_small_as_the_cap() -> None:
    assert size(asked(stake=D("800.01"))) == Approved(D(800), "position_size_percent")
    assert size(asked(stake=D("1e9"))) == Approved(D(800), "position_size_percent")


def test_at_one_hundred_percent_the_name_of_the_limit_is_what_is_available() -> None:
    everything = limited(position_size_percent=D(100))
    assert size(asked(stake=D(2000)), everything) == Approved(D(1000), "available")


def test_the_fee_is_kept_back_from_the_funds_and_counts_on_the_leveraged_position() -> None:
    everything = limited(position_size_percent=D(100))
    spot = size(asked(stake=D(2000), funds=D("500.5")), everything)
    assert spot == Approved(D(500), "available")
    futures = size(asked(stake=D(2000), funds=D(1010), leverage=D(10)), everything)
    assert futures == Approved(D(1000), "available")


def test_the_exchanges_maximum_makes_a_stake_smaller_under_its_own_name() -> None:
    assert size(asked(stake=D(700), maximum=D(50))) == Approved(D(50), "exchange_maximum")


def test_a_stake_under_the_minimum_is_lifted_by_at_most_thirty_percent() -> None:
    assert size(asked(stake=D(5))) == Approved(ROOM)
    # 1.3 times 4.615384620 is 6.000000006 exactly.
    assert size(asked(stake=D("4.61538462"))) == Approved(ROOM)
    assert denied(size(asked(stake=D("4.61538461")))).code is DenialCode.STAKE_BELOW_MINIMUM


def test_a_stake_is_lifted_when_the_cap_is_exactly_the_minimum() -> None:
    just_enough = asked(stake=D(5), available=ROOM / D("0.8"))
    assert size(just_enough) == Approved(ROOM)


def test_the_largest_of_all_minimums_counts() -> None:
    assert entry_minimum(asked(), LIMITS, RULES) == ROOM
    assert entry_minimum(asked(), limited(min_order_size=D(20)), RULES) == D(20)
    assert entry_minimum(asked(freqtrade_minimum=D(30)), LIMITS, RULES) == D(30)
    assert entry_minimum(asked(freqtrade_minimum=None, price=None), LIMITS, RULES) == D("2.5")


def test_leverage_makes_the_minimum_stake_smaller_not_the_minimum_order() -> None:
    futures = asked(leverage=D(2), freqtrade_minimum=None)
    # The stop-loss is a share of the margin: half as far away in the price.
    room = RULES.exit_room_amount(D(10), D("-0.05")) * 10
    assert entry_minimum(futures, LIMITS, RULES) == pytest.approx(room / 2)


def test_without_a_price_the_room_for_the_exit_is_left_to_the_last_look() -> None:
    assert size(asked(stake=D("5.3"), price=None)) == Approved(D("5.3"))


def test_without_room_for_the_exit_only_the_other_minimums_count() -> None:
    limits = limited(room_for_exit=False, min_order_size=D(0))
    assert entry_minimum(asked(), limits, RULES) == D("5.25")


# Kinds


def test_an_adjustment_meets_threshold_percent_and_minimum_but_needs_no_room_of_its_own() -> None:
    adjustment = asked(kind=EntryKind.ADJUSTMENT)
    assert size(replace(adjustment, stake=D(900))) == Approved(D(800), "position_size_percent")
    below = denied(size(replace(adjustment, available=D("2.49"))))
    assert below.code is DenialCode.BELOW_THRESHOLD
    # The exchange's minimum of 5 with 5 % reserve is 0.525, sent as 0.53; no stop-loss, no fee.
    assert entry_minimum(adjustment, LIMITS, RULES) == D("5.3000000053")


def test_an_adjustment_is_lifted_to_what_survives_truncation() -> None:
    coarse = replace(
        RULES, precision=AmountPrecision(PrecisionMode.TICK_SIZE, D(1)), amount_min=None
    )
    # freqtrade's minimum of 5.25 at a price of 4 is 1.31 coins, of which 1 is sent, worth 4.
    request = asked(kind=EntryKind.ADJUSTMENT, price=D(4), stake=D("6.5"))
    assert entry_minimum(request, LIMITS, coarse) == D("8.000000008")
    assert size_entry(request, LIMITS, coarse, "USDT") == Approved(D("8.000000008"))


@pytest.mark.parametrize(
    "limits",
    [
        limited(min_balance_threshold=D(5000)),
        limited(position_size_percent=D(1)),
        limited(min_order_size=D(5000)),
    ],
    ids=["threshold", "percent", "min_order_size"],
)
def test_a_replacement_meets_no_limit_of_the_users(limits: EntryLimits) -> None:
    assert size(asked(kind=EntryKind.REPLACEMENT, stake=D(1000)), limits) == Approved(D(1000))


def test_a_replacement_meets_the_funds_and_the_exchanges_minimum() -> None:
    replacement = asked(kind=EntryKind.REPLACEMENT)
    assert size(replace(replacement, stake=D(1001))) == Approved(D(1000), "available")
    assert size(replace(replacement, stake=D(5))) == Approved(D("5.25"))
    assert denied(size(replace(replacement, stake=D(4)))).code is DenialCode.STAKE_BELOW_MINIMUM
    poor = denied(size(replace(replacement, available=D("5.24"))))
    assert poor.code is DenialCode.CAP_BELOW_MINIMUM


# Refusals, each with its numbers and its sentence


def test_below_threshold_names_what_is_available_and_the_threshold() -> None:
    refusal = denied(size(asked(available=D("2.49999999"))))
    assert refusal.code == "below_threshold"
    assert refusal.sentence == ("available 2.49999999 USDT is below min_balance_threshold 2.5 USDT")
    assert refusal.numbers == {"available": D("2.49999999"), "min_balance_threshold": D("2.5")}


def test_at_the_threshold_itself_entries_go_on() -> None:
    assert below_threshold(D("2.5"), LIMITS, "USDT") is None
    assert below_threshold(D("-1"), limited(min_balance_threshold=D(0)), "USDT") is not None


def test_cap_below_minimum_names_minimum_cap_and_what_is_available() -> None:
    refusal = denied(size(asked(available=D("7.4"))))
    assert refusal.code == "cap_below_minimum"
    assert refusal.sentence == (
        "the smallest order that can be closed again costs 6.00000001 USDT, "
        "one entry may take 5.92 USDT of 7.4 USDT available"
    )
    assert refusal.numbers == {"minimum": ROOM, "cap": D("5.92"), "available": D("7.4")}


def test_a_minimum_above_the_cap_is_refused_although_everything_together_would_suffice() -> None:
    assert denied(size(asked(available=D(7), stake=D(7)))).code is DenialCode.CAP_BELOW_MINIMUM


def test_stake_below_minimum_names_both() -> None:
    refusal = denied(size(asked(stake=D(4))))
    assert refusal.code == "stake_below_minimum"
    assert refusal.sentence == (
        "a stake of 4 USDT is more than 30 % below the smallest order that can be closed again "
        "(6.00000001)"
    )
    assert refusal.numbers == {"stake": D(4), "minimum": ROOM}


def test_where_the_users_own_setting_is_the_limit_the_sentence_names_it() -> None:
    own = limited(min_order_size=D(10), room_for_exit=False)
    by_cap = denied(size(asked(available=D(10), stake=D(10)), own))
    assert by_cap.code is DenialCode.CAP_BELOW_MINIMUM
    assert by_cap.sentence == (
        "one entry may take 8 USDT of 10 USDT available, below your min_order_size (10)"
    )
    by_stake = denied(size(asked(available=D(100), stake=D(5)), own))
    assert by_stake.code is DenialCode.STAKE_BELOW_MINIMUM
    assert by_stake.sentence == "a stake of 5 USDT is more than 30 % below your min_order_size (10)"


def test_a_minimum_of_the_exchange_above_the_users_own_is_the_exchanges() -> None:
    own = limited(min_order_size=D(6), room_for_exit=False)
    for minimum, words in ((D(6), "closed again"), (D("5.99"), "your min_order_size (6)")):
        refusal = denied(size(asked(available=D(7), stake=D(7), freqtrade_minimum=minimum), own))
        assert words in refusal.sentence


def test_an_addition_to_a_position_is_called_one() -> None:
    adding = {"kind": EntryKind.ADJUSTMENT, "pair": "ETH/USDT"}
    own = limited(min_order_size=D(10), room_for_exit=False)
    assert denied(size(asked(available=D(10), stake=D(10), **adding), own)).sentence == (
        "an addition to ETH/USDT may take 8 USDT of 10 USDT available, below your "
        "min_order_size (10)"
    )
    assert denied(size(asked(available=D(100), stake=D(5), **adding), own)).sentence == (
        "a stake of 5 USDT for an addition to ETH/USDT is more than 30 % below your "
        "min_order_size (10)"
    )
    lagging = asked(available=D(100), stake=D(50), spendable=D(20), **adding)
    assert denied(size(lagging, own)).sentence.startswith("an addition to ETH/USDT needs 50")


@pytest.mark.parametrize("stake", [D(0), D("-5"), D("1e-18")])
def test_no_stake_is_never_approved(stake: Decimal) -> None:
    nothing_known = limited(min_order_size=D(0), min_balance_threshold=D(0), room_for_exit=False)
    decision = size(asked(stake=stake, freqtrade_minimum=None), nothing_known)
    if stake > 0:
        assert decision == Approved(stake)
    else:
        assert denied(decision).code is DenialCode.STAKE_BELOW_MINIMUM


def test_insufficient_available_is_the_word_where_nothing_is_left_and_no_minimum_known() -> None:
    nothing_known = limited(min_order_size=D(0), min_balance_threshold=D(0), room_for_exit=False)
    refusal = denied(size(asked(available=D(0), freqtrade_minimum=None), nothing_known))
    assert refusal.code == "insufficient_available"
    assert refusal.sentence == "one entry may take 0 USDT of 0 USDT available"
    assert refusal.numbers == {"cap": D(0), "available": D(0)}


def test_funds_below_the_floor_refuse_even_where_freqtrade_sees_enough() -> None:
    refusal = denied(size(asked(funds=D("-3"))))
    assert refusal.code is DenialCode.CAP_BELOW_MINIMUM


def test_balance_lagging_names_what_the_entry_needs_and_what_is_there_so_far() -> None:
    refusal = denied(size(asked(stake=D(900), spendable=D("799.99"))))
    assert refusal.code == "balance_lagging"
    assert refusal.sentence == (
        "the entry needs 800.8 USDT with its fee, the exchange shows 799.99 USDT so far; the rest "
        "is under way"
    )
    assert refusal.numbers == {
        "stake": D(800),
        "payable": D("800.8"),
        "spendable": D("799.99"),
        "available": D(1000),
    }


def test_an_entry_that_fits_into_what_is_there_so_far_does_not_wait() -> None:
    fitting = D("100.1")  # 100 and the fee
    assert size(asked(spendable=fitting)) == Approved(D(100))
    cut = size(asked(stake=D(900), spendable=D("800.8")))
    assert cut == Approved(D(800), "position_size_percent")


def test_an_entry_that_fits_without_its_fee_only_waits() -> None:
    assert denied(size(asked(spendable=D("100.09")))).code is DenialCode.BALANCE_LAGGING


def test_the_fee_of_a_leveraged_entry_is_waited_for_too() -> None:
    # 100 of stake, and 0.1 % of a position of 300.
    leveraged = asked(leverage=D(3), spendable=D("100.3"))
    assert size(leveraged) == Approved(D(100))
    refusal = denied(size(replace(leveraged, spendable=D("100.29"))))
    assert refusal.code is DenialCode.BALANCE_LAGGING
    assert refusal.numbers["payable"] == D("100.3")


def test_all_that_is_there_and_seen_does_not_wait() -> None:
    whole = asked(stake=D(1000), funds=D(1000), spendable=D(1000))
    decision = size(whole, limited(position_size_percent=D(100)))
    assert isinstance(decision, Approved)
    assert decision.stake == pytest.approx(D(1000) / D("1.001"))


def test_a_refusal_reads_as_one_line_with_code_and_numbers() -> None:
    refusal = Denied(DenialCode.GUARD_ERROR, "no state", {"available": D("1.50")})
    assert str(refusal) == "no state [guard_error: available=1.5]"
    assert str(Denied(DenialCode.GUARD_ERROR, "no state")) == "no state [guard_error]"


# What the percentage is a share of


def four_entries(percent: str, basis: SizeBasis) -> list[Decimal]:
    """What four entries get of 1000 USDT, each asking for all; no fee, no minimum. 0: denied."""
    limits = EntryLimits(ZERO, ZERO, D(percent), room_for_exit=False, position_size_basis=basis)
    rules = MarketRules(ZERO, ZERO, RULES.precision, ZERO)
    stakes: list[Decimal] = []
    for _ in range(4):
        available = 1000 - sum(stakes, ZERO)
        request = EntryRequest("X/USDT", D(1000), available, None, equity=D(1000), slots=4)
        decision = size_entry(request, limits, rules, "USDT")
        stakes.append(decision.stake if isinstance(decision, Approved) else ZERO)
    return [round(stake, 4) for stake in stakes]


@pytest.mark.parametrize(
    ("percent", "basis", "stakes"),
    [
        ("80", "available", ["800", "160", "32", "6.4"]),
        ("80", "equity", ["800", "200", "0", "0"]),
        ("80", "per_slot", ["200", "200", "200", "200"]),
        ("25", "available", ["250", "187.5", "140.625", "105.4688"]),
        ("25", "equity", ["250", "250", "250", "250"]),
        ("25", "per_slot", ["62.5", "62.5", "62.5", "62.5"]),
        ("100", "available", ["1000", "0", "0", "0"]),
        ("100", "per_slot", ["250", "250", "250", "250"]),
    ],
)
def test_four_slots_get_of_1000_what_the_documentation_says(
    percent: str, basis: str, stakes: list[str]
) -> None:
    assert four_entries(percent, SizeBasis(basis)) == [D(stake) for stake in stakes]


def test_a_share_of_equity_is_never_more_than_what_is_available() -> None:
    limits = limited(position_size_basis=SizeBasis.EQUITY)
    decision = size(asked(stake=D(900), available=D(300), equity=D(1000), price=None), limits)
    assert decision == Approved(D(300), reduced_by="available")


def test_without_a_number_of_slots_a_slot_is_what_is_available() -> None:
    limits = limited(position_size_basis=SizeBasis.PER_SLOT)
    decision = size(asked(stake=D(900), equity=D(2000), slots=None, price=None), limits)
    assert decision == Approved(D(800), reduced_by="position_size_percent")


def test_a_replacement_is_not_bound_by_a_share_of_equity() -> None:
    limits = limited(position_size_basis=SizeBasis.PER_SLOT)
    replaced = asked(stake=D(900), equity=D(1000), slots=4, kind=EntryKind.REPLACEMENT, price=None)
    assert size(replaced, limits) == Approved(D(900))


def test_a_hair_of_a_float_is_no_reduction_and_a_cent_is_one() -> None:
    limits = limited(position_size_percent=D(100), min_balance_threshold=ZERO)
    decision = size(asked(stake=D("325.1697385172305"), available=D("325.1697385172304")), limits)
    assert decision == Approved(D("325.1697385172304"))
    decision = size(asked(stake=D("325.17"), available=D("325.16")), limits)
    assert decision == Approved(D("325.16"), reduced_by="available")
