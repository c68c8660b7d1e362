"""Puts what the guard denied into a backtest's printed result and into its export.

A section of its own after freqtrade's tables, and the key ``balance_guard`` of each strategy in the
exported results. Nothing of the backtest depends on it: where freqtrade has changed these
functions, there is no section.
"""

from collections.abc import Callable
from typing import Any

from freqtrade_balance_guard.guard import Guard
from freqtrade_balance_guard.integration.host.relied_on import wrap
from freqtrade_balance_guard.monitoring.listeners import BacktestCounts


KEY = "balance_guard"


def install_denial_report(module: Any) -> None:
    """Only where freqtrade has loaded its backtest.

    :param module: ``freqtrade.optimize.backtesting``
    """
    wrap(module.Backtesting, "backtest_one_strategy", _with_counts)
    wrap(module, "generate_backtest_stats", _with_section)
    wrap(module, "show_backtest_results", _with_table)


def _with_counts(original: Callable[..., Any]) -> Callable[..., Any]:
    def backtest_one_strategy(self: Any, strat: Any, *args: Any, **kwargs: Any) -> Any:
        answer = original(self, strat, *args, **kwargs)
        name = strat.get_strategy_name()
        content = getattr(self, "all_bt_content", {}).get(name)
        guard = getattr(self.wallets, "guard", None)
        if isinstance(guard, Guard) and isinstance(content, dict):
            content[KEY] = section(guard)
        return answer

    return backtest_one_strategy


def section(guard: Guard) -> dict[str, Any]:
    """What was decided in the run that has just ended."""
    counts = guard.hub.listener(BacktestCounts)
    if counts is None:
        return {}
    return {
        "denials": {str(code): number for code, number in counts.denials.most_common()},
        "approved": counts.events["EntryApproved"],
        "reduced": counts.events["StakeReduced"],
    }


def _with_section(original: Callable[..., Any]) -> Callable[..., Any]:
    def generate_backtest_stats(btdata: Any, all_results: Any, *args: Any, **kwargs: Any) -> Any:
        stats = original(btdata, all_results, *args, **kwargs)
        for name, content in all_results.items():
            found = content.get(KEY) if isinstance(content, dict) else None
            if found is not None and name in stats.get("strategy", {}):
                stats["strategy"][name][KEY] = found
        return stats

    return generate_backtest_stats


def _with_table(original: Callable[..., Any]) -> Callable[..., Any]:
    def show_backtest_results(config: Any, backtest_stats: Any, *args: Any, **kwargs: Any) -> Any:
        answer = original(config, backtest_stats, *args, **kwargs)
        for name, results in backtest_stats.get("strategy", {}).items():
            if KEY in results and any(results[KEY].values()):
                _print(name, results[KEY])
        return answer

    return show_backtest_results


def _print(name: str, found: dict[str, Any]) -> None:
    from freqtrade.util import print_rich_table

    rows = [[code, str(number)] for code, number in found["denials"].items()]
    rows += [["approved", str(found["approved"])], ["approved, but smaller", str(found["reduced"])]]
    print_rich_table(rows, ["Entries denied", "Times"], summary=f"BALANCE GUARD: {name}")
