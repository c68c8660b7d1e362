"""freqtrade's bot, guarded: what it does once per loop, before an exit, and around an entry."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from freqtrade import freqtradebot
from freqtrade.exceptions import ExchangeError
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.rpc.rpc import RPC, RPCException
from freqtrade.strategy.interface import IStrategy

from freqtrade_balance_guard.arbitrage.gate.permits import Claim
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.crash_points import crash_point
from freqtrade_balance_guard.events import Event, EventHub, ExitBackedOff, LoopEnded, OrderDenied
from freqtrade_balance_guard.integration.arbitrage.loop import ArbitrageLoop
from freqtrade_balance_guard.integration.bot.housekeeping import Housekeeping
from freqtrade_balance_guard.integration.host.entry_denied import EntryDenied
from freqtrade_balance_guard.integration.host.relied_on import relies_on
from freqtrade_balance_guard.integration.orders.exit_backoff import ExitBackoff
from freqtrade_balance_guard.integration.rebalance.live_rebalance import LiveRebalancer
from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.limits.sizing import EntryKind
from freqtrade_balance_guard.monitoring.entry_pause import EntryPause
from freqtrade_balance_guard.monitoring.listeners import denial_text
from freqtrade_balance_guard.monitoring.stop_watch import StopWatch
from freqtrade_balance_guard.orders.bot_loop import BotLoop, Entry, adopted_order, fresh_balance
from freqtrade_balance_guard.orders.registry import OrderRegistry


logger = logging.getLogger(__name__)

# freqtrade's ``mode`` of ``execute_entry``.
ENTRY_KINDS = {
    "initial": EntryKind.NEW,
    "pos_adjust": EntryKind.ADJUSTMENT,
    "replace": EntryKind.REPLACEMENT,
}


@dataclass(frozen=True)
class BotParts:
    """The parts of one live or dry-run bot, built by ``bot.parts.build_live_bot``."""

    wallets: GuardedWallets
    loop: BotLoop
    registry: OrderRegistry
    housekeeping: Housekeeping
    rebalancer: LiveRebalancer
    arbitrage: ArbitrageLoop | None
    pause: EntryPause
    stops: StopWatch
    hub: EventHub
    clock: Clock


class GuardedBot(FreqtradeBot):
    """Runs the guard's part of each loop, and says why an entry or an exit did not go out.

    An object of freqtrade's is promoted in place (``promote``) while its ``__init__`` still runs:
    attributes that are made after ``ft_bot_start`` may be missing.
    """

    guard: BotParts

    # The loop

    @relies_on(
        "FreqtradeBot.process(self)",
        "one pass of the loop; several refreshes of one pass are joined",
    )
    def process(self, *args: Any, **kwargs: Any) -> None:
        parts = self.guard
        took = 0.0
        try:
            with parts.loop.one_pass():
                began = parts.clock.monotonic()
                with parts.loop.waits.work():
                    parts.housekeeping.begin(self)
                took = parts.clock.monotonic() - began
                super().process(*args, **kwargs)
        finally:
            began = parts.clock.monotonic()
            parts.wallets.keep_believed()
            parts.hub.publish(LoopEnded(took + parts.clock.monotonic() - began))

    @relies_on(
        "FreqtradeBot.exit_positions(self, trades)",
        "stuck stake is freed when freqtrade has done with its own exits",
    )
    def exit_positions(self, trades: list[Any], *args: Any, **kwargs: Any) -> int:
        """freqtrade's own exits first: none of them waits for us, and what they free counts."""
        parts = self.guard
        closed: int = super().exit_positions(trades, *args, **kwargs)
        try:
            parts.stops.keep_only({trade.id for trade in trades if trade.is_open})
        except Exception as error:
            parts.wallets.log_error("Stops cannot be watched.", error)
        parts.loop.waits.renew()
        parts.rebalancer.step(self)
        if parts.arbitrage is not None:
            parts.arbitrage.step(self)
        return closed

    @relies_on(
        "FreqtradeBot.get_free_open_trades(self)",
        "a purchase of two legs that is under way needs its slot",
    )
    def get_free_open_trades(self, *args: Any, **kwargs: Any) -> int:
        """A purchase of an arbitrage in progress needs its slot."""
        free: int = super().get_free_open_trades(*args, **kwargs)
        arbitrage = self.guard.arbitrage
        try:
            return free if arbitrage is None else max(0, free - arbitrage.slots_taken())
        except Exception as error:
            self.guard.wallets.log_error("Slots of arbitrages are unknown; entries wait.", error)
            return 0

    @relies_on("FreqtradeBot.cleanup(self)", "the end of a run is said to the account's other bots")
    def cleanup(self, *args: Any, **kwargs: Any) -> None:
        """freqtrade calls it when the bot stops, and a second time when its start has failed."""
        try:
            super().cleanup(*args, **kwargs)
        finally:
            if self.guard.arbitrage is not None:
                self.guard.arbitrage.end()
            self.guard.housekeeping.end()

    # Exits

    @relies_on(
        "FreqtradeBot.execute_trade_exit(self, trade, limit, exit_check, *, exit_tag, ordertype, "
        "sub_trade_amt, skip_custom_exit_price)",
        "an exit that was rejected for its size is tried with pauses",
    )
    def execute_trade_exit(self, trade: Any, limit: float, exit_check: Any, **kwargs: Any) -> bool:
        """An exit that the exchange rejects for its size is tried with pauses.

        freqtrade would try it in every loop, with a balance refresh and a warning each time.
        """
        parts = self.guard
        backoff = ExitBackoff.of(parts.wallets, trade, limit, exit_check, kwargs)
        if backoff is not None and backoff.waits():
            parts.hub.publish(ExitBackedOff(trade.pair))
            return False
        try:
            has_left: bool = super().execute_trade_exit(trade, limit, exit_check, **kwargs)
        except ExchangeError as error:
            if backoff is None or not backoff.learns_from(error):
                raise
            return False
        if has_left:
            crash_point("order stored")
            if parts.arbitrage is not None:
                parts.arbitrage.exit_left(self)
        return has_left

    @relies_on(
        "FreqtradeBot.handle_stoploss_on_exchange(self, trade)",
        "a position whose stop is missing is reported",
    )
    def handle_stoploss_on_exchange(self, trade: Any, *args: Any, **kwargs: Any) -> bool:
        try:
            has_fired: bool = super().handle_stoploss_on_exchange(trade, *args, **kwargs)
        finally:
            self._watch_stop(trade)
        return has_fired

    def _watch_stop(self, trade: Any) -> None:
        """Never raises: freqtrade is in the middle of its exits."""
        try:
            is_protected = bool(
                not trade.is_open
                or not trade.has_open_position
                or trade.has_open_orders
                or trade.has_open_sl_orders
            )
            self.guard.stops.look(trade.id, trade.pair, is_protected=is_protected)
        except Exception as error:
            self.guard.wallets.log_error("Stops cannot be watched.", error)

    @relies_on(
        "FreqtradeBot._safe_exit_amount(self, trade, pair, amount)",
        "the balance in front of an exit is a fresh one",
    )
    def _safe_exit_amount(self, *args: Any, **kwargs: Any) -> float:
        with fresh_balance():
            amount: float = super()._safe_exit_amount(*args, **kwargs)
        return amount

    @relies_on(
        "FreqtradeBot.apply_fee_conditional(self, trade, trade_base_currency, amount, fee_abs, "
        "order_obj)",
        "a fee is compared with a fresh balance",
    )
    def apply_fee_conditional(self, *args: Any, **kwargs: Any) -> Any:
        with fresh_balance():
            return super().apply_fee_conditional(*args, **kwargs)

    # Entries

    @relies_on(
        "FreqtradeBot.execute_entry(self, pair, stake_amount, price, *, is_short, ordertype, "
        "enter_tag, trade, mode, leverage_)",
        "tells new entries, adjustments and replacements apart",
    )
    def execute_entry(self, pair: str, *args: Any, **kwargs: Any) -> bool:
        """freqtrade sizes, checks and sends an entry inside; the wallets see which kind it is."""
        kind = ENTRY_KINDS.get(kwargs.get("mode", "initial"), EntryKind.NEW)
        tag = str(kwargs.get("enter_tag") or "")
        wallets = self.guard.wallets
        with self._claimed(pair, kind) as claim:
            wallets.entry = Entry(pair, kind, bool(kwargs.get("is_short", False)), tag)
            try:
                has_entered: bool = super().execute_entry(pair, *args, **kwargs)
            finally:
                wallets.entry = None
            if claim is not None:
                claim.is_void = not has_entered
        if has_entered:
            crash_point("order stored")
        return has_entered

    @contextmanager
    def _claimed(self, pair: str, kind: EntryKind) -> Iterator[Claim | None]:
        """Claim the pair against arbitrages; what was entered is let go when they know its trade.

        :raises EntryDenied: an arbitrage has the pair, its coin or the last slot
        """
        arbitrage, wallets = self.guard.arbitrage, self.guard.wallets
        is_known = kind is EntryKind.REPLACEMENT or adopted_order.get() is not None
        if arbitrage is None or is_known:
            yield None
            return
        desk = arbitrage.streaming.desk
        try:
            claim = desk.claim_entry(pair)
        except Exception as error:
            raise EntryDenied(wallets.fail_closed(pair, error)) from error
        if isinstance(claim, str):
            denied = Denied(DenialCode.ARBITRAGE_IN_PROGRESS, claim)
            raise EntryDenied(wallets.denied(pair, denied))
        try:
            yield claim
        finally:
            claim.is_over = True
            if claim.is_void:
                desk.release(claim)

    @relies_on(
        "FreqtradeBot.create_trade(self, pair)", "a denial is logged once, not once per loop"
    )
    def create_trade(self, *args: Any, **kwargs: Any) -> bool:
        """freqtrade would log a warning for each denied pair in each loop; it is logged once."""
        try:
            return bool(super().create_trade(*args, **kwargs))
        except EntryDenied as denial:
            logger.debug("Denied: %s", denial)
            return False

    @relies_on(
        "FreqtradeBot.check_and_call_adjust_trade_position(self, trade)",
        "a denial is logged once, not once per loop",
    )
    def check_and_call_adjust_trade_position(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().check_and_call_adjust_trade_position(*args, **kwargs)
        except EntryDenied as denial:
            logger.debug("Denied: %s", denial)


class GuardedRPC(RPC):
    """Answers /forceenter with the reason: freqtrade's own answer is only that it failed."""

    denials: "ForcedEntryDenials"

    @relies_on(
        "RPC._rpc_force_entry(self, pair, price, *, order_type, order_side, stake_amount, "
        "enter_tag, leverage)",
        "/forceenter answers with the reason of a denial",
    )
    def _rpc_force_entry(self, pair: str, *args: Any, **kwargs: Any) -> Any:
        with self.denials.noted() as denials:
            try:
                return super()._rpc_force_entry(pair, *args, **kwargs)
            except (EntryDenied, RPCException) as error:
                if not denials:
                    raise
                # freqtrade shows the text of an RPCException, and a bare "error" for any other.
                raise RPCException(f"No order for {pair}: {denials[-1]}") from error


class ForcedEntryDenials:
    """Listens to denials, for the threads that wait for the answer to a forced entry."""

    def __init__(self) -> None:
        self._of_thread: dict[int, list[str]] = {}

    def __call__(self, event: Event) -> None:
        denials = self._of_thread.get(threading.get_ident())
        if denials is not None and isinstance(event, OrderDenied):
            denials.append(denial_text(event))

    @contextmanager
    def noted(self) -> Iterator[list[str]]:
        """The texts of what is denied inside, in this thread."""
        thread, denials = threading.get_ident(), list[str]()
        self._of_thread[thread] = denials
        try:
            yield denials
        finally:
            del self._of_thread[thread]


def find_bot(strategy: IStrategy) -> FreqtradeBot | None:
    """The bot whose ``__init__`` is starting ``strategy``; None where it cannot be found."""
    manager = getattr(strategy.dp, "_DataProvider__rpc", None)
    bot = getattr(getattr(manager, "_rpc", None), "_freqtrade", None)
    if not isinstance(bot, FreqtradeBot):
        # Tests double the manager; the double was called with the bot.
        call = getattr(freqtradebot.RPCManager, "call_args", None)
        bot = call.args[0] if call is not None and call.args else None
    return bot if isinstance(bot, FreqtradeBot) and bot.strategy is strategy else None


def promote(bot: FreqtradeBot, parts: BotParts, denials: ForcedEntryDenials) -> None:
    """Guard ``bot`` in place: freqtrade's worker, strategy and RPC hold this very object."""
    bot.guard = parts
    bot.__class__ = _guarded(GuardedBot, type(bot))
    rpc = getattr(bot.rpc, "_rpc", None)
    if isinstance(rpc, RPC):
        rpc.denials = denials
        rpc.__class__ = _guarded(GuardedRPC, type(rpc))


def _guarded(guarded: type, own: type) -> type:
    if issubclass(guarded, own):
        return guarded
    # A subclass of the user's.
    return type(own.__name__, (guarded, own), {"__module__": own.__module__})
