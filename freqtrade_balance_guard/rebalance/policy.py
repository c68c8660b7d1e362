"""Whether to rebalance now. Each of these conditions alone prevents it, in this order:

    code                 | when
    ---------------------|-----------------------------------------------------------------
    DISABLED             | the user has not switched it on
    FUTURES              | it is no spot market: no balance is confirmed there
    NOT_RUNNING          | the bot is paused or stopped
    ATTEMPTS_UNKNOWN     | what was attempted before cannot be read
    COOLDOWN             | the last attempt was less than the cooldown ago        (waiting)
    TRADED_RECENTLY      | something was bought or sold not long enough ago       (waiting)
    ORDER_IN_FLIGHT      | an order was sent and its outcome is unknown
    ORDER_OPEN           | an entry or an exit of this bot is still open
    UNSETTLED            | an order has filled, and the balance does not show it yet
    ENOUGH_STAKE         | there is enough
    NOTHING_DEPLOYED     | there is no position: the account is small, not stuck
    NOTHING_TO_SELL      | no position can be sold now
    BALANCE_NOT_FRESH    | the exchange has not been asked for this decision
    BALANCE_UNREADABLE   | it was asked, and there is no usable answer
    BALANCE_UNCONFIRMED  | its answer is not what own orders explain

Those that cost nothing come first, so a balance is read for a rebalance only if all else holds.
Whoever asks for one (``--now``) has no patience and all the other conditions: the two that are
marked do not count then.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from freqtrade_balance_guard.money import ZERO, exact, format_amount, to_decimal
from freqtrade_balance_guard.rebalance.plan import (
    NEAR_ENOUGH,
    Capital,
    Plan,
    Position,
    SaleOrder,
    left_out,
    make_plan,
)


if TYPE_CHECKING:
    from freqtrade_balance_guard.settings import TierLimits


# As ``balances.verdict`` calls them.
CONFIRMED = "confirmed"
UNREADABLE = "unreadable"
RUNNING = "running"

SECONDS_PER_HOUR = 3600

NO_REBALANCE_IN_FUTURES = (
    "there is no rebalance in futures: profits, funding and margin move the balance, so what it "
    "should be is not known"
)


class NotNowCode(StrEnum):
    """Why there is no rebalance. The names are stable: they are counted, shown and documented."""

    DISABLED = "disabled"
    FUTURES = "futures"
    NOT_RUNNING = "not_running"
    ATTEMPTS_UNKNOWN = "attempts_unknown"
    COOLDOWN = "cooldown"
    TRADED_RECENTLY = "traded_recently"
    ORDER_IN_FLIGHT = "order_in_flight"
    ORDER_OPEN = "order_open"
    UNSETTLED = "unsettled"
    ENOUGH_STAKE = "enough_stake"
    NOTHING_DEPLOYED = "nothing_deployed"
    NOTHING_TO_SELL = "nothing_to_sell"
    BALANCE_NOT_FRESH = "balance_not_fresh"
    BALANCE_UNREADABLE = "balance_unreadable"
    BALANCE_UNCONFIRMED = "balance_unconfirmed"


@dataclass(frozen=True, slots=True)
class NotNow:
    """No rebalance. ``sentence`` is for people; code and numbers are for machines.

    ``numbers`` are in the unit that their name ends with or, where it names none, in the stake
    currency.
    """

    code: NotNowCode
    sentence: str
    numbers: dict[str, Decimal] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.sentence} [{self.code}]"


@dataclass(frozen=True, slots=True)
class RebalanceLimits:
    """The user's settings for the present tier: amounts in stake currency, times in seconds."""

    is_enabled: bool
    enough_stake: Decimal
    target_stake: Decimal
    cooldown: float
    seconds_without_trade: float
    order: SaleOrder

    @classmethod
    def of(
        cls, chosen: "TierLimits", from_dollars: Callable[[Decimal], Decimal]
    ) -> "RebalanceLimits":
        """Settings as amounts of the stake currency; defaults are dollars and are converted.

        :param from_dollars: 0 where no rate is to be had: a default does not apply then
        """
        written = chosen.rebalance
        enough, target = written.enough_stake, written.target_stake
        if not chosen.is_written("rebalance.enough_stake"):
            enough = from_dollars(enough)
            if not chosen.is_written("rebalance.target_stake"):
                target = from_dollars(target)
        return cls(
            is_enabled=written.enabled,
            enough_stake=enough,
            target_stake=target,
            cooldown=chosen.emergency_rebalance_cooldown,
            seconds_without_trade=written.min_hours_without_trade * SECONDS_PER_HOUR,
            order=SaleOrder(written.order),
        )


