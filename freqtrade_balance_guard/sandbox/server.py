"""The HTTP server: the only file that knows aiohttp."""

import asyncio
import contextlib
import json
import signal
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from freqtrade_balance_guard.sandbox.any_exchange import AnyExchange, control_of, open_any_session
from freqtrade_balance_guard.sandbox.engine.wire import Answer, BadControlRequest, Request
from freqtrade_balance_guard.sandbox.server_addresses import Addresses
from freqtrade_balance_guard.sandbox.service import Service


_STREAM_TICK_S = 0.05  # how often a stream looks for what is due
_TICK_S = 0.2  # how often time passes on the exchange when no request comes
_SHUTDOWN_S = 0.2  # for connections that a fault holds open


@dataclass(frozen=True)
class ServerTls:
    """Where and with which certificate the server speaks TLS beside plain HTTP."""

    port: int
    context: ssl.SSLContext


class Server:
    """Serves one exchange. `run` returns when asked to stop by a signal, a request or `stop`."""

    def __init__(self, exchange: AnyExchange) -> None:
        self._exchange = exchange
        self._service = Service(exchange)
        self._stopped: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signalled = False

    def stop(self) -> None:
        """May be called from any thread."""
        if self._loop is not None and self._stopped is not None:
            with contextlib.suppress(RuntimeError):  # the loop has already ended
                self._loop.call_soon_threadsafe(self._stopped.set)

    async def run(
        self,
        host: str,
        port: int,
        ready: Callable[[Addresses], None],
        alive: Callable[[], bool],
        tls: ServerTls | None = None,
    ) -> bool:
        """Serves until stopped, or until `alive` says no; True when a signal ended it.

        `ready` is called with the addresses once connections are accepted. Port 0 picks a free
        one. Raises OSError when an address cannot be had.
        """
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            for number in (signal.SIGINT, signal.SIGTERM):
                # Windows has no such handlers, and a thread may not set them.
                with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                    self._loop.add_signal_handler(number, self._on_signal)
            if tls is not None:
                await web.TCPSite(runner, host, tls.port, ssl_context=tls.context).start()
            ports = [address[1] for address in runner.addresses]
            tls_url = None if tls is None else f"https://{host}:{ports[1]}"
            ready(Addresses(f"http://{host}:{ports[0]}", tls_url))
            await self._tick(alive)
        finally:
            await runner.cleanup()
        return self._signalled

    async def _tick(self, alive: Callable[[], bool]) -> None:
        stopped = self._stopped or asyncio.Event()
        while not stopped.is_set() and alive():
            self._exchange.advance()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), _TICK_S)

    def _on_signal(self) -> None:
        self._signalled = True
        self.stop()

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/sandbox/shutdown", self._shutdown)
        app.router.add_route("*", "/sandbox/{route:.+}", self._control)
        app.router.add_route("*", "/{path:.+}", self._exchange_api)
        return app

    async def _exchange_api(self, http: web.Request) -> web.StreamResponse:
        request = Request(
            method=http.method,
            path=http.path,
            query=http.rel_url.raw_query_string,
            body=await http.read(),
            content_type=http.content_type,
            headers={name.lower(): value for name, value in http.headers.items()},
        )
        if http.headers.get("Upgrade", "").lower() == "websocket":
            return await self._stream(http)
        latency = self._service.latency(request)
        if latency:
            await asyncio.sleep(latency)
        return await _send(http, self._service.answer(request))

    async def _stream(self, http: web.Request) -> web.StreamResponse:
        """Serves one web socket until either side ends it."""
        session = open_any_session(self._exchange, http.path, http.rel_url.raw_query_string)
        if session is None:
            return web.Response(status=404)
        socket = web.WebSocketResponse()
        await socket.prepare(http)
        self._exchange.journal.record("stream_opened", path=http.path)
        try:
            while not session.is_over:
                for text in session.take():
                    await socket.send_str(text)
                try:
                    message = await socket.receive(timeout=_STREAM_TICK_S)
                except TimeoutError:
                    self._exchange.advance()
                    session.tick()
                    continue
                if message.type is not WSMsgType.TEXT:
                    return socket
                self._exchange.advance()
                session.receive(message.data)
            if http.transport is not None:
                http.transport.abort()
        except ConnectionError:
            pass  # the client has gone
        finally:
            session.close()
            self._exchange.journal.record("stream_closed", path=http.path, cut=session.is_over)
        return socket

    async def _control(self, http: web.Request) -> web.StreamResponse:
        payload: dict[str, Any] = dict(http.query)
        body = await http.read()
        try:
            if body:
                content = json.loads(body)
                if not isinstance(content, dict):
                    raise BadControlRequest("the body is not a JSON object")
                payload |= content
            answer = control_of(self._exchange)(http.method, http.match_info["route"], payload)
        except LookupError as error:
            return web.json_response({"error": str(error)}, status=404)
        except (BadControlRequest, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(answer)

    async def _shutdown(self, http: web.Request) -> web.StreamResponse:
        self.stop()
        return web.json_response({})


async def _send(http: web.Request, answer: Answer) -> web.StreamResponse:
    if answer.hold_s:
        await asyncio.sleep(answer.hold_s)
    if answer.drop:
        if http.transport is not None:
            http.transport.abort()
        return web.Response()
    return web.Response(text=answer.text, status=answer.status, content_type=answer.content_type)
