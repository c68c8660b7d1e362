"""Puts exposures together that one order can close: net per coin and account."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.money import ZERO, exact


@dataclass(frozen=True, slots=True)
class ExposureGroup:
    """Holds exposures of one coin on one account, all in one direction, the oldest first."""

    members: tuple[Exposure, ...]

    @property
    def leader(self) -> Exposure:
        """The oldest: where and how the others are closed, too."""
        return self.members[0]

    @property
    def key(self) -> Hashable:
        """What is the same in every round, however many there are."""
        one = self.leader
        return ("exposures", one.base, one.account, one.closes, one.net > ZERO)

    @property
    def net(self) -> Decimal:
        """Base currency; above 0: held too much."""
        return sum((one.net for one in self.members), ZERO)

    @property
    def amount(self) -> Decimal:
        return abs(self.net)

    @property
    @exact
    def price(self) -> Decimal:
        """The average price at which those on the leader's market came about."""
        same = [one for one in self.members if one.pair == self.leader.pair]
        cost = sum((one.amount * one.price for one in same), ZERO)
        return cost / sum((one.amount for one in same), ZERO)

    def shares(self, amount: Decimal) -> dict[int, Decimal]:
        """Return how much of each member an order over ``amount`` closes, the oldest first."""
        found: dict[int, Decimal] = {}
        for one in self.members:
            part = min(one.amount, amount)
            if part > ZERO:
                found[one.id] = part
                amount -= part
        return found


def to_set_off(
    exposures: Sequence[Exposure], is_with_trade: Callable[[Exposure], bool]
) -> list[list[Exposure]]:
    """Return, per coin and account, exposures in both directions that nothing else will close."""
    found: dict[tuple[str, str], list[Exposure]] = {}
    for one in exposures:
        if not (one.is_for_user or one.is_outcome or is_with_trade(one)):
            found.setdefault((one.base, one.account), []).append(one)
    return [
        each
        for each in found.values()
        if any(one.net > ZERO for one in each) and any(one.net < ZERO for one in each)
    ]


def grouped(
    exposures: Sequence[Exposure],
    is_with_trade: Callable[[Exposure], bool],
    *,
    by_other_venue: bool,
) -> list[ExposureGroup]:
    """Return what one order can close each.

    :param by_other_venue: the missing part is sent to the other venue, so that must be the same
    """
    found: dict[Hashable, list[Exposure]] = {}
    for one in exposures:
        key: tuple[object, ...] = (one.base, one.account, one.closes, one.net > ZERO)
        if one.is_for_user or one.is_outcome or is_with_trade(one):
            key = (one.id,)  # each has an end of its own
        elif by_other_venue and not one.closes:
            key = (*key, one.other_venue, one.other_pair)
        found.setdefault(key, []).append(one)
    return [ExposureGroup(tuple(each)) for each in found.values()]
