"""``OutcomeVenue``: what complements need of a prediction market besides ``Venue``."""

from decimal import Decimal
from typing import Protocol, runtime_checkable

from freqtrade_balance_guard.arbitrage.leg import Side
from freqtrade_balance_guard.arbitrage.outcomes.holding import HoldingMove, Payout
from freqtrade_balance_guard.arbitrage.outcomes.plan import OutcomeMarket
from freqtrade_balance_guard.arbitrage.venue import LegOrder, MarketRules, Venue


# What an order holds is its cost and a rate of it; the rate is rounded up to this.
FEE_RATE_STEP = Decimal("1E-12")


@runtime_checkable
class OutcomeVenue(Protocol):
    """A venue whose pairs are outcomes and their collateral (``7132.../USDC``)."""

    @property
    def currency(self) -> str:
        """Return the collateral that its shares are paid in."""

    def market(self, outcome: str, rate: Decimal | None) -> OutcomeMarket:
        """Return what a plan needs of an outcome, read now.

        :param rate: what one unit of its collateral is worth in stake currency
        :raises LookupError: the venue has none of this id
        """

    def known_market(
        self, outcome: str, rate: Decimal | None, offered: Decimal | None
    ) -> OutcomeMarket:
        """Return the same from memory; no request.

        :param offered: the best price that shares are offered at
        :raises LookupError: it was not read before, or does not trade
        """

    def settlement(self, order: LegOrder, order_id: str) -> HoldingMove | None:
        """Return SETTLE when all matches are final, REVERT when one failed; None: not yet."""

    def payout(self, order: LegOrder, order_id: str, shares: Decimal) -> Payout | None:
        """Return how shares ended when their event was resolved; None: it is not yet."""

    def amount_at(self, pair: str, amount: Decimal, price: Decimal) -> Decimal:
        """Return the most shares up to ``amount`` that an order at ``price`` may have."""

    def worst_fee_rate(self, pair: str, side: Side, amount: Decimal, price: Decimal) -> Decimal:
        """Return what part of its cost an order at ``price`` may be charged at most."""


def amount_at(venue: Venue, pair: str, amount: Decimal, price: Decimal) -> Decimal:
    """Return ``amount``, or what of it a prediction market takes at a price."""
    return venue.amount_at(pair, amount, price) if isinstance(venue, OutcomeVenue) else amount


def worst_fee_rate(
    venue: Venue, pair: str, side: Side, amount: Decimal, price: Decimal, rules: MarketRules
) -> Decimal:
    """Return the taker's fee, or what part of its cost a prediction market may charge at most."""
    if not isinstance(venue, OutcomeVenue):
        return rules.taker_fee
    return venue.worst_fee_rate(pair, side, amount, price)
