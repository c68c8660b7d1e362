"""One API key, two users of it: the bot's loop and the thread of the pairs.

They take turns, so that their requests reach the exchange in order (nonces). Each has a ccxt object
of its own: a time-out, or what the last answer was, is not one thread's alone otherwise.
"""

import copy
import functools
import threading
from typing import Any

from freqtrade.exchange import Exchange

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.deadline import Deadline, WaitBudget


# Who waits longer than this for the other's request goes on: an exit must not wait for a leg.
TURN_SECONDS = 1.0
MARK = "_balance_guard_turns"
# What ccxt learns of the markets; freqtrade loads it anew from time to time.
OF_MARKETS = (
    *("markets", "markets_by_id", "symbols", "ids", "currencies", "currencies_by_id", "codes"),
    *("baseCurrencies", "quoteCurrencies"),
)


class Turns:
    """Of one key. Not re-entrant: ccxt's ``fetch2`` does not call itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = threading.RLock()
        self._since: float | None = None

    def take(self, deadline: Deadline | None = None) -> bool:
        """Wait for the other's request, but not for one that takes longer than a second in all."""
        since = self._since
        began = self._clock.monotonic() if since is None else since
        left = TURN_SECONDS - (self._clock.monotonic() - began)
        if deadline is not None:
            left = min(left, deadline.seconds_left)
        has_turn = self._turn.acquire(timeout=max(left, 0.0))
        if has_turn:
            self._since = self._clock.monotonic()
        return has_turn

    def take_at_once(self) -> bool:
        """Take the turn if it is free; for the engine's loop, which waits for no lock."""
        has_turn = self._turn.acquire(blocking=False)
        if has_turn:
            self._since = self._clock.monotonic()
        return has_turn

    def is_too_long(self) -> bool:
        """Return whether the other's request takes too long to be waited for."""
        since = self._since
        return since is not None and self._clock.monotonic() - since >= TURN_SECONDS

    def give(self) -> None:
        """The request is over."""
        self._since = None
        self._turn.release()

    def hold(
        self, api: Any, deadline: Deadline | None = None, *, waits: WaitBudget | None = None
    ) -> None:
        """From now on requests of this ccxt object take turns; freqtrade's RPC threads benefit.

        :param deadline: when waiting for a turn ends besides
        :param waits: what the waiting is charged to, and bounded by
        """
        if getattr(api, MARK, None) is not None:
            return
        send = api.fetch2

        @functools.wraps(send)
        def fetch2(*args: Any, **kwargs: Any) -> Any:
            if waits is None:
                has_turn = self.take(deadline)
            else:
                with waits.wait(TURN_SECONDS) as patience:
                    has_turn = self.take(patience)
            try:
                return send(*args, **kwargs)
            finally:
                if has_turn:
                    self.give()

        api.fetch2 = fetch2
        setattr(api, MARK, self)


def turns_of(api: Any) -> Turns | None:
    """Return with whom this ccxt object takes turns; None: it has its key for itself."""
    turns = getattr(api, MARK, None)
    return turns if isinstance(turns, Turns) else None


class OwnConnection:
    """freqtrade's exchange, with a ccxt object of our own for orders."""

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        self._exchange = exchange
        theirs: Any = exchange._api
        self._own: Any = copy.copy(theirs)
        self._own.__dict__.pop("fetch2", None)
        self._own.__dict__.pop(MARK, None)
        session = getattr(theirs, "session", None)
        if session is not None:
            self._own.session = type(session)()
            self._own.session.trust_env = session.trust_env
        turns = getattr(theirs, MARK, None) or Turns(clock)
        turns.hold(theirs)
        turns.hold(self._own)

    @property
    def _api(self) -> Any:
        """Ours; it knows of the markets what freqtrade's knows."""
        theirs: Any = self._exchange._api
        if self._own.markets is not theirs.markets:
            for name in OF_MARKETS:
                if hasattr(theirs, name):
                    setattr(self._own, name, getattr(theirs, name))
        return self._own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)
