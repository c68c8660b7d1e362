"""Patience with an exit that the exchange rejects: too small, or nothing left to reduce."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Self

from freqtrade.enums import ExitType

from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.integration.exchange.market_rules import reload_markets_soon
from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets
from freqtrade_balance_guard.limits.rejections import (
    Rejections,
    is_minimum_rejection,
    is_nothing_to_reduce,
)
from freqtrade_balance_guard.money import format_amount, to_decimal


logger = logging.getLogger("freqtrade_balance_guard")

# A trader's own word is obeyed at once, and its failure is shown to them.
OBEYED = (ExitType.FORCE_EXIT, ExitType.EMERGENCY_EXIT, ExitType.LIQUIDATION)


@dataclass(frozen=True, slots=True)
class ExitBackoff:
    """One exit that freqtrade is about to try: ``value`` and ``minimum`` in quote.

    ``reason`` is the kind of the exit: the words of a custom exit may differ in every loop.
    """

    rejections: Rejections
    exchange: Any
    pair: str
    value: Decimal
    minimum: Decimal
    reason: str
    read_again: Callable[[], None]

    @classmethod
    def of(
        cls,
        wallets: GuardedWallets,
        trade: Any,
        limit: float,
        exit_check: Any,
        options: dict[str, Any],
    ) -> Self | None:
        """None where the exit is none of our business."""
        if wallets.rejections is None:
            return None
        if exit_check.exit_type in OBEYED:
            return None
        try:
            price = to_decimal(limit)
            amount = to_decimal(options.get("sub_trade_amt") or trade.amount)
            rules = wallets.market_rules(trade.pair)
            minimum = rules.for_exits.smallest_order_amount(price) * price
        except Exception:
            # Whatever we could not find out, the exit goes.
            logger.exception("Could not look at the exit of %s.", trade)
            return None
        reason = str(exit_check.exit_type)
        exchange = wallets._exchange
        return cls(
            wallets.rejections,
            exchange,
            trade.pair,
            amount * price,
            minimum,
            reason,
            partial(_read_again, wallets),
        )

    def waits(self) -> bool:
        """Whether the exchange would only reject it again."""
        try:
            if not self.rejections.exit_waits(self.pair, self.value, self.minimum, self.reason):
                return False
            self._look_for_a_lower_minimum()
        except Exception:
            logger.exception("Could not look at the exit of %s.", self.pair)
            return False
        return True

    def learns_from(self, error: Exception) -> bool:
        """Whether the exchange would reject it again; logged once, tried with pauses."""
        nothing_left = is_nothing_to_reduce(str(error))
        if not nothing_left and not is_minimum_rejection(str(error)):
            return False
        is_news = self.rejections.exit_rejected(self.pair, self.value, self.reason)
        if nothing_left:
            if is_news:
                logger.warning(
                    "The exchange has no position of %s that could be reduced (%s). The position "
                    "is read again; the exit is tried with growing pauses.",
                    self.pair,
                    str(error)[:200],
                )
            self.read_again()
            return True
        self._look_for_a_lower_minimum()
        if is_news:
            logger.warning(
                "%s cannot be sold now: its position is worth %s, %s (%s). It is tried again with "
                "growing pauses, and at once when it is worth more. You can buy more of it "
                "(/forceenter with position adjustment), sell it on the exchange by hand, or wait.",
                self.pair,
                format_amount(self.value),
                self._what_the_market_says(),
                words_of(error),
            )
        return True

    def _look_for_a_lower_minimum(self) -> None:
        if self.rejections.wants_markets(self.pair):
            reload_markets_soon(self.exchange)

    def _what_the_market_says(self) -> str:
        if self.value < self.minimum:
            return f"the exchange's minimum is {format_amount(self.minimum)}"
        return "below a new minimum that the market data does not show yet"


def _read_again(wallets: GuardedWallets) -> None:
    if wallets.live is not None:
        wallets.live.touched()