@dataclass(frozen=True, slots=True)
class Picture:
    """All that a decision depends on, at one moment. Nothing in it is read later.

    :ivar bot_state: freqtrade's word, "running", "paused" or "stopped"
    :ivar verdict: how far the stake currency's balance is believed (``balances.verdict``)
    :ivar is_fresh: whether the exchange was asked for it in this loop (well or in vain)
    :ivar since_trade: seconds since the last fill of any kind of this bot, or since the guard's
        first start (``waiting.Since``: a clock that is set does not matter)
    :ivar since_attempt: seconds since the last attempt (``AttemptLog``); None: there was none
    :ivar attempts_problem: why that is not known; empty if it is
    :ivar in_flight: own orders that were sent and whose outcome is unknown
    :ivar open_orders: own entries and exits that rest; a stop order on the exchange is none
    :ivar is_unsettled: an own order has filled and the balance does not show it yet
    :ivar is_asked: the user wants one now, and does not wait
    :ivar is_spot: elsewhere profits, funding and margin move the balance, own orders do not explain
        it, and so there is no verdict to rely on
    """

    currency: str
    limits: RebalanceLimits
    capital: Capital
    positions: tuple[Position, ...]
    since_trade: float
    since_attempt: float | None
    bot_state: str = RUNNING
    verdict: str = CONFIRMED
    is_fresh: bool = True
    in_flight: int = 0
    open_orders: int = 0
    is_unsettled: bool = False
    attempts_problem: str = ""
    is_asked: bool = False
    is_spot: bool = True

    @property
    def deployed(self) -> Decimal:
        """What the open trades cost."""
        return sum((position.stake for position in self.positions), ZERO)

    @property
    def in_exchange_for(self) -> Decimal:
        """What they would bring if all of them were sold now, after fees and slippage."""
        priced = (p for p in self.positions if p.rate is not None and p.amount > 0)
        return sum((p.owned * p.freed_per_unit for p in priced), ZERO)


def decide(picture: Picture) -> Plan | NotNow:
    """The first condition that prevents a rebalance, or the plan for it."""
    prevented = next(reasons_against(picture), None)
    if prevented is not None:
        return prevented
    return plan_of(picture)


@exact
def plan_of(picture: Picture) -> Plan:
    """What would be sold if nothing prevented it (for ``--preview``)."""
    return make_plan(
        picture.capital,
        picture.positions,
        picture.limits.target_stake,
        picture.limits.order,
        is_asked=picture.is_asked,
    )


def reasons_against(picture: Picture) -> Iterator[NotNow]:
    """Everything that prevents a rebalance now, in the order of the table."""
    for condition in CONDITIONS:
        prevented = condition(picture)
        if prevented is not None:
            yield prevented


# The conditions


def _disabled(picture: Picture) -> NotNow | None:
    if picture.limits.is_enabled:
        return None
    return NotNow(NotNowCode.DISABLED, "rebalance.enabled is false")


def _futures(picture: Picture) -> NotNow | None:
    if picture.is_spot:
        return None
    return NotNow(NotNowCode.FUTURES, NO_REBALANCE_IN_FUTURES)


def _not_running(picture: Picture) -> NotNow | None:
    if picture.bot_state == RUNNING:
        return None
    return NotNow(NotNowCode.NOT_RUNNING, f"the bot is {picture.bot_state}")


def _attempts_unknown(picture: Picture) -> NotNow | None:
    if not picture.attempts_problem:
        return None
    return NotNow(
        NotNowCode.ATTEMPTS_UNKNOWN,
        f"whether the cooldown is over is not known: {picture.attempts_problem}",
    )


def _cooldown(picture: Picture) -> NotNow | None:
    since, cooldown = picture.since_attempt, picture.limits.cooldown
    if picture.is_asked or since is None or since >= cooldown:
        return None
    return NotNow(
        NotNowCode.COOLDOWN,
        f"the last attempt was {_seconds(since)} s ago, the cooldown is {_seconds(cooldown)} s",
        {"since_attempt_seconds": to_decimal(since), "cooldown_seconds": to_decimal(cooldown)},
    )


