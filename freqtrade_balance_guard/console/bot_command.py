"""Sends a command to a running bot through its table of commands, and waits for the answer."""

import json
from collections.abc import Callable
from typing import Any

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.console.bot_source import LedgerView, NotPossible
from freqtrade_balance_guard.ledger import LedgerUnavailable
from freqtrade_balance_guard.local_file import LocalFileError
from freqtrade_balance_guard.monitoring.commands import Answer, CommandBox, ControlAnswer
from freqtrade_balance_guard.monitoring.entry_pause import EntryPause


ANSWER_SECONDS = 15.0
# A question beside stored facts: a loop of freqtrade takes 5 s by default.
QUESTION_SECONDS = 7.0
POLL_SECONDS = 0.2


def ask_bot(
    ledger: LedgerView,
    bot: str,
    kind: str,
    payload: dict[str, Any],
    clock: Clock,
    sleep: Callable[[float], None],
    *,
    look_again: str,
    wait_seconds: float = ANSWER_SECONDS,
) -> Answer:
    """What ``bot`` says; not done, and why, where it says nothing.

    :param look_again: the command that shows what a late answer did
    :raises LocalFileError: the table of commands cannot be used
    """
    box = CommandBox(ledger.source.local, clock)
    try:
        number = box.put(kind, payload, bot=bot)
        ends = clock.monotonic() + wait_seconds
        while clock.monotonic() < ends:
            answer = box.answer_of(number)
            if answer is not None:
                return Answer(answer.done, f"{bot}: {answer.text}")
            sleep(POLL_SECONDS)
        if box.withdraw(number):
            return Answer(
                False,
                f"{bot} did not take the command within {wait_seconds:.0f} s, and it was "
                "withdrawn: is that bot's user data directory another one?",
            )
        return Answer(
            False,
            f"{bot} took the command and has not answered within {wait_seconds:.0f} s: look "
            f"again with {look_again}.",
        )
    finally:
        box.close()


def set_pause(
    ledger: LedgerView,
    bot: str | None,
    why: str | None,
    clock: Clock,
    sleep: Callable[[float], None],
) -> Answer:
    """Store a pause of a bot's entries, or end it; a running bot confirms it.

    :param why: the user's reason; None: end the pause
    :raises NotPossible: which bot is meant is unknown
    :raises LocalFileError: it cannot be stored
    :raises LedgerUnavailable: which bots there are cannot be read
    """
    name = named_bot(ledger, bot)
    pause = EntryPause(ledger.source.local, ledger.source.account, name, clock)
    try:
        if why is not None:
            text = f"{pause.pause(why).sentence}; exits go on"
        elif pause.resume():
            text = "entries are resumed"
        else:
            text = "entries were not paused"
    finally:
        pause.close()
    if name not in {view.bot for view in ledger.alive}:
        return Answer(True, f"{name}: {text}. It is not running; this holds from its next start.")
    kind = "resume" if why is None else "pause"
    again = "balance-guard status"
    return ask_bot(ledger, name, kind, {}, clock, sleep, look_again=again)


def send_denials(
    ledger: LedgerView, bot: str | None, clock: Clock, sleep: Callable[[float], None]
) -> Answer:
    """Ask a running bot to send the denials of today as a message.

    :raises NotPossible: which bot is meant is unknown, or it does not run
    """
    name = named_bot(ledger, bot)
    if name not in {view.bot for view in ledger.alive}:
        raise NotPossible(f"{name} does not run, so it sends no message.")
    return ask_bot(ledger, name, "denials", {}, clock, sleep, look_again="the same command")


def named_bot(ledger: LedgerView, bot: str | None) -> str:
    """The bot that is meant.

    :raises NotPossible: several may be meant, or none is known
    """
    name = ledger.own_bot(bot)
    here = sorted({view.bot for view in ledger.bots if view.account == ledger.source.account})
    if name is None:
        if not here:
            raise NotPossible("No bot has run with this configuration yet: start it first.")
        raise NotPossible(
            f"Several bots use this account ({', '.join(here)}): say which one with --bot."
        )
    return name


def asked_controls(
    ledger: LedgerView, bot: str | None, pair: str, clock: Clock, sleep: Callable[[float], None]
) -> tuple[ControlAnswer, ...] | None:
    """What the entry controls of a running bot say of ``pair``; None where no bot answers."""
    try:
        name = ledger.own_bot(bot)
        if name is None or name not in {view.bot for view in ledger.alive}:
            return None
        answer = ask_bot(
            ledger,
            name,
            "explain",
            {"pair": pair},
            clock,
            sleep,
            look_again="the same command",
            wait_seconds=QUESTION_SECONDS,
        )
        if not answer.done:
            return None
        rows = json.loads(answer.text.partition(": ")[2])
        return tuple(ControlAnswer(**row) for row in rows)
    except (LedgerUnavailable, LocalFileError, NotPossible, ValueError, TypeError):
        return None  # everything else that is known is shown all the same
