"""What an entry is checked against in the ledger: what this bot may spend, and as of when."""

import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from freqtrade_balance_guard.balances.book import BalanceBook
from freqtrade_balance_guard.balances.verdict import Verdict
from freqtrade_balance_guard.errors import UnreadableBalance
from freqtrade_balance_guard.ledger import Funds
from freqtrade_balance_guard.ledger.store import Beat
from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import Denied
from freqtrade_balance_guard.limits.sizing import EntryKind
from freqtrade_balance_guard.money import ZERO, to_decimal
from freqtrade_balance_guard.orders.funds.other_bots import OtherBots
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.orders.subscribers import ledger_denial
from freqtrade_balance_guard.orders.terms import Terms


class LiveStake(Protocol):
    """The believed balance of a live bot."""

    @property
    def book(self) -> BalanceBook: ...

    def now(self) -> float: ...

    def wall(self) -> datetime: ...

    def spendable(self) -> Decimal: ...


class Account(Protocol):
    """The stake currency, as freqtrade and the user's settings have it."""

    def free(self) -> Decimal: ...

    def floor(self) -> Decimal: ...


class StakeSource(Protocol):
    """The wallets of a bot; ``live`` is None where freqtrade's own table is the truth."""

    @property
    def live(self) -> LiveStake | None: ...

    @property
    def account(self) -> Account: ...

    def get_free(self, currency: str) -> float: ...


class EntryFunds:
    """One bot's view of the stake currency, in the ledger's terms.

    Live the balance book follows every order of the account, so what it has left
    is complete up to a reservation. Elsewhere freqtrade's own table is the truth: a snapshot with a
    mark.
    """

    def __init__(
        self,
        wallets: StakeSource,
        registry: OrderRegistry,
        stake_currency: str,
        owned_by_trades: Callable[[], Mapping[str, Decimal]],
        *,
        is_dry_run: bool,
    ) -> None:
        """:param owned_by_trades: what freqtrade's open trades own, by currency"""
        self._wallets = wallets
        self._owned_by_trades = owned_by_trades
        self._is_dry_run = is_dry_run
        self._registry = registry
        self.other_bots = OtherBots(registry.ledger, stake_currency)
        self._stake_currency = stake_currency
        self._mark: int | None = None
        # The loop, RPC threads and the thread of the pairs all look.
        self._looking = threading.Lock()

    def for_entry(self, terms: Terms, kind: EntryKind) -> Funds | None:
        """What the money for an entry is taken from; None: it was promised to this order before.

        :raises LedgerUnavailable, UnreadableBalance: it cannot be said
        """
        wallets = self._wallets
        if terms.holds.currency != self._stake_currency:
            return self._of_another_currency(terms.holds.currency)
        if wallets.live is not None:
            if kind is EntryKind.REPLACEMENT and self._registry.is_margin:
                # What the replaced order held is free only in the exchange's next answer.
                return None
            since = self.look_at_other_bots()
            spendable = wallets.live.spendable() - self.other_bots.unsettled(wallets.live.now())
            return Funds(max(spendable, ZERO), wallets.account.floor(), since=since)
        if kind is EntryKind.REPLACEMENT:
            # What the replaced order held is not in freqtrade's table before its next refresh.
            return None
        mark = self._registry.ledger.mark() if self._mark is None else self._mark
        return Funds(wallets.account.free(), wallets.account.floor(), mark)

    def _of_another_currency(self, currency: str) -> Funds | None:
        """What a pair is paid from whose quote is not the stake; None: a dry run has none of it.

        freqtrade rejects such a pair when it reads its pairlist, not in every way to an entry.
        """
        if self._is_dry_run:
            return None
        return self.for_leg(currency, self._owned_by_trades().get(currency, ZERO), ZERO)

    def for_leg(self, currency: str, owned: Decimal, floor: Decimal) -> Funds:
        """What an arbitrage leg on the bot's own exchange may be taken from.

        :param owned: of ``currency``, by open trades: never a leg's
        :param floor: of ``currency``
        :raises LedgerUnavailable, UnreadableBalance: it cannot be said
        """
        live = self._wallets.live
        if live is None:
            mark = self._registry.ledger.mark() if self._mark is None else self._mark
            free = to_decimal(self._wallets.get_free(currency)) - owned
            return Funds(max(free, ZERO), floor, mark)
        if live.book.verdict(currency) is Verdict.UNREADABLE:
            raise UnreadableBalance("the balance is unreadable")
        since = self.look_at_other_bots(currency)
        spendable = live.book.spendable(currency) - owned
        if currency == self._stake_currency:
            spendable -= self.other_bots.unsettled(live.now())
        else:
            spendable -= self.owned_by_other_bots(currency)
        return Funds(max(spendable, ZERO), floor, since=since)

    def owned_by_other_bots(self, currency: str) -> Decimal:
        """What the open trades of the account's other bots own, as of their last signs of life.

        :raises LedgerUnavailable: it cannot be read
        """
        ledger = self._registry.ledger
        newest: dict[str, Beat] = {}
        for beat in ledger.heartbeats(ledger.account):
            known = newest.get(beat.bot)
            if beat.bot != ledger.bot and (known is None or beat.at > known.at):
                newest[beat.bot] = beat
        owned = ZERO
        for beat in newest.values():
            about = json.loads(beat.about or "{}")
            owned += to_decimal((about.get("owned") or {}).get(currency, 0))
        return owned

    def look_at_other_bots(self, currency: str | None = None) -> int:
        """Book what the account's other bots did, and our own legs.

        :param currency: what is to be spent; None: the stake currency
        :return: ``Funds.since`` for it
        :raises LedgerUnavailable: it cannot be read
        """
        live = self._wallets.live
        assert live is not None  # noqa: S101  the callers have looked
        with self._looking:
            return self.other_bots.look(live.book, live.now(), live.wall(), currency)

    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        """The control of entries: none is made while the ledger cannot be used."""
        error = self._registry.ledger_error
        return None if not error else ledger_denial(error)

    # Snapshots

    def mark(self) -> int | None:
        """Take this before a balance is asked for; None while the ledger cannot be used."""
        return (
            None
            if self._registry.ledger_error
            else self._registry.or_none(self._registry.ledger.mark)
        )

    def caught_up(self) -> int | None:
        """Book what others and legs did: up to which event of the ledger the book knows all then.

        None while the ledger cannot be used.
        """
        if self._registry.ledger_error:
            return None
        self._registry.or_none(self.look_at_other_bots)
        return None if self._registry.ledger_error else self.other_bots.after

    def seen(self, mark: int | None, currencies: list[str] | None = None) -> None:
        """The balance that was asked for after ``mark`` is believed."""
        self._mark = mark
        if mark is not None and currencies != [] and not self._registry.ledger_error:
            self._registry.or_none(lambda: self._registry.ledger.seen(mark, currencies=currencies))
