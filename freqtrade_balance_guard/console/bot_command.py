"""Ask a bot that runs for something, through its table of commands, and wait for its answer."""

from collections.abc import Callable
from typing import Any

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.console.bot_source import LedgerView
from freqtrade_balance_guard.monitoring.commands import Answer, CommandBox


ANSWER_SECONDS = 15.0
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
) -> Answer:
    """What ``bot`` says; not done, and why, where it says nothing.

    :param look_again: the command that shows what a late answer did
    :raises LocalFileError: the table of commands cannot be used
    """
    box = CommandBox(ledger.source.local, clock)
    try:
        number = box.put(kind, payload, bot=bot)
        ends = clock.monotonic() + ANSWER_SECONDS
        while clock.monotonic() < ends:
            answer = box.answer_of(number)
            if answer is not None:
                return Answer(answer.done, f"{bot}: {answer.text}")
            sleep(POLL_SECONDS)
        if box.withdraw(number):
            return Answer(
                False,
                f"{bot} did not take the command within {ANSWER_SECONDS:.0f} s, and it was "
                "withdrawn: is that bot's user data directory another one?",
            )
        return Answer(
            False,
            f"{bot} took the command and has not answered within {ANSWER_SECONDS:.0f} s: look "
            f"again with {look_again}.",
        )
    finally:
        box.close()
