"""The guard's own way to the exchange: freqtrade's exchange object over a ccxt object of ours.

freqtrade's ccxt object is one for all of its threads: whoever changes its time-out or its limiter
for a moment changes it for an order that another thread is sending. So each use gets a copy, with
credentials, addresses and markets by reference and everything else its own.
"""

import copy
import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ccxt
from freqtrade.exchange import Exchange

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.deadline import Deadline, WaitBudget
from freqtrade_balance_guard.integration.exchange.shared_api_key import MARK, Turns
from freqtrade_balance_guard.network.bounded_session import BoundedSession
from freqtrade_balance_guard.network.request_expiry import RequestExpiry
from freqtrade_balance_guard.network.request_rate import (
    RequestRate,
    seconds_per_request,
)


# Exchanges that tell requests of one key apart by a time with a tolerance, so that they may
# overtake one another (ccxt 4.5.90, `sign` of each). Kraken and every exchange that is not named
# here want a nonce that rises, or may: their requests take turns.
MAY_OVERTAKE = frozenset(
    "binance binancecoinm binanceus binanceusdm bingx bitget bybit bybiteu bybitid coinbase "
    "cryptocom gate gateeu gateio htx hyperliquid krakenfutures kucoin kucoinfutures mexc myokx "
    "okx okxus".split()
)


class GuardClient:
    """Lends out freqtrade's exchange over a connection of the guard's own; threads may share it."""

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        self._rate = RequestRate(clock)
        self._sessions: list[BoundedSession] = []
        self._lock = threading.Lock()

    def order_requests(self, waits: WaitBudget) -> None:
        """Let freqtrade's requests and ours take turns, where a key's nonces must rise.

        The only thing about freqtrade's ccxt object that is changed, once, when a bot is attached.

        :param waits: what freqtrade waits for its turn is charged to this
        """
        theirs: Any = self._exchange._api
        needs_turns = isinstance(theirs, ccxt.Exchange) and theirs.id not in MAY_OVERTAKE
        if needs_turns and not self._exchange._config["dry_run"]:
            Turns(self._clock).hold(theirs, waits=waits)

    @contextmanager
    def connection(self, deadline: Deadline) -> Iterator[Exchange]:
        """freqtrade's exchange for requests that all end by ``deadline``, waits for turns included.

        It has the promoted class, the attributes and the logic of freqtrade's own object; only
        ``_api`` is another. A double of a test is lent out as it is.
        """
        theirs: Any = getattr(self._exchange, "_api", None)
        if not isinstance(theirs, ccxt.Exchange):
            yield self._exchange
            return
        session = self._take_session(theirs)
        session.deadline = deadline
        own = self._api(theirs, session, deadline)
        try:
            yield _over(self._exchange, own)
        finally:
            own.session = session.deadline = None  # ccxt closes the session of an object that ends
            if not session.is_hanging:
                with self._lock:
                    self._sessions.append(session)

    def measure_clock(self, expiry: RequestExpiry, deadline: Deadline) -> bool:
        """Ask the exchange for its time; False without an answer."""
        with self.connection(deadline) as exchange:
            return expiry.measure(exchange._api)

    def _api(self, theirs: Any, session: BoundedSession, deadline: Deadline) -> Any:
        own = copy.copy(theirs)
        own.__dict__.pop("fetch2", None)
        turns: Turns | None = own.__dict__.pop(MARK, None)
        # What ccxt learns here of the account may be wrong, because a request was cut off.
        own.options = dict(theirs.options)
        own.session = session
        own.enableLastHttpResponse = own.enableLastJsonResponse = True
        own.throttle = functools.partial(self._throttle, theirs, deadline)
        own.timeout = min(theirs.timeout, max(1, int(deadline.seconds_left * 1000)))
        if turns is not None:
            turns.hold(own, deadline)
        return own

    def _throttle(self, theirs: Any, deadline: Deadline, cost: float | None = None) -> None:
        idle_for = (theirs.milliseconds() - theirs.lastRestRequestTimestamp) / 1000
        self._rate.take(seconds_per_request(theirs, cost), idle_for, deadline)

    def _take_session(self, theirs: Any) -> BoundedSession:
        with self._lock:
            if self._sessions:
                return self._sessions.pop()
        trust_env = getattr(theirs.session, "trust_env", True)
        return BoundedSession(trust_env=trust_env)


def _over(exchange: Exchange, api: Any) -> Any:
    """The exchange with ``api`` instead of its own ccxt object, sharing everything else."""
    made_of = type(exchange)
    cls = _classes.get(made_of) or _classes.setdefault(made_of, _class_over(made_of))
    own: Any = object.__new__(cls)
    own.__dict__ = exchange.__dict__
    own._own_api = api
    return own


class _Once(Exchange):
    """Stands between an exchange's own class and freqtrade's, so that no request is repeated.

    Hyperliquid's ``get_balances`` and ``fetch_positions`` call those of ``Exchange`` several times,
    each of which would try four times, with pauses.
    """

    def get_balances(self, params: dict[str, Any] | None = None) -> Any:
        once: Any = super().get_balances
        return once(params, count=0) if hasattr(once, "__wrapped__") else once(params)

    def fetch_positions(self, pair: str | None = None, params: dict[str, Any] | None = None) -> Any:
        once: Any = super().fetch_positions
        return once(pair, params, count=0) if hasattr(once, "__wrapped__") else once(pair, params)


_classes: dict[type, Any] = {}


def _class_over(cls: Any) -> Any:
    def nothing(_: Exchange) -> None:
        """freqtrade's own object closes what both use."""

    body = {
        "__slots__": ("_own_api",),
        "__doc__": f"{cls.__name__} over a connection of the guard's own.",
        "__del__": nothing,
        "close": nothing,
        "_api": property(lambda self: self._own_api),
    }
    return type(cls.__name__, (cls,) if cls is Exchange else (cls, _Once), body)
