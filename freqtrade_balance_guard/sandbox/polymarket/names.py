"""Polymarket's names for markets and outcomes, derived from the scenario's."""

import hashlib
from dataclasses import dataclass

from freqtrade_balance_guard.sandbox.prediction.orders import BetRejected, Reason
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange


@dataclass(frozen=True)
class Token:
    """One outcome's token."""

    token_id: str
    market: str
    outcome: int


class Names:
    """Tokens and conditions of all markets of one exchange."""

    def __init__(self, exchange: PredictionExchange) -> None:
        self._tokens = {
            token_id_of(name, outcome): Token(token_id_of(name, outcome), name, outcome)
            for name in exchange.markets
            for outcome in (0, 1)
        }
        self._conditions = {condition_id_of(name): name for name in exchange.markets}

    def token(self, token_id: str) -> Token:
        """Raises BetRejected."""
        found = self._tokens.get(token_id)
        if found is None:
            raise BetRejected(Reason.MARKET_UNKNOWN, token_id)
        return found

    def find(self, token_id: str) -> Token | None:
        return self._tokens.get(token_id)

    def market(self, condition_id: str) -> str | None:
        return self._conditions.get(condition_id)


def token_id_of(market: str, outcome: int) -> str:
    """A number of 77 digits, as Polymarket's are."""
    digest = hashlib.sha512(f"polymarket/{market}/{outcome}".encode()).hexdigest()
    return str(10**76 + int(digest, 16) % 10**76)


def condition_id_of(market: str) -> str:
    return "0x" + hashlib.sha256(f"polymarket/{market}".encode()).hexdigest()


def market_number(market: str) -> str:
    digest = hashlib.sha256(f"polymarket/id/{market}".encode()).hexdigest()
    return str(int(digest[:10], 16))
