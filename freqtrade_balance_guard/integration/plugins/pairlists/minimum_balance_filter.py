"""``MinimumBalanceFilter``: drops pairs that the account is too small for."""

import logging
from decimal import Decimal
from typing import Any

from freqtrade.exceptions import OperationalException
from freqtrade.exchange.exchange_types import Tickers
from freqtrade.persistence import Trade
from freqtrade.plugins.pairlist.IPairList import IPairList, PairlistParameter, SupportsBacktesting

from freqtrade_balance_guard.integration.plugins.affordable import Affordable, affordability
from freqtrade_balance_guard.money import format_amount, to_decimal


logger = logging.getLogger(__name__)

WHOLE, AVAILABLE = "whole_account", "available"
CHOICES = (WHOLE, AVAILABLE)


class MinimumBalanceFilter(IPairList):
    """Keeps pairs whose smallest order that can be closed again fits into the account.

    Compared is the whole account, invested or not, so that the list does not change with every
    trade; with ``compare_with: available`` it is what may be spent now. A pair with an open trade
    stays. Where nothing fits all pairs stay, and each entry is denied by itself: with an empty
    list freqtrade would load no candles any more.

    It generates no pairs: it stands behind a pairlist that does, best at the end of the chain.
    Without a running guard (disabled, or before the bot has read its balance) it keeps all.
    """

    # Backtests have no tickers, and their balance grows; each entry is limited there all the same.
    supports_backtesting = SupportsBacktesting.NO_ACTION

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._compare_with = str(self._pairlistconfig.get("compare_with", WHOLE))
        if self._compare_with not in CHOICES:
            raise OperationalException(
                f"{self.name}: compare_with is {self._compare_with!r}; it must be one of "
                f"{', '.join(CHOICES)}."
            )

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
        """What FreqUI offers; there is nothing to refresh, the filter looks every time."""
        return {
            "compare_with": {
                "type": "option",
                "default": WHOLE,
                "options": list(CHOICES),
                "description": "Compare with",
                "help": "The whole account, or only what is available now.",
            }
        }

    def filter_pairlist(self, pairlist: list[str], tickers: Tickers) -> list[str]:
        """Keep what is affordable, in the same order; a pair without a price is kept."""
        account = affordability(self._exchange, self._config)
        if account is None:
            return pairlist
        money = account.whole if self._compare_with == WHOLE else account.available
        held = _held()
        kept = [p for p in pairlist if p in held or self._fits(account, money, p, tickers)]
        if pairlist and not kept:
            self.log_once(
                f"No pair fits into {format_amount(money)}: all are kept, entries are denied.",
                logger.info,
            )
            return pairlist
        return kept

    def _fits(self, account: Affordable, money: Decimal, pair: str, tickers: Tickers) -> bool:
        price = _price(tickers.get(pair))
        if price is None:
            return True
        minimum = account.smallest_entry(pair, price)
        if minimum <= money:
            return True
        # The balance moves; a line for each of its values would be logged as new every time.
        self.log_once(
            f"Removed {pair} from whitelist, because its smallest order costs "
            f"{format_amount(round(minimum, 2))}, more than there is.",
            logger.info,
        )
        return False


def _held() -> set[str]:
    """Pairs with an open trade; none where freqtrade's database is not opened (test-pairlist)."""
    if Trade.use_db and not hasattr(Trade, "session"):
        return set()
    return {trade.pair for trade in Trade.get_open_trades()}


def _price(ticker: Any) -> Decimal | None:
    for key in ("ask", "last", "close"):
        if ticker and ticker.get(key):
            return to_decimal(ticker[key])
    return None
