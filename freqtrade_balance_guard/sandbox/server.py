"""The HTTP server: the only file that knows aiohttp."""

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable
from typing import Any

from aiohttp import web

from freqtrade_balance_guard.sandbox import control
from freqtrade_balance_guard.sandbox.core.exchange import Exchange
from freqtrade_balance_guard.sandbox.service import Answer, Request, Service


_TICK_S = 0.2  # how often time passes on the exchange when nobody asks it anything
_SHUTDOWN_S = 0.2  # for connections that a fault holds open


class Server:
    """Serves one exchange. `run` returns when asked to stop by a signal, a request or `stop`."""

    def __init__(self, exchange: Exchange) -> None:
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
        self, host: str, port: int, ready: Callable[[str], None], alive: Callable[[], bool]
    ) -> bool:
        """Serves until stopped, or until `alive` says no; True when a signal ended it.

        `ready` is told the URL once connections are accepted. Port 0 picks a free one. Raises
        OSError when the address cannot be had.
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
            ready(f"http://{host}:{runner.addresses[0][1]}")
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
        app.router.add_get("/0/public/{endpoint}", self._kraken)
        app.router.add_post("/0/public/{endpoint}", self._kraken)
        app.router.add_post("/0/private/{endpoint}", self._kraken)
        app.router.add_post("/sandbox/shutdown", self._shutdown)
        app.router.add_route("*", "/sandbox/{route:.+}", self._control)
        return app

    async def _kraken(self, http: web.Request) -> web.StreamResponse:
        request = Request(
            endpoint=http.match_info["endpoint"],
            private=http.path.startswith("/0/private/"),
            path=http.path,
            query=http.rel_url.raw_query_string,
            body=await http.read(),
            content_type=http.content_type,
            key=http.headers.get("API-Key", ""),
            signature=http.headers.get("API-Sign", ""),
        )
        latency = self._service.latency(request)
        if latency:
            await asyncio.sleep(latency)
        return await _send(http, self._service.answer(request))

    async def _control(self, http: web.Request) -> web.StreamResponse:
        payload: dict[str, Any] = dict(http.query)
        body = await http.read()
        try:
            if body:
                content = json.loads(body)
                if not isinstance(content, dict):
                    raise control.BadRequest("the body is not a JSON object")
                payload |= content
            answer = control.handle(self._exchange, http.method, http.match_info["route"], payload)
        except LookupError as error:
            return web.json_response({"error": str(error)}, status=404)
        except (control.BadRequest, ValueError) as error:
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
