"""Reads the books that all bots of an account share."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any, TypeVar

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.ledger.errors import LedgerUnavailable
from freqtrade_balance_guard.ledger.pause import Pause
from freqtrade_balance_guard.ledger.reservation import UNFINISHED, Reservation, State
from freqtrade_balance_guard.ledger.results import Holds
from freqtrade_balance_guard.ledger.store import Beat, Entry, Outlook, Stamp, Store
from freqtrade_balance_guard.ledger.upkeep.archive import mark_at
from freqtrade_balance_guard.ledger.upkeep.audit import Violation, check_store


R = TypeVar("R")
Order = tuple[str, str]  # pair, order id


class LedgerQuestions:
    """Answers questions about an account; writes nothing. Safe to call from several threads.

    One that cannot be reached raises ``LedgerUnavailable``, and is not asked again for a while.
    """

    def __init__(self, store: Store, *, bot: str, account: str, process: str, clock: Clock) -> None:
        self.bot = bot
        self.account = account
        self.process = process
        self.store = store
        self._clock = clock
        self._pause = Pause(clock)

    def mark(self) -> int:
        """Take this before a balance is asked for: what the ledger knew then."""
        return self._ask(self.store.mark)

    def held(self, currency: str, *, account: str | None = None, mark: int | None = None) -> Holds:
        """What is reserved and not in the numbers of the snapshot with ``mark``.

        :param mark: None: the newest snapshot that any bot has believed
        """
        where = account or self.account
        return self._ask(lambda: self.store.holds(where, currency, mark, self.bot))

    def find(self, client_order_id: str) -> Reservation | None:
        return self._ask(lambda: self.store.find(client_order_id))

    def unfinished(
        self, *, account: str | None = None, bot: str | None = None
    ) -> list[Reservation]:
        """Every reservation without an end, for recovery; the newest first."""
        return self.reservations(account=account, bot=bot, states=UNFINISHED)

    def reservations(
        self,
        *,
        account: str | None = None,
        bot: str | None = None,
        states: Collection[State] | None = None,
        limit: int | None = None,
        archived: bool = False,
    ) -> list[Reservation]:
        """Reservations, the newest first.

        :param archived: also those that ended more than ``keep_days`` ago
        """
        only: dict[str, Any] = {"account": account, "bot": bot, "states": states, "limit": limit}
        return self._ask(lambda: self.store.select(**only, archived=archived))

    def owners_of(self, account: str, orders: Iterable[tuple[str, str]]) -> dict[Order, set[str]]:
        """The bots that have bound each (pair, order id) of the exchange, however long ago.

        Orders that no reservation is bound to are left out. An order id alone is no key: on some
        exchanges it is unique per pair only.
        """
        wanted = list(orders)
        return self._ask(lambda: self.store.order_owners(account, wanted))

    def history(self, client_order_id: str) -> list[Entry]:
        """Who did what to it, when and why, in order."""
        return self._ask(lambda: self.store.history(client_order_id))

    def changes(self, after: int, *, account: str | None = None) -> list[tuple[Entry, Reservation]]:
        """What happened on the account after the event ``after``, of all bots, archived or not."""
        where = account or self.account
        return self._ask(lambda: self.store.changes(where, after))

    def outlook(self, currency: str, after: int, *, account: str | None = None) -> Outlook:
        """What happened on the account after the event ``after``, and what that is complete for.

        Who has subtracted all of it from what he may spend of ``currency`` asks with
        ``Funds(spendable, floor, since=outlook.since)``.
        """
        where = account or self.account
        return self._ask(lambda: self.store.outlook(where, currency, after))

    def heartbeats(self, account: str | None = None) -> list[Beat]:
        """The last beat of every run; of all accounts, or of one."""
        return self._ask(lambda: self.store.beats(account))

    def mark_at(self, moment: datetime) -> int:
        """The last event before ``moment``, by the clocks of the bots that wrote; 0: none."""
        return self._ask(lambda: mark_at(self.store, moment))

    def audit(self, account: str | None = None) -> list[Violation]:
        """Everything that is wrong in the books of one account; empty if nothing is."""
        where = account or self.account
        return list(self._ask(lambda: check_store(self.store, where)))

    def close(self) -> None:
        """Give the database back. What is reserved stays reserved."""
        self.store.close()

    def _stamp(self) -> Stamp:
        return Stamp(self.bot, self.process, self._clock.wall())

    def _ask(self, question: Callable[[], R]) -> R:
        began = self._pause.begin()
        try:
            return question()
        except LedgerUnavailable as error:
            self._pause.failed(error, began)
            raise
