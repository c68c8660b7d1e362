"""Puts the page and its endpoints into freqtrade's own web server, behind freqtrade's login.

``/guard`` is a shell without data; everything else is JSON below ``/api/v1/guard`` and needs the
login: the same JSON as the commands of the console print.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Annotated, Any, Literal, ParamSpec, Protocol

from fastapi import APIRouter, Depends, FastAPI, Query
from fastapi.responses import HTMLResponse, JSONResponse, Response
from freqtrade.rpc.api_server.api_auth import http_basic_or_jwt_token
from pydantic import BaseModel, Field

from freqtrade_balance_guard.arbitrage.store import (
    ArbitrageStore,
    ArbitragesUnavailable,
    NotOpen,
    read_exposures,
)
from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.console import reservations
from freqtrade_balance_guard.console.bot_command import send_denials, set_pause
from freqtrade_balance_guard.console.bot_source import NotPossible
from freqtrade_balance_guard.console.explain import explain, full_pair
from freqtrade_balance_guard.console.rebalance import ask_for_one, attempt_as_json, preview_of
from freqtrade_balance_guard.integration.console.config import locks_on
from freqtrade_balance_guard.ledger import LedgerUnavailable, NothingStored
from freqtrade_balance_guard.local_file import LocalFileError
from freqtrade_balance_guard.monitoring.decisions import read_decisions
from freqtrade_balance_guard.monitoring.denials import denials_by_day
from freqtrade_balance_guard.monitoring.history import read_history
from freqtrade_balance_guard.monitoring.metrics.counting import Key
from freqtrade_balance_guard.monitoring.metrics.figures import BalanceFigures
from freqtrade_balance_guard.monitoring.metrics.totals import KEEP_DAYS
from freqtrade_balance_guard.monitoring.outbox import read_messages
from freqtrade_balance_guard.page.look import Look
from freqtrade_balance_guard.page.shell import page_shell, static_file


logger = logging.getLogger(__name__)

PREFIX = "/api/v1/guard"
TAG = "Balance guard"
SCHEMA_VERSION = 1
# What a browser may hold of a page that shows nothing without a login.
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        "frame-ancestors 'self'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

P = ParamSpec("P")


class Watched(Protocol):
    """What the endpoints need of a bot."""

    look: Look

    def counters(self) -> dict[Key, int]:
        """Every counter as it stands."""


class RebalanceAction(BaseModel):
    """See what would be sold, or ask the bot for it."""

    action: Literal["preview", "now"] = "preview"


class Why(BaseModel):
    """The user's words."""

    why: str = Field(default="", max_length=200)


def _answered(endpoint: Callable[P, Any]) -> Callable[P, Any]:
    """Turn our errors into answers with ``detail`` and ``code``; money is text already."""

    @wraps(endpoint)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            return JSONResponse({"schema_version": SCHEMA_VERSION, **endpoint(*args, **kwargs)})
        except (NotPossible, NotOpen) as error:
            return _error(409, "not_possible", error)
        except NothingStored as error:
            return _error(404, "nothing_stored", error)
        except (LedgerUnavailable, ArbitragesUnavailable, LocalFileError, OSError) as error:
            return _error(424, "storage_unavailable", error)

    return call


def _error(status: int, code: str, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error), "code": code}, status_code=status)


def install(app: FastAPI, bot: Watched) -> None:
    """Add our routes in front of all others; those of an earlier start of the bot go.

    FreqUI's own last route takes every path that nothing else has taken.
    """
    routes = app.router.routes
    routes[:] = [route for route in routes if not getattr(route, "balance_guard", False)]
    known = len(routes)
    app.include_router(_pages())
    app.include_router(
        _data(bot), prefix=PREFIX, dependencies=[Depends(http_basic_or_jwt_token)], tags=[TAG]
    )
    ours = routes[known:]
    for route in ours:
        route.balance_guard = True  # type: ignore[attr-defined]
    routes[:] = [*ours, *routes[:known]]
    app.openapi_schema = None


