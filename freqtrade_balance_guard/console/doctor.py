"""``balance-guard doctor``: finds what is wrong around the bots, and says what to do."""

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.console.bot_source import BotView, LedgerView
from freqtrade_balance_guard.console.config_check import Finding, Level, venue_findings
from freqtrade_balance_guard.ledger import LedgerUnavailable, NothingStored, State
from freqtrade_balance_guard.version import __version__


# Two clocks of one network agree far better; more is reported.
SKEW_SECONDS = 5.0
MOST_PAIRS_SHOWN = 5
MOUNTS = Path("/proc/self/mounts")
NETWORK_FILE_SYSTEMS = tuple(
    """
    nfs cifs smb 9p afs ceph glusterfs lustre gfs2 ocfs2 fuse.sshfs fuse.s3fs fuse.rclone
    fuse.gcsfuse fuse.glusterfs virtiofs
    """.split()
)


@dataclass(frozen=True)
class Diagnosis:
    """What was looked at, and what was found."""

    checked: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def is_healthy(self) -> bool:
        return all(finding.level is Level.NOTE for finding in self.findings)

    def with_more(self, checked: str, findings: Sequence[Finding]) -> "Diagnosis":
        """The same with another thing looked at, the worst first."""
        order = list(Level)
        found = sorted((*self.findings, *findings), key=lambda one: order.index(one.level))
        return Diagnosis((*self.checked, checked), tuple(found))

    def as_json(self) -> dict[str, Any]:
        return {
            "healthy": self.is_healthy,
            "checked": list(self.checked),
            "findings": [finding.as_json() for finding in self.findings],
        }


def _may_write(place: Path) -> bool:
    return os.access(place, os.W_OK)


def examine(
    ledger: LedgerView,
    *,
    freqtrade: Sequence[str] = (),
    exchanges: Collection[str] = (),
    mounts: Path = MOUNTS,
    may_write: Callable[[Path], bool] = _may_write,
) -> Diagnosis:
    """All checks.

    :param freqtrade: what differs in freqtrade from what the guard relies on, as sentences
    :param exchanges: the names that a venue may have; none given: they are not looked at
    :param mounts: the system's table of mounted file systems
    """
    findings = [
        *_versions(freqtrade),
        *_ledger_place(ledger, mounts, may_write),
        *venue_findings(ledger.source, exchanges),
    ]
    checked = ["settings", "versions", "place of the ledger"]
    checked += ["venues"] if ledger.source.settings.venues else []
    try:
        bots = ledger.bots
    except NothingStored as nothing:
        findings.append(
            Finding(
                Level.NOTE,
                "nothing_stored",
                str(nothing),
                "nothing to do: a bot with the guard makes it at its first start",
            )
        )
    except LedgerUnavailable as error:
        findings.append(
            Finding(
                Level.ERROR,
                "ledger_unavailable",
                str(error),
                "make it reachable: until then entries are denied and exits go out",
            )
        )
    else:
        findings += [*bot_findings(bots, ledger.source.account), *_clock(bots), *_left(ledger)]
        checked += [
            "ledger",
            "API keys",
            "names of bots",
            "pairs",
            "futures",
            "clocks",
            "left reservations",
        ]
    order = list(Level)
    findings.sort(key=lambda finding: order.index(finding.level))
    return Diagnosis(tuple(checked), tuple(findings))


# Around the bots


def bot_findings(bots: Sequence[BotView], account: str) -> list[Finding]:
    """What living bots do to each other; of all accounts in the ledger for keys, else of one."""
    alive = [bot for bot in bots if bot.alive]
    here = [bot for bot in alive if bot.account == account]
    found = [*_copied(here), *_keys(alive), *_pairs(here), *_futures(here), *_releases(here)]
    if not here:
        found.append(
            Finding(
                Level.NOTE,
                "no_bot",
                f"No bot is running on {account}.",
                "nothing to do if that is meant",
            )
        )
    return found


def _copied(alive: Sequence[BotView]) -> Iterator[Finding]:
    runs: dict[str, list[BotView]] = defaultdict(list)
    for bot in alive:
        runs[bot.bot].append(bot)
    for name, same in sorted(runs.items()):
        places = {(bot.about.get("host"), bot.about.get("pid")) for bot in same}
        # A bot that was restarted a moment ago has two beats, but one place has one bot.
        if len(places) > 1:
            where = " and ".join(str(bot) for bot in same)
            yield Finding(
                Level.ERROR,
                "same_bot_twice",
                f"The bot {name} runs twice: {where}. Its name is kept in freqtrade's database, so "
                "that database was copied, or one run has just been replaced by the other.",
                "if both are still there in two minutes, stop one and give it a database of its "
                "own, without the other's trades",
            )


def _keys(alive: Sequence[BotView]) -> Iterator[Finding]:
    by_key: dict[str, dict[tuple[str, str], BotView]] = defaultdict(dict)
    for bot in alive:
        if bot.key and not bot.about.get("dry_run"):
            by_key[bot.key][bot.account, bot.bot] = bot
    for users in by_key.values():
        if len(users) < 2:
            continue
        names = ", ".join(str(bot) for bot in users.values())
        yield Finding(
            Level.ERROR,
            "one_key_two_bots",
            f"One API key is used by {names}: each request must carry a larger number than the one "
            "before, so they make each other's requests fail.",
            "give each bot an API key of its own, of the same account",
        )
        accounts = sorted({account for account, _ in users})
        if len(accounts) > 1:
            yield Finding(
                Level.ERROR,
                "one_key_two_accounts",
                f"Bots with one API key name their account differently ({', '.join(accounts)}): "
                "they spend the same money and do not see each other's reservations.",
                "write the same balance_guard.ledger.account into their configs",
            )


