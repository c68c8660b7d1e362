"""/forceenter answers with the reason: freqtrade's own answer is only that it failed."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from freqtrade.rpc.rpc import RPCException

from freqtrade_balance_guard.events import Event, OrderDenied
from freqtrade_balance_guard.integration.host.entry_denied import EntryDenied
from freqtrade_balance_guard.monitoring.listeners import denial_text


# What was refused since a forced entry began, in its own thread; None: there is none.
_refused: ContextVar[list[str] | None] = ContextVar("refused_forced_entry", default=None)


def note_refusal(event: Event) -> None:
    """A listener: keeps a refusal for whoever is waiting for it."""
    refused = _refused.get()
    if refused is not None and isinstance(event, OrderDenied):
        refused.append(denial_text(event))


def forced_entry(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps ``RPC._rpc_force_entry``, which Telegram and the REST API call."""

    def _rpc_force_entry(self: Any, pair: str, *args: Any, **kwargs: Any) -> Any:
        refused: list[str] = []
        token = _refused.set(refused)
        try:
            return original(self, pair, *args, **kwargs)
        except (EntryDenied, RPCException) as error:
            if not refused:
                raise
            # freqtrade shows the text of an RPCException, and a bare "error" for any other.
            raise RPCException(f"No order for {pair}: {refused[-1]}") from error
        finally:
            _refused.reset(token)

    return _rpc_force_entry
