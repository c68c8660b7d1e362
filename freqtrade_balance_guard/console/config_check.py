"""What can be wrong with the second exchanges of two legs, told from the config alone."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any

from freqtrade_balance_guard.console.bot_source import DRY_RUN_ACCOUNT, Source
from freqtrade_balance_guard.settings import VenueSettings


class Level(StrEnum):
    """ERROR: money is at risk or nothing works; WARNING: worth a change; NOTE: to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should know, and what to do about it."""

    level: Level
    code: str
    sentence: str
    remedy: str

    def as_json(self) -> dict[str, Any]:
        return {
            "level": self.level.value,
            "code": self.code,
            "sentence": self.sentence,
            "remedy": self.remedy,
        }


def venue_findings(source: Source, exchanges: Collection[str]) -> Iterator[Finding]:
    """Each venue by itself, beside the bot's own exchange, and beside the other venues.

    :param exchanges: the names that exchanges may have; none given: they are not looked at
    """
    for name, venue in source.settings.venues.items():
        if exchanges and venue.name.lower() not in exchanges:
            yield Finding(
                Level.ERROR,
                "unknown_exchange",
                f'The venue {name} is on "{venue.name}", which ccxt does not know.',
                "write the exchange's name as ccxt spells it; for one that ccxt lacks see "
                "custom_venues() in the documentation",
            )
        yield from _money(source, name, venue)
        yield from _beside_the_bot(source, name, venue)
    if not source.dry_run:
        yield from _one_key(source)


def _money(source: Source, name: str, venue: VenueSettings) -> Iterator[Finding]:
    if source.dry_run and not venue.dry_run_wallet:
        yield Finding(
            Level.WARNING,
            "venue_without_money",
            f"The venue {name} has no dry_run_wallet: no leg on it can be paid.",
            f"write balance_guard.venues.{name}.dry_run_wallet, with both currencies of a pair",
        )
    elif not source.dry_run and not source.venue_keys.get(name):
        yield Finding(
            Level.WARNING,
            "venue_without_key",
            f"The venue {name} has no API key: live, its balance cannot be read.",
            f"set FREQTRADE__BALANCE_GUARD__VENUES__{name.upper()}__KEY and ..__SECRET",
        )


def _beside_the_bot(source: Source, name: str, venue: VenueSettings) -> Iterator[Finding]:
    if account_of(source, name) != source.account:
        return
    if venue.name.lower() == source.exchange:
        yield Finding(
            Level.WARNING,
            "venue_is_own_account",
            f'The venue {name} is the account of the bot itself ({source.account}): "bot" is that '
            "already.",
            f'let legs name "bot" and remove the venue {name}, or write its own account',
        )
    else:
        yield Finding(
            Level.ERROR,
            "one_account_two_exchanges",
            f"The venue {name} on {venue.name} and the bot on {source.exchange} name one account "
            f"({source.account}): what is promised on one would be missing on the other.",
            f"write another balance_guard.venues.{name}.account",
        )


def _one_key(source: Source) -> Iterator[Finding]:
    """Live only: nobody sends with a key in dry-run."""
    users = [("bot", source.account, source.key)]
    users += [(n, account_of(source, n), key) for n, key in source.venue_keys.items()]
    for (one, account, key), (other, other_account, other_key) in combinations(users, 2):
        if not key or key != other_key:
            continue
        if one == "bot":
            yield Finding(
                Level.ERROR,
                "venue_has_bots_key",
                f"The venue {other} has the API key of the bot's own exchange: each request must "
                "carry a larger number than the one before, so they make each other's requests "
                "fail.",
                'let legs name "bot", or give the venue a key of its own',
            )
        if account != other_account:
            yield Finding(
                Level.ERROR,
                "one_key_two_accounts",
                f"{one} and {other} have one API key and name their account differently "
                f"({account}, {other_account}): the same money is counted twice.",
                "write one account for both",
            )


def account_of(source: Source, name: str) -> str:
    """The ledger's name for a venue's money."""
    account = source.settings.venues[name].account or name
    return account + (DRY_RUN_ACCOUNT if source.dry_run else "")