def _traded_recently(picture: Picture) -> NotNow | None:
    since, needed = picture.since_trade, picture.limits.seconds_without_trade
    if picture.is_asked or since >= needed:
        return None
    return NotNow(
        NotNowCode.TRADED_RECENTLY,
        f"the last trade was {_seconds(since)} s ago, {_seconds(needed)} s must have passed",
        {"since_trade_seconds": to_decimal(since), "needed_seconds": to_decimal(needed)},
    )


def _order_in_flight(picture: Picture) -> NotNow | None:
    if not picture.in_flight:
        return None
    return NotNow(
        NotNowCode.ORDER_IN_FLIGHT,
        f"the outcome of {_orders(picture.in_flight)} is not known yet",
        {"in_flight_count": Decimal(picture.in_flight)},
    )


def _order_open(picture: Picture) -> NotNow | None:
    if not picture.open_orders:
        return None
    held = picture.capital.held
    on_them = f", {format_amount(held)} {picture.currency} are held by them" if held else ""
    return NotNow(
        NotNowCode.ORDER_OPEN,
        f"{_orders(picture.open_orders)} may still be filled or cancelled{on_them}",
        {"open_orders_count": Decimal(picture.open_orders), "held": held},
    )


def _unsettled(picture: Picture) -> NotNow | None:
    if not picture.is_unsettled:
        return None
    return NotNow(
        NotNowCode.UNSETTLED, "an own order has filled and the balance does not show it yet"
    )


def _enough_stake(picture: Picture) -> NotNow | None:
    available, enough = picture.capital.available, picture.limits.enough_stake
    # Nothing is started for the last percent of the target, and 0 means never: also where more
    # than everything is to be kept back.
    enough = min(enough, picture.limits.target_stake * NEAR_ENOUGH)
    if enough > 0 and available < enough:
        return None
    return NotNow(
        NotNowCode.ENOUGH_STAKE,
        f"available {format_amount(available)} {picture.currency} is enough: no rebalance from "
        f"{format_amount(enough)} {picture.currency} on",
        {"available": available, "enough_stake": enough},
    )


def _nothing_deployed(picture: Picture) -> NotNow | None:
    if picture.positions:
        return None
    return NotNow(
        NotNowCode.NOTHING_DEPLOYED,
        f"available {format_amount(picture.capital.available)} {picture.currency} is all there is: "
        "no position is open",
        {"available": picture.capital.available},
    )


def _nothing_to_sell(picture: Picture) -> NotNow | None:
    without = left_out(picture.positions)
    if len(without) < len(picture.positions) or not without:
        return None
    each = ", ".join(f"{pair} {reason}" for pair, reason in without.items())
    return NotNow(
        NotNowCode.NOTHING_TO_SELL,
        f"no position can be sold now: {each}",
        {"deployed": picture.deployed},
    )


def _balance_not_fresh(picture: Picture) -> NotNow | None:
    if picture.is_fresh:
        return None
    return NotNow(
        NotNowCode.BALANCE_NOT_FRESH, "the balance has not been read for this decision yet"
    )


def _balance_unreadable(picture: Picture) -> NotNow | None:
    if picture.verdict != UNREADABLE:
        return None
    return NotNow(NotNowCode.BALANCE_UNREADABLE, "the balance cannot be read")


def _balance_unconfirmed(picture: Picture) -> NotNow | None:
    if picture.verdict in (CONFIRMED, UNREADABLE):
        return None
    return NotNow(
        NotNowCode.BALANCE_UNCONFIRMED,
        f"the balance is not certain yet ({picture.verdict.replace('_', ' ')})",
        {"available": picture.capital.available},
    )


CONDITIONS: tuple[Callable[[Picture], NotNow | None], ...] = (
    _disabled,
    _futures,
    _not_running,
    _attempts_unknown,
    _cooldown,
    _traded_recently,
    _order_in_flight,
    _order_open,
    _unsettled,
    _enough_stake,
    _nothing_deployed,
    _nothing_to_sell,
    _balance_not_fresh,
    _balance_unreadable,
    _balance_unconfirmed,
)


def _seconds(seconds: float) -> str:
    # Down: what is not over must not look as if it were.
    return str(math.floor(seconds))


def _orders(count: int) -> str:
    return "one order" if count == 1 else f"{count} orders"
