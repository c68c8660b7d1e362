"""freqtrade's ``Wallets``, guarded.

The bot, the strategy, RPC and the scheduler all hold one Wallets object. It is promoted in place
(``wallets.__class__ = GuardedWallets``), because a second object would fork the state.
Without a guard, each method is freqtrade's own.
"""

import logging
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from freqtrade.exceptions import DependencyException, ExchangeError
from freqtrade.persistence import Trade
from freqtrade.strategy.interface import IStrategy
from freqtrade.util import dt_now
from freqtrade.wallets import Wallet, Wallets

from freqtrade_balance_guard.balances.snapshot import Unreadable
from freqtrade_balance_guard.guard import Guard
from freqtrade_balance_guard.integration.exchange.market_rules import reload_markets_soon
from freqtrade_balance_guard.integration.host.bot_loop import (
    current_entry,
    current_loop,
    handed_stake,
    last_minimum_query,
    must_be_fresh,
)
from freqtrade_balance_guard.integration.host.entry_denied import EntryDenied
from freqtrade_balance_guard.integration.wallets.float_rounding import (
    available_without_rounding_noise,
    capacity_without_rounding_noise,
)
from freqtrade_balance_guard.limits.decision import Approved, DenialCode, Denied
from freqtrade_balance_guard.limits.market import MarketRules
from freqtrade_balance_guard.limits.sizing import EntryKind, EntryRequest
from freqtrade_balance_guard.money import ONE, ZERO, exact, to_decimal, to_float
from freqtrade_balance_guard.rebalance.attempt_store import AttemptsUnavailable


if TYPE_CHECKING:
    # A backtest follows no orders and learns from no exchange.
    from freqtrade_balance_guard.integration.arbitrage.loop import ArbitrageLoop
    from freqtrade_balance_guard.integration.bot.housekeeping import Housekeeping
    from freqtrade_balance_guard.integration.rebalance.rebalancer import Rebalancer, SoldLately
    from freqtrade_balance_guard.integration.wallets.entry_funds import EntryFunds
    from freqtrade_balance_guard.integration.wallets.live_balances import LiveBalances
    from freqtrade_balance_guard.limits.rejections import Rejections
    from freqtrade_balance_guard.monitoring.entry_pause import EntryPause


logger = logging.getLogger(__name__)


