"""The one question: may this order go, and how large?

``Guard`` knows the user's settings, turns them into amounts of the stake currency, asks the pure
functions in ``limits`` and states what came out. It knows neither freqtrade nor an exchange, and
keeps nothing but the present tier, so that it can be copied into hyperopt's workers.
"""

from collections.abc import Callable
from decimal import Decimal

from freqtrade_balance_guard.errors import kind_and_words_of
from freqtrade_balance_guard.events import (
    EntryApproved,
    EventHub,
    OrderDenied,
    PartialExitReduced,
    StakeReduced,
)
from freqtrade_balance_guard.limits.decision import Decision, DenialCode, Denied
from freqtrade_balance_guard.limits.market import MarketRules
from freqtrade_balance_guard.limits.order_check import (
    PartialExit,
    RoundedOrder,
    look_at_entry,
    shape_partial_exit,
)
from freqtrade_balance_guard.limits.sizing import (
    EntryLimits,
    EntryRequest,
    SizeBasis,
    below_threshold,
    size_entry,
)
from freqtrade_balance_guard.limits.tiers import choose_tier
from freqtrade_balance_guard.money import ZERO
from freqtrade_balance_guard.settings import GuardSettings, TierLimits


# Stake currency per US dollar; None where no rate is to be had.
DollarRate = Callable[[], Decimal | None]
# Total equity in stake currency; asked only if the user has tiers, because it costs a query.
Equity = Callable[[], Decimal]


class Guard:
    """Decides about entries and shapes partial exits for one bot.

    :param stateless: no hysteresis between tiers, for backtesting (the same run twice must give
        the same trades, also in hyperopt's workers)
    """

    def __init__(
        self,
        settings: GuardSettings,
        stake_currency: str,
        dollar_rate: DollarRate,
        hub: EventHub,
        *,
        stateless: bool = False,
    ) -> None:
        self.settings = settings
        self.stake_currency = stake_currency
        self.hub = hub
        self._dollar_rate = dollar_rate
        self._borders = [tier.up_to for tier in settings.tiers]
        self._stateless = stateless
        self._tier: int | None = None
        # Says why stake is wanting, where that is known; live only.
        self.true_cause: Callable[[Denied], Denied] | None = None
        # Merging a tier over the section costs more than deciding by it.
        self._merged: dict[int | None, TierLimits] = {}

    # The user's limits, in stake currency

    def tier_limits(self, equity: Equity) -> TierLimits:
        """The settings of the tier that the account is in."""
        borders = self._borders
        if not borders:
            return self._merged_limits(None)
        tier = choose_tier(equity(), borders, self._tier)
        if not self._stateless:
            self._tier = tier
        return self._merged_limits(tier if tier < len(borders) else None)

    def _merged_limits(self, tier: int | None) -> TierLimits:
        if tier not in self._merged:
            self._merged[tier] = self.settings.limits_for_tier(tier)
        return self._merged[tier]

    def entry_limits(self, chosen: TierLimits) -> EntryLimits:
        """``chosen`` as amounts of the stake currency.

        A default is in dollars. Where no rate is to be had it does not apply: to guess would be
        to deny, or to let through, for no reason that the user knows.
        """
        if chosen.min_order_size is not None:
            min_order_size = chosen.min_order_size
        else:
            min_order_size = self.from_dollars(chosen.min_order_size_usdt)
        threshold = chosen.min_balance_threshold
        if not chosen.is_written("min_balance_threshold"):
            threshold = self.from_dollars(threshold)
        return EntryLimits(
            min_order_size=min_order_size,
            min_balance_threshold=threshold,
            position_size_percent=chosen.position_size_percent,
            position_size_basis=SizeBasis(chosen.position_size_basis),
            room_for_exit=chosen.room_for_exit,
        )

    def floor(self, currency: str, equity: Equity) -> Decimal:
        """How much of ``currency`` is never spent (``reserve_balance``)."""
        return self.tier_limits(equity).reserve_balance.get(currency.upper(), ZERO)

    def from_dollars(self, dollars: Decimal) -> Decimal:
        """Dollars in the stake currency; 0 where no rate is to be had."""
        rate = self._dollar_rate() if dollars else None
        return dollars * rate if rate is not None else ZERO

    # Decisions

    def check_available(self, pair: str, available: Decimal, equity: Equity) -> Denied | None:
        """The denial while nothing may be entered at all, whatever its size; else None."""
        denied = below_threshold(
            available, self.entry_limits(self.tier_limits(equity)), self.stake_currency
        )
        return self.deny(pair, denied) if denied else None

    def size_entry(self, request: EntryRequest, rules: MarketRules, equity: Equity) -> Decision:
        """Decide about one entry and say so."""
        limits = self.entry_limits(self.tier_limits(equity))
        decision = size_entry(request, limits, rules, self.stake_currency)
        if isinstance(decision, Denied):
            return self.deny(request.pair, decision)
        if decision.reduced_by:
            self.hub.publish(
                StakeReduced(request.pair, request.stake, decision.stake, decision.reduced_by)
            )
        self.hub.publish(EntryApproved(request.pair, decision.stake))
        return decision

    def look_at_entry(
        self, order: RoundedOrder, rules: MarketRules, equity: Equity
    ) -> Denied | None:
        """The last look at an entry just before it is sent; None if it may go."""
        room_for_exit = self.tier_limits(equity).room_for_exit
        denied = look_at_entry(order, rules, room_for_exit, self.stake_currency)
        return self.deny(order.pair, denied) if denied else None

    def shape_partial_exit(self, exit_: PartialExit, rules: MarketRules) -> Decimal | Denied:
        """The amount (base currency) to sell so that the rest stays sellable, or why none is."""
        shaped = shape_partial_exit(exit_, rules, self.stake_currency)
        if isinstance(shaped, Denied):
            return self.deny(exit_.pair, shaped)
        if shaped < exit_.amount:
            self.hub.publish(PartialExitReduced(exit_.pair, exit_.amount, shaped))
        return shaped

    def deny(self, pair: str, denied: Denied) -> Denied:
        """State a denial, with its true cause, and hand it back."""
        if self.true_cause is not None:
            denied = self.true_cause(denied)
        self.hub.publish(OrderDenied(pair, denied.code, denied.sentence, denied.numbers))
        return denied

    def deny_for_error(self, pair: str, error: Exception) -> Denied:
        """The denial when the guard itself failed: in doubt no entry, and the reason."""
        return self.deny(
            pair,
            Denied(
                DenialCode.GUARD_ERROR,
                f"the guard failed ({kind_and_words_of(error)}) and lets no entry out on an "
                "unknown state",
            ),
        )
