"""Hands over to freqtrade with the guard activated."""

from freqtrade.main import main as freqtrade_main
from freqtrade.system import gc_set_threshold


def run_freqtrade(arguments: list[str]) -> None:
    """Run one freqtrade command as ``freqtrade`` itself would. Ends the process."""
    # freqtrade does this before it loads anything heavy; activating loads some of that earlier.
    gc_set_threshold()
    from freqtrade_balance_guard.integration.startup.activation import activate

    activate()
    freqtrade_main(arguments)
