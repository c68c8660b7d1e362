"""Gives the reports their sources: the config, the ledger opened read-only, and who is alive."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.ledger import ENDED, UNFINISHED, Reservation
from freqtrade_balance_guard.ledger.opening import open_store
from freqtrade_balance_guard.ledger.store import Beat, Store
from freqtrade_balance_guard.money import format_amount
from freqtrade_balance_guard.settings import GuardSettings
from freqtrade_balance_guard.settings.state_paths import DRY_RUN_ACCOUNT


class NotPossible(BalanceGuardError):
    """Says in one sentence why a command cannot be carried out now."""


@dataclass(frozen=True)
class Source:
    """What a config says about its bot. ``ledger_url`` may hold a password and is not shown.

    ``bot_name`` is the user's (``bot_name`` in the config), ``bot`` the name in the ledger where
    freqtrade's database has it; ``key`` a fingerprint of the API key, ``venue_keys`` those of
    venues; ``exchange`` the name of the bot's own.
    """

    account: str
    dry_run: bool
    stake_currency: str
    trading_mode: str
    bot_name: str
    key: str
    settings: GuardSettings
    local: Path
    ledger_url: str = field(repr=False)
    database_url: str = field(default="", repr=False)  # freqtrade's own
    bot: str | None = None
    exchange: str = ""
    venue_keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown_ledger(self) -> str:
        """The ledger's address without a password."""
        return self.settings.ledger.shown_db_url() or self.ledger_url

    @property
    def ledger_file(self) -> Path | None:
        """The ledger's file, None where it is in PostgreSQL."""
        kind, _, rest = self.ledger_url.partition(":///")
        return Path(rest.split("?")[0]) if kind == "sqlite" else None


# Of the newest reservations, to see which bot has made them.
SOME = 50


@dataclass(frozen=True)
class BotView:
    """One run of one bot, by its last sign of life; ``age`` in seconds of the wall clock."""

    account: str
    bot: str
    process: str
    at: datetime
    age: float
    alive: bool
    about: Mapping[str, Any]

    @property
    def pairs(self) -> set[str]:
        return {str(pair) for pair in self.about.get("pairs") or ()}

    @property
    def key(self) -> str:
        return str(self.about.get("key") or "")

    def __str__(self) -> str:
        return f"{self.bot} (host {self.about.get('host', '?')}, pid {self.about.get('pid', '?')})"


class LedgerView:
    """Reads the ledger, with what several reports need of it; changes nothing."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self.source = source
        self.clock = clock
        self.store: Store = open_store(source.ledger_url, read_only=True)

    @cached_property
    def bots(self) -> list[BotView]:
        """Every run that has left a sign of life, on any account; the newest first.

        :raises LedgerUnavailable: it cannot be read (``NothingStored``: there is nothing yet)
        """
        now, timeout = self.clock.wall(), self.source.settings.ledger.heartbeat_timeout
        views = [bot_view(beat, now, timeout) for beat in self.store.beats(None)]
        return sorted(views, key=lambda view: view.at, reverse=True)

    @property
    def alive(self) -> list[BotView]:
        """The runs on the config's account that are alive."""
        return [bot for bot in self.bots if bot.alive and bot.account == self.source.account]

    def owner_of(self, row: Reservation) -> BotView | None:
        """The newest run of the bot that a reservation belongs to."""
        owners = (b for b in self.bots if (b.account, b.bot) == (row.account, row.bot))
        return next(owners, None)

    def is_owner_alive(self, row: Reservation) -> bool:
        return any(b.alive and (b.account, b.bot) == (row.account, row.bot) for b in self.bots)

    def own_bot(self, name: str | None = None) -> str | None:
        """The ledger's name of the config's bot; None where several may be meant, or none is.

        :param name: what the user said
        :raises NotPossible: there is no bot with this name
        """
        if name:
            known = self.known_bots()
            if name not in known:
                shown = ", ".join(sorted(known)) or "none"
                raise NotPossible(
                    f"There is no bot {name} on {self.source.account}; those there are: {shown}."
                )
            return name
        if self.source.bot:
            return self.source.bot
        here = [bot for bot in self.bots if bot.account == self.source.account]
        named = [bot for bot in here if bot.about.get("bot_name") == self.source.bot_name]
        for candidates in (here, named, [bot for bot in named if bot.alive]):
            names = {bot.bot for bot in candidates}
            if len(names) == 1:
                return names.pop()
        return None if here else self._stopped_bot()

    def known_bots(self) -> set[str]:
        """Every bot that has left something: a sign of life or a reservation.

        :raises LedgerUnavailable: it cannot be read (``NothingStored``: there is nothing yet)
        """
        names = {bot.bot for bot in self.bots if bot.account == self.source.account}
        names |= {row.bot for row in self.unfinished()} | {row.bot for row in self.ended(SOME)}
        return names | ({self.source.bot} if self.source.bot else set())

    def _stopped_bot(self) -> str | None:
        """The only bot of the account that has left something; a clean stop leaves no beat."""
        rows = [row for row in self.unfinished() if row.account == self.source.account]
        names = {row.bot for row in rows or self.ended(SOME)}
        ours = {name for name in names if name.rpartition("-")[0] == self.source.bot_name}
        for candidates in (names, ours):
            if len(candidates) == 1:
                return candidates.pop()
        return None

    def unfinished(self) -> list[Reservation]:
        """Every reservation without an end, of all accounts that this config's mode may see."""
        return self._of_this_mode(self.store.select(states=UNFINISHED))

    def ended(self, limit: int | None) -> list[Reservation]:
        """The newest reservations that have ended; None: all."""
        if limit == 0:
            return []
        # A ledger may hold both modes, so the limit is counted after they are separated.
        rows = self._of_this_mode(self.store.select(states=ENDED))
        return rows[:limit]

    def find(self, name: str) -> Reservation | None:
        """A reservation by its number or its client order id."""
        found = self.store.find(name)
        if found is None and name.isdecimal():
            found = self.store.find_number(int(name))
        return found

    def _of_this_mode(self, rows: Iterable[Reservation]) -> list[Reservation]:
        dry = self.source.dry_run
        return [row for row in rows if row.account.endswith(DRY_RUN_ACCOUNT) is dry]

    def close(self) -> None:
        self.store.close()


def bot_view(beat: Beat, now: datetime, timeout: float) -> BotView:
    """A beat with its age; one from the future is alive: a clock is wrong, not the bot dead."""
    age = (now - beat.at).total_seconds()
    try:
        about = json.loads(beat.about)
    except ValueError:
        about = {}
    about = about if isinstance(about, dict) else {}
    return BotView(beat.account, beat.bot, beat.process, beat.at, age, age < timeout, about)


def describe(row: Reservation) -> str:
    """A reservation in half a sentence."""
    held = f"{format_amount(row.held)} {row.currency}"
    return f"{held} for a {row.side} of {row.pair} ({row.state}, by {row.bot})"


def text(amount: Decimal) -> str:
    """An amount for JSON: exact, never with an exponent."""
    return f"{amount:f}"