class GuardedWallets(Wallets):
    """Wallets that let no entry out which the user's limits or the exchange would refuse."""

    guard: Guard | None = None
    market_rules: Callable[[str], MarketRules]
    # Live on a spot market: what is believed. Elsewhere freqtrade's own table is the truth.
    live: "LiveBalances | None" = None
    rejections: "Rejections | None" = None
    # Live and in dry-run: what the ledger is told and asked.
    funding: "EntryFunds | None" = None
    duties: "Housekeeping | None" = None
    # Entries paused by the user, live and in dry-run.
    entry_pause: "EntryPause | None" = None
    # Where stuck stake is freed, and what was sold for it is not bought back.
    rebalancer: "Rebalancer | None" = None
    # Of a strategy with two legs.
    pairs: "ArbitrageLoop | None" = None
    _guarded_strategy: IStrategy | None = None
    _told_wallets: dict[str, Wallet] | None = None
    _told_error = False

    def put_guard(
        self, guard: Guard, strategy: IStrategy, market_rules: Callable[[str], MarketRules]
    ) -> None:
        """Take up a guard. A second strategy on the same wallets brings its own."""
        self.guard = guard
        self.market_rules = market_rules
        self._guarded_strategy = strategy

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copy of us woke up in another process: one of hyperopt's workers, where nobody
        # activated anything.
        self.__dict__.update(state)
        from freqtrade_balance_guard.integration.startup.activation import activate_in_worker

        activate_in_worker(self)

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

    def update(self, require_update: bool = True) -> None:
        """freqtrade's refresh. Live, the book decides whether the exchange has to be asked."""
        live = self.live
        if live is None:
            self._update_as_freqtrade_does(require_update)
            return
        try:
            self._update_from_the_book(live, require_update)
        except Exception as error:
            # An exit may be waiting for this: it gets freqtrade's own answer. Entries are refused.
            live.book.fail(Unreadable(f"the guard failed ({type(error).__name__}: {error})"))
            self._tell_error("The guard failed on a balance; entries wait.", error)
            super().update(require_update)

    def _update_from_the_book(self, live: "LiveBalances", require_update: bool) -> None:
        if must_be_fresh.get() or (require_update and current_loop.get() is None):
            live.refresh_for_exit()
        elif not require_update:
            live.refresh_if_changed()
        # Else freqtrade only wants wallets that know of the order it just sent or saw filled.
        self.show_believed()

    def _update_as_freqtrade_does(self, require_update: bool) -> None:
        funding = self.funding
        if funding is None:
            super().update(require_update)
            return
        before, mark = self._last_wallet_refresh, funding.mark()
        super().update(require_update)
        if self._last_wallet_refresh != before:
            funding.seen(mark)

    def _update_dry(self) -> None:
        """freqtrade's simulated balances know its trades; what legs did besides is added here."""
        super()._update_dry()
        if self.pairs is None:
            return
        try:
            changes = self.pairs.dry_run_changes()
        except Exception as error:
            # An exit may be waiting for this.
            self._tell_error("What legs did to simulated balances cannot be read.", error)
            return
        for currency, change in changes.items():
            free, used, total = self._wallets.get(currency, Wallet(currency))[1:4]
            self._wallets[currency] = Wallet(currency, free + change, used, total + change)

    def show_believed(self) -> None:
        """Put what is believed into freqtrade's own table."""
        if self.live is not None:
            self._wallets = self.live.wallets()
            self._last_wallet_refresh = dt_now()
            self._local_log("Wallets synced.")

    def keep_believed(self) -> None:
        """Write down what is believed, for a restart."""
        try:
            if self.live is not None:
                self.live.keep()
        except Exception as error:
            self._tell_error("The guard could not keep what is believed.", error)

    def record_wallet_state(self) -> None:
        """freqtrade's daily row of balances; not of a balance that nobody has read yet."""
        if self.live is None or self.live.book.as_of is not None:
            super().record_wallet_state()

    # What may be spent, in stake currency

    @exact
    def equity(self) -> Decimal:
        """Total equity in stake currency: free plus what open trades cost."""
        return self._free(self._stake_currency) + to_decimal(Trade.total_open_trades_stakes())

    def available(self) -> Decimal:
        """What one may still spend: the smaller of freqtrade's answer and free - floor."""
        return min(self._freqtrade_available(), self.stake_above_floor())

    @exact
    def stake_above_floor(self) -> Decimal:
        """Free stake currency above the floor, whatever share of it freqtrade may trade with."""
        return self._free(self._stake_currency) - self.floor()

    @exact
    def confirmed_stake(self) -> Decimal:
        """The same, of which seen and expected balance both vouch where there is a book."""
        vouched = self._vouched_for()
        return self.stake_above_floor() if vouched is None else vouched

    def room(self) -> Decimal:
        """What freqtrade would put to work beyond what its open trades cost."""
        return capacity_without_rounding_noise(self.get_total_stake_amount(), *self._parts())

    def _freqtrade_available(self) -> Decimal:
        return available_without_rounding_noise(
            super().get_available_stake_amount(), *self._parts()
        )

    def _parts(self) -> tuple[float, float, float]:
        ratio = self._config.get("tradable_balance_ratio", 1)
        return Trade.total_open_trades_stakes(), self.get_free(self._stake_currency), ratio

    def floor(self) -> Decimal:
        """Stake currency that is never spent."""
        if self.guard is None:
            return ZERO
        return self.guard.floor(self._stake_currency, self.equity)

    def _free(self, currency: str) -> Decimal:
        return to_decimal(self.get_free(currency))

    # Entries

    def get_trade_stake_amount(
        self, pair: str, max_open_trades: float, update: bool = True
    ) -> float:
        """freqtrade's sizing, and a refusal as early as it is certain.

        :raises EntryDenied: nothing may be entered now, whatever its size
        """
        guard = self.guard
        if guard is not None and (paused := self._paused()) is not None:
            raise EntryDenied(guard.deny(pair, paused))
        if guard is None or guard.settings.is_neutral:
            return super().get_trade_stake_amount(pair, max_open_trades, update)
        try:
            if update and self.live is not None:
                self.live.refresh_for_entry()
                self.show_believed()
                update = False
            refused = self._certain_refusal(pair)
            denied = None if refused is None else guard.deny(pair, refused)
        except Exception as error:
            denied = self.fail_closed(pair, error)
        if denied is not None:
            raise EntryDenied(denied)
        try:
            stake = super().get_trade_stake_amount(pair, max_open_trades, update)
        except ExchangeError:
            raise  # the exchange did not answer: freqtrade says so and tries again
        except DependencyException as error:
            short = Denied(
                DenialCode.INSUFFICIENT_AVAILABLE,
                str(error).rstrip("."),
                {"available": self.available()},
            )
            raise EntryDenied(guard.deny(pair, short)) from error
        if self._is_backtest:
            return stake  # there is no price to ask for in vain; validate_stake_amount will tell
        try:
            early = guard.check_available(pair, self.available(), self.equity)
        except Exception as error:
            early = self.fail_closed(pair, error)
        if early is not None:
            raise EntryDenied(early)
        return stake

    def _paused(self) -> Denied | None:
        """The denial while the user has paused entries."""
        reason = self.entry_pause.denial if self.entry_pause is not None else None
        return Denied(DenialCode.PAUSED, reason) if reason else None

    def _certain_refusal(self, pair: str) -> Denied | None:
        """What makes any entry on ``pair`` vain at the moment, whatever its size."""
        if self.funding is not None and (refused := self.funding.refusal()) is not None:
            return refused
        if self.rebalancer is not None and (sold := self.rebalancer.refusal(pair)) is not None:
            return sold
        if self.live is not None and self.live.is_unreadable:
            failure = self.live.book.failure
            reason = failure.reason if failure else "the answer is not believed yet"
            return Denied(DenialCode.BALANCE_UNREADABLE, f"the balance is unreadable: {reason}")
        if self.rejections is None:
            return None
        if self.rejections.wants_markets(pair):
            reload_markets_soon(self._exchange)
        return self.rejections.entry_refusal(
            pair, self.market_rules(pair), self.stake_above_floor()
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
        if (handed := handed_stake.get()) is not None:
            return handed  # the order exists; freqtrade only has to book it
        guard = self.guard
        entry = current_entry.get()
        is_replacement = entry is not None and entry.kind is EntryKind.REPLACEMENT
        if guard is not None and stake_amount and not is_replacement:
            # A replacement that is denied would make freqtrade delete the trade.
            if (paused := self._paused()) is not None:
                guard.deny(pair, paused)
                return 0
        if guard is None or guard.settings.is_neutral:
            return super().validate_stake_amount(
                pair, stake_amount, min_stake_amount, max_stake_amount, trade_amount
            )
        if not stake_amount or isinstance(stake_amount, str) or stake_amount <= 0:
            # Not an entry: the strategy or freqtrade's sizing asked for none.
            return 0
        try:
            if (refused := self._certain_refusal(pair)) is not None:
                guard.deny(pair, refused)
                return 0
            request = self._entry_request(
                pair, stake_amount, min_stake_amount, max_stake_amount, trade_amount
            )
            decision = guard.size_entry(request, self.market_rules(pair), self.equity)
        except Exception as error:
            self.fail_closed(pair, error)
            return 0
        return to_float(decision.stake) if isinstance(decision, Approved) else 0

    def _entry_request(
        self,
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
        query = last_minimum_query.get()
        knows_price = query is not None and query.pair == pair and query.price
        entry = current_entry.get()
        funds = self.stake_above_floor()
        kind = EntryKind.NEW if trade_amount is None else EntryKind.ADJUSTMENT
        if entry is not None and entry.pair == pair:
            kind = entry.kind
        return EntryRequest(
            pair=pair,
            stake=to_decimal(stake_amount),
            available=min(self._freqtrade_available(), funds),
            funds=funds,
            freqtrade_minimum=to_decimal(min_stake_amount) if min_stake_amount else None,
            maximum=None if maximum == float("inf") else to_decimal(maximum),
            price=to_decimal(query.price) if query and knows_price else None,
            leverage=to_decimal(query.leverage or 1) if query and knows_price else ONE,
            stoploss=self.stoploss(),
            is_short=entry.is_short if entry is not None else False,
            kind=kind,
            spendable=self._vouched_for(),
            equity=self._equity_to_share(),
            slots=self._slots(),
        )

    @exact
    def _equity_to_share(self) -> Decimal | None:
        """What freqtrade may put to work in all, above the floor; None where no limit asks."""
        guard = self.guard
        if guard is None or guard.tier_limits(self.equity).position_size_basis == "available":
            return None
        return min(self.room(), self.equity() - self.floor())

    def _slots(self) -> int | None:
        """max_open_trades; None where it is unlimited."""
        slots = self._config.get("max_open_trades", 0)
        return int(slots) if 0 < slots < float("inf") else None

    @exact
    def _vouched_for(self) -> Decimal | None:
        return None if self.live is None else self.live.spendable() - self.floor()

    def check_exit_amount(self, trade: Trade) -> bool:
        """freqtrade looks twice; the second look must be at the exchange's own answer."""
        token = must_be_fresh.set(True)
        try:
            return super().check_exit_amount(trade)
        finally:
            must_be_fresh.reset(token)

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

    def sold_lately(self) -> "SoldLately | None":
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
        """State a refusal and hand it back."""
        return refusal if self.guard is None else self.guard.deny(pair, refusal)

    @property
    def is_neutral(self) -> bool:
        """Does freqtrade's own behaviour pass unchanged?"""
        return self.guard is None or self.guard.settings.is_neutral

    def fail_closed(self, pair: str, error: Exception) -> Denied:
        """The refusal when we failed ourselves. The first traceback of a run is logged.

        :raises Exception: ``error`` itself in backtesting, where no money is at stake and a run
            without trades would only hide it
        """
        if self._is_backtest or self.guard is None:
            raise error
        self._tell_error(f"The guard failed on {pair}; its entry is refused.", error)
        return self.guard.deny_for_error(pair, error)

    def _tell_error(self, text: str, error: Exception) -> None:
        level = logging.DEBUG if self._told_error else logging.ERROR
        logger.log(level, text, exc_info=error)
        self._told_error = True
