"""``RebalanceCooldown``: what a rebalance has sold is not bought back during the cooldown."""

from datetime import datetime, timedelta
from typing import Any

from freqtrade.constants import Config, LongShort
from freqtrade.plugins.protections import IProtection, ProtectionReturn

from freqtrade_balance_guard.integration.host.plugin_paths import guarded_wallets
from freqtrade_balance_guard.integration.rebalance.entry_locks import SOLD


class RebalanceCooldown(IProtection):
    """EntryLocks the pairs that a rebalance has sold, or with ``lock_all`` every pair.

    The lock lasts as long as the cooldown. In live and dry-run it is set at once, whether this
    protection is named or not (``locks.EntryLocks``); this class tells freqtrade of it when a trade
    closes, which is how a backtest asks. Without a running guard it locks nothing.
    """

    has_global_stop = True
    has_local_stop = True

    def __init__(self, config: Config, protection_config: dict[str, Any]) -> None:
        super().__init__(config, protection_config)
        self._locks_all = bool(protection_config.get("lock_all", False))

    def short_desc(self) -> str:
        what = "any pair" if self._locks_all else "a pair"
        return f"{self.name} - No entry on {what} that was {SOLD}, until its cooldown is over."

    def global_stop(
        self, date_now: datetime, side: LongShort, starting_balance: float
    ) -> ProtectionReturn | None:
        """A lock on everything, where the user wants that."""
        return self._lock(date_now, None) if self._locks_all else None

    def stop_per_pair(
        self, pair: str, date_now: datetime, side: LongShort, starting_balance: float
    ) -> ProtectionReturn | None:
        """A lock on ``pair`` if it was sold."""
        return None if self._locks_all else self._lock(date_now, pair)

    def _lock(self, date_now: datetime, pair: str | None) -> ProtectionReturn | None:
        wallets = guarded_wallets()
        sold = wallets.sold_lately() if wallets is not None else None
        if sold is None or (pair is not None and pair not in sold.pairs):
            return None
        until = date_now + timedelta(seconds=sold.seconds_left)
        return ProtectionReturn(lock=True, until=until, reason=SOLD)
