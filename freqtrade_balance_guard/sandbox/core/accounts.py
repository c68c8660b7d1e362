"""Accounts: what a customer owns, what of it is held for open orders, and how it became so.

A currency lies in two pockets, spot and rewards (Kraken's USDT.F); both may be spent, spot first.
Every change is kept as a delta with its time and cause, so that an answer can tell the balance as
it was some seconds ago, or as it would be without the effects of the latest sells.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import ZERO


_DELTAS_KEPT = 20_000


class OwnsTooLittle(Exception):
    """A debit above what the account owns; the engine must have checked before."""


@dataclass(frozen=True)
class Holding:
    """What one account has of one currency."""

    spot: Decimal = ZERO
    rewards: Decimal = ZERO
    held: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.spot + self.rewards

    @property
    def free(self) -> Decimal:
        return self.total - self.held


@dataclass(frozen=True)
class Delta:
    """One change of a holding.

    `cause`: buy, sell, deposit, withdraw, reward, fault, or the kind of a futures income.
    """

    at: float
    cause: str
    currency: str
    spot: Decimal = ZERO
    rewards: Decimal = ZERO
    held: Decimal = ZERO


class Account:
    """One customer's money; amounts change only through the verbs below."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._holdings: dict[str, Holding] = {}
        self._deltas: deque[Delta] = deque(maxlen=_DELTAS_KEPT)

    def holding(self, currency: str) -> Holding:
        return self._holdings.get(currency, Holding())

    def holdings(self) -> dict[str, Holding]:
        """All currencies that the account ever had."""
        return dict(self._holdings)

    def credit(self, currency: str, amount: Decimal, cause: str, now: float) -> None:
        pocket = {"rewards": amount} if cause == "reward" else {"spot": amount}
        self._apply(Delta(now, cause, currency, **pocket))

    def debit(self, currency: str, amount: Decimal, cause: str, now: float) -> None:
        """Takes from spot, then from rewards. Raises OwnsTooLittle."""
        holding = self.holding(currency)
        if amount > holding.total:
            raise OwnsTooLittle(f"{self.name} owns {holding.total} {currency}, not {amount}")
        from_spot = min(amount, max(holding.spot, ZERO))
        self._apply(Delta(now, cause, currency, spot=-from_spot, rewards=from_spot - amount))

    def adjust(self, currency: str, amount: Decimal, cause: str, now: float) -> None:
        """Changes a wallet by a profit, a loss or a fee; it may fall below zero."""
        self._apply(Delta(now, cause, currency, spot=amount))

    def hold(self, currency: str, amount: Decimal, cause: str, now: float) -> None:
        """Changes what is held for open orders; a negative amount gives back."""
        if amount:
            self._apply(Delta(now, cause, currency, held=amount))

    def distort(self, currency: str, amount: Decimal, now: float) -> None:
        """Plants an accounting fault: money from nowhere, or into nowhere."""
        self._apply(Delta(now, "fault", currency, spot=amount))

    def lagging(
        self, seconds: float, causes: Iterable[str] | None, now: float
    ) -> dict[str, Holding]:
        """The holdings without the changes of the last `seconds` (`causes` None: of any cause)."""
        wanted = None if causes is None else frozenset(causes)
        holdings = dict(self._holdings)
        for delta in reversed(self._deltas):
            if delta.at <= now - seconds:
                break
            if wanted is None or delta.cause in wanted:
                holding = holdings[delta.currency]
                holdings[delta.currency] = Holding(
                    holding.spot - delta.spot,
                    holding.rewards - delta.rewards,
                    holding.held - delta.held,
                )
        # Leaving out only the sells can ask for more than there is; none is shown as negative.
        return {
            currency: Holding(
                max(holding.spot, ZERO), max(holding.rewards, ZERO), max(holding.held, ZERO)
            )
            for currency, holding in holdings.items()
        }

    def _apply(self, delta: Delta) -> None:
        holding = self.holding(delta.currency)
        self._holdings[delta.currency] = Holding(
            holding.spot + delta.spot,
            holding.rewards + delta.rewards,
            holding.held + delta.held,
        )
        self._deltas.append(delta)
