"""Entry controls: the reasons for which no entry is made on a pair now, whatever its size.

Each part that has such a reason registers its control; neither wallets nor orders know whose they
are. They are asked in the order of ``ControlName``, and the first denial counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from freqtrade_balance_guard.errors import kind_and_words_of
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.limits.sizing import EntryKind


class ControlName(StrEnum):
    """Every control, in the order in which they are asked. The names are shown by ``explain``."""

    SETTINGS = "settings"
    PAUSED = "paused"
    LEDGER = "ledger"
    SOLD_LATELY = "sold_lately"
    BALANCE_READABLE = "balance_readable"
    BALANCE_CONFIRMED = "balance_confirmed"
    REJECTED_BEFORE = "rejected_before"
    MARGIN_USAGE = "margin_usage"
    POSITION = "position"
    ORDER_UNRESOLVED = "order_unresolved"
    ARBITRAGE = "arbitrage"


# What holds also with neutral settings, and is asked once more just before the order is sent.
ALWAYS = frozenset(
    {
        ControlName.SETTINGS,
        ControlName.PAUSED,
        ControlName.ORDER_UNRESOLVED,
        ControlName.ARBITRAGE,
    }
)


@dataclass(frozen=True, slots=True)
class PlannedEntry:
    """An entry whose size is not known yet."""

    pair: str
    kind: EntryKind = EntryKind.NEW


class EntryControl(Protocol):
    """One reason for which an entry may not be made."""

    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        """Why not; None if nothing of this kind is in its way. Waits for nothing."""


@dataclass(frozen=True, slots=True)
class DeniedUntilReload:
    """Denies every entry for a reason that lasts until the bot is built anew."""

    denied: Denied

    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        """To deny a replacement would make freqtrade drop its trade."""
        return None if entry.kind is EntryKind.REPLACEMENT else self.denied


class EntryControls:
    """The controls of one bot."""

    def __init__(self) -> None:
        self._controls: dict[ControlName, EntryControl] = {}

    def register(self, name: ControlName, control: EntryControl | None) -> None:
        """Ask ``control`` from now on instead of the one that had this name; None: no more."""
        self._controls.pop(name, None)
        if control is not None:
            self._controls[name] = control

    def check(self, entry: PlannedEntry, *, is_neutral: bool = False) -> Denied | None:
        """The first denial; None if no control denies the entry.

        :param is_neutral: only what holds with neutral settings too
        """
        for name in ControlName:
            control = self._controls.get(name)
            if control is None or (is_neutral and name not in ALWAYS):
                continue
            if (denied := control.check_entry(entry)) is not None:
                return denied
        return None

    def answers(self, entry: PlannedEntry) -> Iterator[tuple[ControlName, Denied | None]]:
        """What each control answers, in their order; one that fails denies."""
        for name in ControlName:
            if (control := self._controls.get(name)) is None:
                continue
            try:
                yield name, control.check_entry(entry)
            except Exception as error:
                sentence = f"the control failed ({kind_and_words_of(error)})"
                yield name, Denied(DenialCode.GUARD_ERROR, sentence)
