"""What freqtrade could not make a trade of is denied before anything is reserved."""

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from freqtrade.enums import State
from freqtrade.persistence import PairLocks, Trade

from freqtrade_balance_guard.arbitrage.booked.flows import purchase_of
from freqtrade_balance_guard.arbitrage.leg import Leg, Opportunity
from freqtrade_balance_guard.arbitrage.outcomes.plan import ComplementPlan
from freqtrade_balance_guard.arbitrage.planning.plan import Plan, PlannedLeg
from freqtrade_balance_guard.arbitrage.planning.quote_rates import QuoteRates
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.deadline import Deadline
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.order_lookup import fetch_known
from freqtrade_balance_guard.integration.exchange.order_query import stored_order
from freqtrade_balance_guard.integration.rebalance.entry_locks import ALL, BELOW_THRESHOLD
from freqtrade_balance_guard.integration.wallets.open_trades import owned_by_trades
from freqtrade_balance_guard.ledger import Funds
from freqtrade_balance_guard.limits.order_check import RoundedOrder, look_at_entry
from freqtrade_balance_guard.limits.sizing import EntryKind
from freqtrade_balance_guard.money import ONE, ZERO, exact, format_amount, to_decimal
from freqtrade_balance_guard.orders.funds.entry_funds import EntryFunds
from freqtrade_balance_guard.orders.lookup_result import Found
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.rebalance.rebalancer import Rebalancer
from freqtrade_balance_guard.settings.model import BOT_VENUE


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets

logger = logging.getLogger(__name__)

# freqtrade's own default: it moves a price that is further than this from the market's.
CUSTOM_PRICE_MAX_DISTANCE = 0.02
# How long it may take to ask for an exit that has just left.
ASK_SECONDS = 1.0


