"""Looks at a strategy's class as freqtrade would load it, and starts nothing."""

import logging
from collections.abc import Iterator
from typing import Any

from freqtrade.exceptions import OperationalException
from freqtrade.resolvers import StrategyResolver
from freqtrade.strategy import IStrategy

from freqtrade_balance_guard.console.config_check import Finding, Level


RESOLVER_LOG = "freqtrade.resolvers.iresolver"
# Callbacks of the mixin whose names have changed.
RENAMED = {"exit_opportunity": "should_close_arbitrage", "own_venues": "custom_venues"}


class _Warnings(logging.Handler):
    """Keeps what freqtrade's resolver logs: the reason why a file could not be loaded."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def examine_strategy(config: dict[str, Any]) -> list[Finding]:
    """Findings about the strategy that ``config["strategy"]`` names; none where it names none."""
    name = config.get("strategy")
    if not name:
        note = "No strategy is named in the configuration, so none was checked."
        return [Finding(Level.NOTE, "no_strategy", note, "name one with --strategy")]
    warnings = _Warnings()
    log = logging.getLogger(RESOLVER_LOG)
    propagates, log.propagate = log.propagate, False
    log.addHandler(warnings)
    try:
        strategy = StrategyResolver._load_strategy(
            str(name), config=dict(config), extra_dir=config.get("strategy_path")
        )
    except Exception as error:
        return [_not_loaded(str(name), error, warnings.lines)]
    finally:
        log.removeHandler(warnings)
        log.propagate = propagates
    return list(_of_class(str(name), strategy))


def _not_loaded(name: str, error: Exception, logged: list[str]) -> Finding:
    reason = (
        str(error)
        if isinstance(error, OperationalException)
        else f"{type(error).__name__}: {error}"
    )
    reason = " ".join(" ".join([reason, *logged]).split())
    remedy = "correct the strategy: freqtrade would not start with it"
    if "Write the mixin first" in reason:
        remedy = f"write the mixin first: class {name}(BalanceGuard, IStrategy)"
    return Finding(
        Level.ERROR,
        "strategy_not_loaded",
        f"The strategy {name} cannot be loaded: {reason}",
        remedy,
    )


def _of_class(name: str, strategy: IStrategy) -> Iterator[Finding]:
    from freqtrade_balance_guard import BalanceGuard, ReservedArbitrage

    if isinstance(strategy, BalanceGuard):
        yield Finding(
            Level.NOTE,
            "guarded_by_mixin",
            f"{name} is guarded by its mixin, with freqtrade and with balance-guard alike.",
            "nothing to do",
        )
    else:
        yield Finding(
            Level.NOTE,
            "guarded_by_launcher",
            f"{name} has no mixin: it is guarded only where balance-guard trade starts it.",
            f"start it with balance-guard, or write class {name}(BalanceGuard, IStrategy)",
        )
    names_opportunities = hasattr(strategy, "find_opportunities")
    if names_opportunities and not isinstance(strategy, ReservedArbitrage):
        yield Finding(
            Level.ERROR,
            "arbitrage_without_mixin",
            f"{name} has find_opportunities(), but is no ReservedArbitrage: it is never called.",
            f"write class {name}(ReservedArbitrage, IStrategy)",
        )
    module = type(strategy).__module__
    own = {
        key for base in type(strategy).__mro__ if base.__module__ == module for key in vars(base)
    }
    for old, new in RENAMED.items():
        if old in own:
            yield Finding(
                Level.WARNING,
                "renamed_callback",
                f"{name}.{old}() is now called {new}(); the old name works for one release.",
                f"rename it to {new}",
            )