def _pages() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/guard")
    def page() -> Response:
        return HTMLResponse(page_shell(), headers=HEADERS)

    @router.get("/guard/static/{name}")
    def static(name: str) -> Response:
        found = static_file(name)
        if found is None:
            return JSONResponse({"detail": "Not Found", "code": "not_found"}, status_code=404)
        return Response(found.content, media_type=found.media_type, headers=HEADERS)

    return router


def _data(bot: Watched) -> APIRouter:
    router = APIRouter()
    look, clock = bot.look, SystemClock()
    source = look.source

    @router.get("/status")
    @_answered
    def status() -> dict[str, Any]:
        """The same as `balance-guard status --json`."""
        shown = look.status()
        return {**shown.as_json(), "ledger_error": shown.ledger_error}

    @router.get("/balances")
    @_answered
    def balances() -> dict[str, Any]:
        """Balances as believed now, with their age and how much of them is in use."""
        found: dict[str, dict[str, Any]] = {}
        for one in look.figures().balances:
            found.setdefault(one.account, {})[one.currency] = _balance_json(one)
        return {
            "at": clock.wall().isoformat(),
            "account": source.account,
            "stake_currency": source.stake_currency,
            "is_dry_run": source.dry_run,
            "balances": found,
        }

    @router.get("/history")
    @_answered
    def history(
        currency: str | None = None, since_days: Annotated[float, Query(gt=0, le=400)] = 7
    ) -> dict[str, Any]:
        """Every change of a believed balance with its cause, the oldest first."""
        points = read_history(
            source.local,
            source.account,
            currency=currency.upper() if currency else None,
            since=clock.wall() - timedelta(days=since_days),
            bot=source.bot,
        )
        return {"points": [point.as_json() for point in points]}

    @router.get("/reservations")
    @_answered
    def reserved(
        limit: Annotated[int, Query(ge=0, le=1000)] = 20, pair: str | None = None
    ) -> dict[str, Any]:
        """Reservations without an end, and the newest that have ended."""
        rows = look.with_books(
            lambda books: reservations.listed(books, limit=limit, account=source.account, pair=pair)
        )
        return {"reservations": [reservations.as_json(row) for row in rows]}

    _add_decisions(router, bot, clock)
    _add_actions(router, look, clock)
    return router


