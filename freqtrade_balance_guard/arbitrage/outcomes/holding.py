"""States of shares that an arbitrage holds, from the match to the money, as one table.

    settling ──settle──► held ──pay──────► paid         the venue has paid by itself
        │                 │ ├─resolve──► redeemable     paid on chain, by their owner
        │                 │ └─sell─────► sold           all of them, before the event
        │                 └─annul──────► void           each venue's own rule, not 1 per pair
        └──revert──► reverted                           the match failed: as if never bought

The reservations of the legs have ended by then. A holding is kept in the arbitrage's record.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from freqtrade_balance_guard.money import ZERO, exact, format_amount


class HoldingState(StrEnum):
    """Where shares are. The names are stored and shown."""

    SETTLING = "settling"
    HELD = "held"
    PAID = "paid"
    REDEEMABLE = "redeemable"
    VOID = "void"
    SOLD = "sold"
    REVERTED = "reverted"


class HoldingMove(StrEnum):
    """What may happen to shares."""

    SETTLE = "settle"
    REVERT = "revert"
    PAY = "pay"
    RESOLVE = "resolve"
    ANNUL = "annul"
    SELL = "sell"


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
    (HoldingState.HELD, HoldingMove.SELL): (HoldingState.SOLD, "the last share was sold"),
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
ENDED = (HoldingState.PAID, HoldingState.VOID, HoldingState.SOLD, HoldingState.REVERTED)


class NotAllowed(Exception):
    """The table of transitions forbids it."""


def after(state: HoldingState, move: HoldingMove) -> HoldingState:
    """:raises NotAllowed: no row of the table allows it"""
    row = TRANSITIONS.get((state, move))
    if row is None:
        raise NotAllowed(f"{move} is not allowed when shares are {state}")
    return row[0]


@dataclass(frozen=True, slots=True)
class Payout:
    """Says how shares ended: PAY, RESOLVE (its owner redeems it) or ANNUL, and the money.

    ``amount``: after fees; None: what they had cost. 0 where nothing has been paid yet.
    """

    move: HoldingMove
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares of one outcome that one leg has bought.

    ``cost`` and ``fee`` in ``currency``; ``closes``: when the event is expected to be resolved
    (UTC); ``paid``: what the venue has paid for it, ``sold_for``: what its shares were sold for,
    both after fees; ``event`` and ``answer``: by the settings ``events``; ``arbitrage_id`` and
    ``client_order_id``: what bought it; ``order_id``: the venue's.
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
    sold_for: Decimal = ZERO
    event: str = ""
    answer: str = ""
    arbitrage_id: int = 0
    client_order_id: str = ""
    order_id: str = ""

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

    @exact
    def reduced(self, shares: Decimal) -> Self:
        """Return it without some of its shares, and without the part that they have cost."""
        left = self.shares - shares
        part = left / self.shares if self.shares else ZERO
        return replace(self, shares=left, cost=self.cost * part, fee=self.fee * part)

    def sentence(self) -> str:
        """Return one sentence for people."""
        what = f"{format_amount(self.shares)} {self.event} {self.answer} on {self.venue}"
        words = {
            HoldingState.SETTLING: "matched, not final yet",
            HoldingState.HELD: f"held until {self.closes:%Y-%m-%d %H:%M} UTC",
            HoldingState.PAID: f"paid {format_amount(self.paid)} {self.currency}",
            HoldingState.REDEEMABLE: "won; redeem it on chain, the guard does not",
            HoldingState.VOID: f"void: {format_amount(self.paid)} {self.currency} by its rules",
            HoldingState.SOLD: f"sold for {format_amount(self.sold_for)} {self.currency}",
            HoldingState.REVERTED: "the match failed after it was shown: never bought",
        }
        return f"{what}: {words[self.state]}"

    def as_json(self) -> dict[str, str]:
        """Return it for the store: amounts as text with all digits."""
        return {name: str(getattr(self, name)) for name in self.__slots__} | {
            "closes": self.closes.isoformat()
        }

    @classmethod
    def from_json(cls, stored: dict[str, str]) -> Self:
        """Make it from what ``as_json`` has returned."""
        numbers = {name: Decimal(stored[name]) for name in ("shares", "cost", "fee", "paid")}
        numbers["sold_for"] = Decimal(stored.get("sold_for", "0"))
        values: dict[str, Any] = {**stored, **numbers}
        values["arbitrage_id"] = int(stored.get("arbitrage_id", "0"))
        values["closes"] = datetime.fromisoformat(stored["closes"])
        values["state"] = HoldingState(stored["state"])
        return cls(**values)
