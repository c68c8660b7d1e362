"""What a guarded bot does once per loop besides trading, before freqtrade looks at anything."""

import json
import logging
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from freqtrade import __version__ as freqtrade_version
from freqtrade.persistence import Trade

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.integration.monitoring.start import (
    metrics_address,
    send_denials,
    stop_monitoring,
)
from freqtrade_balance_guard.integration.orders.orphan_orders import OrphanOrders
from freqtrade_balance_guard.integration.orders.position_watch import LivePositionWatch
from freqtrade_balance_guard.integration.rebalance.entry_locks import EntryLocks
from freqtrade_balance_guard.integration.rebalance.live_rebalance import LiveRebalancer
from freqtrade_balance_guard.integration.wallets.open_trades import owned_by_trades
from freqtrade_balance_guard.ledger import LedgerUnavailable
from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import Denied
from freqtrade_balance_guard.monitoring.commands import Command, CommandBox, ControlAnswer
from freqtrade_balance_guard.monitoring.entry_pause import EntryPause
from freqtrade_balance_guard.network.request_expiry import ExchangeClock
from freqtrade_balance_guard.orders.funds.entry_funds import EntryFunds
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.orders.tracked_order import TrackedOrder
from freqtrade_balance_guard.version import __version__


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
# So many signs of life within the time after which a silent bot counts as dead.
BEATS_IN_TIMEOUT = 4
# After a question about a dead bot's order that was not answered.
DEAD_BOTS_PAUSE_SECONDS = 5.0
# A process that died may have had its last orders so long before its last sign of life.
LAST_MOMENTS_SECONDS = 15.0
# Where there is no balance book (futures), so often while all pairs are locked.
LOCKED_READ_SECONDS = 60.0


