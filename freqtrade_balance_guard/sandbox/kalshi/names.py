"""Kalshi's tickers, derived from the scenario's names."""

from freqtrade_balance_guard.sandbox.prediction.orders import BetRejected, Reason
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange


def series_of(market: str) -> str:
    return "KX" + market.replace("-", "").upper()


def event_of(market: str) -> str:
    return f"{series_of(market)}-26"


def ticker_of(market: str) -> str:
    return f"{event_of(market)}-T"


class Names:
    """Tickers of all markets of one exchange."""

    def __init__(self, exchange: PredictionExchange) -> None:
        self._markets = {ticker_of(name): name for name in exchange.markets}

    def find(self, ticker: str) -> str | None:
        return self._markets.get(ticker)

    def market(self, ticker: str) -> str:
        """Raises BetRejected."""
        found = self._markets.get(ticker)
        if found is None:
            raise BetRejected(Reason.MARKET_UNKNOWN, ticker)
        return found
