"""SX Bet's hashes, derived from the scenario's names, and its odds."""

import hashlib
from decimal import Decimal

from freqtrade_balance_guard.sandbox.prediction.orders import BetRejected, Reason
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange


ODDS_UNIT = Decimal(10) ** 20
USDC_UNITS = Decimal(1_000_000)


def hash_of(market: str) -> str:
    return "0x" + hashlib.sha256(f"sxbet/{market}".encode()).hexdigest()


def event_of(market: str) -> str:
    digest = hashlib.sha256(f"sxbet/event/{market}".encode()).hexdigest()
    return f"L{int(digest[:6], 16)}"


def odds(price: Decimal) -> str:
    """A probability as an integer of 20 decimals."""
    return str(int(price * ODDS_UNIT))


def units(money: Decimal) -> str:
    """USDC in millionths."""
    return str(int(money * USDC_UNITS))


class Names:
    """Hashes of all markets of one exchange."""

    def __init__(self, exchange: PredictionExchange) -> None:
        self._markets = {hash_of(name): name for name in exchange.markets}

    def find(self, market_hash: str) -> str | None:
        return self._markets.get(market_hash)

    def market(self, market_hash: str) -> str:
        """Raises BetRejected."""
        found = self._markets.get(market_hash)
        if found is None:
            raise BetRejected(Reason.MARKET_UNKNOWN, market_hash)
        return found
