"""Stores a dry-run bot's simulated balances, so that `status` and the page show true numbers."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from freqtrade.persistence import Trade
from freqtrade.wallets import Wallet

from freqtrade_balance_guard.balances.snapshot import Holding
from freqtrade_balance_guard.balances.store import SIMULATED, BelievedBalances
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.money import ZERO, exact, to_decimal


# Nothing is asked of an exchange; what did not change is written again that often.
KEPT_SECONDS = 30.0


class SimulatedBalances:
    """Writes freqtrade's simulated table when the ledger has news of this bot or of others.

    :param mark: up to which event the ledger knows everything; None while it cannot be used
    """

    def __init__(
        self, store: BelievedBalances, mark: Callable[[], int | None], clock: Clock
    ) -> None:
        self._store = store
        self._mark = mark
        self._clock = clock
        self._kept: tuple[int | None, float] | None = None
        self._known: set[str] = set()

    def is_due(self) -> bool:
        """Whether something happened since the last write, or that was long ago."""
        if self._kept is None:
            return True
        mark, at = self._kept
        return self._mark() != mark or self._clock.monotonic() - at >= KEPT_SECONDS

    def keep(self, wallets: Mapping[str, Wallet]) -> None:
        """Write the table; a coin that was sold is written once as nothing."""
        mark = self._mark()
        holdings = _holdings(wallets)
        gone = self._known - holdings.keys()
        self._known |= holdings.keys()
        holdings |= {currency: Holding(ZERO) for currency in gone}
        verdicts = dict.fromkeys(holdings, SIMULATED)
        self._store.save(holdings, verdicts, self._clock.wall(), mark)
        self._kept = (mark, self._clock.monotonic())


@exact
def _holdings(wallets: Mapping[str, Wallet]) -> dict[str, Holding]:
    """freqtrade's table, with what resting stops hold: freqtrade leaves that out."""
    stops: dict[str, Decimal] = {}
    for trade in Trade.get_open_trades():
        base = str(trade.safe_base_currency)
        for order in trade.open_sl_orders:
            stops[base] = stops.get(base, ZERO) + to_decimal(order.safe_remaining)
    found = {}
    for currency, wallet in wallets.items():
        total = to_decimal(wallet.total)
        used = to_decimal(wallet.used) + stops.get(currency, ZERO)
        found[currency] = Holding(total, min(used, max(total, ZERO)))
    return found
