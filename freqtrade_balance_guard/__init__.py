"""Balance Guard for freqtrade.

``BalanceGuard`` is the strategy mixin, ``ReservedArbitrage`` the one for two legs, ``activate``
what the launcher calls before it hands over to freqtrade. They load freqtrade, so they are imported
when they are asked for: importing this package costs next to nothing. ``Opportunity`` and ``Leg``
are what a strategy of two legs is written in; ``best_opportunity`` compares two order books.
``OutcomeLeg`` and ``best_complement`` are the same for the two answers to one question.
"""

from typing import TYPE_CHECKING, Any

from freqtrade_balance_guard.version import __version__


if TYPE_CHECKING:
    from freqtrade_balance_guard.arbitrage.compare import best_opportunity
    from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity
    from freqtrade_balance_guard.arbitrage.outcomes.complement import OutcomeBook, best_complement
    from freqtrade_balance_guard.arbitrage.outcomes.outcome_leg import OutcomeLeg
    from freqtrade_balance_guard.integration.startup.activation import activate
    from freqtrade_balance_guard.integration.startup.mixins import BalanceGuard, ReservedArbitrage


__all__ = [
    "BalanceGuard",
    "Leg",
    "Opportunity",
    "OutcomeBook",
    "OutcomeLeg",
    "ReservedArbitrage",
    "__version__",
    "activate",
    "best_complement",
    "best_opportunity",
]

_HOMES = {
    "BalanceGuard": "freqtrade_balance_guard.integration.startup.mixins",
    "Leg": "freqtrade_balance_guard.arbitrage.leg",
    "Opportunity": "freqtrade_balance_guard.arbitrage.leg",
    "OutcomeBook": "freqtrade_balance_guard.arbitrage.outcomes.complement",
    "OutcomeLeg": "freqtrade_balance_guard.arbitrage.outcomes.outcome_leg",
    "ReservedArbitrage": "freqtrade_balance_guard.integration.startup.mixins",
    "activate": "freqtrade_balance_guard.integration.startup.activation",
    "best_complement": "freqtrade_balance_guard.arbitrage.outcomes.complement",
    "best_opportunity": "freqtrade_balance_guard.arbitrage.compare",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
