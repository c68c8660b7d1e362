"""Sentences on a rebalance: its plan, its outcome, and why a pair is not bought back."""

from decimal import Decimal

from freqtrade_balance_guard.events import RebalanceEnded
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.money import format_amount
from freqtrade_balance_guard.rebalance.attempt import MAY_BE_SOLD, Attempt
from freqtrade_balance_guard.rebalance.plan import Plan


def plan_sentence(plan: Plan, currency: str) -> str:
    """A plan in one sentence."""
    sales = ", ".join(
        f"{'all ' if sale.is_whole else ''}{format_amount(sale.amount)} of {sale.pair}"
        for sale in plan.sales
    )
    expected = format_amount(round(plan.expected, 4))
    return (
        f"{format_amount(plan.available)} {currency} available, {format_amount(plan.target)} "
        f"wanted: sell {sales}, for about {expected} {currency} in all"
    )


def outcome_sentence(attempt: Attempt) -> str:
    """The outcome of an attempt's sales, in one sentence."""
    sales = ", ".join(
        f"{format_amount(sale.amount)} of {sale.pair} {str(sale.outcome).replace('_', ' ')}"
        + (f" ({sale.detail})" if sale.detail and sale.outcome not in MAY_BE_SOLD else "")
        for sale in attempt.sales
    )
    return f"Emergency rebalance, attempt {attempt.id}: {sales}"


def ended_event(attempt: Attempt) -> RebalanceEnded:
    """The fact that all sales of ``attempt`` were tried."""
    sold = tuple(sale.pair for sale in attempt.sales if sale.outcome in MAY_BE_SOLD)
    failed = tuple(sale.pair for sale in attempt.sales if sale.outcome not in MAY_BE_SOLD)
    return RebalanceEnded(
        reason=str(attempt.reason),
        currency=attempt.currency,
        available=attempt.available,
        expected=attempt.expected,
        sold=sold,
        failed=failed,
    )


def sold_pair(pair: str, seconds_left: Decimal) -> Denied:
    """Why an entry is denied on a pair that a rebalance has sold."""
    return Denied(
        DenialCode.REBALANCE_COOLDOWN,
        f"{pair} was sold by the emergency rebalance; it is not bought back for "
        f"{format_amount(seconds_left)} seconds more",
        {"left_seconds": seconds_left},
    )


def sold_unknown(pair: str, why: str) -> Denied:
    """Why an entry is denied where it is not known what was sold."""
    return Denied(
        DenialCode.REBALANCE_COOLDOWN,
        f"whether a rebalance has sold {pair} is not known: {why}",
    )
