"""What the tests of the rebalance share: a bot that is stuck, and random ones."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from freqtrade_balance_guard.limits.market import AmountPrecision, MarketRules, PrecisionMode
from freqtrade_balance_guard.money import ZERO
from freqtrade_balance_guard.rebalance.plan import Capital, Position, SaleOrder
from freqtrade_balance_guard.rebalance.policy import Picture, RebalanceLimits


D = Decimal
OPENED = datetime(2026, 1, 1, tzinfo=UTC)

LIMITS = RebalanceLimits(
    is_enabled=True,
    enough_stake=D(5),
    target_stake=D(10),
    cooldown=3600.0,
    seconds_without_trade=3600.0,
    order=SaleOrder.MOST_PROFITABLE,
)
# Kraken-like: orders from 2 USDT on, in small steps.
RULES = MarketRules(
    amount_min=D("0.01"),
    cost_min=D(2),
    precision=AmountPrecision(PrecisionMode.DECIMAL_PLACES, D(4)),
    fee=D("0.004"),
)


def position(trade_id: int = 1, **changes: Any) -> Position:
    """Ten coins that cost 10 USDT and are worth as much."""
    plain = Position(
        trade_id=trade_id,
        pair=f"COIN{trade_id}/USDT",
        amount=D(10),
        stake=D(10),
        open_rate=D(1),
        rate=D(1),
        opened_at=OPENED + timedelta(hours=trade_id),
        rules=RULES,
        slippage=D("0.01"),
        in_wallet=D(10),
        stoploss=D("-0.1"),
    )
    return replace(plain, **changes)


def stuck(**changes: Any) -> Picture:
    """2.86 USDT left, three positions, no trade for an hour: nothing prevents a rebalance."""
    plain = Picture(
        currency="USDT",
        limits=LIMITS,
        capital=Capital(funds=D("2.86"), room=D("2.86")),
        positions=(position(1), position(2), position(3)),
        since_trade=3600.0,
        since_attempt=None,
    )
    return replace(plain, **changes)


def amounts(low: str, high: str, places: int = 8) -> st.SearchStrategy[Decimal]:
    return st.decimals(
        min_value=low, max_value=high, places=places, allow_nan=False, allow_infinity=False
    )


@st.composite
def markets(draw: st.DrawFn) -> MarketRules:
    mode = draw(st.sampled_from(list(PrecisionMode)))
    value = {
        PrecisionMode.TICK_SIZE: st.sampled_from([D(1), D("0.1"), D("0.00025"), D("1e-8"), None]),
        PrecisionMode.DECIMAL_PLACES: st.integers(0, 8).map(D),
        PrecisionMode.SIGNIFICANT_DIGITS: st.integers(2, 8).map(D),
    }[mode]
    return MarketRules(
        amount_min=draw(st.none() | amounts("0.0001", "2", 4)),
        cost_min=draw(st.none() | amounts("0.5", "12", 2)),
        precision=AmountPrecision(mode, draw(value)),
        fee=draw(st.sampled_from([ZERO, D("0.001"), D("0.004"), D("0.02")])),
        reserve=draw(st.sampled_from([ZERO, D("0.05"), D("0.3")])),
    )


@st.composite
def positions(draw: st.DrawFn, trade_id: int = 1) -> Position:
    amount = draw(amounts("0.001", "200", 6))
    open_rate = draw(amounts("0.001", "50", 5))
    leverage = draw(st.sampled_from([D(1), D(1), D(1), D(3)]))
    return Position(
        trade_id=trade_id,
        pair=f"COIN{trade_id}/USDT",
        amount=amount,
        stake=amount * open_rate / leverage,
        open_rate=open_rate,
        rate=draw(st.none() | amounts("0.3", "2", 4).map(lambda factor: open_rate * factor)),
        opened_at=OPENED + timedelta(minutes=draw(st.integers(0, 5))),
        rules=draw(markets()),
        slippage=draw(st.sampled_from([ZERO, D("0.002"), D("0.05")])),
        in_wallet=draw(
            st.none()
            | st.sampled_from([D(0), D("0.97"), D("0.99"), D(1), D(3)]).map(amount.__mul__)
        ),
        stoploss=draw(st.sampled_from([ZERO, D("-0.05"), D("-0.3"), D("-0.99")])),
        rest_min=draw(st.none() | amounts("0", "20", 2)),
        leverage=leverage,
        is_short=leverage != 1 and draw(st.booleans()),
        has_open_order=draw(st.integers(0, 9)) == 0,
    )


@st.composite
def portfolios(draw: st.DrawFn) -> tuple[Position, ...]:
    count = draw(st.integers(0, 5))
    return tuple(draw(positions(trade_id)) for trade_id in range(1, count + 1))


@st.composite
def capitals(draw: st.DrawFn) -> Capital:
    return Capital(
        funds=draw(amounts("-5", "30", 4)),
        room=draw(amounts("-5", "30", 4)),
        tradable_ratio=draw(st.sampled_from([D(1), D("0.99"), D("0.5")])),
    )
