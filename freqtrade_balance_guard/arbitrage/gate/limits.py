"""The limits on new arbitrages: how many are under way, and how much is not hedged."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.engine.context import ArbitrageContext
from freqtrade_balance_guard.arbitrage.engine.legs import RunningArbitrage
from freqtrade_balance_guard.arbitrage.gate.breaker import Breaker
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind
from freqtrade_balance_guard.arbitrage.unhedged import unhedged_value
from freqtrade_balance_guard.money import ZERO, exact, format_amount


# How long after leg_timeout the outcome of an arbitrage usually is known; then it is in doubt.
PATIENCE_SECONDS = 5.0


# For so long what is unhedged is taken from memory while this run writes nothing.
KNOWN_SECONDS = 1.0


class StartLimits:
    """Denies a new arbitrage while there is too much of what has begun, or after bad endings.

    :param unresolved: what has begun and not ended
    """

    def __init__(
        self,
        context: ArbitrageContext,
        breaker: Breaker,
        unresolved: Callable[[], Sequence[RunningArbitrage]],
    ) -> None:
        self._context = context
        self._unresolved = unresolved
        self._breaker = breaker
        # What was read last: at which generation of the store, when, and the sum.
        self._unhedged: tuple[int, float, Decimal] | None = None

    def why_not(self) -> ArbitrageDenied | None:
        """Return why none may begin now.

        :raises ArbitragesUnavailable: what is unhedged cannot be read
        """
        if (stopped := self._breaker.why_not()) is not None:
            return stopped
        under_way: list[RunningArbitrage] = []
        late: list[RunningArbitrage] = []
        for one in self._unresolved():
            (late if self._is_late(one) else under_way).append(one)
        return self._too_many(under_way) or self._too_much_unhedged(late)

    def _too_many(self, under_way: Sequence[RunningArbitrage]) -> ArbitrageDenied | None:
        most = self._context.settings.max_in_flight
        count = sum(one.record.kind is ArbitrageKind.TWO_LEGS for one in under_way)
        if count < most:
            return None
        return ArbitrageDenied(
            ArbitrageDenialCode.ARBITRAGE_IN_PROGRESS,
            f"{count} arbitrages are under way; max_in_flight is {most}",
            numbers={"under_way": Decimal(count), "max_in_flight": Decimal(most)},
        )

    @exact
    def _too_much_unhedged(self, late: Sequence[RunningArbitrage]) -> ArbitrageDenied | None:
        """What is not resolved in time may turn out to be unhedged, all of it."""
        context = self._context
        unhedged = self._unhedged_value()
        in_doubt = sum((self._value(one) for one in late), ZERO)
        most = context.settings.max_unhedged
        if unhedged + in_doubt <= most:
            return None
        return ArbitrageDenied(
            ArbitrageDenialCode.UNHEDGED,
            f"{format_amount(unhedged)} in stake currency is unhedged and "
            f"{format_amount(in_doubt)} is not resolved; {format_amount(most)} is allowed",
            numbers={"unhedged": unhedged, "in_doubt": in_doubt, "max_unhedged": most},
        )

    def _unhedged_value(self) -> Decimal:
        """What this run has not changed is read again after a moment: the console may close one."""
        store, now = self._context.store, self._context.clock.monotonic()
        generation, known = store.generation, self._unhedged
        if known is None or known[0] != generation or now - known[1] >= KNOWN_SECONDS:
            value = unhedged_value(store.open_exposures(self._context.bot))
            self._unhedged = known = (generation, now, value)
        return known[2]

    def _is_late(self, running: RunningArbitrage) -> bool:
        """One that is on its way is counted by ``max_in_flight``; after its time it is in doubt."""
        if running.is_reported_unresolved or any(leg.is_lost for leg in running.legs):
            return True
        usual = self._context.settings.leg_timeout + PATIENCE_SECONDS
        sent_at = max(leg.sent_at for leg in running.legs)
        return self._context.clock.monotonic() - sent_at >= usual

    def _value(self, running: RunningArbitrage) -> Decimal:
        rate = self._context.known_rate
        return max(one.amount * one.price * rate(one.terms.quote) for one in running.record.orders)
