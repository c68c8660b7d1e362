"""What this process runs: the guarded wallets, and whom to guard.

freqtrade builds pairlist filters and protections from a name and a config; they have no other way
to the wallets. One process runs one bot, or one backtest at a time.
"""

from typing import TYPE_CHECKING, Any

from freqtrade_balance_guard.monitoring.listeners import EventCounts


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


_guards_every_strategy = False
_expects_guard = False
_wallets: "GuardedWallets | None" = None
_counts = EventCounts()
_said: set[str] = set()


def guard_every_strategy() -> None:
    """From now on any strategy is guarded: the launcher was asked to."""
    global _guards_every_strategy
    _guards_every_strategy = True


def expect_guard(strategy_is_guarded: bool) -> None:
    """A strategy with the mixin was just constructed; its wallets come next."""
    global _expects_guard
    _expects_guard = strategy_is_guarded


def expects_guard() -> bool:
    """Whether the bot that is being built will be guarded."""
    return _guards_every_strategy or _expects_guard


def wants_guard(strategy: Any) -> bool:
    """Whether ``strategy`` is one to guard: any under the launcher, else those with the mixin."""
    return _guards_every_strategy or getattr(strategy, "balance_guard_mixin", False)


def remember(wallets: "GuardedWallets", counts: EventCounts | None = None) -> None:
    """Take ``wallets`` as this process's own."""
    global _wallets, _counts
    _wallets = wallets
    _counts = counts or EventCounts()


def forget() -> None:
    """No guard any more: the next strategy is not guarded."""
    global _wallets
    _wallets = None


def guarded_wallets() -> "GuardedWallets | None":
    """The wallets of the bot that runs here, None before it started or where it is not guarded."""
    return _wallets


def counts() -> EventCounts:
    """What was counted since the bot started."""
    return _counts


def is_said_first(text: str) -> bool:
    """Whether this process has not said ``text`` before: it may run many backtests."""
    if text in _said:
        return False
    _said.add(text)
    return True
