"""Which tier an account is in. Small accounts may have other limits than large ones."""

from collections.abc import Sequence
from decimal import Decimal


# Around a border the present tier stays: an account that swings about 100 must not change its
# limits with every trade.
HYSTERESIS = Decimal("0.05")


def choose_tier(
    equity: Decimal, borders: Sequence[Decimal | None], current: int | None = None
) -> int:
    """The index of the tier that holds ``equity``; ``len(borders)`` if it is above all of them.

    :param equity: total equity in stake currency
    :param borders: each tier's ``up_to``, ascending and inclusive; None in the last has no end
    :param current: the present tier; kept while ``equity`` is within 5 % of the border between
    """
    found = len(borders)
    for index, up_to in enumerate(borders):
        if up_to is None or equity <= up_to:
            found = index
            break
    if current is None or found == current:
        return found
    border = borders[current] if found > current else borders[current - 1]
    if border is None:
        return found
    if found > current:
        return found if equity > border * (1 + HYSTERESIS) else current
    return found if equity <= border * (1 - HYSTERESIS) else current
