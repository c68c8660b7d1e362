"""freqtrade's ``Wallets``, guarded.

The bot, the strategy, RPC and the scheduler all hold one Wallets object. It is promoted in place
(``wallets.__class__ = GuardedWallets``), because a second object would fork the state.
Without a guard, each method is freqtrade's own.
"""

import logging
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol

from freqtrade.exceptions import DependencyException, ExchangeError
from freqtrade.persistence import Trade
from freqtrade.strategy.interface import IStrategy
from freqtrade.util import dt_now
from freqtrade.wallets import Wallet, Wallets

from freqtrade_balance_guard.balances.snapshot import Unreadable
from freqtrade_balance_guard.errors import kind_and_words_of
from freqtrade_balance_guard.guard import Guard
from freqtrade_balance_guard.integration.host.entry_denied import EntryDenied
from freqtrade_balance_guard.integration.host.relied_on import relies_on
from freqtrade_balance_guard.integration.wallets.stake_account import StakeAccount
from freqtrade_balance_guard.limits.controls import EntryControls, PlannedEntry
from freqtrade_balance_guard.limits.decision import Approved, DenialCode, Denied
from freqtrade_balance_guard.limits.market import MarketRules
from freqtrade_balance_guard.limits.sizing import EntryKind, EntryRequest
from freqtrade_balance_guard.money import ONE, exact, to_decimal, to_float
from freqtrade_balance_guard.orders.bot_loop import (
    Entry,
    MinimumQuery,
    adopted_order,
    current_loop,
    fresh_balance,
)
from freqtrade_balance_guard.rebalance.attempt_store import AttemptsUnavailable


if TYPE_CHECKING:
    # A backtest follows no orders and learns from no exchange.
    from freqtrade_balance_guard.integration.wallets.live_balances import (
        LiveBalances,
        SnapshotMarks,
    )
    from freqtrade_balance_guard.integration.wallets.simulated_balances import SimulatedBalances
    from freqtrade_balance_guard.limits.rejections import Rejections


logger = logging.getLogger(__name__)


class Rebalances(Protocol):
    """Frees stuck stake, and remembers for a while what it has sold."""

    def sold_lately(self) -> Any:
        """What must not be bought back, as ``SoldLately``; None: nothing."""


