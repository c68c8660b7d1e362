"""A leg that names an outcome of an event instead of a pair."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from freqtrade_balance_guard.money import ONE, ZERO, to_decimal


OutcomeSide = Literal["buy", "sell"]
OutcomeTimeInForce = Literal["IOC", "FOK", "GTC"]


@dataclass(frozen=True, slots=True)
class OutcomeLeg:
    """One side of an opportunity on a prediction market.

    :param venue: a name from ``venues`` whose ``kind`` is prediction
    :param outcome: the venue's own id of the outcome, which carries the side of the question
    :param shares: one share pays 1 if the outcome happens; a float is taken by its shortest text
    :param limit_price: the worst price of a share that is accepted, between 0 and 1
    :param time_in_force: IOC, FOK or GTC; None: the setting ``arbitrage.time_in_force``
    :raises ValueError: no venue or outcome, no side, shares that are not above 0, or a price that
        is not between 0 and 1 (``MoneyError`` for what is no number)
    """

    venue: str
    outcome: str
    side: OutcomeSide
    shares: Decimal
    limit_price: Decimal
    time_in_force: OutcomeTimeInForce | None = None

    def __post_init__(self) -> None:
        if self.side not in ("buy", "sell"):
            raise ValueError(f'side is {self.side!r}; allowed are "buy" and "sell".')
        if not self.venue or not self.outcome or " " in self.outcome:
            raise ValueError(f"{self.outcome!r} on {self.venue!r} is no outcome of a venue.")
        if self.time_in_force not in (None, "IOC", "FOK", "GTC"):
            raise ValueError(f"time_in_force is {self.time_in_force!r}; allowed: IOC, FOK, GTC.")
        shares, price = to_decimal(self.shares), to_decimal(self.limit_price)
        if shares <= ZERO:
            raise ValueError(f"shares is {shares}; it must be above 0.")
        if not ZERO < price < ONE:
            raise ValueError(f"limit_price is {price}; it must be between 0 and 1.")
        object.__setattr__(self, "shares", shares)
        object.__setattr__(self, "limit_price", price)
