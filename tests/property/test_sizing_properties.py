"""What must hold for every market, account and stake; rounding by freqtrade's own functions."""

from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import pytest
from freqtrade.exchange import amount_to_precision
from freqtrade.util import FtPrecise
from freqtrade.wallets import Wallets
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from strategies import (
    PAIR,
    Market,
    amount_precisions,
    decimal,
    leverages,
    logarithmic,
    markets,
    percents,
    precision_modes,
    stoplosses,
)

from freqtrade_balance_guard.events import EventHub
from freqtrade_balance_guard.guard import Guard
from freqtrade_balance_guard.integration.exchange.market_rules import PRECISION_MODES
from freqtrade_balance_guard.limits.decision import Approved, DenialCode, Denied
from freqtrade_balance_guard.limits.float_rounding import NOISE
from freqtrade_balance_guard.limits.market import AmountPrecision, MarketRules
from freqtrade_balance_guard.limits.order_check import (
    PartialExit,
    RoundedOrder,
    look_at_entry,
    shape_partial_exit,
)
from freqtrade_balance_guard.limits.sizing import (
    LIFT_MAX,
    EntryKind,
    EntryLimits,
    EntryRequest,
    entry_minimum,
    size_entry,
)
from freqtrade_balance_guard.money import HUNDRED, ONE, ZERO, to_decimal, to_float
from freqtrade_balance_guard.settings import load_settings
from tests.support.effort import examples


many = settings(max_examples=examples(200), deadline=None)
NO_LIMITS = EntryLimits(ZERO, ZERO, HUNDRED, room_for_exit=False)
CONTRACTS = (1.0, 0.001, 0.01, 10.0, 1000.0)
money = logarithmic(1e-6, 1e7)
# Sizes around a border: far below, exactly on it, a float's width beside it, far above.
AROUND = (0.5, 0.769, 0.77, 1 - 1e-15, 1.0, 1 + 1e-15, 1.000001, 1.05, 1.3, 2.0, 50.0)


@st.composite
def entries(draw: st.DrawFn) -> tuple[Market, EntryRequest, EntryLimits]:
    """A market, an entry as freqtrade would ask for it there, and the user's limits."""
    market = draw(markets(CONTRACTS))
    kind = draw(st.sampled_from(EntryKind))
    spot = market.contract_size == 1
    leverage = 1.0 if spot else draw(leverages)
    stoploss = draw(stoplosses)
    freqtrade_minimum = market.minimum_stake(
        0.0 if kind is EntryKind.ADJUSTMENT else stoploss, leverage
    )
    limits = EntryLimits(
        min_order_size=decimal(draw(st.one_of(st.sampled_from([0.0, 2.5]), money))),
        min_balance_threshold=decimal(draw(st.one_of(st.sampled_from([0.0, 2.5]), money))),
        position_size_percent=draw(percents),
        room_for_exit=draw(st.sampled_from([True, True, True, False])),
    )
    request = EntryRequest(
        pair=PAIR,
        stake=ZERO,
        available=ZERO,
        freqtrade_minimum=None if freqtrade_minimum is None else decimal(freqtrade_minimum),
        price=decimal(market.price),
        leverage=decimal(leverage),
        stoploss=decimal(stoploss),
        is_short=not spot and draw(st.booleans()),
        kind=kind,
    )
    minimum = to_float(entry_minimum(request, limits, market.rules()))
    share = to_float(limits.position_size_percent) / 100
    around = st.sampled_from(AROUND)
    near = minimum > 0 and draw(st.integers(0, 3)) > 0
    available = minimum / share * draw(around) if near else draw(money)
    stake = minimum * draw(around) if near else draw(st.one_of(st.just(0.0), money))
    funds = draw(st.sampled_from([None, 1.0, 1.5, 0.99]))
    maximum = draw(st.sampled_from([None, None, available, available / 2]))
    return (
        market,
        replace(
            request,
            stake=decimal(stake),
            available=decimal(available),
            funds=None if funds is None else decimal(available * funds),
            maximum=None if maximum is None else decimal(maximum),
        ),
        limits,
    )


