"""One API key, one ordered queue: the bot's loop and the thread of the pairs take turns."""

import functools
import threading
from typing import Any


# Who waits longer than this for the other's request goes on: an exit must not wait for a leg.
TURN_SECONDS = 1.0
MARK = "_balance_guard_turns"


def take_turns(api: Any) -> None:
    """Let requests of this ccxt object leave one after the other, from whatever thread.

    Their numbers (nonces) then reach the exchange in order. freqtrade's own RPC threads benefit.
    """
    if hasattr(api, MARK):
        return
    turn = threading.RLock()
    send = api.fetch2

    @functools.wraps(send)
    def fetch2(*args: Any, **kwargs: Any) -> Any:
        has_turn = turn.acquire(timeout=TURN_SECONDS)
        try:
            return send(*args, **kwargs)
        finally:
            if has_turn:
                turn.release()

    api.fetch2 = fetch2
    setattr(api, MARK, turn)
