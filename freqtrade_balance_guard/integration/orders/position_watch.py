"""Watches the positions of a live futures bot, once per loop."""

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from freqtrade.persistence import Trade

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.integration.wallets.futures_balances import FuturesBalances
from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import Denied
from freqtrade_balance_guard.money import to_decimal
from freqtrade_balance_guard.orders.positions.watch import PositionWatch, WatchedTrade
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.orders.terms import Purpose


logger = logging.getLogger("freqtrade_balance_guard")


class LivePositionWatch:
    """Reads the account while a trade is open, and reports what differs from freqtrade's trades."""

    def __init__(self, live: FuturesBalances, registry: OrderRegistry, clock: Clock) -> None:
        self.watch = PositionWatch()
        self._live = live
        self._registry = registry
        self._clock = clock
        self._seen_as_of: float | None = None

    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        """The control of entries on a pair whose position is not what it should be."""
        return self.watch.check_entry(entry)

    def step(self, bot: Any) -> None:
        """Look at the newest answer.

        :raises LedgerUnavailable: what other bots have open is unknown
        """
        trades = list(Trade.get_open_trades())
        if trades or self._live.book.positions:
            self._live.refresh_if_due()
        book = self._live.book
        if book.as_of is None or book.failure is not None or book.as_of == self._seen_as_of:
            return
        self._seen_as_of = book.as_of
        under_way = book.pairs_under_way()
        wants_stops = bool(bot.strategy.order_types.get("stoploss_on_exchange"))
        news = self.watch.look(
            [_watched(trade, under_way, wants_stops=wants_stops) for trade in trades],
            book.positions,
            self._pairs_of_others(),
            dict(self._resting_stops()),
            self._clock.monotonic(),
        )
        for one in news:
            text = f"{one.pair}: {one.sentence}. No new entry on {one.pair} until that is settled."
            logger.warning("%s [position_mismatch]", text)
            bot.dataprovider.send_msg(f"Balance guard: {text}", always_send=True)

    def _pairs_of_others(self) -> set[str]:
        ledger = self._registry.ledger
        pairs: set[str] = set()
        for beat in ledger.heartbeats(ledger.account):
            if beat.bot != ledger.bot:
                about: Mapping[str, Any] = json.loads(beat.about or "{}")
                pairs.update(about.get("open_pairs") or ())
        return pairs

    def _resting_stops(self) -> Iterator[tuple[str, str]]:
        for tracked in self._registry.resting(Purpose.STOP):
            yield tracked.pair, str(tracked.order_id)


def _watched(trade: Trade, under_way: set[str], *, wants_stops: bool) -> WatchedTrade:
    is_settled = not trade.has_open_orders and trade.pair not in under_way
    return WatchedTrade(
        trade.pair,
        to_decimal(trade.amount),
        bool(trade.is_short),
        is_settled=is_settled,
        lacks_stop=wants_stops and not trade.has_open_orders and not trade.has_open_sl_orders,
    )