@given(entries())
@many
def test_a_granted_stake_is_never_above_what_may_be_spent(
    entry: tuple[Market, EntryRequest, EntryLimits],
) -> None:
    market, request, limits = entry
    rules = market.rules()
    decision = size_entry(request, limits, rules, "USDT")
    event(type(decision).__name__)
    if isinstance(decision, Denied):
        return
    stake = decimal(to_float(decision.stake))  # what freqtrade will see
    assert stake == decision.stake
    assert stake <= request.available
    if request.kind is not EntryKind.REPLACEMENT:
        assert stake * HUNDRED <= request.available * limits.position_size_percent
    if request.maximum is not None:
        assert stake <= request.maximum
    if request.funds is not None:
        with localcontext(prec=60):
            fee = stake * request.leverage * rules.fee
            assert stake + fee <= request.funds * (1 + Decimal("1e-40"))


@given(entries())
@many
def test_a_granted_stake_is_never_between_zero_and_the_minimum(
    entry: tuple[Market, EntryRequest, EntryLimits],
) -> None:
    market, request, limits = entry
    decision = size_entry(request, limits, market.rules(), "USDT")
    if isinstance(decision, Denied):
        return
    minimum = entry_minimum(request, limits, market.rules())
    assert decision.stake > 0
    assert decision.stake >= minimum
    if request.kind is not EntryKind.REPLACEMENT:
        assert decision.stake >= limits.min_order_size
        assert request.available >= limits.min_balance_threshold
    # Lifted by no more than freqtrade itself would lift.
    assert decision.stake <= request.stake * LIFT_MAX or decision.stake <= request.stake
    # A float's hair less is no reduction.
    wanted = max(request.stake, minimum)
    assert (decision.reduced_by != "") == (wanted - decision.stake > NOISE * wanted)


@given(entries(), st.sampled_from([1.0, 1 + 1e-15, 1.001, 1.25, 10.0, 1e5]))
@many
def test_more_money_never_gives_a_smaller_stake_or_a_refusal(
    entry: tuple[Market, EntryRequest, EntryLimits], growth: float
) -> None:
    market, request, limits = entry
    rules = market.rules()
    poor = size_entry(request, limits, rules, "USDT")
    richer = replace(
        request,
        available=request.available * decimal(growth),
        funds=None if request.funds is None else request.funds * decimal(growth),
    )
    rich = size_entry(richer, limits, rules, "USDT")
    if isinstance(poor, Approved):
        assert isinstance(rich, Approved)
        assert rich.stake >= poor.stake


@st.composite
def tight_entries(draw: st.DrawFn) -> tuple[Market, EntryRequest, EntryLimits]:
    """Entries that are just large enough: there the rounding decides."""
    market, request, limits = draw(entries())
    limits = replace(limits, min_order_size=ZERO, min_balance_threshold=ZERO, room_for_exit=True)
    request = replace(request, kind=EntryKind.NEW, maximum=None)
    minimum = entry_minimum(request, limits, market.rules()) or decimal(draw(money))
    available = (
        minimum
        * HUNDRED
        / limits.position_size_percent
        * draw(st.sampled_from([Decimal(1), Decimal("1.0000001"), Decimal("1.02"), Decimal(50)]))
    )
    available = decimal(to_float(available))
    stake = to_float(minimum) * draw(
        st.one_of(st.sampled_from([0.77, 1 - 1e-15, 1.0, 1.000001]), st.floats(0.77, 3))
    )
    return market, replace(request, stake=decimal(stake), available=available, funds=None), limits


