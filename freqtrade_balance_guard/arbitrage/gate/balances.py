"""Reads the balances of venues in the background, so that what is believed of them is not old."""

from collections.abc import Callable, Collection, Iterable
from functools import partial

from freqtrade_balance_guard.arbitrage.books.cache import Market
from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext


# While nothing happens a balance is read again after this: a stranger may have moved something.
BALANCE_SECONDS = 20.0


class BalanceRefresher:
    """Reads the accounts of the watched markets, each in the thread of its key.

    :param own_accounts: accounts that others read, such as the bot's own
    """

    def __init__(self, context: ArbitrageContext, own_accounts: Collection[str]) -> None:
        self._context = context
        self._own_accounts = set(own_accounts)
        self._asked_at: dict[str, float] = {}

    def refresh(self, markets: Iterable[Market], *, max_age: float = BALANCE_SECONDS) -> None:
        """Ask for what is older; waits for nothing."""
        context = self._context
        wanted: dict[str, set[str]] = {}
        for name, pair in markets:
            venue = context.venues.get(name)
            if venue is not None and venue.account not in self._own_accounts:
                wanted.setdefault(name, set()).update(pair.split("/"))
        now = context.clock.monotonic()
        for name, currencies in wanted.items():
            venue = context.venues[name]
            asked_at = self._asked_at.get(venue.account, float("-inf"))
            if now - asked_at < max_age or context.queues.is_stuck(venue):
                continue
            self._asked_at[venue.account] = now
            read: Callable[[], object] = partial(context.funds[venue.account], sorted(currencies))
            try:
                context.queues.submit(venue, read)
            except RuntimeError:
                return  # the bot ends