class Preconditions:
    """Denies what freqtrade could not serve; ``look`` notes in its loop what the legs may spend.

    :param leg_order_ids: of all legs on the bot's exchange that are known
    """

    def __init__(
        self,
        wallets: "GuardedWallets",
        registry: OrderRegistry,
        funding: EntryFunds,
        rates: QuoteRates,
        config: dict[str, Any],
        clock: Clock,
        leg_order_ids: Callable[[], set[str]],
        rebalancer: Rebalancer,
    ) -> None:
        self._rebalancer = rebalancer
        self.rates = rates
        # Purchases that freqtrade has not taken yet: pair -> amount in base currency.
        self.unbooked: dict[str, Decimal] = {}
        self._wallets = wallets
        self._registry = registry
        self._funding = funding
        self._clock = clock
        self._client = GuardClient(wallets._exchange, clock)
        self._is_dry_run = bool(config["dry_run"])
        self._leg_order_ids = leg_order_ids
        self._distance = to_decimal(
            config.get("custom_price_max_distance_ratio", CUSTOM_PRICE_MAX_DISTANCE)
        )
        self._owned: dict[str, Decimal] = {}
        self._floors: dict[str, Decimal] = {}

    # In the bot's loop

    def look(self, bot: Any) -> None:
        """Note what open trades own, and what is never spent."""
        self._owned = self._with_unbooked(owned_by_trades())
        guard = self._wallets.guard
        if guard is not None:
            self._floors = dict(guard.tier_limits(self._wallets.account.equity).reserve_balance)

    def refresh(self, bot: Any) -> None:
        """Refresh the balance before an arbitrage, as before any other entry."""
        wallets = self._wallets
        if wallets.live is not None:
            wallets.live.refresh_for_entry()
            wallets.show_believed()
        else:
            wallets.update()
        self.look(bot)

    def unservable(self, bot: Any, opportunity: Opportunity) -> ArbitrageDenied | None:
        """Return why freqtrade cannot serve it now."""
        if bot.state != State.RUNNING:
            return ArbitrageDenied(
                ArbitrageDenialCode.PAUSED, f"the bot is {bot.state.name.lower()}"
            )
        purchases = [
            leg for leg in opportunity.legs if leg.venue == BOT_VENUE and leg.side == "buy"
        ]
        for leg in purchases:
            if (denied := self._no_trade(bot, leg)) is not None:
                return denied
        for leg in opportunity.legs:
            if leg.venue == BOT_VENUE and leg.side == "sell" and self._is_being_bought(leg.base):
                return _is_bought(leg.base)
        return None

    def _is_being_bought(self, base: str) -> bool:
        """freqtrade has an entry of this coin that has not ended, or whose outcome is unknown."""
        if any(one.pair.partition("/")[0] == base for one in self._registry.unresolved()):
            return True
        return any(
            order.ft_order_side == trade.entry_side
            for trade in Trade.get_open_trades()
            if trade.safe_base_currency == base
            for order in trade.open_orders
        )

    def _no_trade(self, bot: Any, leg: Leg) -> ArbitrageDenied | None:
        pair = leg.pair
        if pair not in bot.pairlists.whitelist:
            return ArbitrageDenied(
                ArbitrageDenialCode.NOT_IN_WHITELIST, f"{pair} is not in the whitelist", BOT_VENUE
            )
        if Trade.get_trades([Trade.pair == pair, Trade.is_open.is_(True)]).first() is not None:
            return ArbitrageDenied(
                ArbitrageDenialCode.ALREADY_OPEN, f"{pair} has an open trade", BOT_VENUE
            )
        if (reason := self._lock_on(pair)) is not None:
            return ArbitrageDenied(
                ArbitrageDenialCode.PAIR_LOCKED, f"{pair} is locked: {reason}", BOT_VENUE
            )
        if bot.get_free_open_trades() <= 0:
            return ArbitrageDenied(
                ArbitrageDenialCode.NO_SLOT, "max_open_trades is reached", BOT_VENUE
            )
        return self._waits(pair)

    def _waits(self, pair: str) -> ArbitrageDenied | None:
        if (
            self._registry.unresolved(pair)
            or self._registry.blocking_order(pair)
            or pair in self.unbooked
        ):
            return ArbitrageDenied(
                ArbitrageDenialCode.ORDER_UNRESOLVED,
                f"the outcome of an earlier order of {pair} is unknown",
                BOT_VENUE,
            )
        sold = self._rebalancer.sold_pair_denied(pair)
        return (
            None
            if sold is None
            else ArbitrageDenied(
                ArbitrageDenialCode.REBALANCE_COOLDOWN, sold.sentence, BOT_VENUE, sold.numbers
            )
        )

    # For the engine: the same, for all markets at once

    def purchases_allowed(
        self, bot: Any, pairs: Collection[str], trades: Sequence[Trade]
    ) -> dict[str, ArbitrageDenied | None]:
        """Return by pair of the whitelist why it must not be bought now; slots are left out."""
        whitelist = set(bot.pairlists.whitelist)
        open_pairs = {trade.pair for trade in trades}
        locks = PairLocks.get_pair_locks(None, self._clock.wall())
        found: dict[str, ArbitrageDenied | None] = {}
        for pair in whitelist.intersection(pairs):
            if pair in open_pairs:
                found[pair] = _denied(ArbitrageDenialCode.ALREADY_OPEN, f"{pair} has an open trade")
                continue
            reasons = [
                lock.reason or "no reason given"
                for lock in locks
                if lock.pair in (pair, ALL)
                and lock.side in ("*", "long")
                and lock.reason != BELOW_THRESHOLD
            ]
            if reasons:
                words = f"{pair} is locked: {reasons[0]}"
                found[pair] = _denied(ArbitrageDenialCode.PAIR_LOCKED, words)
            else:
                found[pair] = self._waits(pair)
        return found

    def coins_not_for_sale(self, trades: Sequence[Trade]) -> dict[str, ArbitrageDenied]:
        """Return the coins that freqtrade is buying now: an arbitrage must not sell them."""
        bought = {one.pair.partition("/")[0] for one in self._registry.unresolved()}
        for trade in trades:
            if any(order.ft_order_side == trade.entry_side for order in trade.open_orders):
                bought.add(trade.safe_base_currency)
        return {base: _is_bought(base) for base in bought}

    def _lock_on(self, pair: str) -> str | None:
        """EntryLocks but our own for want of stake: the threshold does not apply to legs."""
        now = self._clock.wall()
        for locked in (pair, ALL):
            for lock in PairLocks.get_pair_locks(locked, now, side="long"):
                if lock.reason != BELOW_THRESHOLD:
                    return lock.reason or "no reason given"
        return None

    def purchases_to_book(self, store: ArbitrageStore) -> dict[str, Decimal]:
        """Return what was bought and is not freqtrade's yet: pair -> amount in base currency."""
        found: dict[str, Decimal] = {}
        for pair in store.to_book(self._registry.ledger.bot):
            bought = purchase_of(pair)
            if bought is not None:
                order, reported = bought
                found[order.pair] = found.get(order.pair, ZERO) + reported.filled
        return found

    def legs_among(self, order_ids: set[str]) -> set[str]:
        """Legs that freqtrade has no order of."""
        legs = order_ids & self._leg_order_ids()
        return {one for one in legs if stored_order(one) is None}

    def is_sellable(self, pair: str, amount: Decimal, price: Decimal) -> bool:
        """Return whether the exchange would take a sale of this size."""
        rules = self._wallets.market_rules(pair)
        return amount >= (rules.amount_min or ZERO) and amount * price >= (rules.cost_min or ZERO)

    def ask_exit(self, exchange: Any, order_id: str, pair: str) -> Any:
        """Return freqtrade's exit as it is now, asked for once; None: not known yet."""
        if self._is_dry_run:
            return exchange.fetch_dry_run_order(order_id)
        deadline = Deadline.after(self._clock, ASK_SECONDS)
        answer = fetch_known(self._client, order_id, pair, deadline=deadline)
        return (
            exchange._answered(pair, order_id, answer.order) if isinstance(answer, Found) else None
        )

    # In the arbitrage thread

    def funds(self, currencies: Any) -> dict[str, Funds]:
        """Return what legs may spend on the bot's own exchange: nothing that a trade owns.

        What trades own is read now: freqtrade may have bought since its loop began.

        :raises UnreadableBalance, LedgerUnavailable: it is not known
        """
        return self._funds_of(currencies, self._owned_now())

    def believed(self, currencies: Any) -> dict[str, Funds]:
        """Return the same as ``funds`` without a question to freqtrade's database.

        What trades own is as of the loop: what freqtrade buys meanwhile is claimed, and no leg
        sells it.

        :raises UnreadableBalance, LedgerUnavailable: it is not known
        """
        return self._funds_of(currencies, self._owned)

    def _funds_of(self, currencies: Any, owned: Mapping[str, Decimal]) -> dict[str, Funds]:
        return {
            currency: self._funding.for_leg(
                currency,
                owned.get(currency, ZERO),
                self._floors.get(currency.upper(), ZERO),
            )
            for currency in currencies
        }

    def _owned_now(self) -> dict[str, Decimal]:
        """Return what trades own; at least what they owned when the loop looked."""
        try:
            owned = self._with_unbooked(owned_by_trades())
        except Exception:
            logger.debug("What trades own is as of the loop.", exc_info=True)
            return self._owned
        finally:
            # A thread that is not freqtrade's gives its connection back.
            if threading.current_thread() is not threading.main_thread():
                Trade.session.remove()
        return {
            currency: max(owned.get(currency, ZERO), self._owned.get(currency, ZERO))
            for currency in owned.keys() | self._owned.keys()
        }

    def _with_unbooked(self, owned: dict[str, Decimal]) -> dict[str, Decimal]:
        for pair, amount in list(self.unbooked.items()):
            base = pair.partition("/")[0]
            owned[base] = owned.get(base, ZERO) + amount
        return owned

    @exact
    def explained(self, denied: ArbitrageDenied) -> ArbitrageDenied:
        """Put a denial for money that is only on its way to the balance like that."""
        live, currency = self._wallets.live, denied.currency
        is_of_funds = (
            denied.code is ArbitrageDenialCode.INSUFFICIENT_AVAILABLE and denied.venue == BOT_VENUE
        )
        if live is None or currency is None or not is_of_funds:
            return denied
        missing = denied.numbers["needed"] - denied.numbers["available"]
        coming = live.book.expected(currency).free - live.book.spendable(currency)
        if missing > coming:
            return denied
        sentence = f"{denied.sentence}; the rest is under way"
        return replace(denied, code=ArbitrageDenialCode.BALANCE_LAGGING, sentence=sentence)

    def is_with_trade(self, exposure: Exposure) -> bool:
        """What an arbitrage has bought here is a trade's: only freqtrade sells it."""
        return exposure.venue == BOT_VENUE and exposure.net > ZERO and not exposure.closes

    def inspector(self, bot: Any) -> Callable[[Plan | ComplementPlan], ArbitrageDenied | None]:
        """Return the last check of a plan, with the limits of now."""
        guard = self._wallets.guard
        if guard is None or guard.settings.is_neutral:
            return lambda plan: None
        limits = guard.entry_limits(guard.tier_limits(self._wallets.account.equity))
        stoploss = self._wallets.stoploss()

        def inspect(plan: Plan | ComplementPlan) -> ArbitrageDenied | None:
            if isinstance(plan, ComplementPlan):
                return self._any_below(plan, limits.min_order_size)
            for leg in plan.legs:
                denied = self._below(leg, limits.min_order_size)
                if denied is None and leg.leg.venue == BOT_VENUE and leg.leg.side == "buy":
                    denied = self._clamped(leg) or self._no_room(
                        leg, limits.room_for_exit, stoploss
                    )
                if denied is not None:
                    return denied
            return None

        return inspect

    def _any_below(self, plan: ComplementPlan, minimum: Decimal) -> ArbitrageDenied | None:
        for one in plan.legs:
            money = one.reserved
            denied = self._too_small(one.leg.venue, one.cost, money.currency, minimum)
            if denied is not None:
                return denied
        return None

    @exact
    def _below(self, leg: PlannedLeg, minimum: Decimal) -> ArbitrageDenied | None:
        """Deny a leg below min_order_size: on any venue, bought or sold."""
        return self._too_small(leg.leg.venue, leg.amount * leg.limit, leg.leg.quote, minimum)

    @exact
    def _too_small(
        self, venue: str, cost: Decimal, currency: str, minimum: Decimal
    ) -> ArbitrageDenied | None:
        rate = self.rates.known(currency)
        cost = cost * (ONE if rate is None else rate)
        if cost >= minimum:
            return None
        return ArbitrageDenied(
            ArbitrageDenialCode.BELOW_MINIMUM,
            f"{format_amount(cost)} on {venue} is below min_order_size {format_amount(minimum)}",
            venue,
            {"cost": cost, "min_order_size": minimum},
        )

    @exact
    def _clamped(self, leg: PlannedLeg) -> ArbitrageDenied | None:
        distance = abs(leg.limit - leg.best)
        if distance <= self._distance * leg.best:
            return None
        return ArbitrageDenied(
            ArbitrageDenialCode.PRICE_CLAMP,
            f"the limit {format_amount(leg.limit)} of {leg.leg.pair} is further than "
            f"custom_price_max_distance_ratio {format_amount(self._distance)} from "
            f"{format_amount(leg.best)}: freqtrade would move it",
            BOT_VENUE,
            {"limit": leg.limit, "best": leg.best},
        )

    def _no_room(
        self, leg: PlannedLeg, room_for_exit: bool, stoploss: Decimal
    ) -> ArbitrageDenied | None:
        pair = leg.leg.pair
        order = RoundedOrder(pair, leg.amount, leg.limit, EntryKind.NEW, stoploss=stoploss)
        rules = self._wallets.market_rules(pair)
        denied = look_at_entry(order, rules, room_for_exit, leg.leg.quote)
        return (
            None
            if denied is None
            else ArbitrageDenied(
                ArbitrageDenialCode.BELOW_MINIMUM, denied.sentence, BOT_VENUE, denied.numbers
            )
        )


def _denied(code: ArbitrageDenialCode, sentence: str) -> ArbitrageDenied:
    return ArbitrageDenied(code, sentence, BOT_VENUE)


def _is_bought(base: str) -> ArbitrageDenied:
    sentence = f"an entry of {base} is in progress: its coin must not be sold"
    return _denied(ArbitrageDenialCode.ORDER_UNRESOLVED, sentence)