@given(tight_entries())
@settings(many, max_examples=examples(250))
def test_an_exit_is_possible_for_every_entry_that_goes_out(
    entry: tuple[Market, EntryRequest, EntryLimits],
) -> None:
    market, request, limits = entry
    rules = market.rules()
    decision = size_entry(request, limits, rules, "USDT")
    if isinstance(decision, Denied):
        event("denied")
        return
    event("lifted" if decision.stake > request.stake else "as asked or smaller")

    # freqtrade: execute_entry, create_order
    leverage, stoploss = to_float(request.leverage), to_float(request.stoploss)
    amount = market.sent_amount((to_float(decision.stake) / market.price) * leverage)
    price = market.sent_price(market.price)
    order = RoundedOrder(
        pair=PAIR,
        amount=decimal(amount),
        price=decimal(price),
        kind=EntryKind.NEW,
        leverage=request.leverage,
        stoploss=request.stoploss,
        is_short=request.is_short,
        available=request.available,
    )
    denied = look_at_entry(order, rules, True, "USDT")
    rounding = decimal(price) / decimal(market.price)
    if denied is not None:
        # Only a price that was rounded by more than the reserve, or above what is there to pay.
        rounded_down = rounding * (ONE + rules.reserve) < ONE + Decimal("1e-8")
        assert rounded_down or (
            denied.code is DenialCode.INSUFFICIENT_AVAILABLE and rounding > ONE
        ), denied
        event("last look")
        return

    # Filled, fee taken from the coin, amount truncated once more on the way out.
    held = amount if market.contract_size != 1 else amount - amount * market.fee
    sold = market.sent_amount(held)
    if stoploss <= -0.9:
        # Without a stop it may lose half of its stake.
        stop = price if request.is_short else price * (1 - 0.5 / leverage)
    else:
        stop = market.stop_price(price, stoploss, leverage, request.is_short)
    assert_sellable(market, decimal(sold), decimal(stop))


@given(tight_entries())
@many
def test_an_adjustment_that_is_approved_passes_the_last_look(
    entry: tuple[Market, EntryRequest, EntryLimits],
) -> None:
    market, request, limits = entry
    rules = market.rules()
    leverage = to_float(request.leverage)
    minimum = market.minimum_stake(0.0, leverage)
    request = replace(
        request,
        kind=EntryKind.ADJUSTMENT,
        freqtrade_minimum=None if minimum is None else decimal(minimum),
        available=request.available * 10,
    )
    decision = size_entry(request, limits, rules, "USDT")
    if isinstance(decision, Denied):
        assert decision.code is DenialCode.STAKE_BELOW_MINIMUM
        return
    amount = market.sent_amount((to_float(decision.stake) / market.price) * leverage)
    order = RoundedOrder(PAIR, decimal(amount), request.price, request.kind, request.leverage)
    assert look_at_entry(order, rules, True, "USDT") is None
    assert_sellable(market, decimal(amount), decimal(market.price))


tier_sections = st.lists(
    st.tuples(st.integers(1, 10_000), st.integers(1, 100), st.integers(0, 50)),
    min_size=1,
    max_size=4,
    unique_by=lambda tier: tier[0],
)


@given(tier_sections, st.integers(0, 12_000), st.integers(1, 20_000), markets())
@many
def test_the_limits_of_the_tier_bind_and_no_others(
    tiers: list[tuple[int, int, int]], equity: int, stake: int, market: Market
) -> None:
    section = {
        "position_size_percent": 33,
        "min_order_size": 0,
        "min_balance_threshold": 0,
        "tiers": [
            {"up_to": up_to, "position_size_percent": percent, "min_order_size": minimum}
            for up_to, percent, minimum in sorted(tiers)
        ],
    }
    guard = Guard(load_settings(section), "USDT", lambda: ONE, EventHub())
    percent, minimum = next(
        ((tier[1], tier[2]) for tier in sorted(tiers) if equity <= tier[0]), (33, 0)
    )
    request = EntryRequest(PAIR, decimal(stake), decimal(equity), None)
    decision = guard.size_entry(request, market.rules(), lambda: decimal(equity))
    cap = Decimal(equity * percent) / 100
    if isinstance(decision, Approved):
        assert decision.stake == min(max(stake, minimum), cap)
    else:
        assert cap < minimum or cap == 0 or stake * LIFT_MAX < minimum