class Housekeeping:
    """Of one live or dry-run bot."""

    def __init__(
        self,
        wallets: "GuardedWallets",
        registry: OrderRegistry,
        orphans: OrphanOrders,
        commands: CommandBox,
        rebalancer: LiveRebalancer,
        locks: EntryLocks,
        funds: EntryFunds,
        pause: EntryPause,
        exchange_clock: ExchangeClock,
        clock: Clock,
        config: dict[str, Any],
        api_key: str,
        positions: LivePositionWatch | None = None,
    ) -> None:
        self._wallets = wallets
        self._registry = registry
        self._orphans = orphans
        self._commands = commands
        self._rebalancer = rebalancer
        self._locks = locks
        self._funds = funds
        self._pause = pause
        self._exchange_clock = exchange_clock
        self._clock = clock
        self._config = config
        self.positions = positions
        self._key = sha256(api_key.encode()).hexdigest()[:12] if api_key else ""
        self._beat_every = min(BEAT_SECONDS, registry.ledger.heartbeat_timeout / BEATS_IN_TIMEOUT)
        self._beat_at = self._dead_bots_from = float("-inf")
        self._locked_read_at = float("-inf")
        self._is_started = False
        self._failed: set[str] = set()

    def begin(self, bot: Any) -> None:
        """Everything that is due now. Never raises: freqtrade's loop goes on.

        :param bot: freqtrade's ``FreqtradeBot``
        """
        self._safely(self._read_pause, bot)
        self._safely(self._commands_of_the_console, bot)
        self._safely(self._keep_locks, bot)
        for duty in (self._beat, self._catch_up, self._look_up, self._settle_for_the_dead):
            if not self._safely(duty, bot):
                return
        if self.positions is not None:
            self._safely(self.positions.step, bot)
        self._safely(self._archive, bot)
        self._safely(self._measure_clock, bot)

    def end(self) -> None:
        """The bot stops: say that this run is over, so that no bot waits for its next beat."""
        stop_monitoring()
        self._registry.or_none(self._forget_this_run)
        self._registry.ledger.close()

    def _forget_this_run(self) -> None:
        ledger = self._registry.ledger
        for beat in ledger.heartbeats(ledger.account):
            if beat.process == ledger.process:
                ledger.forget(beat)

    def _safely(self, duty: Callable[[Any], None], bot: Any) -> bool:
        try:
            duty(bot)
        except LedgerUnavailable as error:
            self._registry.unavailable(error)
            return False
        except Exception:
            name = duty.__name__
            level = logging.DEBUG if name in self._failed else logging.ERROR
            self._failed.add(name)
            logger.log(level, "A duty of the guard failed (%s).", name, exc_info=True)
        return True

    # One by one

    def _beat(self, bot: Any) -> None:
        now = self._clock.monotonic()
        # While the ledger is away, this is also the question whether it can be written again.
        if self._registry.ledger_error or now - self._beat_at >= self._beat_every:
            self._registry.ledger.heartbeat(self._about(bot))
            self._beat_at = now

    def _measure_clock(self, bot: Any) -> None:
        self._exchange_clock.measure_if_due()

    def _archive(self, bot: Any) -> None:
        self._registry.ledger.archive_step()

    def _catch_up(self, bot: Any) -> None:
        self._registry.catch_up()
        if not self._is_started:
            self._last_moments_of_the_dead(bot)
            self._is_started = True
        if self._wallets.live is not None:
            self._funds.look_at_other_bots()

    def _look_up(self, bot: Any) -> None:
        unclaimed, self._registry.unclaimed = self._registry.unclaimed, []
        for tracked, found in unclaimed:
            self._orphans.care_for(bot, tracked, found)
        # One that gives no answer must not keep us from ever asking for the others.
        unresolved = sorted(self._registry.unresolved(), key=lambda tracked: tracked.asked_at)
        for tracked in [*unresolved, *self._registry.unwatched()]:
            order = self._registry.lookups.check(tracked)
            if order is not None:
                self._registry.report(tracked, order)
                self._orphans.care_for(bot, tracked, order)
            # After one without an answer no more are asked in this loop: exits are waiting.
            elif not tracked.is_rejected and tracked.absence.since is None:
                return

    def _settle_for_the_dead(self, bot: Any) -> None:
        # In every loop: who is dead shows only to those who watch.
        left = self._registry.left_by_dead_bots()
        if self._clock.monotonic() < self._dead_bots_from:
            return
        for tracked in left:
            order = self._registry.lookups.check(tracked)
            if order is not None:
                self._registry.report(tracked, order)
            elif not tracked.is_rejected and tracked.absence.since is None:
                self._dead_bots_from = self._clock.monotonic() + DEAD_BOTS_PAUSE_SECONDS
                return

    def _last_moments_of_the_dead(self, bot: Any) -> None:
        """An order that ended just before this bot was killed, and that freqtrade did not store.

        It is no reservation without an end any more, so nothing else would find it.
        """
        ledger = self._registry.ledger
        beats = [
            beat
            for beat in ledger.heartbeats(ledger.account)
            if beat.bot == ledger.bot and beat.process != ledger.process
        ]
        last = {beat.process: beat.at for beat in beats}
        if last and not self._config["dry_run"]:
            for row in ledger.reservations(account=ledger.account, bot=ledger.bot, limit=10):
                if row.process in last and row.order_id and row.committed:
                    silence = (last[row.process] - row.created_at).total_seconds()
                    if silence <= LAST_MOMENTS_SECONDS:
                        self._look_again(bot, self._registry.tracked_order_of(row))
        for beat in beats:
            ledger.forget(beat)

    def _look_again(self, bot: Any, tracked: TrackedOrder) -> None:
        order = None if tracked.is_leg else self._registry.lookups.check(tracked)
        if order is not None:
            self._orphans.care_for(bot, tracked, order)

    def _about(self, bot: Any) -> str:
        config, wallets = self._config, self._wallets
        return json.dumps(
            {
                "bot_name": config.get("bot_name", "freqtrade"),
                "pairs": list(getattr(bot, "active_pair_whitelist", None) or []),
                "open_pairs": sorted({trade.pair for trade in Trade.get_open_trades()}),
                # What another bot's legs must not sell out of the account's inventory.
                "owned": {coin: str(n) for coin, n in owned_by_trades().items()},
                "key": self._key,
                "trading_mode": str(config.get("trading_mode", "spot")),
                "dry_run": bool(config["dry_run"]),
                "stake_currency": config["stake_currency"],
                "version": __version__,
                "freqtrade_version": freqtrade_version,
                "floor": {wallets.account.currency: str(wallets.account.floor())},
                "pid": os.getpid(),
                "host": platform.node(),
                "metrics": metrics_address(),
            }
        )

    def _keep_locks(self, bot: Any) -> None:
        if self._locks.is_locked:
            self._read_while_locked()
        self._locks.keep(self._clock.wall())

    def _read_while_locked(self) -> None:
        """No entry asks for the balance then, and a deposit would never be seen."""
        wallets, now = self._wallets, self._clock.monotonic()
        if wallets.live is not None:
            wallets.live.refresh_if_due()
            wallets.show_believed()
        elif not self._config["dry_run"] and now - self._locked_read_at >= LOCKED_READ_SECONDS:
            self._locked_read_at = now
            wallets.update()

    def _read_pause(self, bot: Any) -> None:
        self._pause.refresh()

    # Commands

    def _commands_of_the_console(self, bot: Any) -> None:
        for command in self._commands.take(self._registry.ledger.bot):
            if command.kind == "rebalance":
                # Done later in this loop; its answer comes then.
                self._rebalancer.ask(partial(self._answer, command.id))
                continue
            if command.kind == "release":
                done, text = self._release(bot, command)
            elif command.kind in ("pause", "resume"):
                done, text = self._confirm_pause(command)
            elif command.kind == "denials":
                done = send_denials()
                text = "they go out as a message" if done else "this bot sends no messages"
            elif command.kind == "explain":
                done, text = True, self._answers_of_controls(str(command.payload.get("pair")))
            else:
                done, text = False, f"This bot does not know the command {command.kind}."
            self._commands.answer(command.id, text, done=done)

    def _answer(self, number: int, done: bool, text: str) -> None:
        self._commands.answer(number, text, done=done)

    def _answers_of_controls(self, pair: str) -> str:
        """What each entry control says of ``pair``, in the order in which they are asked; JSON."""
        answers = self._wallets.controls.answers(PlannedEntry(pair))
        return json.dumps([asdict(_control_answer(str(name), denied)) for name, denied in answers])

    def _confirm_pause(self, command: Command) -> tuple[bool, str]:
        """The console has stored it: say what this bot reads."""
        pause = self._pause
        if pause.current is not None:
            return command.kind == "pause", f"{pause.current.sentence}; exits go on"
        return command.kind == "resume", "entries are not paused"

    def _release(self, bot: Any, command: Command) -> tuple[bool, str]:
        client_order_id = str(command.payload.get("client_order_id"))
        row = self._registry.ledger.find(client_order_id)
        if row is None:
            return False, f"No reservation has the client order id {client_order_id}."
        self._registry.unblock_pair(row.pair)
        if not row.unfinished:
            return True, f"It had ended ({row.state}); entries on {row.pair} are allowed again."
        tracked = self._registry.tracked_order_of(row)
        order = self._registry.lookups.check(tracked)
        if order is not None:
            self._registry.report(tracked, order)
            return False, f"The exchange has it as order {order['id']}; it is not released."
        if tracked.absence.since is None and not command.payload.get("force"):
            return False, (
                "The exchange does not say what happened to the order; it is not released. Look at "
                "the exchange, then use --force."
            )
        self._registry.rejected(tracked, str(command.payload.get("why") or "released by the user"))
        if tracked.absence.since is None:
            return True, "It is released by force; the exchange did not say what happened to it."
        return True, "The exchange does not know it; it is released."


def _control_answer(name: str, denied: Denied | None) -> ControlAnswer:
    if denied is None:
        return ControlAnswer(name)
    numbers = {key: str(number) for key, number in denied.numbers.items()}
    return ControlAnswer(name, str(denied.code), denied.sentence, numbers)
