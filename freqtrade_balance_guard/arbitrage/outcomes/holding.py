"""States of shares that an arbitrage holds, from the match to the money, as one table.

    settling ──settle──► held ──pay──────► paid         the venue has paid by itself
        │                 │ └─resolve──► redeemable     paid on chain, by their owner
        │                 └─annul──────► void           each venue's own rule, not 1 per pair
        └──revert──► reverted                           the match failed: as if never bought

The reservations of the legs have ended by then. A holding is kept in the arbitrage's record.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from freqtrade_balance_guard.money import ZERO


class HoldingState(StrEnum):
    """Where shares are. The names are stored and shown."""

    SETTLING = "settling"
    HELD = "held"
    PAID = "paid"
    REDEEMABLE = "redeemable"
    VOID = "void"
    REVERTED = "reverted"


class HoldingMove(StrEnum):
    """What may happen to shares."""

    SETTLE = "settle"
    REVERT = "revert"
    PAY = "pay"
    RESOLVE = "resolve"
    ANNUL = "annul"


# What is not in this table is not allowed. The remark says why the row is here.
TRANSITIONS: dict[tuple[HoldingState, HoldingMove], tuple[HoldingState, str]] = {
    (HoldingState.SETTLING, HoldingMove.SETTLE): (HoldingState.HELD, "the match is final"),
    (HoldingState.SETTLING, HoldingMove.REVERT): (
        HoldingState.REVERTED,
        "the match failed although the order showed it: the other leg is an exposure now",
    ),
    (HoldingState.HELD, HoldingMove.PAY): (HoldingState.PAID, "the event is resolved and paid"),
    (HoldingState.HELD, HoldingMove.RESOLVE): (
        HoldingState.REDEEMABLE,
        "the event is resolved; the payout waits on chain and is never fetched by the guard",
    ),
    (HoldingState.HELD, HoldingMove.ANNUL): (
        HoldingState.VOID,
        "the market is void: the pair does not pay 1",
    ),
    (HoldingState.REDEEMABLE, HoldingMove.PAY): (
        HoldingState.PAID,
        "the owner has redeemed the shares",
    ),
    # The venue may resolve before its last word on a match was read.
    (HoldingState.SETTLING, HoldingMove.PAY): (HoldingState.PAID, "paid, so it was final"),
    (HoldingState.SETTLING, HoldingMove.RESOLVE): (HoldingState.REDEEMABLE, "likewise"),
    (HoldingState.SETTLING, HoldingMove.ANNUL): (HoldingState.VOID, "likewise"),
}
# Capital is locked in these.
LOCKED = (HoldingState.SETTLING, HoldingState.HELD, HoldingState.REDEEMABLE)
ENDED = (HoldingState.PAID, HoldingState.VOID, HoldingState.REVERTED)


class NotAllowed(Exception):
    """The table of transitions forbids it."""


def after(state: HoldingState, move: HoldingMove) -> HoldingState:
    """:raises NotAllowed: no row of the table allows it"""
    row = TRANSITIONS.get((state, move))
    if row is None:
        raise NotAllowed(f"{move} is not allowed when shares are {state}")
    return row[0]


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares of one outcome that one leg has bought.

    ``cost`` and ``fee`` in ``currency``; ``closes``: when the event is expected to be resolved
    (UTC); ``paid``: what came back, after fees.
    """

    venue: str
    account: str
    outcome: str
    shares: Decimal
    cost: Decimal
    fee: Decimal
    currency: str
    closes: datetime
    state: HoldingState = HoldingState.SETTLING
    paid: Decimal = ZERO

    @property
    def locked(self) -> Decimal:
        """The money that is bound in it until the event is resolved."""
        return self.cost + self.fee if self.state in LOCKED else ZERO

    @property
    def may_be_sold(self) -> bool:
        """Whether its shares exist for certain."""
        return self.state is HoldingState.HELD

    def moved(self, move: HoldingMove, paid: Decimal = ZERO) -> Self:
        """Return it after a move.

        :raises NotAllowed: the table forbids it
        """
        return replace(self, state=after(self.state, move), paid=self.paid + paid)

    def as_json(self) -> dict[str, str]:
        """Return it for the store: amounts as text with all digits."""
        return {name: str(getattr(self, name)) for name in self.__slots__} | {
            "closes": self.closes.isoformat()
        }

    @classmethod
    def from_json(cls, stored: dict[str, str]) -> Self:
        """Make it from what ``as_json`` has returned."""
        numbers = {name: Decimal(stored[name]) for name in ("shares", "cost", "fee", "paid")}
        values: dict[str, Any] = {**stored, **numbers}
        values["closes"] = datetime.fromisoformat(stored["closes"])
        values["state"] = HoldingState(stored["state"])
        return cls(**values)
