"""Exchanges of coins and of predictions: which scenario, protocol and control belong together."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, get_args

from freqtrade_balance_guard.sandbox import control
from freqtrade_balance_guard.sandbox.binance.dialect import SpotDialect
from freqtrade_balance_guard.sandbox.binance_futures.dialect import FuturesDialect
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.engine.wire import Translator
from freqtrade_balance_guard.sandbox.kraken.dialect import KrakenDialect
from freqtrade_balance_guard.sandbox.prediction.market_rules import PredictionDialect
from freqtrade_balance_guard.sandbox.prediction_exchange import control as prediction_control
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.prediction_exchange.scenario import PredictionScenario
from freqtrade_balance_guard.sandbox.script.clock import Clock
from freqtrade_balance_guard.sandbox.script.default_markets import Dialect
from freqtrade_balance_guard.sandbox.script.scenario import Scenario
from freqtrade_balance_guard.sandbox.streams.opening import open_session
from freqtrade_balance_guard.sandbox.streams.wire_session import WireSession


AnyDialect: TypeAlias = Dialect | PredictionDialect
AnyScenario: TypeAlias = Scenario | PredictionScenario
AnyExchange: TypeAlias = Exchange | PredictionExchange
DIALECTS: tuple[str, ...] = get_args(Dialect) + get_args(PredictionDialect)


def default_scenario(dialect: str) -> AnyScenario:
    """Raises pydantic.ValidationError (a ValueError) for a dialect that there is not."""
    return scenario_of({"dialect": dialect})


def scenario_of(content: Any) -> AnyScenario:
    """Raises pydantic.ValidationError (a ValueError)."""
    dialect = content.get("dialect") if isinstance(content, dict) else None
    if dialect in get_args(PredictionDialect):
        return PredictionScenario.model_validate(content)
    return Scenario.model_validate(content)


def scenario_from_file(path: Path, dialect: str | None) -> AnyScenario:
    """Reads a scenario, for `dialect` if one is given.

    Raises OSError or pydantic.ValidationError (a ValueError).
    """
    text = path.read_text(encoding="utf-8")
    try:
        content = json.loads(text)
    except ValueError:
        return Scenario.model_validate_json(text)  # which says what is wrong with it
    if dialect is not None and isinstance(content, dict):
        content |= {"dialect": dialect}
    return scenario_of(content)


def exchange_of(scenario: AnyScenario, clock: Clock) -> AnyExchange:
    if isinstance(scenario, PredictionScenario):
        return PredictionExchange(scenario, clock)
    return Exchange(scenario, clock)


def translator_of(exchange: AnyExchange) -> Translator:
    """Who speaks the protocol of the exchange's scenario."""
    if isinstance(exchange, PredictionExchange):
        return _prediction_translator(exchange)
    if exchange.scenario.dialect == "binance":
        return SpotDialect(exchange)
    if exchange.scenario.dialect == "binance-futures":
        return FuturesDialect(exchange)
    return KrakenDialect(exchange)


def _prediction_translator(exchange: PredictionExchange) -> Translator:
    # Imported on use: each needs a library that the others start without.
    if exchange.scenario.dialect == "polymarket":
        from freqtrade_balance_guard.sandbox.polymarket.dialect import PolymarketDialect

        return PolymarketDialect(exchange)
    if exchange.scenario.dialect == "kalshi":
        from freqtrade_balance_guard.sandbox.kalshi.dialect import KalshiDialect

        return KalshiDialect(exchange)
    from freqtrade_balance_guard.sandbox.sxbet.dialect import SxBetDialect

    return SxBetDialect(exchange)


def control_of(exchange: AnyExchange) -> Callable[[str, str, dict[str, Any]], object]:
    """Answers control requests: method, route and payload."""
    if isinstance(exchange, PredictionExchange):
        return partial(prediction_control.handle, exchange)
    return partial(control.handle, exchange)


def open_any_session(exchange: AnyExchange, path: str, query: str) -> WireSession | None:
    """The session of a path in the exchange's protocol; None when there is no such stream."""
    if not isinstance(exchange, PredictionExchange):
        return open_session(exchange, path, query)
    if exchange.scenario.dialect == "polymarket":
        from freqtrade_balance_guard.sandbox.polymarket.stream import open_polymarket_session

        return open_polymarket_session(exchange, path)
    if exchange.scenario.dialect == "sxbet":
        from freqtrade_balance_guard.sandbox.sxbet.stream import open_sx_session

        return open_sx_session(exchange, path)
    return None  # Kalshi's web socket is not spoken: ccxt does not either


def tls_is_needed(scenario: AnyScenario) -> bool:
    """Whether ccxt finds the errors of the protocol only behind TLS."""
    return scenario.dialect in ("binance", "binance-futures")