class GuardedWallets(Wallets):
    """Wallets that let no entry out that the user's limits deny or the exchange would reject."""

    guard: Guard | None = None
    account: StakeAccount
    controls: EntryControls
    market_rules: Callable[[str], MarketRules]
    # Live: what is believed. Elsewhere freqtrade's own table is the truth.
    live: "LiveBalances | None" = None
    simulated: "SimulatedBalances | None" = None
    rejections: "Rejections | None" = None
    # Live and in dry-run: what the ledger is given and asked.
    marks: "SnapshotMarks | None" = None
    # Where stuck stake is freed, and what was sold for it is not bought back.
    rebalancer: "Rebalances | None" = None
    # What legs out of the inventory did to simulated balances, by currency.
    dry_run_changes: Callable[[], Mapping[str, Any]] | None = None
    # Called in a process that received a copy: one of hyperopt's workers.
    activate: Callable[["GuardedWallets"], None] | None = None
    _guarded_strategy: IStrategy | None = None
    _told_wallets: dict[str, Wallet] | None = None
    _is_error_logged = False
    # The entry that freqtrade is executing; written under freqtrade's exit lock.
    entry: Entry | None = None

    def put_guard(
        self, guard: Guard, strategy: IStrategy, market_rules: Callable[[str], MarketRules]
    ) -> None:
        """Take up a guard. A second strategy on the same wallets brings its own."""
        self.guard = guard
        self.controls = EntryControls()
        self.set_live(self.live)
        self.market_rules = market_rules
        self._guarded_strategy = strategy

    def set_live(self, live: "LiveBalances | None") -> None:
        """From now on ``live`` is what is believed; None: freqtrade's own table."""
        self.live = live
        if self.guard is not None:
            self.account = StakeAccount(self, self.guard, live)
            self.guard.true_cause = None if live is None else self.account.true_cause

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copy of us woke up in another process: one of hyperopt's workers, where nothing
        # has activated us.
        self.__dict__.update(state)
        if self.activate is not None:
            self.activate(self)

    def _local_log(self, msg: str, level: Literal["info", "warning", "debug"] = "info") -> None:
        # freqtrade writes this line for every pair that signals, in every loop. It is news when
        # the balance changed.
        if self._is_backtest:
            return
        if msg == "Wallets synced." and self.guard is not None:
            if self._wallets == self._told_wallets:
                level = "debug"
            self._told_wallets = self._wallets
        super()._local_log(msg, level)

    # Refreshes

    @relies_on(
        "Wallets.update(self, require_update)",
        "live, the balance book decides whether the exchange has to be asked",
    )
    def update(self, require_update: bool = True) -> None:
        """freqtrade's refresh. Live, the book decides whether the exchange has to be asked."""
        live = self.live
        if live is None:
            self._update_as_freqtrade_does(require_update)
            return
        try:
            self._update_from_the_book(live, require_update)
        except Exception as error:
            # An exit may be waiting for this: it gets freqtrade's own answer. Entries are denied.
            live.book.fail(Unreadable(f"the guard failed ({kind_and_words_of(error)})"))
            self.log_error("The guard failed on a balance; entries wait.", error)
            super().update(require_update)

    def _update_from_the_book(self, live: "LiveBalances", require_update: bool) -> None:
        loop = current_loop.get()
        if loop.needs_fresh_balance if loop is not None else require_update:
            live.refresh_for_exit()
        elif not require_update:
            live.refresh_if_changed()
        # Else freqtrade only wants wallets that know of the order it just sent or saw filled.
        self.show_believed()

    def _update_as_freqtrade_does(self, require_update: bool) -> None:
        marks = self.marks
        if marks is None:
            super().update(require_update)
            return
        before, mark = self._last_wallet_refresh, marks.mark()
        super().update(require_update)
        if self._last_wallet_refresh != before:
            marks.seen(mark)

    @relies_on("Wallets._update_dry(self)", "legs out of the inventory show in simulated balances")
    def _update_dry(self) -> None:
        """freqtrade's simulated balances know its trades; what legs did besides is added here."""
        super()._update_dry()
        if self.dry_run_changes is None:
            return
        try:
            changes = self.dry_run_changes()
        except Exception as error:
            # An exit may be waiting for this.
            self.log_error("What legs did to simulated balances cannot be read.", error)
            return
        for currency, change in changes.items():
            free, used, total = self._wallets.get(currency, Wallet(currency))[1:4]
            self._wallets[currency] = Wallet(currency, free + change, used, total + change)

    def show_believed(self) -> None:
        """Put what is believed into freqtrade's own table."""
        if self.live is not None:
            self._wallets = self.live.wallets()
            if self.live.has_positions:
                self._positions = self.live.positions()
            self._last_wallet_refresh = dt_now()
            self._local_log("Wallets synced.")

    def keep_believed(self) -> None:
        """Write down what is believed, for a restart."""
        try:
            if self.live is not None:
                self.live.keep()
            elif self.simulated is not None and self.simulated.is_due():
                self._update_dry()
                self.simulated.keep(self._wallets)
        except Exception as error:
            self.log_error("The guard could not keep what is believed.", error)

    def record_wallet_state(self) -> None:
        """freqtrade's daily row of balances; not of a balance that was not read yet."""
        if self.live is None or self.live.book.as_of is not None:
            super().record_wallet_state()

    # Entries

    @relies_on(
        "Wallets.get_trade_stake_amount(self, pair, max_open_trades, update)",
        "denies early, before prices are asked for",
    )
    def get_trade_stake_amount(
        self, pair: str, max_open_trades: float, update: bool = True
    ) -> float:
        """freqtrade's sizing, and a denial as early as it is certain.

        :raises EntryDenied: nothing may be entered now, whatever its size
        """
        guard = self.guard
        if guard is None:
            return super().get_trade_stake_amount(pair, max_open_trades, update)
        entry = PlannedEntry(pair)
        try:
            if update and self.live is not None:
                self.live.refresh_for_entry()
                self.show_believed()
                update = False
            denied = self.controlled(entry)
        except Exception as error:
            denied = self.fail_closed(pair, error)
        if denied is not None:
            raise EntryDenied(denied)
        if guard.settings.is_neutral:
            return super().get_trade_stake_amount(pair, max_open_trades, update)
        try:
            stake = super().get_trade_stake_amount(pair, max_open_trades, update)
        except ExchangeError:
            raise  # the exchange did not answer: freqtrade says so and tries again
        except DependencyException as error:
            numbers = {"available": self.account.available()}
            if isinstance(wanted := self._config["stake_amount"], int | float):
                numbers["needed"] = to_decimal(wanted)
            short = Denied(DenialCode.INSUFFICIENT_AVAILABLE, str(error).rstrip("."), numbers)
            raise EntryDenied(guard.deny(pair, short)) from error
        if self._is_backtest:
            return stake  # there is no price to ask for in vain; validate_stake_amount will tell
        try:
            early = guard.check_available(pair, self.account.available(), self.account.equity)
        except Exception as error:
            early = self.fail_closed(pair, error)
        if early is not None:
            raise EntryDenied(early)
        return stake

    def controlled(self, entry: PlannedEntry) -> Denied | None:
        """The denial of an entry whose size does not matter, stated; None if it may be sized.

        :raises Exception: a control failed
        """
        if self.guard is None:
            return None
        denied = self.controls.check(entry, is_neutral=self.guard.settings.is_neutral)
        return None if denied is None else self.guard.deny(entry.pair, denied)

    @relies_on(
        "Wallets.validate_stake_amount(self, pair, stake_amount, min_stake_amount, "
        "max_stake_amount, trade_amount)",
        "every entry in every mode is sized here",
    )
    def validate_stake_amount(
        self,
        pair: str,
        stake_amount: float | None,
        min_stake_amount: float | None,
        max_stake_amount: float,
        trade_amount: float | None,
    ) -> float:
        """The size of an entry, or 0. Every entry passes here, in every mode."""
        if (adopted := adopted_order.get()) is not None:
            return adopted.stake  # the order exists; freqtrade only has to book it
        guard = self.guard
        if guard is None:
            return super().validate_stake_amount(
                pair, stake_amount, min_stake_amount, max_stake_amount, trade_amount
            )
        if not stake_amount or isinstance(stake_amount, str) or stake_amount <= 0:
            # Not an entry: the strategy or freqtrade's sizing asked for none.
            return 0
        kind = self._kind(pair, trade_amount)
        try:
            denied = self.controlled(PlannedEntry(pair, kind))
        except Exception as error:
            denied = self.fail_closed(pair, error)
        if denied is not None:
            return 0
        if guard.settings.is_neutral:
            return super().validate_stake_amount(
                pair, stake_amount, min_stake_amount, max_stake_amount, trade_amount
            )
        try:
            request = self._entry_request(
                kind, pair, stake_amount, min_stake_amount, max_stake_amount, trade_amount
            )
            decision = guard.size_entry(request, self.market_rules(pair), self.account.equity)
        except Exception as error:
            self.fail_closed(pair, error)
            return 0
        return to_float(decision.stake) if isinstance(decision, Approved) else 0

    def _kind(self, pair: str, trade_amount: float | None) -> EntryKind:
        entry = self.entry
        if entry is not None and entry.pair == pair:
            return entry.kind
        return EntryKind.NEW if trade_amount is None else EntryKind.ADJUSTMENT

    def _entry_request(
        self,
        kind: EntryKind,
        pair: str,
        stake_amount: float,
        min_stake_amount: float | None,
        max_stake_amount: float,
        trade_amount: float | None,
    ) -> EntryRequest:
        maximum = max_stake_amount
        if trade_amount:
            # freqtrade: together with what is already in the trade, no more than the maximum.
            maximum -= trade_amount
        query: MinimumQuery | None = getattr(self._exchange, "last_minimum_query", None)
        knows_price = query is not None and query.pair == pair and query.price
        entry, account = self.entry, self.account
        funds = account.above_floor()
        return EntryRequest(
            pair=pair,
            stake=to_decimal(stake_amount),
            available=min(account.freqtrade_available(), funds),
            funds=funds,
            freqtrade_minimum=to_decimal(min_stake_amount) if min_stake_amount else None,
            maximum=None if maximum == float("inf") else to_decimal(maximum),
            price=to_decimal(query.price) if query and knows_price else None,
            leverage=to_decimal(query.leverage or 1) if query and knows_price else ONE,
            stoploss=self.stoploss(),
            is_short=entry.is_short if entry is not None else False,
            kind=kind,
            spendable=account.confirmed(),
            equity=self._equity_to_share(),
            slots=self._slots(),
        )

    @exact
    def _equity_to_share(self) -> Decimal | None:
        """What freqtrade may put to work in all, above the floor; None where no limit asks."""
        guard = self.guard
        if (
            guard is None
            or guard.tier_limits(self.account.equity).position_size_basis == "available"
        ):
            return None
        account = self.account
        return min(account.capacity(), account.equity() - account.floor())

    def _slots(self) -> int | None:
        """max_open_trades; None where it is unlimited."""
        slots = self._config.get("max_open_trades", 0)
        return int(slots) if 0 < slots < float("inf") else None

    @relies_on(
        "Wallets.check_exit_amount(self, trade)",
        "the second look before an exit is at the exchange's own answer",
    )
    def check_exit_amount(self, trade: Trade) -> bool:
        """freqtrade looks twice; the second look must be at the exchange's own answer."""
        with fresh_balance():
            return super().check_exit_amount(trade)

    def stoploss(self) -> Decimal:
        """The strategy's stop-loss as a negative ratio; hyperopt may change it between runs."""
        return to_decimal(self._guarded_strategy.stoploss if self._guarded_strategy else 0)

    def exchange_minimum_stake(
        self, pair: str, price: float, leverage: float, stoploss: float | None = None
    ) -> float | None:
        """freqtrade's own minimum for ``pair`` in stake currency.

        :param stoploss: a negative ratio; None: the strategy's own
        """
        if stoploss is None:
            stoploss = self._guarded_strategy.stoploss if self._guarded_strategy else 0.0
        return self._exchange.get_min_pair_stake_amount(pair, price, stoploss, leverage)

    def sold_lately(self) -> Any:
        """What a rebalance has sold, while its cooldown lasts and that is known."""
        try:
            return self.rebalancer.sold_lately() if self.rebalancer is not None else None
        except AttemptsUnavailable:
            return None

    def protections(self) -> list[dict[str, Any]]:
        """The strategy's own protections."""
        found = getattr(self._guarded_strategy, "protections", None)
        return list(found) if found else []

    def denied(self, pair: str, refusal: Denied) -> Denied:
        """Log and publish a denial, and return it."""
        return refusal if self.guard is None else self.guard.deny(pair, refusal)

    @property
    def is_neutral(self) -> bool:
        """Does freqtrade's own behaviour pass unchanged?"""
        return self.guard is None or self.guard.settings.is_neutral

    def fail_closed(self, pair: str, error: Exception) -> Denied:
        """The denial when we failed ourselves. The first traceback of a run is logged.

        :raises Exception: ``error`` itself in backtesting, where no money is at stake and a run
            without trades would only hide it
        """
        if self._is_backtest or self.guard is None:
            raise error
        self.log_error(f"The guard failed on {pair}; its entry is denied.", error)
        return self.guard.deny_for_error(pair, error)

    def log_error(self, text: str, error: Exception) -> None:
        """Log a failure of ours, the first of a run with its traceback."""
        (logger.debug if self._is_error_logged else logger.error)(text, exc_info=error)
        self._is_error_logged = True
