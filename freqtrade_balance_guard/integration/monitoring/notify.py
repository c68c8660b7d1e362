"""Messages of a bot: queued here, sent by freqtrade's own RPC modules in a thread of the guard."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from freqtrade.enums import RPCMessageType

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.events import Event
from freqtrade_balance_guard.monitoring.denials import DenialsOfDay, denials_by_day
from freqtrade_balance_guard.monitoring.messages import Kind, Message, Notices
from freqtrade_balance_guard.monitoring.metrics.figures import Figures
from freqtrade_balance_guard.monitoring.outbox import Outbox
from freqtrade_balance_guard.settings import AlertSettings


logger = logging.getLogger(__name__)

NAME = "Balance guard"
# How often figures are looked at for borders.
LOOK_SECONDS = 10.0
ALL_PAIRS = "*"
# Telegram reads these as the begin of bold, italic, code or a link, and drops a message in which
# one has no end. freqtrade puts a warning's text between backticks: there only those matter.
MARKDOWN = str.maketrans({"_": " ", "*": "", "`": "'", "[": "(", "]": ")"})


class Notifier:
    """A listener of facts, and a job of the worker that looks at the figures.

    :param manager: freqtrade's RPCManager; None: messages are kept, not sent
    """

    def __init__(
        self,
        manager: Any,
        alerts: AlertSettings,
        stake_currency: str,
        path: Path,
        account: str,
        bot: str,
        clock: Clock,
        look: Callable[[], Figures],
    ) -> None:
        self._manager = manager
        self._path = path
        self._account = account
        self._bot = bot
        self._clock = clock
        self._look = look
        self._guard = threading.Lock()
        self._notices = Notices(alerts, stake_currency)
        self._outbox = Outbox(path, account, bot, clock, self._send)
        self._looked_at = float("-inf")
        self._day = clock.wall().date()
        self._is_asked = threading.Event()

    def __call__(self, event: Event) -> None:
        with self._guard:
            found = list(self._notices.of_event(event))
        self._put(found)

    def warn(self, code: str, text: str) -> None:
        """An incident that another part has found."""
        self._put([Message(Kind.INCIDENT, code, text)])

    def sum_up_today(self) -> None:
        """Send the denials of today so far with the next work; never waits."""
        self._is_asked.set()

    def work(self) -> None:
        """Look at the figures now and then, and sum up a day that is over or was asked for."""
        if self._is_asked.is_set():
            self._is_asked.clear()
            self._sum_up_so_far()
        now = self._clock.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        figures = self._look()
        with self._guard:
            found = list(self._notices.of_figures(figures, now))
        self._put(found, is_logged=True)
        self._sum_up()

    def close(self) -> None:
        """Send what waits, unless that takes long."""
        self._outbox.close()

    def _sum_up(self) -> None:
        today = self._clock.wall().date()
        if today == self._day:
            return
        yesterday = today - timedelta(days=1)
        found = self._denials(yesterday)
        self._day = today
        texts = [one.sentence(today) for one in found]
        self._put([Message(Kind.NEWS, "denials_of_a_day", text) for text in texts], is_logged=True)

    def _sum_up_so_far(self) -> None:
        today = self._clock.wall().date()
        (found,) = self._denials(today) or [DenialsOfDay(today, {})]
        self._put([Message(Kind.ANSWER, "denials_so_far", found.sentence(today))], is_logged=True)

    def _denials(self, day: date) -> list[DenialsOfDay]:
        return denials_by_day(self._path, self._account, self._bot, day, day)

    def _put(self, messages: Iterable[Message], *, is_logged: bool = False) -> None:
        """Queue messages; those that no other part has logged are logged here."""
        for message in messages:
            if is_logged:
                level = logging.WARNING if message.kind is Kind.INCIDENT else logging.INFO
                logger.log(level, "%s [%s]", message.text, message.code)
            self._outbox.put(message)

    # In the outbox's thread

    def _send(self, message: Message) -> None:
        manager = self._manager
        if manager is None:
            return
        text = f"{NAME}: {message.text}".replace("`", "'")
        if message.kind in (Kind.INCIDENT, Kind.RECOVERY):
            manager.send_msg({"type": RPCMessageType.WARNING, "status": text})
        elif message.kind is Kind.LOCK:
            is_global = message.details["pair"] == ALL_PAIRS
            kind = (
                RPCMessageType.PROTECTION_TRIGGER_GLOBAL
                if is_global
                else RPCMessageType.PROTECTION_TRIGGER
            )
            base = "" if is_global else message.details["pair"].split("/")[0]
            reason = str(message.details["reason"]).translate(MARKDOWN)
            details = {**message.details, "reason": reason}
            manager.send_msg({"type": kind, "base_currency": base, **details})
        elif message.kind in (Kind.UNLOCK, Kind.ANSWER):
            manager.send_msg({"type": RPCMessageType.STATUS, "status": text})
        else:
            # What `dp.send_msg` comes to at the end of a loop, but not in the loop's thread.
            manager.process_msg_queue(deque([text.translate(MARKDOWN)]))