def assert_sellable(market: Market, amount: Decimal, price: Decimal) -> None:
    """The exchange takes an order of ``amount`` at ``price``."""
    contract_size = decimal(market.contract_size)
    assert amount > 0
    if market.amount_min is not None:
        assert amount >= decimal(market.amount_min) * contract_size
    if market.cost_min is not None:
        assert amount * price >= decimal(market.cost_min) * contract_size


@given(
    precision_modes.flatmap(
        lambda mode: st.tuples(st.just(mode), amount_precisions[mode], logarithmic(1e-9, 1e9))
    )
)
@settings(many, max_examples=examples(350))
def test_amounts_are_truncated_as_freqtrade_truncates_them(
    case: tuple[int, float | None, float],
) -> None:
    mode, precision, amount = case
    ours = AmountPrecision(PRECISION_MODES[mode], None if precision is None else decimal(precision))
    theirs = amount_to_precision(amount, precision, mode)
    down = ours.down(decimal(amount))
    assert to_float(down) == theirs
    if len(down.normalize().as_tuple().digits) <= 15:  # more digits do not survive a float
        assert down == decimal(theirs)
    # Truncating twice changes nothing, and up() and down() enclose the amount.
    assert ours.down(down) == down
    up = ours.up(decimal(amount))
    assert down <= decimal(amount) <= up
    assert ours.down(up) == up
    if ours.step(up) >= up * Decimal("1e-13"):  # finer steps than that are lost in a float
        assert amount_to_precision(to_float(ours.nudged(up)), precision, mode) == to_float(up)


class AvailableWallets(Wallets):
    """freqtrade's Wallets that has so much available; nothing else of it is asked."""

    def __init__(self, available: float) -> None:
        self._available = available
        self._is_backtest = True

    def get_available_stake_amount(self) -> float:
        return self._available


optional_money = st.one_of(st.none(), money)


