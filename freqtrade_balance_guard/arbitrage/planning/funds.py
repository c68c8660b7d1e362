"""Says what may be spent on a venue: no more than it shows as free, and than our orders leave."""

import json
import threading
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from freqtrade_balance_guard.arbitrage.venue import Venue
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import UnreadableBalance
from freqtrade_balance_guard.ledger import Funds, Reservation, ReservationLedger, State
from freqtrade_balance_guard.ledger.store import Beat
from freqtrade_balance_guard.money import ZERO, exact, to_decimal


# A balance that was read longer ago is no reason to send an order without a question.
BELIEVED_SECONDS = 60.0
# Ended orders whose last state is kept: a ledger may report it twice.
REMEMBERED = 2000


class _Entry(NamedTuple):
    """Holds what the ledger said last of one order: it holds or has used ``promised``."""

    promised: Decimal
    received: Decimal


class VenueFunds:
    """Reads a venue's balance for one reservation.

    A balance may lag behind fills. So it is compared with what is expected: what was believed last,
    less what the account's orders hold and have used since, plus what they brought. The smaller one
    may be spent. When nothing happened for ``settle_seconds``, less is believed at once, and more
    when it is seen a second time ``settle_seconds`` later.

    :param floors: currency (upper case) -> what is never spent
    :param settle_seconds: how far a balance may lag
    """

    def __init__(
        self,
        venue: Venue,
        ledger: ReservationLedger,
        clock: Clock,
        *,
        settle_seconds: float = 30.0,
        floors: Mapping[str, Decimal] | None = None,
    ) -> None:
        self._venue = venue
        self._ledger = ledger
        self._clock = clock
        self._settle = timedelta(seconds=settle_seconds)
        self._floors = floors or {}
        self._after = 0
        self._entries: dict[str, _Entry] = {}
        self._unsent: dict[str, Reservation] = {}
        self._unfinished: set[str] = set()
        self._in_question: set[str] = set()
        self._risen_at: dict[str, datetime] = {}
        self._changed_at: datetime | None = None
        # None: no balance was believed yet.
        self._expected: dict[str, Decimal] | None = None
        # Until then: the last balance, and from where on the ledger's changes are taken from it.
        self._at_first: tuple[Mapping[str, Decimal], int] | None = None
        # What may be spent as of the last balance, less what orders have taken since.
        self._believed_now: dict[str, Decimal] = {}
        self._read_at = float("-inf")
        # The thread of the key reads; the engine's asks what is believed.
        self._lock = threading.Lock()

    def believed(self, currencies: Collection[str]) -> Mapping[str, Funds]:
        """Return what may be spent as of the last balance, without a request.

        What orders have taken since is subtracted; what they have brought counts when it is seen.

        :raises UnreadableBalance: none was read lately, or it is not confirmed yet
        :raises LedgerUnavailable: the ledger cannot be asked
        """
        if self._clock.monotonic() - self._read_at > BELIEVED_SECONDS:
            raise UnreadableBalance(f"the balance of {self._venue.name} was not read lately")
        with self._lock:
            since = {currency: self._follow(currency) for currency in currencies}
            if self._expected is None:
                return self._believed_at_first(currencies)
            found = {one: self._believed_now.get(one, ZERO) for one in currencies}
        return {
            one: Funds(max(free - self._owned(one), ZERO), self._floor(one), since=since[one])
            for one, free in found.items()
        }

    def read(self, currencies: Collection[str]) -> Mapping[str, Funds]:
        """Return what may be spent of ``currencies``; nothing of one that the venue does not name.

        :raises UnreadableBalance: a number in it is none
        :raises LedgerUnavailable: the ledger cannot be asked
        """
        # Before the balance is asked for: what happens meanwhile may be in it twice, never missing.
        mark = self._ledger.mark()
        with self._lock:
            since = {currency: self._follow(currency) for currency in currencies}
        read_at = self._clock.monotonic()
        balances = self._venue.balances()
        with self._lock:
            found = self._taken(balances, currencies, mark, since)
            self._read_at = read_at
        return found

    def _taken(
        self,
        balances: Mapping[str, Decimal],
        currencies: Collection[str],
        mark: int,
        since: Mapping[str, int],
    ) -> Mapping[str, Funds]:
        """Take up a balance; return what may be spent."""
        # What happened while we asked may be in the answer or not.
        before = self._after
        for currency in currencies:
            self._follow(currency)
        is_settled = self._is_settled() and self._after == before
        for free_currency, free in balances.items():
            if not isinstance(free, Decimal) or not free.is_finite() or free < ZERO:
                raise UnreadableBalance(f"{self._venue.name} says {free!r} {free_currency} is free")
        if is_settled:
            named = {*balances, *(self._expected or ())}
            self._expected = {one: self._believed(balances, one) for one in named}
            # The balance may show what the ledger will tell of these only later.
            self._in_question = set(self._unfinished)
            self._ledger.seen(mark, account=self._venue.account)
        if self._expected is None:
            return {one: self._first(balances, one) for one in currencies}
        self._believed_now = {
            one: min(self._seen(balances, one), self._expected.get(one, ZERO))
            for one in {*balances, *self._expected}
        }
        return {one: self._funds(balances, one, since[one]) for one in currencies}

    def _funds(self, balances: Mapping[str, Decimal], currency: str, since: int) -> Funds:
        expected = (self._expected or {}).get(currency, ZERO)
        spendable = min(self._seen(balances, currency), expected) - self._owned(currency)
        return Funds(max(spendable, ZERO), self._floor(currency), since=since)

    def _floor(self, currency: str) -> Decimal:
        return self._floors.get(currency.upper(), ZERO)

    def _owned(self, currency: str) -> Decimal:
        """Return what open trades of bots on this account own: never a leg's."""
        return owned_by_bots(self._ledger, self._venue.account, currency)

    def _believed(self, balances: Mapping[str, Decimal], currency: str) -> Decimal:
        """What is seen; more than is expected only when it is seen again later."""
        seen = self._seen(balances, currency)
        expected = None if self._expected is None else self._expected.get(currency, ZERO)
        if expected is None or seen <= expected:
            self._risen_at.pop(currency, None)
            return seen
        now = self._clock.wall()
        if now - self._risen_at.setdefault(currency, now) < self._settle:
            return expected
        del self._risen_at[currency]
        return seen

    @exact
    def _seen(self, balances: Mapping[str, Decimal], currency: str) -> Decimal:
        """What is free, less what was promised to orders that the exchange may not have yet."""
        unsent = (row.held for row in self._unsent.values() if row.currency == currency)
        return balances.get(currency, ZERO) - sum(unsent, ZERO)

    # What the account's orders did, as the ledger has it

    def _follow(self, currency: str) -> int:
        """Take up what is new; ``Funds.since`` for ``currency``."""
        outlook = self._ledger.outlook(currency, self._after, account=self._venue.account)
        for entry, row in outlook.changes:
            received = None if entry.received is None else (entry.received_currency, entry.received)
            self._take(row, received)
            if self._changed_at is None or entry.at > self._changed_at:
                self._changed_at = entry.at
        self._after = outlook.after
        while len(self._entries) > REMEMBERED:
            self._entries.pop(next(iter(self._entries)))
        return outlook.since

    @exact
    def _take(self, row: Reservation, received: tuple[str | None, Decimal] | None) -> None:
        one = row.client_order_id
        before = self._entries.pop(one, _Entry(ZERO, ZERO))
        brought = before.received if received is None else max(received[1], before.received)
        self._entries[one] = _Entry(row.held + row.committed, brought)
        if row.state in (State.RESERVED, State.IN_FLIGHT):
            self._unsent[one] = row
        else:
            self._unsent.pop(one, None)
        if row.unfinished:
            self._unfinished.add(one)
        else:
            self._unfinished.discard(one)
        given_back = before.promised - row.held - row.committed
        self._expect(row.currency, given_back)
        if row.currency in self._believed_now:
            self._believed_now[row.currency] += given_back
        if received is not None and received[0] is not None and one not in self._in_question:
            self._expect(received[0], brought - before.received)

    def _expect(self, currency: str, change: Decimal) -> None:
        if self._expected is not None:
            self._expected[currency] = self._expected.get(currency, ZERO) + change

    def _is_settled(self) -> bool:
        """Did nothing happen for so long that the balance must show all of it?"""
        return self._changed_at is None or self._clock.wall() - self._changed_at >= self._settle

    # Right after a start

    def _believed_at_first(self, currencies: Collection[str]) -> Mapping[str, Funds]:
        if self._at_first is None:
            raise UnreadableBalance(f"the balance of {self._venue.name} is not confirmed yet")
        balances, mark = self._at_first
        return {one: self._funds_at_first(balances, one, mark) for one in currencies}

    def _first(self, balances: Mapping[str, Decimal], currency: str) -> Funds:
        """Before any balance was believed: what happened just now is subtracted, shown or not."""
        mark = self._ledger.mark_at(self._clock.wall() - self._settle)
        self._ledger.seen(mark, account=self._venue.account)
        self._at_first = (balances, mark)
        return self._funds_at_first(balances, currency, mark)

    def _funds_at_first(self, balances: Mapping[str, Decimal], currency: str, mark: int) -> Funds:
        spendable = balances.get(currency, ZERO) - self._owned(currency)
        return Funds(max(spendable, ZERO), self._floor(currency), mark)


def owned_by_bots(ledger: ReservationLedger, account: str, currency: str) -> Decimal:
    """Return what the open trades of other bots on an account own, as of their last heartbeats.

    :raises LedgerUnavailable: it cannot be read
    """
    newest: dict[str, Beat] = {}
    for beat in ledger.heartbeats(account):
        known = newest.get(beat.bot)
        if beat.bot != ledger.bot and (known is None or beat.at > known.at):
            newest[beat.bot] = beat
    owned = ZERO
    for beat in newest.values():
        about = json.loads(beat.about or "{}")
        owned += to_decimal((about.get("owned") or {}).get(currency, 0))
    return owned
