"""HTTP sessions whose requests end at a deadline, whatever the server or the network does.

ccxt's ``timeout`` is for each read of a socket: a server that sends a byte a second, or a name that
is not resolved, keeps a request waiting for as long as it lasts.
"""

import queue
import socket
import threading
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from freqtrade_balance_guard.deadline import Deadline


class BoundedSession(requests.Session):
    """Sends one request at a time, each in a thread that is left behind when the deadline comes.

    :ivar deadline: when the present request ends at the latest
    :ivar is_hanging: a request was left behind; the session must not be used again
    """

    def __init__(self, *, trust_env: bool = True) -> None:
        super().__init__()
        self.trust_env = trust_env
        self.deadline: Deadline | None = None
        self.is_hanging = False
        self._connections: list[Any] = []
        for scheme in ("https://", "http://"):
            self.mount(scheme, _RecordingAdapter(self._connections))

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request.

        :raises requests.exceptions.Timeout: the deadline came first
        """
        deadline = self.deadline
        left = 0.0 if deadline is None else deadline.seconds_left
        if left <= 0:
            raise requests.exceptions.Timeout("no time left to ask")
        kwargs["timeout"] = min(kwargs.get("timeout") or left, left)
        send = super().request
        results: queue.SimpleQueue[tuple[requests.Response | None, BaseException | None]]
        results = queue.SimpleQueue()

        def work() -> None:
            try:
                results.put((send(*args, **kwargs), None))
            except BaseException as error:  # handed to the caller, who is in another thread
                results.put((None, error))

        threading.Thread(target=work, name="balance-guard-request", daemon=True).start()
        try:
            response, error = results.get(timeout=left)
        except queue.Empty:
            self._hang_up()
            raise requests.exceptions.Timeout(f"no answer within {left:.1f} s") from None
        if error is not None:
            raise error
        assert response is not None  # noqa: S101  one of the two is always there
        return response

    def _hang_up(self) -> None:
        """End the request that was left behind: its thread must not wait for ever."""
        self.is_hanging = True
        for connection in self._connections:
            if (sock := getattr(connection, "sock", None)) is not None:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self.close()


class _RecordingAdapter(HTTPAdapter):
    """Keeps the connections that it opens at hand, so that they can be shut down while in use."""

    def __init__(self, connections: list[Any]) -> None:
        self._connections = connections
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        connections = self._connections

        def record(connection: Any) -> Any:
            connections[:] = [*connections[-3:], connection]
            return connection

        class Http(HTTPConnectionPool):
            def _new_conn(self) -> Any:
                return record(super()._new_conn())

        class Https(HTTPSConnectionPool):
            def _new_conn(self) -> Any:
                return record(super()._new_conn())

        self.poolmanager.pool_classes_by_scheme = {"http": Http, "https": Https}
