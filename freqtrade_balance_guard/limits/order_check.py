"""The last look at a rounded order, and partial exits. Pure functions over Decimal.

freqtrade rounds amounts after its checks; what counts is what the exchange will see.
"""

from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.limits.market import FLOAT_HAIR, MarketRules
from freqtrade_balance_guard.limits.sizing import EntryKind
from freqtrade_balance_guard.money import ONE, ZERO, exact, format_amount, to_decimal, to_float


@dataclass(frozen=True, slots=True)
class RoundedOrder:
    """An entry as it would be sent: amount in base currency, price in quote per base.

    ``available`` is what may be spent for it, in quote and before leverage; None where the order
    was already held to its funds.
    """

    pair: str
    amount: Decimal
    price: Decimal
    kind: EntryKind
    leverage: Decimal = ONE
    stoploss: Decimal = ZERO
    is_short: bool = False
    available: Decimal | None = None


@exact
def look_at_entry(
    order: RoundedOrder, rules: MarketRules, room_for_exit: bool, currency: str
) -> Denied | None:
    """None if the order may go, else the reason why not.

    Sizing has kept a reserve for prices that are not known yet. Here the order's price is known;
    a reserve on top of it would deny what sizing has just approved, loop after loop, because
    the price was rounded down in between.
    """
    amount = rules.precision.down(order.amount)
    cost = amount * order.price
    missed = rules.shortfall(amount, order.price)
    if missed == "amount":
        minimum = rules.amount_min or ZERO
        return Denied(
            DenialCode.AMOUNT_BELOW_EXCHANGE_MINIMUM,
            f"the rounded amount {format_amount(amount)} is below the exchange's minimum "
            f"{format_amount(minimum)}",
            {"amount_base": amount, "amount_min_base": minimum},
        )
    if missed == "cost":
        minimum = rules.cost_min or ZERO
        return Denied(
            DenialCode.COST_BELOW_EXCHANGE_MINIMUM,
            f"the rounded order is worth {format_amount(cost)} {currency}, the exchange's minimum "
            f"is {format_amount(minimum)} {currency}",
            {"cost": cost, "cost_min": minimum},
        )
    if order.kind is EntryKind.NEW and room_for_exit:
        needed = rules.without_margin.exit_room_amount(
            order.price, order.stoploss, order.is_short, order.leverage
        )
        if amount < needed:
            return Denied(
                DenialCode.NO_ROOM_FOR_EXIT,
                f"a position of {format_amount(amount)} could not be sold at its stop-loss: "
                f"after fee and rounding the exchange would want {format_amount(needed)}",
                {"amount_base": amount, "needed_base": needed},
            )
    # freqtrade divides the stake by the price in floats: all that is available may come back as a
    # hair more than that.
    if order.available is not None and cost / order.leverage > order.available * FLOAT_HAIR:
        return Denied(
            DenialCode.INSUFFICIENT_AVAILABLE,
            f"the order costs {format_amount(cost / order.leverage)} {currency}, available are "
            f"{format_amount(order.available)} {currency}",
            {"cost": cost / order.leverage, "available": order.available},
        )
    return None


@dataclass(frozen=True, slots=True)
class PartialExit:
    """A sale of part of a position: amounts in base currency, prices in quote per base."""

    pair: str
    amount: Decimal
    position_amount: Decimal
    price: Decimal
    stoploss: Decimal = ZERO
    is_short: bool = False
    leverage: Decimal = ONE
    # What freqtrade wants the rest to be worth at least, in quote and with leverage; None: nothing.
    freqtrade_rest_min: Decimal | None = None


@exact
def shape_partial_exit(exit_: PartialExit, rules: MarketRules, currency: str) -> Decimal | Denied:
    """The amount to sell so that the rest stays sellable, or the reason why nothing is sold.

    A sale of the whole position is none of our business and is returned as it is.
    """
    # As freqtrade carries it: a quotient may end in 9.999... where ten was meant.
    asked = to_decimal(to_float(exit_.amount))
    if asked >= exit_.position_amount:
        # Everything was asked for, even if less is sendable: a fee leaves positions of odd amounts.
        return exit_.amount
    wanted = rules.precision.down(asked)
    # The fee of the entry is paid; what remains must be sellable down to the stop-loss.
    rules = rules.for_exits
    rest_min = rules.without_fee.exit_room_amount(
        exit_.price, exit_.stoploss, exit_.is_short, exit_.leverage
    )
    if exit_.freqtrade_rest_min is not None:
        rest_min = max(rest_min, exit_.freqtrade_rest_min / exit_.price * FLOAT_HAIR)
    granted = rules.precision.down(min(wanted, exit_.position_amount - rest_min))
    if granted > 0 and not rules.shortfall(granted, exit_.price):
        return granted if granted < wanted else exit_.amount
    smallest = rules.smallest_order_amount(exit_.price)
    return Denied(
        DenialCode.PARTIAL_EXIT_TOO_SMALL,
        f"selling {format_amount(wanted)} of {format_amount(exit_.position_amount)} would leave "
        f"a rest or a part that the exchange does not take: the rest needs "
        f"{format_amount(rest_min)}, the part {format_amount(smallest)} "
        f"(prices in {currency} as of now)",
        {
            "wanted_base": wanted,
            "position_base": exit_.position_amount,
            "rest_min_base": rest_min,
            "part_min_base": smallest,
        },
    )
