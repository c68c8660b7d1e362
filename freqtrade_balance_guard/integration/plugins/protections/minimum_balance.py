"""``MinimumBalance``: no new entries while the balance is below the threshold."""

import logging
from datetime import datetime, timedelta
from typing import Any

from freqtrade.constants import Config, LongShort
from freqtrade.plugins.protections import IProtection, ProtectionReturn

from freqtrade_balance_guard.integration.host.plugin_paths import guarded_wallets
from freqtrade_balance_guard.integration.rebalance.entry_locks import BELOW_THRESHOLD, STOP_MINUTES


logger = logging.getLogger(__name__)


class MinimumBalance(IProtection):
    """Locks all pairs while available stake is below the threshold.

    In live and dry-run the lock is set, renewed and lifted in every loop, whether this protection
    is named or not (``entry_locks.EntryLocks``); naming it sets the duration (``stop_duration``).
    freqtrade asks this class when a trade closes. Without a running guard it locks nothing.
    """

    has_global_stop = True
    has_local_stop = False

    def __init__(self, config: Config, protection_config: dict[str, Any]) -> None:
        super().__init__(config, protection_config)
        # The next loop decides anew; until then a few minutes are long enough.
        if not {"stop_duration", "stop_duration_candles", "unlock_at"} & protection_config.keys():
            self._stop_duration = STOP_MINUTES

    def short_desc(self) -> str:
        return (
            f"{self.name} - No entries {self.unlock_reason_time_element} while {BELOW_THRESHOLD}."
        )

    def global_stop(
        self, date_now: datetime, side: LongShort, starting_balance: float
    ) -> ProtectionReturn | None:
        """A lock on everything, or None. ``date_now`` is candle time in a backtest."""
        wallets = guarded_wallets()
        if wallets is None or wallets.guard is None:
            return None
        account = wallets.account
        if not account.is_below_threshold():
            return None
        available, threshold = account.available(), account.threshold()
        self.log_once(f"{BELOW_THRESHOLD}: {available} < {threshold}", logger.info)
        return ProtectionReturn(
            lock=True,
            until=date_now + timedelta(minutes=self._stop_duration),
            reason=BELOW_THRESHOLD,
        )

    def stop_per_pair(
        self, pair: str, date_now: datetime, side: LongShort, starting_balance: float
    ) -> ProtectionReturn | None:
        """Never: what is missing is missing for all pairs."""
        return None
