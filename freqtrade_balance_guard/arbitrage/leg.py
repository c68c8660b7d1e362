"""What a strategy says: buy here, sell there."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

from freqtrade_balance_guard.money import ZERO, to_decimal


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


@dataclass(frozen=True, slots=True)
class Opportunity:
    """Two legs that belong together: one buys what the other sells.

    :raises ValueError: both buy or both sell, or they are about two coins
    """

    first: Leg
    second: Leg
    tag: str | None = None

    def __post_init__(self) -> None:
        if self.first.side == self.second.side:
            raise ValueError(f"Both legs {self.first.side}; one has to buy, the other to sell.")
        if self.first.base != self.second.base:
            raise ValueError(f"{self.first.pair} and {self.second.pair} are about two coins.")

    @property
    def legs(self) -> tuple[Leg, Leg]:
        return self.first, self.second


def _positive(value: object, name: str) -> Decimal:
    number = to_decimal(value)
    if number <= ZERO:
        raise ValueError(f"{name} is {number}; it must be above 0.")
    return number
