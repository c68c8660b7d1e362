"""``MinimumBalanceFilter``: drops pairs that the account is too small for."""

import logging
from decimal import Decimal
from typing import Any

from freqtrade.exchange.exchange_types import Tickers
from freqtrade.plugins.pairlist.IPairList import IPairList, PairlistParameter, SupportsBacktesting

from freqtrade_balance_guard.integration.affordable import Affordable, affordability
from freqtrade_balance_guard.money import format_amount, to_decimal


logger = logging.getLogger(__name__)


class MinimumBalanceFilter(IPairList):
    """Keeps pairs whose smallest order that can be closed again fits into what is available.

    Without a running guard (disabled, or before the bot has read its balance) it keeps all.
    """

    # Backtests have no tickers, and their balance grows; each entry is limited there all the same.
    supports_backtesting = SupportsBacktesting.NO_ACTION

    @property
    def needstickers(self) -> bool:
        return True

    def short_desc(self) -> str:
        return f"{self.name} - Dropping pairs whose smallest order does not fit into the balance."

    @staticmethod
    def description() -> str:
        return "Drop pairs whose smallest order, with room for its exit, exceeds the balance."

    @staticmethod
    def available_parameters() -> dict[str, PairlistParameter]:
        return {**IPairList.refresh_period_parameter()}

    def filter_pairlist(self, pairlist: list[str], tickers: Tickers) -> list[str]:
        """Keep what is affordable, in the same order; a pair without a price is kept."""
        account = affordability(self._exchange, self._config)
        if account is None:
            return pairlist
        return [pair for pair in pairlist if self._fits(account, pair, tickers)]

    def _fits(self, account: Affordable, pair: str, tickers: Tickers) -> bool:
        price = _price(tickers.get(pair))
        if price is None:
            return True
        minimum = account.smallest_entry(pair, price)
        if minimum <= account.available:
            return True
        self.log_once(
            f"Removed {pair} from whitelist, because its smallest order costs "
            f"{format_amount(minimum)} and {format_amount(account.available)} are available.",
            logger.info,
        )
        return False


def _price(ticker: Any) -> Decimal | None:
    for key in ("ask", "last", "close"):
        if ticker and ticker.get(key):
            return to_decimal(ticker[key])
    return None
