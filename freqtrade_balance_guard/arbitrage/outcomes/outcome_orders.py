"""What the three prediction markets have in common: a prepared order, and an adapter of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from freqtrade_balance_guard.arbitrage.outcomes.fees import OutcomeFees
from freqtrade_balance_guard.arbitrage.outcomes.holding import HoldingMove, Payout
from freqtrade_balance_guard.arbitrage.outcomes.rules import OutcomeRules
from freqtrade_balance_guard.arbitrage.venue import LegOrder, LookUp, PreparedOrder, VenueOrder
from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.money import ZERO, to_decimal


class NoAnswer(BalanceGuardError):
    """The venue's answer is not one: the outcome is unknown."""


@dataclass(frozen=True, slots=True)
class OutcomeInfo:
    """Holds what a venue says of one outcome: its grids, fees, and whether it trades."""

    outcome: str
    rules: OutcomeRules
    fees: OutcomeFees
    is_open: bool
    label: str = ""
    neg_risk: bool = False
    neg_risk_augmented: bool = False


class OutcomeOrders(Protocol):
    """Speaks to one venue. Every coroutine runs in the loop that the client belongs to."""

    currency: str
    # Seconds after which the venue takes a request no more; None: no limit is known.
    expiry_seconds: float | None

    async def open(self) -> None:
        """Get what has to be there before an order can be signed (credentials, metadata)."""

    async def load(self, outcome: str) -> OutcomeInfo:
        """Read an outcome. Raises LookupError when there is none."""

    def new_id(self) -> str:
        """Return a client order id that carries what makes the order the same when sent again."""

    def prepare(self, order: LegOrder, info: OutcomeInfo) -> PreparedOrder:
        """Build and sign; no request, and the same result for the same order.

        :raises OrderRejected: the venue would make another order of it
        """

    async def send(self, order: LegOrder, prepared: PreparedOrder) -> VenueOrder:
        """Send it once. Raises ccxt's errors, NoAnswer, or OrderRejected."""

    async def cancel(self, order_id: str) -> None:
        """Ask the venue to end an order; the fill that it had is not in the answer."""

    async def find(self, order: LegOrder, prepared: PreparedOrder, order_id: str | None) -> LookUp:
        """Return the order as it is. Raises ccxt's errors."""

    async def settlement(self, order: LegOrder, order_id: str) -> HoldingMove | None:
        """Return whether all matches of an order are final, or one has failed; None: not yet."""

    async def payout(self, order: LegOrder, order_id: str, shares: Decimal) -> Payout | None:
        """Return how shares ended when their event was resolved; None: it is not yet."""

    async def simulated_payout(self, order: LegOrder, shares: Decimal) -> Payout | None:
        """Return the same for shares that were never bought, from what is public."""

    async def balances(self) -> Mapping[str, Decimal]:
        """Return collateral by its currency, and shares by their outcome."""


def outcome_of(pair: str) -> str:
    """A leg's pair is the outcome and its collateral: 7132.../USDC."""
    return pair.rpartition("/")[0]


def pair_of(outcome: str, currency: str) -> str:
    return f"{outcome}/{currency}"


def answer_of(answer: object, name: str) -> Mapping[str, Any]:
    """Return an answer that is an object.

    :raises NoAnswer: it is a page, or nothing
    """
    if not isinstance(answer, dict):
        raise NoAnswer(f"{name} answered with something that is no answer")
    return answer


def number(value: object) -> Decimal:
    """Return a number of an answer; nothing and an empty text are 0."""
    return ZERO if value in (None, "") else to_decimal(value)


def total(values: Sequence[Decimal]) -> Decimal:
    return sum(values, ZERO)
