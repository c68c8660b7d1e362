"""freqtrade's own exchange object in this process: on a sandbox, or on nothing but markets."""

from typing import Any

import ccxt
import pytest
import requests
from freqtrade.enums import CandleType, MarginMode, RunMode, TradingMode
from freqtrade.exchange import Exchange
from freqtrade.resolvers import ExchangeResolver

from freqtrade_balance_guard.sandbox import Sandbox


def freqtrade_config(exchange: dict[str, Any], trading_mode: str = "spot") -> dict[str, Any]:
    """As much of a live bot's config as freqtrade's exchange reads."""
    futures = trading_mode == "futures"
    return {
        "dry_run": False,
        "runmode": RunMode.LIVE,
        "stake_currency": "USDT",
        "entry_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
        "exit_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
        "trading_mode": TradingMode(trading_mode),
        "margin_mode": MarginMode.ISOLATED if futures else MarginMode.NONE,
        "candle_type_def": CandleType.FUTURES if futures else CandleType.SPOT,
        "exchange": exchange,
    }


def exchange_on(sandbox: Sandbox, account: str = "main", **ccxt_config: Any) -> Exchange:
    """freqtrade's exchange, live on ``sandbox``, with its markets loaded."""
    section = sandbox.freqtrade_exchange(account)
    section["ccxt_config"] = {**section["ccxt_config"], **ccxt_config}
    return ExchangeResolver.load_exchange(
        freqtrade_config(section),  # type: ignore[arg-type]
        validate=True,
        load_leverage_tiers=False,
    )


class Wire:
    """Stands where the network begins: records what ccxt sends and answers in the exchange's words.

    ``answers``: a part of the address -> the body, or (status, body). Everything else is ``{}``.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[str] = []
        self.answers: dict[str, str | tuple[int, str]] = {}
        monkeypatch.setattr(requests.Session, "request", self._request)
        # What freqtrade asks when it starts is not what is tested here.
        monkeypatch.setattr(Exchange, "ft_additional_exchange_init", lambda _: None)

    def _request(self, method: str, url: str, **more: Any) -> requests.Response:
        self.sent.append(f"{method} {url} {more.get('data') or ''}")
        told = next((body for part, body in self.answers.items() if part in url), "{}")
        response = requests.Response()
        response.status_code, body = (200, told) if isinstance(told, str) else told
        response._content = body.encode()
        response.url = url
        return response

    def last(self) -> str:
        return self.sent[-1]


def exchange_behind(wire: Wire, name: str, trading_mode: str = "spot") -> Exchange:
    """freqtrade's exchange of any name, behind ``wire``, with BTC/USDT as its only market."""
    section = {
        "name": name,
        "key": "a" * 32,
        "secret": "c2VjcmV0",
        "password": "password",
        "walletAddress": "0x" + "1" * 40,
        "privateKey": "0x" + "2" * 64,
        "enable_ws": False,
        "ccxt_config": {"enableRateLimit": False},
        "pair_whitelist": [],
    }
    exchange = ExchangeResolver.load_exchange(
        freqtrade_config(section, trading_mode),  # type: ignore[arg-type]
        validate=False,
        load_leverage_tiers=False,
    )
    api: Any = exchange._api
    api.set_markets([_market(api, is_spot=trading_mode == "spot")])
    exchange._markets = api.markets
    return exchange


def _market(api: Any, *, is_spot: bool) -> dict[str, Any]:
    step = {"amount": 0.001, "price": 0.1}
    places = {"amount": 5, "price": 5}
    order_types = ["LIMIT", "MARKET", "STOP_LOSS_LIMIT", "STOP", "STOP_MARKET"]
    market: dict[str, Any] = api.safe_market_structure(
        {
            "id": "BTCUSDT",
            "symbol": "BTC/USDT" if is_spot else "BTC/USDT:USDT",
            **{"base": "BTC", "quote": "USDT", "settle": None if is_spot else "USDT"},
            **{"baseId": "0", "quoteId": "USDT", "settleId": None if is_spot else "USDT"},
            **{"type": "spot" if is_spot else "swap", "spot": is_spot, "swap": not is_spot},
            **{"margin": False, "future": False, "option": False, "contract": not is_spot},
            **{"linear": None if is_spot else True, "inverse": None if is_spot else False},
            **{"contractSize": None if is_spot else 1.0, "taker": 0.001, "maker": 0.001},
            "active": True,
            "precision": step if api.precisionMode == ccxt.TICK_SIZE else places,
            "limits": {"amount": {"min": 0.001, "max": 100}, "price": {}, "cost": {}},
            "info": {"orderTypes": order_types, "enable_decimal": False},
        }
    )
    return market
