"""Rebalancing in live and dry-run: once per loop, when freqtrade has done with its own exits."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from freqtrade.enums import State
from freqtrade.exceptions import FreqtradeException, TemporaryError
from freqtrade.persistence import Trade

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import words_of
from freqtrade_balance_guard.integration.rebalance.inputs import FreqtradeInputs
from freqtrade_balance_guard.integration.rebalance.selling import REASON, exit_of
from freqtrade_balance_guard.monitoring.rebalance_view import Watch
from freqtrade_balance_guard.orders.registry import OrderRegistry
from freqtrade_balance_guard.rebalance.attempt import Attempt, Outcome, SaleRecord
from freqtrade_balance_guard.rebalance.attempt_store import AttemptsUnavailable, AttemptUnderWay
from freqtrade_balance_guard.rebalance.attempts import AttemptLog
from freqtrade_balance_guard.rebalance.messages import (
    ended_event,
    outcome_sentence,
    plan_sentence,
)
from freqtrade_balance_guard.rebalance.plan import Plan, Sale
from freqtrade_balance_guard.rebalance.policy import (
    CONFIRMED,
    UNREADABLE,
    NotNow,
    NotNowCode,
    RebalanceLimits,
    decide,
)
from freqtrade_balance_guard.rebalance.rebalancer import Rebalancer, Sight


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


logger = logging.getLogger(__name__)

# After a read that came to nothing: the exchange is not asked in every loop of a bad hour.
READ_PAUSE_SECONDS = 10.0
# An order's time is the exchange's.
CLOCKS_DIFFER = timedelta(seconds=5)

# Takes the answer to a command: whether it was done, and a sentence.
Reply = Callable[[bool, str], None]


class LiveRebalancer(Rebalancer):
    """Of one live or dry-run bot."""

    def __init__(
        self,
        wallets: "GuardedWallets",
        log: AttemptLog,
        registry: OrderRegistry,
        watch: Watch,
        clock: Clock,
        config: dict[str, Any],
    ) -> None:
        super().__init__(FreqtradeInputs(wallets, config), log, clock)
        self._wallets = wallets
        self._config = config
        self._registry = registry
        self._watch = watch
        self._asked: Reply | None = None
        self._read_from = float("-inf")
        # What the last read came to, until all else changes.
        self._after_read: NotNow | None = None
        self._has_failed = False

    def ask(self, reply: Reply) -> None:
        """The user wants one; ``reply`` gets what came of it, in this loop."""
        if self._asked is not None:
            reply(False, "A rebalance has just been asked for.")
        else:
            self._asked = reply

    def step(self, bot: Any) -> None:
        """Once per loop, under freqtrade's exit lock. Never raises: the loop goes on.

        :param bot: freqtrade's ``FreqtradeBot``
        """
        asked, self._asked = self._asked, None
        done, text = False, "The guard failed; its log says why."
        try:
            done, text = self._step(bot, is_asked=asked is not None)
        except Exception:
            level = logging.DEBUG if self._has_failed else logging.ERROR
            self._has_failed = True
            logger.log(level, "The rebalance failed.", exc_info=True)
        if asked is not None:
            asked(done, text)

    def _step(self, bot: Any, *, is_asked: bool) -> tuple[bool, str]:
        limits = self.limits()
        if limits.is_enabled or is_asked:
            self._look_after_the_last(limits)
        is_due = self._watch.is_due()
        if limits.is_enabled or is_asked or is_due:
            # The book knows what the account's other bots did; freqtrade's table does not yet.
            self._wallets.show_believed()
        if not (is_asked or is_due) and self.is_quiet(limits):
            self._sample(bot)
            return False, ""
        answer = self._decided(bot, limits, is_asked=is_asked)
        done, text = False, str(answer)
        if isinstance(answer, Plan):
            done, text = self._attempt(bot, answer)
        self._sample(bot)
        if is_due or is_asked or isinstance(answer, Plan):
            picture = self.picture(limits, self._sight(bot), _rate_of(bot))
            self._watch.write(picture, self._after_read)
        return done, text

    def _sample(self, bot: Any) -> None:
        """Send one message when the available stake will soon be too little."""
        wallets, live, guard = self._wallets, self._wallets.live, self._wallets.guard
        if guard is None or (live is not None and live.is_unreadable):
            return  # nothing is known, and that is no use of stake
        text = self._watch.sample(wallets.account.available(), wallets.account.threshold())
        if text is not None:
            logger.warning(text)
            bot.dataprovider.send_msg(f"Balance guard: {text}", always_send=True)

    # The decision

    def _decided(self, bot: Any, limits: RebalanceLimits, *, is_asked: bool) -> Plan | NotNow:
        rate_of = _rate_of(bot)
        sight = self._sight(bot)
        answer = decide(self.picture(limits, sight, rate_of, is_asked=is_asked))
        if not isinstance(answer, NotNow) or answer.code is not NotNowCode.BALANCE_NOT_FRESH:
            self._after_read = None
            return answer
        now = self._clock.monotonic()
        if now < self._read_from and not is_asked:
            return answer
        self._read_from = now + READ_PAUSE_SECONDS
        sight = self._sight_after_a_read(bot)
        answer = decide(self.picture(limits, sight, rate_of, is_asked=is_asked))
        self._after_read = answer if isinstance(answer, NotNow) else None
        return answer

    def _sight(self, bot: Any) -> Sight:
        live = self._wallets.live
        return Sight(
            bot_state="running" if bot.state == State.RUNNING else bot.state.name.lower(),
            verdict=CONFIRMED if live is None else str(live.verdict()),
            is_fresh=bool(self._config["dry_run"]),
            in_flight=len(self._registry.unresolved()),
            is_unsettled=live is not None and live.book.is_settling(live.now()),
        )

    def _sight_after_a_read(self, bot: Any) -> Sight:
        live, wallets = self._wallets.live, self._wallets
        verdict, is_fresh = CONFIRMED, True
        if live is not None:
            is_fresh = live.refresh_for_rebalance()
            wallets.show_believed()
            verdict = str(live.verdict())
        else:
            try:
                wallets.update()
            except FreqtradeException as error:
                logger.warning("The balance could not be read for a rebalance: %s", words_of(error))
                verdict = UNREADABLE
        seen = self._sight(bot)
        return Sight(seen.bot_state, verdict, is_fresh, seen.in_flight, seen.is_unsettled)

    # The attempt

    def _attempt(self, bot: Any, plan: Plan) -> tuple[bool, str]:
        try:
            self.log.begin(plan, self.currency)
        except (AttemptsUnavailable, AttemptUnderWay) as error:
            logger.warning("No emergency rebalance: its attempt cannot be kept (%s).", error)
            return False, f"Nothing was sold: {error}"
        logger.warning("Emergency rebalance: %s.", plan_sentence(plan, self.currency))
        for sale in plan.sales:
            self._sell(bot, sale)
        self.end()
        attempt = self.log.last()
        assert attempt is not None  # noqa: S101  it was begun
        text = f"{outcome_sentence(attempt)}."
        logger.warning(text)
        self._registry.hub.publish(ended_event(attempt))
        bot.dataprovider.send_msg(f"Balance guard: {text}", always_send=True)
        return True, text

    def _sell(self, bot: Any, sale: Sale) -> None:
        """One failing sale does not stop the others."""
        trade = Trade.get_trades([Trade.id == sale.trade_id]).first()
        if trade is None or not trade.is_open or trade.open_orders:
            return  # it is ended as not sent
        self.record(sale.trade_id, Outcome.SENDING)
        known = {order.order_id for order in trade.orders}
        exit_ = exit_of(sale, self._wallets.market_rules(trade.pair))
        error: Exception | None = None
        has_left = False
        try:
            rate = bot.exchange.get_rate(
                trade.pair, side="exit", is_short=trade.is_short, refresh=True
            )
            amount = exit_.amount
            if amount is not None:
                amount = bot.exchange.amount_to_contract_precision(trade.pair, amount)
            has_left = bot.execute_trade_exit(
                trade, rate, exit_.check, exit_tag=REASON, sub_trade_amt=amount
            )
        except Exception as caught:
            level = logging.WARNING if isinstance(caught, FreqtradeException) else logging.ERROR
            logger.log(level, "The rebalance could not sell %s: %s", trade.pair, caught)
            error = caught
        Trade.commit()
        new = [order for order in trade.orders if order.order_id not in known]
        sent = [order for order in new if order.ft_order_side == trade.exit_side]
        if sent:
            self.record(sale.trade_id, _state_of(sent[-1]), order_id=sent[-1].order_id)
        else:
            is_vetoed = sale.is_whole and not has_left
            outcome, detail = self._why_not(trade.pair, error, is_vetoed=is_vetoed)
            self.record(sale.trade_id, outcome, detail=detail)

    def _why_not(
        self, pair: str, error: Exception | None, *, is_vetoed: bool
    ) -> tuple[Outcome, str]:
        if error is None and is_vetoed:
            return Outcome.VETOED, "confirm_trade_exit of the strategy said no"
        if isinstance(error, TemporaryError) and self._registry.unresolved(pair):
            return Outcome.UNKNOWN, "its reply was lost"
        if error is not None:
            return Outcome.FAILED, words_of(error)
        return Outcome.FAILED, "freqtrade sent no order, its log says why"

    # The outcome

    def _look_after_the_last(self, limits: RebalanceLimits) -> None:
        self.log.keep_time(limits.cooldown)
        try:
            last = self.log.last()
        except AttemptsUnavailable:
            return  # the decision says so
        if last is None:
            return
        if last.ended_at is None:
            # The registry asks for what was in flight first.
            if not self._registry.unresolved():
                self._complete()
            return
        for sale in last.sales:
            if sale.outcome in (Outcome.ORDERED, Outcome.UNKNOWN):
                found = find_sale(last, sale)
                if found is not None and found[0] is not sale.outcome:
                    self.record(sale.trade_id, found[0], order_id=found[1])

    def _complete(self) -> None:
        try:
            attempt = self.log.complete_interrupted(find_sale)
        except AttemptsUnavailable as error:
            logger.warning("An interrupted rebalance cannot be ended: %s", error)
            return
        if attempt is not None:
            logger.warning("%s; the bot was interrupted in it.", outcome_sentence(attempt))


def find_sale(attempt: Attempt, sale: SaleRecord) -> tuple[Outcome, str] | None:
    """What freqtrade knows of a sale: its outcome and the order's id; None: nothing."""
    trade = Trade.get_trades([Trade.id == sale.trade_id]).first()
    if trade is None:
        return None
    orders = [
        order
        for order in trade.orders
        if order.ft_order_side == trade.exit_side
        and (order.order_id == sale.order_id if sale.order_id else _is_of(attempt, order))
    ]
    return (_state_of(orders[-1]), orders[-1].order_id) if orders else None


def _is_of(attempt: Attempt, order: Any) -> bool:
    """By its time: one that freqtrade found again on the exchange has lost its tag."""
    if order.ft_order_tag not in (REASON, None):
        return False
    return bool(order.order_date_utc >= attempt.started_at - CLOCKS_DIFFER)


def _state_of(order: Any) -> Outcome:
    if order.ft_is_open:
        return Outcome.ORDERED
    return Outcome.FILLED if order.safe_filled > 0 else Outcome.FAILED


def _rate_of(bot: Any) -> Callable[[Any], float | None]:
    """The exit rate that freqtrade has just looked at; asked for only where it has none."""

    def rate(trade: Any) -> float | None:
        try:
            found = bot.exchange.get_rate(
                trade.pair, refresh=False, side="exit", is_short=trade.is_short
            )
        except FreqtradeException as error:
            logger.debug("No rate for %s: %s", trade.pair, words_of(error))
            return None
        return float(found) if found else None

    return rate
