"""Wallets of a bot that may not enter: freqtrade is not as we know it, or our start failed."""

from typing import Any

from freqtrade.wallets import Wallets

from freqtrade_balance_guard.events import EventHub, OrderDenied
from freqtrade_balance_guard.integration.host.entry_denied import EntryDenied
from freqtrade_balance_guard.limits.decision import Denied


class DenyingWallets(Wallets):
    """Wallets for a freqtrade that differs from the one we know: exits work, entries do not.

    The methods take anything, because it may be their very signature that differs.
    """

    def refuse_entries(self, refusal: Denied, hub: EventHub) -> None:
        """From now on every entry is refused with ``refusal``."""
        self._refusal = refusal
        self._refusal_hub = hub

    def get_trade_stake_amount(self, pair: str, *args: Any, **kwargs: Any) -> float:
        raise EntryDenied(self._refuse(pair))

    def validate_stake_amount(self, *args: Any, **kwargs: Any) -> float:
        self._refuse(str(kwargs.get("pair", args[0] if args else "?")))
        return 0

    def _refuse(self, pair: str) -> Denied:
        refusal = self._refusal
        self._refusal_hub.publish(
            OrderDenied(pair, refusal.code, refusal.sentence, refusal.numbers)
        )
        return refusal
