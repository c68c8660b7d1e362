"""What one bot may spend of its stake currency: the one place where every part asks.

freqtrade's table of balances, the balance book where there is one, and the user's floor are put
together here; two keys on one account are one purse, because the ledger counts for both.
"""

from decimal import Decimal
from typing import Protocol

from freqtrade.persistence import Trade
from freqtrade.wallets import Wallets

from freqtrade_balance_guard.balances.book import BalanceBook
from freqtrade_balance_guard.guard import Guard
from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.limits.float_rounding import (
    available_without_rounding_noise,
    capacity_without_rounding_noise,
)
from freqtrade_balance_guard.limits.sizing import below_threshold
from freqtrade_balance_guard.limits.true_cause import (
    missing,
    waits_for_own_money,
    waits_for_rise,
)
from freqtrade_balance_guard.money import exact, to_decimal


class BelievedBalance(Protocol):
    """The balance book of a live bot, as far as it is asked here."""

    book: BalanceBook

    def now(self) -> float:
        """Monotonic seconds, as the book counts them."""

    def equity(self) -> Decimal | None:
        """All margin of a futures account; None where free and invested stake say it."""

    def spendable(self) -> Decimal:
        """Stake currency that the exchange's last answer and own events agree on."""


class StakeAccount:
    """Answers for one bot; all amounts are in its stake currency."""

    def __init__(self, wallets: Wallets, guard: Guard, live: BelievedBalance | None = None) -> None:
        self._wallets = wallets
        self._guard = guard
        # Live: what is believed. Elsewhere freqtrade's own table is the truth.
        self._live = live

    @property
    def currency(self) -> str:
        """freqtrade's proxy coin: the stake currency, or what stands for it on this exchange."""
        return str(self._wallets._stake_currency)

    @exact
    def equity(self) -> Decimal:
        """Free stake currency plus what open trades cost; of a futures account its margin."""
        margin = None if self._live is None else self._live.equity()
        if margin is not None:
            return margin
        return self.free() + to_decimal(Trade.total_open_trades_stakes())

    def free(self, currency: str | None = None) -> Decimal:
        """As freqtrade's table has it.

        :param currency: None: the stake currency
        """
        return to_decimal(self._wallets.get_free(currency or self.currency))

    def floor(self) -> Decimal:
        """What is never spent (``reserve_balance``)."""
        return self._guard.floor(self.currency, self.equity)

    def available(self) -> Decimal:
        """What one may still spend: the smaller of freqtrade's answer and free - floor."""
        return min(self.freqtrade_available(), self.above_floor())

    @exact
    def above_floor(self) -> Decimal:
        """Free stake currency above the floor, whatever share of it freqtrade may trade with."""
        return self.free() - self.floor()

    @exact
    def confirmed(self) -> Decimal | None:
        """The same, of what the exchange's last answer and own events agree on.

        None where nothing is compared.
        """
        return None if self._live is None else self._live.spendable() - self.floor()

    def certain(self) -> Decimal:
        """What is confirmed above the floor, and without a book what is free above it."""
        confirmed = self.confirmed()
        return self.above_floor() if confirmed is None else confirmed

    def capacity(self) -> Decimal:
        """What freqtrade would put to work beyond what its open trades cost."""
        return capacity_without_rounding_noise(
            self._wallets.get_total_stake_amount(), *self._parts()
        )

    def freqtrade_available(self) -> Decimal:
        """freqtrade's own available stake, without the noise of its floats."""
        own = Wallets.get_available_stake_amount(self._wallets)
        return available_without_rounding_noise(own, *self._parts())

    def _parts(self) -> tuple[float, float, float]:
        wallets = self._wallets
        ratio = wallets._config.get("tradable_balance_ratio", 1)
        return Trade.total_open_trades_stakes(), wallets.get_free(self.currency), ratio

    def is_below_threshold(self) -> bool:
        """Whether nothing may be entered, whatever its size; a rise that waits is no want."""
        lacking = self.threshold() - self.available()
        return lacking > 0 and not self.may_rise_by(lacking)

    def threshold(self) -> Decimal:
        """``min_balance_threshold`` of the present tier."""
        guard = self._guard
        return guard.entry_limits(guard.tier_limits(self.equity)).min_balance_threshold

    # Why it is not more

    def may_rise_by(self, amount: Decimal) -> bool:
        """Whether so much more was seen already, and only waits for a second answer."""
        rise = self._rise()
        return rise is not None and rise[0] >= amount

    def _rise(self) -> tuple[Decimal, float] | None:
        live = self._live
        return None if live is None else live.book.unconfirmed_rise(self.currency, live.now())

    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        """The control of a balance that is higher than own events explain: it does not count yet.

        It denies only where nothing could be entered without the rise.
        """
        limits = self._guard.entry_limits(self._guard.tier_limits(self.equity))
        denied = below_threshold(self.available(), limits, self.currency)
        if denied is None or not self.may_rise_by(missing(denied)):
            return None
        return self.true_cause(denied)

    @exact
    def true_cause(self, denied: Denied) -> Denied:
        """The same denial, or for want of stake that was seen already the reason why it waits."""
        lacking = missing(denied)
        if self._live is None or lacking <= 0:
            return denied
        if (rise := self._rise()) is not None and rise[0] >= lacking:
            return waits_for_rise(denied, *rise, self.currency)
        under_way = self._live.book.expected(self.currency).free - self._live.spendable()
        if denied.code is DenialCode.INSUFFICIENT_AVAILABLE and under_way >= lacking:
            return waits_for_own_money(denied)
        return denied
