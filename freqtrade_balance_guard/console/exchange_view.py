"""What ``--exchange`` may ask, and in which shape the answers come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from freqtrade_balance_guard.balances.snapshot import Holding
from freqtrade_balance_guard.ledger import Reservation


@dataclass(frozen=True, slots=True)
class ExchangeOrder:
    """An order as the exchange tells it. Amounts in base currency, price in quote per base."""

    order_id: str
    client_order_id: str
    pair: str
    side: str
    status: str
    amount: Decimal
    filled: Decimal
    price: Decimal

    @property
    def currency(self) -> str:
        """What a spot order locks."""
        base, _, quote = self.pair.partition("/")
        return quote.partition(":")[0] if self.side == "buy" else base

    @property
    def locked(self) -> Decimal:
        """How much of it the unfilled part locks, fees aside."""
        left = max(self.amount - self.filled, Decimal(0))
        return left * self.price if self.side == "buy" else left

    def is_of(self, row: Reservation) -> bool:
        """Whether a reservation was made for this order."""
        return self.order_id == row.order_id or (
            bool(self.client_order_id) and self.client_order_id == row.client_order_id
        )

    def __str__(self) -> str:
        return f"{self.side} of {self.amount:f} {self.pair} (order {self.order_id})"


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """Balances and open orders of the account, asked one after the other while no bot trades."""

    holdings: Mapping[str, Holding]
    orders: Sequence[ExchangeOrder]


class Questions(Protocol):
    """An exchange that may be asked. Each question raises ``NotPossible`` if it has no answer."""

    def view(self, pairs: Sequence[str]) -> ExchangeView:
        """Balances and open orders; ``pairs`` where an exchange wants to be asked pair by pair."""

    def find(self, row: Reservation) -> ExchangeOrder | None:
        """The order that a reservation was made for, whatever became of it; None: no such order."""


def may_ask(alive: Sequence[str], asked_for: str) -> str | None:
    """Why the exchange may not be asked now, or None.

    A key's requests carry growing numbers: a second program with the same key makes the bot's own
    requests fail.
    """
    if not alive:
        return None
    names = ", ".join(sorted(set(alive)))
    return (
        f"{names} is running with the same API key: {asked_for} asks the exchange itself and would "
        "disturb it; stop the bot first, or leave --exchange out."
    )
