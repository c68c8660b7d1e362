"""``balance-guard uninstall``: names everything that the guard leaves, and removes what it may.

What belongs to the user (the configuration, strategies) is named and not touched.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.arbitrage.store import read_exposures
from freqtrade_balance_guard.console.bot_source import LedgerView
from freqtrade_balance_guard.ledger import NothingStored
from freqtrade_balance_guard.settings import SECTION
from freqtrade_balance_guard.settings.state_paths import DRY_RUN_FILE, LIVE_FILE


# Beside a database: SQLite's own files, the locks of the ledger, and a copy of a rescued file.
SUFFIXES = ("", "-wal", "-shm", "-journal", ".lock", ".next")
RESCUED = ".*.rescued"
PLUGINS = ("MinimumBalanceFilter", "MinimumBalance", "RebalanceCooldown")


@dataclass(frozen=True)
class Leftovers:
    """Says what is left: files of the guard, and what only the user can remove."""

    files: tuple[Path, ...]
    by_hand: tuple[str, ...]
    open: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "files": [str(file) for file in self.files],
            "by_hand": list(self.by_hand),
            "open": list(self.open),
        }


def leftovers(ledger: LedgerView, config: Mapping[str, Any]) -> Leftovers:
    """Everything that the guard has left on this machine for this configuration.

    :raises LedgerUnavailable: whether something is open cannot be read
    :raises ArbitragesUnavailable: likewise
    """
    folder = ledger.source.local.parent
    bases = {folder / LIVE_FILE, folder / DRY_RUN_FILE}
    if ledger.source.ledger_file is not None:
        bases.add(ledger.source.ledger_file.absolute())
    return Leftovers(
        files=tuple(sorted(_files(bases))),
        by_hand=tuple(_by_hand(ledger, config)),
        open=tuple(_open(ledger)),
    )


def _files(bases: Iterable[Path]) -> Iterable[Path]:
    for base in bases:
        for suffix in SUFFIXES:
            file = base.with_name(base.name + suffix)
            if file.is_file():
                yield file
        yield from base.parent.glob(f"{base.name}{RESCUED}")


def _open(ledger: LedgerView) -> Iterable[str]:
    """What would be lost, or is in use."""
    try:
        alive = sorted({bot.bot for bot in ledger.bots if bot.alive})
        # Of both modes: a shared file holds reservations of dry-run and live bots.
        rows = [row for row in ledger.store.select() if row.unfinished]
    except NothingStored:
        return
    if alive:
        yield f"running: {', '.join(alive)}"
    if rows:
        names = ", ".join(sorted({row.bot for row in rows}))
        yield f"{len(rows)} reservations without an end, of {names}"
    exposures = read_exposures(ledger.source.local)
    if exposures:
        yield f"{len(exposures)} open exposures (balance-guard unhedged list)"


def _by_hand(ledger: LedgerView, config: Mapping[str, Any]) -> Iterable[str]:
    if SECTION in config:
        yield f'the section "{SECTION}" of the configuration'
    for place in ("pairlists", "protections"):
        methods = [one.get("method") for one in config.get(place) or () if isinstance(one, Mapping)]
        for method in sorted(set(PLUGINS) & {str(method) for method in methods}):
            yield f"{method} in the {place} of the configuration"
    strategies = Path(config["user_data_dir"]) / "strategies"
    for file in sorted(strategies.rglob("*.py")) if strategies.is_dir() else ():
        if "freqtrade_balance_guard" in file.read_text(encoding="utf-8", errors="replace"):
            yield f"the mixin in {file}"
    if ledger.source.ledger_file is None:
        yield f"the ledger's tables in {ledger.source.shown_ledger}, if no other bot uses them"
    yield "the package: pip uninstall freqtrade-balance-guard"


def remove(files: Iterable[Path]) -> list[Path]:
    """Remove files; those that are gone now.

    :raises OSError: one cannot be removed
    """
    removed = []
    for file in files:
        file.unlink(missing_ok=True)
        removed.append(file)
    return removed
