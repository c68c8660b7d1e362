"""Denies every entry of a bot that the guard does not know well enough, or failed to attach to.

Several gates stand on freqtrade's way to an entry, and each alone is enough: a function that a
release has removed or renamed takes its own gate away and no other. They take any arguments,
because it may be their signature that differs. Nothing else of freqtrade is touched, so exits are
its own.
"""

import logging
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from freqtrade_balance_guard.events import EventHub, OrderDenied
from freqtrade_balance_guard.integration.host.config_section import settings_of
from freqtrade_balance_guard.integration.host.entry_denied import EntryDenied
from freqtrade_balance_guard.integration.host.relied_on import wrap
from freqtrade_balance_guard.limits.decision import Denied


logger = logging.getLogger(__name__)

# What an entry passes, in freqtrade's order; the answer that means "no entry" there.
GATES: tuple[tuple[str, str, str], ...] = (
    ("freqtrade.wallets", "Wallets", "get_trade_stake_amount"),
    ("freqtrade.freqtradebot", "FreqtradeBot", "execute_entry"),
    ("freqtrade.wallets", "Wallets", "validate_stake_amount"),
    ("freqtrade.exchange.exchange", "Exchange", "create_order"),
    ("freqtrade.optimize.backtesting", "Backtesting", "_enter_trade"),
)
NO_ENTRY: dict[str, Any] = {
    "get_trade_stake_amount": 0.0,
    "execute_entry": False,
    "validate_stake_amount": 0.0,
    "_enter_trade": None,
}


def close_entry_gates(denied: Denied, hub: EventHub) -> int:
    """From now on no bot of this process enters; ``unwrap_all`` opens the gates again.

    :return: how many gates there are
    """
    _load_what_enters()
    closed = 0
    for module, owner, name in GATES:
        cls = getattr(sys.modules.get(module), owner, None)
        make = _order_gate if name == "create_order" else partial(_gate, name=name)
        closed += cls is not None and wrap(cls, name, partial(make, denied=denied, hub=hub))
    bot = getattr(sys.modules.get("freqtrade.freqtradebot"), "FreqtradeBot", None)
    if bot is not None:
        wrap(bot, "startup", partial(_reported_at_start, denied=denied))
    return closed


def _gate(
    original: Callable[..., Any], *, name: str, denied: Denied, hub: EventHub
) -> Callable[..., Any]:
    def gate(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_guarded(self):
            return original(self, *args, **kwargs)
        pair = kwargs.get("pair", args[0] if args else "?")
        hub.publish(OrderDenied(str(pair), denied.code, denied.sentence, denied.numbers))
        return NO_ENTRY[name]

    return gate


def _order_gate(
    original: Callable[..., Any], *, denied: Denied, hub: EventHub
) -> Callable[..., Any]:
    def create_order(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not (_is_guarded(self) and _is_entry(self, args, kwargs)):
            return original(self, *args, **kwargs)
        pair = str(kwargs.get("pair", args[0] if args else "?"))
        hub.publish(OrderDenied(pair, denied.code, denied.sentence, denied.numbers))
        raise EntryDenied(denied)

    return create_order


def _reported_at_start(original: Callable[..., Any], *, denied: Denied) -> Callable[..., Any]:
    """freqtrade's "running" message is followed by one that says what does not run."""

    def startup(self: Any, *args: Any, **kwargs: Any) -> Any:
        answer = original(self, *args, **kwargs)
        if _is_guarded(self):
            report_denied_entries(getattr(self, "rpc", None), denied)
        return answer

    return startup


def report_denied_entries(manager: Any, denied: Denied) -> None:
    """Send a warning over freqtrade's channels, in a thread: a webhook may take long."""
    threading.Thread(target=_report, args=(manager, denied), daemon=True).start()


def _report(manager: Any, denied: Denied) -> None:
    try:
        from freqtrade.enums import RPCMessageType

        text = f"Balance guard: entries are denied, exits go on: {denied.sentence}. [{denied.code}]"
        manager.send_msg({"type": RPCMessageType.WARNING, "status": text.replace("`", "'")})
    except Exception as error:
        logger.warning("No message about the denied entries could be sent: %s", error)


def _is_entry(exchange: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether an order is an entry for certain: an exit is never held up for a doubt."""
    if exchange._config.get("trading_mode", "spot") == "spot":
        return "buy" in (kwargs.get("side"), *args)
    return kwargs.get("reduceOnly") is False


def _is_guarded(holder: Any) -> bool:
    """The gates may be closed before freqtrade has read a config; each bot's own decides."""
    config = getattr(holder, "config", None) or getattr(holder, "_config", None)
    if not isinstance(config, dict):
        return True
    try:
        return settings_of(config) is not None
    except Exception:
        return True


def _load_what_enters() -> None:
    """A gate is closed on a class that is loaded; it need not be one that can be."""
    import freqtrade.exchange
    import freqtrade.wallets

    with suppress(ImportError):
        import freqtrade.freqtradebot  # noqa: F401
