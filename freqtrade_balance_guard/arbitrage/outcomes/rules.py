"""The grids and minimums of an outcome's market, and rounding that never worsens a limit."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import gcd, lcm

from freqtrade_balance_guard.arbitrage.outcomes.outcome_leg import OutcomeSide
from freqtrade_balance_guard.money import ONE, ZERO, exact, round_down, round_up


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Prices from ``start`` to ``end`` are multiples of ``step``."""

    start: Decimal
    end: Decimal
    step: Decimal


@dataclass(frozen=True, slots=True)
class OutcomeRules:
    """Says what a venue takes on one outcome.

    ``share_step``: shares are multiples of it; ``money_step``: an order costs, at its limit, a
    multiple of it (0: no rule); ``shares_min``, ``cost_min``: of one order; ``spends_money``: a
    purchase is sized by money, so that a better price gives more shares.
    """

    currency: str
    ranges: Sequence[PriceRange]
    share_step: Decimal
    money_step: Decimal = ZERO
    shares_min: Decimal = ZERO
    cost_min: Decimal = ZERO
    spends_money: bool = False

    @property
    def first_price(self) -> Decimal:
        """The lowest price of an order."""
        return self.ranges[0].step

    @exact
    def round_price(self, side: OutcomeSide, price: Decimal) -> Decimal | None:
        """Return the nearest price on the grid that is no worse for ``side``.

        None where there is none between 0 and 1.
        """
        if not ZERO < price < ONE:
            return None
        turn = round_down if side == "buy" else round_up
        found = [
            rounded
            for each in self.ranges
            if ZERO < (rounded := turn(_into(price, each), each.step)) < ONE
            and each.start <= rounded <= each.end
            and (rounded <= price if side == "buy" else rounded >= price)
        ]
        if not found:
            return None
        return max(found) if side == "buy" else min(found)

    def shares_unit(self, price: Decimal) -> Decimal:
        """Return the step of shares at a price: on the share grid, and on the money grid besides.

        Shares that are no multiple of it would be rounded by the venue, or rejected.
        """
        if self.money_step <= ZERO:
            return self.share_step
        per_step = Fraction(self.share_step) * Fraction(price) / Fraction(self.money_step)
        return self.share_step * per_step.denominator


@exact
def common_shares(wanted: Decimal, units: Sequence[Decimal]) -> Decimal:
    """Return the largest number of shares up to ``wanted`` that is a multiple of every unit."""
    whole = _common_multiple([Fraction(unit) for unit in units if unit > ZERO])
    if whole is None:
        return wanted
    count = Fraction(wanted) // whole
    total = whole * count
    return Decimal(total.numerator) / Decimal(total.denominator)


def _common_multiple(units: Sequence[Fraction]) -> Fraction | None:
    """Return the smallest number that is a whole multiple of each; None without any."""
    if not units:
        return None
    return Fraction(lcm(*(u.numerator for u in units)), gcd(*(u.denominator for u in units)))


def _into(price: Decimal, each: PriceRange) -> Decimal:
    return min(max(price, each.start), each.end)