@st.composite
def freqtrade_questions(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments of ``validate_stake_amount``, most of them near one another."""
    base = draw(money)
    around = st.sampled_from(AROUND).map(lambda factor: base * factor)
    amounts = st.one_of(around, money)
    return {
        "available": draw(st.one_of(amounts, st.just(0.0), amounts.map(lambda a: -a))),
        "stake": draw(st.one_of(amounts, st.just(0.0))),
        "minimum": draw(st.one_of(st.none(), st.just(0.0), amounts)),
        "maximum": draw(st.one_of(st.just(float("inf")), amounts)),
        "in_trade": draw(st.one_of(st.none(), amounts)),
    }


@given(freqtrade_questions(), st.sampled_from(EntryKind), markets())
@settings(many, max_examples=examples(300))
def test_without_limits_a_stake_is_what_freqtrade_makes_of_it(
    asked: dict[str, Any], kind: EntryKind, market: Market
) -> None:
    theirs = AvailableWallets(asked["available"]).validate_stake_amount(
        PAIR, asked["stake"], asked["minimum"], asked["maximum"], asked["in_trade"]
    )
    maximum = asked["maximum"] - (asked["in_trade"] or 0)
    minimum = asked["minimum"]
    ours = size_entry(
        EntryRequest(
            pair=PAIR,
            stake=decimal(asked["stake"]),
            available=decimal(asked["available"]),
            freqtrade_minimum=decimal(minimum) if minimum else None,
            maximum=None if maximum == float("inf") else decimal(maximum),
            price=decimal(market.price),
            kind=kind,
        ),
        NO_LIMITS,
        market.rules(),
        "USDT",
    )
    granted = to_float(ours.stake) if isinstance(ours, Approved) else 0
    if minimum and abs(asked["stake"] * 1.3 - minimum) <= 1e-12 * minimum:
        return  # on this border freqtrade's 1.3 is a float's width beside ours
    # freqtrade may hand on a negative maximum as a stake; no order comes of it either way.
    assert granted == max(theirs, 0)


@st.composite
def partial_exits(draw: st.DrawFn) -> tuple[Market, float, float, float, PartialExit]:
    """A position as a fill after fee leaves it, and a wish to sell some of it."""
    market = draw(markets())
    rules = market.rules()
    stoploss = decimal(draw(stoplosses))
    room = to_float(rules.exit_room_amount(decimal(market.price), stoploss))
    bought = market.sent_amount(max(room, 1e-6) * draw(st.floats(0.3, 30)))
    assume(bought > 1e-7)
    position = draw(st.sampled_from([bought, bought - bought * market.fee]))
    position_stake = bought * market.price
    assume(position_stake > 1e-9)
    share = draw(
        st.one_of(st.sampled_from([1.0, 0.5, 0.999999, 1.1, 1e-6]), st.floats(0.01, 0.999))
    )
    stake = -position_stake * share
    minimum = market.minimum_stake(to_float(stoploss), 1.0)
    with localcontext(prec=50):
        amount = -decimal(stake) * decimal(position) / decimal(position_stake)
    exit_ = PartialExit(
        pair=PAIR,
        amount=amount,
        position_amount=decimal(position),
        price=decimal(market.price),
        stoploss=stoploss,
        freqtrade_rest_min=None if minimum is None else decimal(minimum),
    )
    return market, stake, position, position_stake, exit_


@given(partial_exits())
@many
def test_after_a_partial_exit_the_rest_can_still_be_sold(
    case: tuple[Market, float, float, float, PartialExit],
) -> None:
    market, stake, position, position_stake, exit_ = case
    rules = market.rules()
    shaped = shape_partial_exit(exit_, rules, "USDT")
    if isinstance(shaped, Denied):
        event("refused")
        assert_no_split_is_allowed(exit_, rules)
        return
    if decimal(to_float(exit_.amount)) >= exit_.position_amount:
        event("whole exit")
        assert shaped == exit_.amount
        return
    event("as asked" if shaped == exit_.amount else "smaller")
    assert 0 < shaped <= exit_.amount

    # freqtrade turns a stake into an amount; a smaller sale is handed back as a stake.
    if shaped != exit_.amount:
        nudged = rules.precision.nudged(shaped)
        stake = -to_float(nudged * decimal(position_stake) / exit_.position_amount)
    sold = market.partial_exit_amount(stake, position, position_stake)
    if shaped != exit_.amount and rules.precision.step(shaped) >= shaped * Decimal("1e-13"):
        assert sold == to_float(shaped)
    remaining = (position - sold) * market.price
    minimum = market.minimum_stake(to_float(exit_.stoploss), 1.0)
    assert not minimum or remaining >= minimum

    assert_sellable(market, decimal(sold) * (1 + Decimal("1e-12")), exit_.price)
    # LocalTrade.recalc_trade_from_orders subtracts exactly.
    rest = market.sent_amount(float(FtPrecise(position) - FtPrecise(sold)))
    stoploss = to_float(exit_.stoploss)
    stop = market.price * (0.5 if stoploss <= -0.9 else 1 - abs(stoploss))
    assert_sellable(market, decimal(rest), decimal(stop))


def assert_no_split_is_allowed(exit_: PartialExit, rules: MarketRules) -> None:
    """The largest part that leaves a sellable rest is too small to be sold."""
    rest_min = rules.without_fee.exit_room_amount(exit_.price, exit_.stoploss)
    # A hair more, because freqtrade compares in floats.
    rest_min = max(
        rest_min, (exit_.freqtrade_rest_min or ZERO) / exit_.price * Decimal("1.00000001")
    )
    part = rules.precision.down(min(exit_.amount, exit_.position_amount - rest_min))
    assert part <= 0 or rules.shortfall(part, exit_.price)


@pytest.mark.parametrize("digits", [3, 6])
@given(entries())
@settings(many, max_examples=examples(100))
def test_a_strategy_that_changes_the_decimal_context_changes_no_decision(
    digits: int, entry: tuple[Market, EntryRequest, EntryLimits]
) -> None:
    market, request, limits = entry
    rules = market.rules()
    expected = size_entry(request, limits, rules, "USDT")
    with localcontext(prec=digits):
        assert size_entry(request, limits, rules, "USDT") == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_survives_the_journey_through_decimal(number: float) -> None:
    assert to_float(to_decimal(number)) == number
