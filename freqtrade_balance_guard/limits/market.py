"""What an exchange demands of an order on one market, and what that means for getting out again."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from freqtrade_balance_guard.money import ONE, ZERO, exact, round_down, round_up


# freqtrade multiplies and divides in floats before it truncates to a step; without this hair what
# is exactly enough for ten steps may end as nine.
FLOAT_HAIR = ONE + Decimal("1e-9")


class PrecisionMode(StrEnum):
    """How an exchange writes down the precision of an amount (ccxt's three modes)."""

    TICK_SIZE = "tick_size"
    DECIMAL_PLACES = "decimal_places"
    SIGNIFICANT_DIGITS = "significant_digits"


@dataclass(frozen=True, slots=True)
class AmountPrecision:
    """Rounds an amount as ccxt truncates it before an order goes out.

    ``value`` is the step itself (TICK_SIZE), a count of decimals (DECIMAL_PLACES) or a count of
    digits (SIGNIFICANT_DIGITS). None means that the exchange does not round.
    """

    mode: PrecisionMode = PrecisionMode.TICK_SIZE
    value: Decimal | None = None

    def step(self, amount: Decimal) -> Decimal:
        """The distance between two sendable amounts near ``amount`` (base currency)."""
        if self.value is None:
            return ZERO
        if self.mode is PrecisionMode.TICK_SIZE:
            return self.value
        if self.mode is PrecisionMode.DECIMAL_PLACES:
            return ONE.scaleb(-int(self.value))
        if amount == 0:
            return ZERO
        return ONE.scaleb(amount.adjusted() + 1 - int(self.value))

    def down(self, amount: Decimal) -> Decimal:
        """The largest sendable amount that is not above ``amount``."""
        return round_down(amount, self.step(amount))

    def up(self, amount: Decimal) -> Decimal:
        """The smallest sendable amount that is not below ``amount``."""
        return round_up(amount, self.step(amount))

    @property
    def smallest(self) -> Decimal:
        """The smallest sendable amount above zero; 0 where there is none (digits have no end)."""
        if self.mode is PrecisionMode.SIGNIFICANT_DIGITS:
            return ZERO
        return self.step(ZERO)

    @exact
    def nudged(self, amount: Decimal) -> Decimal:
        """A hair more than a sendable ``amount``, but less than a step more.

        What freqtrade makes of it in floats truncates to ``amount``, neither one step less nor,
        where steps are finer than the hair, some more.
        """
        return amount + min(amount * (FLOAT_HAIR - ONE), self.step(amount) / 2)


# A stop-loss of 90 % or more is how strategies write "none". No position is held down to a
# tenth in order to sell it there; asking for room down to it would deny every ordinary stake.
# Such a strategy gets room for a fall by half.
STOPLOSS_MEANS_NONE = Decimal("0.9")
FALL_WITHOUT_STOPLOSS = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class MarketRules:
    """One market's minimums. Amounts in base currency, cost in quote, fee as a ratio.

    Source: the exchange's own ``limits`` and ``precision`` as ccxt reports them; for futures
    already turned from contracts into base currency.
    ``reserve`` is freqtrade's ``amount_reserve_percent`` (a ratio, 0.05 by default): the price of
    an exit is not known when we enter, and it is seldom better than planned.
    ``is_contract``: positions on margin; no fee is taken from the coin, and the stop-loss is a
    share of the margin. ``exits_have_cost_min``: the minimum cost holds for exits as well.
    """

    amount_min: Decimal | None = None
    cost_min: Decimal | None = None
    precision: AmountPrecision = AmountPrecision()
    fee: Decimal = ZERO
    reserve: Decimal = Decimal("0.05")
    is_contract: bool = False
    exits_have_cost_min: bool = True

    @property
    def _amount_floor(self) -> Decimal:
        # One step is a minimum of its own: what is less is truncated to nothing.
        return max(self.amount_min or ZERO, self.precision.smallest)

    @property
    def without_fee(self) -> "MarketRules":
        """The same market where no fee is taken from the coin that is bought."""
        return replace(self, fee=ZERO)

    @property
    def without_margin(self) -> "MarketRules":
        """The same market with no reserve: what is denied here, the exchange would reject."""
        return replace(self, reserve=ZERO)

    def fees_of_stake(self, leverage: Decimal) -> Decimal:
        """What must be there for fees besides a stake, as a ratio of it.

        Of a contract also the worst fee of closing it: a share of its value where its margin is
        used up.
        """
        closing = self.fee * (leverage + ONE) if self.is_contract else ZERO
        return self.fee * leverage + closing

    @property
    def for_exits(self) -> "MarketRules":
        """The same market as it is for orders that only close a position."""
        return self if self.exits_have_cost_min else replace(self, cost_min=None)

    @exact
    def shortfall(self, amount: Decimal, price: Decimal) -> str:
        """Which minimum an order of ``amount`` at ``price`` misses: "amount", "cost" or "" (none).

        The amount is rounded as it would be sent.
        """
        sendable = self.precision.down(amount)
        if sendable <= 0 or sendable < self._amount_floor:
            return "amount"
        if self.cost_min is not None and sendable * price < self.cost_min:
            return "cost"
        return ""

    @exact
    def smallest_order_amount(self, price: Decimal) -> Decimal:
        """The smallest amount that the exchange takes at ``price``, already sendable."""
        return self.precision.up(max(self._amount_floor, self._worth_cost_min(price)))

    def _worth_cost_min(self, price: Decimal) -> Decimal:
        """The amount that is worth the minimum cost at ``price``, never a hair less."""
        if not self.cost_min:
            return ZERO
        amount = self.cost_min / price
        return amount if amount * price >= self.cost_min else amount.next_plus()

    @exact
    def exit_room_amount(
        self,
        price: Decimal,
        stoploss: Decimal,
        is_short: bool = False,
        leverage: Decimal = ONE,
    ) -> Decimal:
        """The smallest entry amount at ``price`` whose position can still be sold at the stop.

        The entry's fee may be taken from the coin bought, the rest is truncated to the exchange's
        precision, and the price may fall to the stop-loss (for a short position the price rises,
        which makes the order worth more).
        """
        fall = ZERO if is_short else fall_to_stoploss(stoploss) / leverage
        exits = self.for_exits
        worth = exits._worth_cost_min(price * (ONE - fall)) * max(ONE + self.reserve, FLOAT_HAIR)
        exit_amount = self.precision.up(max(self._amount_floor, worth))
        # The entry itself has to be taken, too.
        entry_amount = max(exit_amount, self.smallest_order_amount(price))
        if self.fee and not self.is_contract:
            # freqtrade takes the fee off in floats: it must not end a hair under a step.
            entry_amount = self.precision.up(exit_amount / (ONE - self.fee) * FLOAT_HAIR)
        # A reserve for a fee that is higher than announced; freqtrade wants as much.
        return max(entry_amount, self.precision.up(self._amount_floor * (ONE + self.reserve)))


def fall_to_stoploss(stoploss: Decimal) -> Decimal:
    """How far the price may fall before the position is sold, as a ratio from 0 to 0.9.

    :param stoploss: freqtrade's ``stoploss``, -0.10 for 10 %
    """
    distance = abs(stoploss)
    return FALL_WITHOUT_STOPLOSS if distance >= STOPLOSS_MEANS_NONE else distance
