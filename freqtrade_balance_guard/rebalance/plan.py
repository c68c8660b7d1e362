"""What to sell so that enough stake is free again: which positions, in which order, how much.

    one sale      at least the exchange's minimum, with a reserve for a falling price
    its rest      at least what can be sold at its stop-loss; otherwise the whole position is sold
    the end       99 % of the target after fees and slippage, or nothing left that can be sold
    too much      only by one whole position or by one minimum

All amounts are in the stake currency unless their name ends with ``_base`` or they are called
``amount`` (base currency). Ratios are 0.01 for one percent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from freqtrade_balance_guard.limits.market import FLOAT_HAIR, MarketRules
from freqtrade_balance_guard.money import ONE, ZERO, exact


# So much of the target is reached: no sale is added for the last percent.
NEAR_ENOUGH = Decimal("0.99")
# freqtrade sells what the wallet has while that is more than 98 % of the trade, else it raises.
WALLET_MAY_MISS = Decimal("0.98")


class SaleOrder(StrEnum):
    """Which position goes first (setting ``rebalance.order``)."""

    MOST_PROFITABLE = "most_profitable"
    LEAST_LOSS = "least_loss"
    OLDEST = "oldest"
    LARGEST = "largest"


class LeftOutBecause(StrEnum):
    """Why a position of this bot is not for sale now."""

    BUSY = "has an open order"
    NO_RATE = "has no rate to sell at"
    NOT_OWNED = "is not in the wallet"
    BELOW_MINIMUM = "is below what the exchange takes"
    FREES_NOTHING = "would free nothing"


@dataclass(frozen=True, slots=True)
class Capital:
    """The stake of this bot: what is free, and how much of it freqtrade would put to work.

    ``funds``: spendable - floor - reserved. ``room``: freqtrade's total stake amount less what the
    open trades cost, before it is held against what is free (``tradable_balance_ratio``,
    ``available_capital``). ``tradable_ratio``: 1 with ``available_capital``. ``held``: by own
    resting entry orders; it is in neither of the two, and is shown.
    """

    funds: Decimal
    room: Decimal
    tradable_ratio: Decimal = ONE
    held: Decimal = ZERO

    @property
    def available(self) -> Decimal:
        return min(self.funds, self.room)

    def after(self, freed: Decimal, released: Decimal) -> "Capital":
        """The same when positions that cost ``released`` have brought ``freed``.

        Source: freqtrade counts (what trades cost + free) * ratio - what trades cost. So a loss
        gives more room than it frees, and a profit less.
        """
        return Capital(
            self.funds + freed,
            self.room + self.tradable_ratio * freed + (ONE - self.tradable_ratio) * released,
            self.tradable_ratio,
            self.held,
        )


@dataclass(frozen=True, slots=True)
class Position:
    """One open trade of this bot, as it could be sold now.

    :ivar amount: base currency, as the trade says
    :ivar stake: what it cost, before leverage
    :ivar rate: present exit rate, quote per base; None where there is none
    :ivar slippage: how much worse than ``rate`` a sale may fill
    :ivar in_wallet: base currency that the account holds, without what is other bots';
        None where the wallet does not hold it (futures)
    :ivar stoploss: way from ``rate`` to its stop-loss, a negative ratio
    :ivar rest_min: what freqtrade wants a rest to be worth; None: nothing
    :ivar has_open_order: an entry or exit order of it rests (a stop order on the exchange is none)
    """

    trade_id: int
    pair: str
    amount: Decimal
    stake: Decimal
    open_rate: Decimal
    rate: Decimal | None
    opened_at: datetime
    rules: MarketRules
    slippage: Decimal = ZERO
    in_wallet: Decimal | None = None
    stoploss: Decimal = ZERO
    rest_min: Decimal | None = None
    leverage: Decimal = ONE
    is_short: bool = False
    has_open_order: bool = False

    @property
    def owned(self) -> Decimal:
        """What may be sold of it: never more than the trade has, nor than the wallet."""
        return self.amount if self.in_wallet is None else min(self.amount, self.in_wallet)

    @property
    def price(self) -> Decimal:
        """What a sale may fill at in the end."""
        worse = self.slippage if self.is_short else -self.slippage
        return (self.rate or ZERO) * (ONE + worse)

    @property
    def released_per_unit(self) -> Decimal:
        """What one unit of the base currency cost."""
        return self.stake / self.amount

    @property
    def freed_per_unit(self) -> Decimal:
        """What one unit of the base currency brings, after fee and slippage."""
        fee = self.price * self.rules.fee
        if self.leverage == ONE and not self.is_short:
            return self.price - fee
        gain = self.open_rate - self.price if self.is_short else self.price - self.open_rate
        return self.released_per_unit + gain - fee

    @property
    def profit(self) -> Decimal:
        """What selling it now would gain, as a ratio of what it cost."""
        return self.freed_per_unit / self.released_per_unit - ONE if self.stake else ZERO


@dataclass(frozen=True, slots=True)
class Sale:
    """A part of a position, or all of it. ``freed`` comes back of what cost ``released``.

    The amount of a whole position is not rounded: freqtrade closes the trade with it.
    """

    trade_id: int
    pair: str
    amount: Decimal
    is_whole: bool
    freed: Decimal
    released: Decimal
    fee: Decimal
    slippage: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """Sales that free stake. ``available`` is before, ``expected`` after all of them."""

    sales: tuple[Sale, ...]
    available: Decimal
    expected: Decimal
    target: Decimal
    order: SaleOrder
    is_asked: bool
    left_out: dict[str, LeftOutBecause]

    @property
    def reaches_target(self) -> bool:
        return self.expected >= self.target * NEAR_ENOUGH


@exact
def reason_to_leave_out(position: Position) -> LeftOutBecause | None:
    """Why ``position`` cannot be sold now; None if it can."""
    if position.has_open_order:
        return LeftOutBecause.BUSY
    if position.rate is None or position.price <= 0:
        return LeftOutBecause.NO_RATE
    owned = position.owned
    if owned <= 0 or (owned < position.amount and owned <= position.amount * WALLET_MAY_MISS):
        return LeftOutBecause.NOT_OWNED
    if position.rules.shortfall(owned, position.price):
        return LeftOutBecause.BELOW_MINIMUM
    if position.freed_per_unit <= 0:
        return LeftOutBecause.FREES_NOTHING
    return None


def left_out(positions: Sequence[Position]) -> dict[str, LeftOutBecause]:
    """The positions that cannot be sold now, by pair."""
    reasons = ((position.pair, reason_to_leave_out(position)) for position in positions)
    return {pair: reason for pair, reason in reasons if reason is not None}


@exact
def in_order(positions: Sequence[Position], order: SaleOrder) -> list[Position]:
    """``positions`` as they would be sold; equal ones by age, then by number of the trade."""

    def rank(position: Position) -> tuple[Decimal, Decimal]:
        if order is SaleOrder.MOST_PROFITABLE:
            return (-position.profit, ZERO)
        if order is SaleOrder.LEAST_LOSS:
            # What is not in loss first, and of that the smallest gain: winners run on.
            return (ONE if position.profit < 0 else ZERO, abs(position.profit))
        if order is SaleOrder.LARGEST:
            return (-position.owned * position.freed_per_unit, ZERO)
        return (ZERO, ZERO)

    return sorted(positions, key=lambda p: (*rank(p), p.opened_at, p.trade_id))


@exact
def make_plan(
    capital: Capital,
    positions: Sequence[Position],
    target: Decimal,
    order: SaleOrder,
    *,
    is_asked: bool = False,
) -> Plan:
    """Sell until ``target`` is available; without sales if nothing can be sold or need be."""
    now, sales = capital, []
    for position in in_order([p for p in positions if reason_to_leave_out(p) is None], order):
        if now.available >= target * NEAR_ENOUGH:
            break
        sale = _sell(position, now, target)
        now = now.after(sale.freed, sale.released)
        sales.append(sale)
    return Plan(
        tuple(sales), capital.available, now.available, target, order, is_asked, left_out(positions)
    )


def _sell(position: Position, capital: Capital, target: Decimal) -> Sale:
    """As much of ``position`` as brings the target, no less than can be sold and kept."""
    rules = position.rules
    wanted = rules.precision.up(
        max(_missing_amount(position, capital, target), smallest_sale(position))
    )
    if wanted > position.owned - smallest_rest(position):
        return _sale(position, position.owned, is_whole=True)
    return _sale(position, wanted, is_whole=False)


def _missing_amount(position: Position, capital: Capital, target: Decimal) -> Decimal:
    """The amount (base currency) whose sale makes the target available."""
    one = capital.after(position.freed_per_unit, position.released_per_unit)
    amount = ZERO
    for have, gained in (
        (capital.funds, one.funds - capital.funds),
        (capital.room, one.room - capital.room),
    ):
        if have < target:
            # No gain at all: not even the whole position is enough.
            amount = max(amount, (target - have) / gained if gained > 0 else position.owned)
    return amount


@exact
def smallest_sale(position: Position) -> Decimal:
    """The smallest part (base currency) that is offered: the price may fall until it is sent.

    Source: the exchange's minimum with freqtrade's ``amount_reserve_percent`` on top.
    """
    return position.rules.without_fee.exit_room_amount(position.price, ZERO)


@exact
def smallest_rest(position: Position) -> Decimal:
    """The smallest rest (base currency) that may be kept, as for any other partial exit."""
    rate = position.rate or ZERO
    room = position.rules.without_fee.exit_room_amount(rate, position.stoploss, position.is_short)
    # The price at which the rest is left may be the worse one already.
    worse = position.rules.without_fee.exit_room_amount(position.price, ZERO)
    theirs = (position.rest_min or ZERO) / position.price * FLOAT_HAIR
    return max(room, worse, theirs)


def _sale(position: Position, amount: Decimal, *, is_whole: bool) -> Sale:
    sent = position.rules.precision.down(amount)
    released = position.stake if is_whole else position.released_per_unit * sent
    return Sale(
        trade_id=position.trade_id,
        pair=position.pair,
        amount=amount,
        is_whole=is_whole,
        freed=position.freed_per_unit * sent,
        released=released,
        fee=position.price * position.rules.fee * sent,
        slippage=abs((position.rate or ZERO) - position.price) * sent,
    )
