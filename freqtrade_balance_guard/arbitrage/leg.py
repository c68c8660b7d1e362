"""What a strategy says: buy here, sell there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, Literal, get_args

from typing_extensions import TypeVar

from freqtrade_balance_guard.arbitrage.outcomes.outcome_leg import OutcomeLeg
from freqtrade_balance_guard.money import ONE, ZERO, to_decimal


Side = Literal["buy", "sell"]
TimeInForce = Literal["IOC", "FOK", "GTC"]
TIMES_IN_FORCE = get_args(TimeInForce)
# A price in quote currency and an amount in base currency; floats are taken by their shortest text.
Level = Sequence[Decimal | float]


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of an opportunity.

    :param venue: "bot" for the bot's own exchange, or a name from ``venues``
    :param pair: such as BTC/USDT
    :param amount: base currency; a float is taken by its shortest text
    :param limit_price: quote currency, the worst that is accepted; None: what the order book asks
        for this amount at the moment
    :param time_in_force: IOC (what does not fill at once is cancelled), FOK (all or nothing) or GTC
        (it rests until ``leg_timeout``); None: the setting ``arbitrage.time_in_force``
    :raises ValueError: no pair, no side, or an amount or price that is not above 0 (``MoneyError``
        for what is no number)
    """

    venue: str
    pair: str
    side: Side
    amount: Decimal
    limit_price: Decimal | None = None
    time_in_force: TimeInForce | None = None

    def __post_init__(self) -> None:
        if self.side not in ("buy", "sell"):
            raise ValueError(f'side is {self.side!r}; allowed are "buy" and "sell".')
        if not self.venue or not all(self.pair.partition("/")[::2]) or ":" in self.pair:
            raise ValueError(f"{self.pair!r} on {self.venue!r} is no spot pair of a venue.")
        if self.time_in_force is not None and self.time_in_force not in TIMES_IN_FORCE:
            allowed = ", ".join(TIMES_IN_FORCE)
            raise ValueError(f"time_in_force is {self.time_in_force!r}; allowed are {allowed}.")
        object.__setattr__(self, "amount", _positive(self.amount, "amount"))
        if self.limit_price is not None:
            object.__setattr__(self, "limit_price", _positive(self.limit_price, "limit_price"))

    @property
    def base(self) -> str:
        return self.pair.partition("/")[0]

    @property
    def quote(self) -> str:
        return self.pair.partition("/")[2]


AnyLeg = TypeVar("AnyLeg", Leg, OutcomeLeg, default=Leg)


@dataclass(frozen=True, slots=True)
class Opportunity(Generic[AnyLeg]):
    """Two legs that belong together: one buys what the other sells, or both buy complements.

    :param payout: what one share of each of two complements pays together: 1. None: a coin is
        bought and sold
    :raises ValueError: both buy or both sell a coin, they are about two coins, complements that are
        not both bought, or in unequal shares
    """

    first: AnyLeg
    second: AnyLeg
    tag: str | None = None
    payout: Decimal | float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        first, second = self.first, self.second
        if isinstance(first, Leg) and isinstance(second, Leg) and self.payout is None:
            if first.side == second.side:
                raise ValueError(f"Both legs {first.side}; one has to buy, the other to sell.")
            if first.base != second.base:
                raise ValueError(f"{first.pair} and {second.pair} are about two coins.")
            return
        if not isinstance(first, OutcomeLeg) or not isinstance(second, OutcomeLeg):
            raise ValueError("A payout belongs to two legs that name outcomes, and they need one.")
        if self.payout is None or to_decimal(self.payout) != ONE:
            raise ValueError(f"payout is {self.payout}; one share of each complement pays 1.")
        if first.side != "buy" or second.side != "buy":
            raise ValueError("Complements are two purchases.")
        if (first.venue, first.outcome) == (second.venue, second.outcome):
            raise ValueError(f"Both legs buy {first.outcome} on {first.venue}.")
        if first.shares != second.shares:
            raise ValueError(f"{first.shares} and {second.shares} shares are not equal.")

    @property
    def legs(self) -> tuple[AnyLeg, AnyLeg]:
        return self.first, self.second


def _positive(value: object, name: str) -> Decimal:
    number = to_decimal(value)
    if number <= ZERO:
        raise ValueError(f"{name} is {number}; it must be above 0.")
    return number
