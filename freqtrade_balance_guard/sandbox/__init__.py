"""A local exchange with trouble on request: Kraken's, Binance's, prediction markets' protocols.

The opponent of everything else in this package, which it does not import. An unmodified freqtrade
or ccxt trades on it live:

    with Sandbox.start(Scenario.default()) as sandbox:
        config["exchange"] = sandbox.freqtrade_exchange()
        sandbox.control.fault("balance_lag", seconds=10)
"""

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from freqtrade_balance_guard.sandbox.client import SandboxClient, SandboxError
    from freqtrade_balance_guard.sandbox.prediction_exchange.scenario import PredictionScenario
    from freqtrade_balance_guard.sandbox.process import Sandbox, SandboxDidNotStart
    from freqtrade_balance_guard.sandbox.script.scenario import Scenario


__all__ = [
    "PredictionScenario",
    "Sandbox",
    "SandboxClient",
    "SandboxDidNotStart",
    "SandboxError",
    "Scenario",
]

_HOMES = {
    "PredictionScenario": "prediction_exchange.scenario",
    "Sandbox": "process",
    "SandboxClient": "client",
    "SandboxDidNotStart": "process",
    "SandboxError": "client",
    "Scenario": "script.scenario",
}


def __getattr__(name: str) -> Any:
    """Imported on use: the sandbox's own process needs no HTTP client and should start at once."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
