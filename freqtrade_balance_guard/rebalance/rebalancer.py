"""Rebalancing in any mode: the decision, the attempt and its outcome; selling is the mode's own."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import Denied
from freqtrade_balance_guard.money import to_decimal
from freqtrade_balance_guard.rebalance.attempt import Attempt, Outcome
from freqtrade_balance_guard.rebalance.attempt_store import AttemptsUnavailable
from freqtrade_balance_guard.rebalance.attempts import AttemptLog
from freqtrade_balance_guard.rebalance.messages import sold_pair, sold_unknown
from freqtrade_balance_guard.rebalance.plan import NEAR_ENOUGH, Capital, Position
from freqtrade_balance_guard.rebalance.policy import CONFIRMED, Picture, RebalanceLimits
from freqtrade_balance_guard.rebalance.waiting import Since


logger = logging.getLogger(__name__)

# The present rate (quote per base) to sell an open trade at; None where there is none.
Rate = Callable[[Any], float | None]


@dataclass(frozen=True, slots=True)
class Sight:
    """How one mode sees what differs between modes (see ``rebalance.policy.Picture``)."""

    bot_state: str = "running"
    verdict: str = CONFIRMED
    is_fresh: bool = True
    in_flight: int = 0
    is_unsettled: bool = False


class RebalanceInputs(Protocol):
    """Reads from freqtrade what a rebalance is decided on."""

    @property
    def currency(self) -> str: ...

    @property
    def is_spot(self) -> bool: ...

    def limits(self) -> RebalanceLimits: ...

    def capital(self, *, is_fresh: bool) -> Capital: ...

    def positions(self, rate_of: Rate) -> tuple[Position, ...]: ...

    def last_fill(self) -> datetime | None: ...

    def open_order_count(self) -> int: ...


class SoldLately(NamedTuple):
    """What the last rebalance has sold, while its cooldown lasts."""

    pairs: tuple[str, ...]
    seconds_left: float


class Rebalancer:
    """Decides for one bot or one backtest, and records the attempt and its outcome."""

    def __init__(self, inputs: RebalanceInputs, log: AttemptLog, clock: Clock) -> None:
        self.log = log
        self._inputs = inputs
        self._clock = clock
        self._since = Since(clock)
        self._first_start: datetime | None = None

    # The decision

    @property
    def currency(self) -> str:
        return self._inputs.currency

    @property
    def is_spot(self) -> bool:
        """Elsewhere nothing is sold."""
        return self._inputs.is_spot

    def limits(self) -> RebalanceLimits:
        """The user's settings, in stake currency."""
        return self._inputs.limits()

    def is_quiet(self, limits: RebalanceLimits) -> bool:
        """Whether nothing will come of a closer look: by far the most loops."""
        if not (limits.is_enabled and self.is_spot):
            return True
        enough = min(limits.enough_stake, limits.target_stake * NEAR_ENOUGH)
        return self._inputs.capital(is_fresh=False).available >= enough

    def picture(
        self, limits: RebalanceLimits, sight: Sight, rate_of: Rate, *, is_asked: bool = False
    ) -> Picture:
        """All that the decision depends on, as it is now."""
        since_trade, since_attempt, problem = 0.0, None, ""
        try:
            since_trade = self._since.seconds(self._inputs.last_fill() or self._started())
            since_attempt = self.log.seconds_since_last()
        except AttemptsUnavailable as error:
            problem = str(error)
        return Picture(
            currency=self.currency,
            limits=limits,
            capital=self._inputs.capital(is_fresh=sight.is_fresh),
            positions=self._inputs.positions(rate_of),
            since_trade=since_trade,
            since_attempt=since_attempt,
            bot_state=sight.bot_state,
            verdict=sight.verdict,
            is_fresh=sight.is_fresh,
            in_flight=sight.in_flight,
            open_orders=self._inputs.open_order_count(),
            is_unsettled=sight.is_unsettled,
            attempts_problem=problem,
            is_asked=is_asked,
            is_spot=self.is_spot,
        )

    def _started(self) -> datetime:
        if self._first_start is None:
            self._first_start = self.log.first_start()
        return self._first_start

    # What was sold is not bought back

    def sold_pair_denied(self, pair: str) -> Denied | None:
        """Why ``pair`` must not be bought back now; None if it may."""
        try:
            sold = self.sold_lately()
            if sold is None or pair not in sold.pairs:
                return None
            left = to_decimal(round(sold.seconds_left, 1))
        except AttemptsUnavailable as error:
            return sold_unknown(pair, words_of(error))
        return sold_pair(pair, left)

    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        """The control of entries: see ``sold_pair_denied``."""
        return self.sold_pair_denied(entry.pair)

    def sold_lately(self) -> SoldLately | None:
        """What must not be bought back yet; None while there is nothing of the kind.

        :raises AttemptsUnavailable: it is not known
        """
        if self.log.last() is None:
            return None
        limits = self.limits()
        pairs = self.log.locked_pairs(limits.cooldown) if limits.is_enabled else ()
        return SoldLately(pairs, self.log.left(limits.cooldown)) if pairs else None

    def step(self, bot: Any) -> None:
        """What is due in one loop of ``bot``; nothing here, a backtest has no loop."""

    # An attempt

    def record(self, trade_id: int, outcome: Outcome, **more: str) -> None:
        """Record a sale's outcome; this process knows it also if it cannot be written."""
        try:
            self.log.record(trade_id, outcome, **more)
        except AttemptsUnavailable as error:
            logger.warning("The outcome of a rebalance's sale is not kept: %s", error)

    def end(self) -> Attempt | None:
        """All sales of the last attempt were tried."""
        try:
            return self.log.end()
        except AttemptsUnavailable as error:
            logger.warning("The end of a rebalance is not kept: %s", error)
            return None