def _add_decisions(router: APIRouter, bot: Watched, clock: SystemClock) -> None:
    look, source = bot.look, bot.look.source

    @router.get("/decisions")
    @_answered
    def decisions() -> dict[str, Any]:
        """The last decision of each kind about each pair, the newest first; freqtrade's locks."""
        found = read_decisions(source.local, source.account)
        return {
            "decisions": [one.as_json() for one in found if one.bot == source.bot],
            "locks": [one.as_json() for one in locks_on(source.database_url, None, clock.wall())],
        }

    @router.get("/counters")
    @_answered
    def counters() -> dict[str, Any]:
        """What was counted since the first start: denials by code, cache, orders, rejections."""
        return _counters_json(bot.counters())

    @router.get("/denials")
    @_answered
    def denials(days: Annotated[int, Query(ge=1, le=KEEP_DAYS)] = 1) -> dict[str, Any]:
        """Denied entries by day and code, the oldest day first."""
        today = clock.wall().date()
        first = today - timedelta(days=days - 1)
        found = denials_by_day(source.local, source.account, source.bot or "", first, today)
        return {"bot": source.bot, "days": [one.as_json() for one in found]}

    @router.get("/messages")
    @_answered
    def messages(limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> dict[str, Any]:
        """Incidents and news as they were sent, the newest first."""
        found = [
            one for one in read_messages(source.local, source.account) if one.bot == source.bot
        ]
        return {"messages": [one.as_json() for one in found[:limit]]}

    @router.get("/arbitrages")
    @_answered
    def arbitrages() -> dict[str, Any]:
        """Open arbitrages."""
        return {"arbitrages": [one.as_json(clock.wall()) for one in look.status().arbitrages]}

    @router.get("/unhedged")
    @_answered
    def unhedged(also_closed: bool = False) -> dict[str, Any]:
        """What one leg did and the other did not."""
        found = read_exposures(source.local, also_closed=also_closed)
        return {"unhedged": [one.as_json(clock.wall()) for one in found]}

    @router.get("/explain/{pair:path}")
    @_answered
    def why(pair: str) -> dict[str, Any]:
        """Why the bot did, or did not, buy a pair."""
        name = full_pair(pair, source.stake_currency)
        locks = locks_on(source.database_url, name, clock.wall())
        return look.with_books(lambda books: explain(books, name, locks, bot=source.bot).as_json())


def _add_actions(router: APIRouter, look: Look, clock: SystemClock) -> None:
    source = look.source

    @router.post("/rebalance")
    @_answered
    def rebalance(wanted: RebalanceAction) -> dict[str, Any]:
        """What would be sold now to free stake, or a sale now without the waiting times."""
        if wanted.action == "preview":
            preview = look.with_books(lambda books: preview_of(books, bot=source.bot))
            return {**preview.as_json(), "sentences": preview.sentences}
        answer = look.with_books(lambda books: ask_for_one(books, source.bot, clock, time.sleep))
        last = attempt_as_json(look.status().last_rebalance)
        return {"done": answer.done, "sentence": answer.text, "last_rebalance": last}

    @router.post("/unhedged/{number}/resolve")
    @_answered
    def resolve(number: int, wanted: Why) -> dict[str, Any]:
        """Say that an exposure is taken care of. Nothing is sent."""
        words = wanted.why.strip() or "resolved by hand"
        closed = ArbitrageStore(source.local).resolve(number, clock.wall(), words)
        sentence = f"Exposure {closed.id} is closed: {closed.closed_how}."
        return {"done": True, "sentence": sentence, "exposure": closed.as_json(clock.wall())}

    @router.post("/denials")
    @_answered
    def denials() -> dict[str, Any]:
        """Send the denials of today to the bot's Telegram, Discord or webhook."""
        answer = look.with_books(lambda books: send_denials(books, source.bot, clock, time.sleep))
        return {"done": answer.done, "sentence": answer.text}

    @router.post("/pause")
    @_answered
    def pause(wanted: Why | None = None) -> dict[str, Any]:
        """Deny every new entry until `resume`; exits go on."""
        words = "" if wanted is None else wanted.why
        return _set_pause(look, words, clock)

    @router.post("/resume")
    @_answered
    def resume() -> dict[str, Any]:
        """Let entries go out again."""
        return _set_pause(look, None, clock)


def _set_pause(look: Look, why: str | None, clock: SystemClock) -> dict[str, Any]:
    answer = look.with_books(
        lambda books: set_pause(books, look.source.bot, why, clock, time.sleep)
    )
    paused = [one.as_json() for one in look.status().paused]
    return {"done": answer.done, "sentence": answer.text, "paused": paused}


def _balance_json(one: BalanceFigures) -> dict[str, Any]:
    def text(number: Any) -> str | None:
        return None if number is None else f"{number:f}"

    amounts = {kind: text(amount) for kind, amount in one.kinds.items()}
    utilization, discrepancy = one.utilization, one.discrepancy
    return {
        **amounts,
        "seen": text(one.seen),
        "verdict": one.verdict,
        "age_seconds": None if one.age_seconds is None else round(one.age_seconds, 1),
        "utilization": None if utilization is None else f"{utilization:.6f}",
        "discrepancy": None if discrepancy is None else f"{discrepancy:.6f}",
    }


def _counters_json(totals: dict[Key, int]) -> dict[str, Any]:
    denials: dict[str, int] = {}
    by_metric: dict[str, dict[str, int]] = {}
    for (metric, labels), total in sorted(totals.items()):
        by_metric.setdefault(metric, {})[" ".join(filter(None, labels))] = total
        if metric == "entries" and labels[0] == "denied":
            denials[labels[1]] = denials.get(labels[1], 0) + total
    return {
        "denials": denials,
        "cache": by_metric.get("cache_lookups", {}),
        "counters": by_metric,
    }
