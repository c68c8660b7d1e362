"""freqtrade's own exchange object in this process: on a sandbox, or on nothing but markets."""

from typing import Any

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


def exchange_on(sandbox: Sandbox, key_index: int = 0, **ccxt_config: Any) -> Exchange:
    """freqtrade's exchange, live on ``sandbox``, with its markets loaded."""
    section = sandbox.freqtrade_exchange(key_index=key_index)
    section["ccxt_config"] = {**section["ccxt_config"], **ccxt_config}
    return ExchangeResolver.load_exchange(
        freqtrade_config(section),  # type: ignore[arg-type]
        validate=True,
        load_leverage_tiers=False,
    )