def _pairs(alive: Sequence[BotView]) -> Iterator[Finding]:
    newest = {bot.bot: bot for bot in reversed(alive)}
    for one, other in combinations(sorted(newest.values(), key=lambda bot: bot.bot), 2):
        common = sorted(one.pairs & other.pairs)
        if common:
            more = len(common) - MOST_PAIRS_SHOWN
            shown = ", ".join(common[:MOST_PAIRS_SHOWN]) + (f" and {more} more" if more > 0 else "")
            yield Finding(
                Level.WARNING,
                "overlapping_pairs",
                f"{one.bot} and {other.bot} trade the same pairs on one account: {shown}. One may "
                "sell what the other bought.",
                "give each bot pairs of its own",
            )


def _futures(alive: Sequence[BotView]) -> Iterator[Finding]:
    names = sorted({bot.bot for bot in alive})
    futures = sorted({bot.bot for bot in alive if bot.about.get("trading_mode") == "futures"})
    if futures and len(names) > 1:
        yield Finding(
            Level.ERROR,
            "shared_futures_account",
            f"{', '.join(names)} share an account with futures ({', '.join(futures)}): positions "
            "of one pair become one, and margin and liquidation are not what a bot thinks.",
            "give each bot that trades futures a subaccount",
        )


def _releases(alive: Sequence[BotView]) -> Iterator[Finding]:
    versions = sorted({str(bot.about["version"]) for bot in alive if bot.about.get("version")})
    if versions and versions != [__version__]:
        yield Finding(
            Level.WARNING,
            "versions_differ",
            f"This is balance guard {__version__}; the bots on this account run "
            f"{', '.join(versions)}.",
            "restart the bots with the version that is installed",
        )


# Around the ledger


def _versions(freqtrade: Sequence[str]) -> Iterator[Finding]:
    for sentence in freqtrade:
        yield Finding(
            Level.ERROR,
            "freqtrade_differs",
            sentence,
            "use a freqtrade that this version of the guard supports: entries are denied",
        )


def _ledger_place(
    ledger: LedgerView, mounts: Path, may_write: Callable[[Path], bool]
) -> Iterator[Finding]:
    file = ledger.source.ledger_file
    if file is None:
        return
    folder = file.parent
    if not folder.is_dir():
        yield Finding(
            Level.ERROR,
            "no_folder",
            f"The ledger's folder {folder} does not exist.",
            "create it, or write another balance_guard.ledger.db_url",
        )
        return
    for place in (folder, file):
        if place.exists() and not may_write(place):
            yield Finding(
                Level.ERROR,
                "not_writable",
                f"{place} may not be written by this user.",
                "give the user that runs the bot the right to write there",
            )
    kind = file_system_of(folder, mounts)
    if kind is not None and kind.startswith(NETWORK_FILE_SYSTEMS):
        yield Finding(
            Level.ERROR,
            "network_file_system",
            f"The ledger {file} is on a network file system ({kind}), where SQLite's locks do not "
            "hold.",
            "move it to a local disk, or use PostgreSQL: balance_guard.ledger.db_url",
        )


def file_system_of(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of file system that ``folder`` is on; None where the system does not tell."""
    if not sys.platform.startswith("linux") or not mounts.exists():
        return None
    here = folder.resolve()
    found: tuple[int, str] | None = None
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, point, kind, *_ = [*line.split(" "), "", ""]
        # The table writes a space in a name as its octal code.
        place = Path(point.replace("\\040", " "))
        if (here == place or place in here.parents) and (
            found is None or len(place.parts) >= found[0]
        ):
            found = len(place.parts), kind
    return found[1] if found else None


def _clock(bots: Sequence[BotView]) -> Iterator[Finding]:
    newest = max(bots, key=lambda bot: bot.at, default=None)
    if newest is not None and newest.age < -SKEW_SECONDS:
        yield Finding(
            Level.WARNING,
            "clock_skew",
            f"The newest heartbeat, of {newest}, is {-newest.age:.0f} s in the future: this "
            "machine's clock and the bot's differ.",
            "let both machines set their clocks by the network (NTP): exchanges reject requests "
            "with a wrong time",
        )


def _left(ledger: LedgerView) -> Iterator[Finding]:
    silent = [row for row in ledger.unfinished() if not ledger.is_owner_alive(row)]
    resting = [row for row in silent if row.state is State.OPEN and ledger.owner_of(row) is None]
    left = [row for row in silent if row not in resting]
    if resting:
        names = ", ".join(sorted({row.bot for row in resting}))
        yield Finding(
            Level.NOTE,
            "resting",
            f"{len(resting)} orders of bots that were stopped ({names}) rest on the exchange.",
            "nothing to do if that is meant: the next start takes them up",
        )
    if left:
        names = ", ".join(sorted({row.bot for row in left}))
        yield Finding(
            Level.WARNING,
            "left_behind",
            f"{len(left)} reservations without an end belong to bots that do not run ({names}).",
            "start these bots again: they look their orders up; or see balance-guard reconcile",
        )
