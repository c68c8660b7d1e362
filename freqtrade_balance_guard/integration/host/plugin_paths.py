"""Lets freqtrade find our pairlist filter and protections by their names.

freqtrade searches only its own folders and checks pairlist names against a list that is part of
its config schema. Appending to both is all it takes. It builds them from a name and a config: the
wallets they find here. One process runs one bot, or one backtest at a time.
"""

from pathlib import Path
from typing import Any

from freqtrade import constants
from freqtrade.resolvers.iresolver import IResolver
from freqtrade.resolvers.pairlist_resolver import PairListResolver
from freqtrade.resolvers.protection_resolver import ProtectionResolver


HERE = Path(__file__).parents[1] / "plugins"
PAIRLISTS = HERE / "pairlists"
PROTECTIONS = HERE / "protections"
PAIRLIST_NAMES = ("MinimumBalanceFilter",)


def register_names() -> None:
    """Idempotent."""
    for name in PAIRLIST_NAMES:
        if name not in constants.AVAILABLE_PAIRLISTS:
            constants.AVAILABLE_PAIRLISTS.append(name)
    _also_search(PairListResolver, PAIRLISTS)
    _also_search(ProtectionResolver, PROTECTIONS)


def _also_search(resolver: type[IResolver], folder: Path) -> None:
    if "_balance_guard_folder" in resolver.__dict__:
        return

    def build_search_paths(cls: type[IResolver], *args: Any, **kwargs: Any) -> list[Path]:
        # freqtrade's and the user's folders come first: nothing of theirs can be shadowed by us.
        paths = IResolver.build_search_paths.__func__(cls, *args, **kwargs)
        return [*paths, folder]

    resolver.build_search_paths = classmethod(build_search_paths)
    resolver._balance_guard_folder = folder


_wallets: Any = None


def remember_wallets(wallets: Any) -> None:
    """Take ``wallets``, a ``GuardedWallets``, as this process's own; None: no guard any more."""
    global _wallets
    _wallets = wallets


def guarded_wallets() -> Any:
    """The ``GuardedWallets`` of the bot that runs here; None before it started or without guard."""
    return _wallets
