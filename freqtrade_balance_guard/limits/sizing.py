"""How large an entry may be. The order of the limits is fixed (docs/how-it-decides.md):

freqtrade's own sizing comes first, lifted by at most 30 % to the minimum; then the threshold;
then the cap, a share of what is available. A larger stake is made smaller. A minimum above the
cap is a denial: nothing is ever lifted above the cap.

All amounts are in the stake currency and before leverage, unless their name says otherwise.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from freqtrade_balance_guard.limits.decision import Approved, Decision, DenialCode, Denied
from freqtrade_balance_guard.limits.float_rounding import NOISE
from freqtrade_balance_guard.limits.market import FLOAT_HAIR, MarketRules
from freqtrade_balance_guard.money import (
    HUNDRED,
    ONE,
    ZERO,
    exact,
    float_above,
    float_below,
    format_amount,
)


# freqtrade raises a stake that is under the minimum, but by no more than this (its own rule).
LIFT_MAX = Decimal("1.3")


class EntryKind(StrEnum):
    """Which limits an entry meets."""

    NEW = "new"
    ADJUSTMENT = "adjustment"
    # A replacement is no larger than the order that it replaces. Denying it would make freqtrade
    # delete the trade, so it meets only the hard limits: the exchange's minimum and the funds.
    REPLACEMENT = "replacement"


class SizeBasis(StrEnum):
    """What ``position_size_percent`` is a share of. The names are the setting's."""

    AVAILABLE = "available"
    EQUITY = "equity"
    PER_SLOT = "per_slot"


@dataclass(frozen=True, slots=True)
class EntryLimits:
    """The user's limits for the present tier, in the stake currency; percent from 0 to 100."""

    min_order_size: Decimal
    min_balance_threshold: Decimal
    position_size_percent: Decimal
    room_for_exit: bool = True
    position_size_basis: SizeBasis = SizeBasis.AVAILABLE


@dataclass(frozen=True, slots=True)
class EntryRequest:
    """An entry as freqtrade is about to size it.

    ``available`` is the smaller one of freqtrade's available stake and ours (spendable - floor -
    reserved), ``funds`` is ours alone: what can be paid, fee included (None: same as available).
    ``freqtrade_minimum`` is its own minimum stake (None: no minimum), ``maximum`` the most that
    the exchange allows for the position (None: no limit). ``price`` is the planned price in quote
    per base, None where no minimum was asked for at a price before; then the last look at the
    rounded order decides about the room for its exit.
    """

    pair: str
    stake: Decimal
    available: Decimal
    freqtrade_minimum: Decimal | None
    funds: Decimal | None = None
    maximum: Decimal | None = None
    price: Decimal | None = None
    leverage: Decimal = ONE
    stoploss: Decimal = ZERO
    is_short: bool = False
    kind: EntryKind = EntryKind.NEW
    # What the exchange has shown as well as our own events; None: ``available`` is not in doubt.
    spendable: Decimal | None = None
    # Free and invested stake without the floor, and max_open_trades (None: unlimited).
    equity: Decimal | None = None
    slots: int | None = None


def below_threshold(available: Decimal, limits: EntryLimits, currency: str) -> Denied | None:
    """The denial while available stake is below ``min_balance_threshold``, else None."""
    if available >= limits.min_balance_threshold:
        return None
    return Denied(
        DenialCode.BELOW_THRESHOLD,
        f"available {format_amount(available)} {currency} is below min_balance_threshold "
        f"{format_amount(limits.min_balance_threshold)} {currency}",
        {"available": available, "min_balance_threshold": limits.min_balance_threshold},
    )


# What an entry that is too small misses, in the words of a denial.
CLOSABLE = "the smallest order that can be closed again"
OWN_MINIMUM = "your min_order_size"


@exact
def entry_minimum(request: EntryRequest, limits: EntryLimits, rules: MarketRules) -> Decimal:
    """The smallest stake that this entry may have; freqtrade can carry it as a float."""
    return _minimum(request, limits, rules)[0]


def _minimum(request: EntryRequest, limits: EntryLimits, rules: MarketRules) -> tuple[Decimal, str]:
    """The same, and what demands it: the user's own setting, or the exchange."""
    minimum = request.freqtrade_minimum or ZERO
    if request.kind is EntryKind.REPLACEMENT:
        return minimum, CLOSABLE
    if limits.room_for_exit and request.price:
        amount = _smallest_amount(request, request.price, rules)
        minimum = max(minimum, amount * request.price / request.leverage * FLOAT_HAIR)
    if limits.min_order_size > minimum:
        return float_above(limits.min_order_size), OWN_MINIMUM
    return float_above(minimum), CLOSABLE


def _smallest_amount(request: EntryRequest, price: Decimal, rules: MarketRules) -> Decimal:
    """The smallest amount that may be sent, in base currency.

    freqtrade's own minimum does not know that the amount is truncated after it was checked.
    """
    if request.kind is EntryKind.NEW:
        return rules.exit_room_amount(price, request.stoploss, request.is_short, request.leverage)
    # An adjustment only makes a position larger, hence never harder to sell.
    return rules.without_fee.exit_room_amount(price, ZERO)


@exact
def size_base(
    basis: SizeBasis, available: Decimal, equity: Decimal | None, slots: int | None
) -> Decimal:
    """The amount that ``position_size_percent`` is a share of.

    What is available where equity, or the number of slots, is not known.

    :param equity: free and invested stake without the floor
    :param slots: max_open_trades; None: unlimited
    """
    if equity is None or basis is SizeBasis.AVAILABLE:
        return available
    if basis is SizeBasis.EQUITY:
        return equity
    return equity / slots if slots else available


def _cap(request: EntryRequest, limits: EntryLimits, rules: MarketRules) -> tuple[Decimal, str]:
    """The largest stake that this entry may have, and the name of the limit that says so."""
    cap, limit = request.available, "available"
    if request.kind is not EntryKind.REPLACEMENT:
        basis = limits.position_size_basis
        base = size_base(basis, request.available, request.equity, request.slots)
        share = base * limits.position_size_percent / HUNDRED
        if share < cap:
            cap, limit = share, "position_size_percent"
    if request.funds is not None:
        # The fee may come on top of the price, and the exchange wants both at once. It is a share
        # of the whole position, leverage included.
        payable = request.funds / (ONE + rules.fees_of_stake(request.leverage))
        if payable < cap:
            cap, limit = payable, "available"
    if request.maximum is not None and request.maximum < cap:
        cap, limit = request.maximum, "exchange_maximum"
    return float_below(cap), limit


@exact
def size_entry(
    request: EntryRequest, limits: EntryLimits, rules: MarketRules, currency: str
) -> Decision:
    """Decide about one entry.

    :param currency: the stake currency, for the sentence
    :return: ``Approved`` with a stake between the minimum and the cap, or ``Denied``
    """
    hard_only = request.kind is EntryKind.REPLACEMENT
    if not hard_only and (denied := below_threshold(request.available, limits, currency)):
        return denied

    cap, limit = _cap(request, limits, rules)
    minimum, missed = _minimum(request, limits, rules)
    if (denied := _too_small(request, cap, minimum, missed, currency)) is not None:
        return denied
    wanted = max(request.stake, minimum)
    granted = min(wanted, cap)
    payable = granted * (ONE + rules.fees_of_stake(request.leverage))
    if request.spendable is not None and payable > request.spendable:
        # Own money is under way. Waiting is better than entering smaller.
        numbers = {
            "stake": granted,
            "payable": payable,
            "spendable": request.spendable,
            "available": request.available,
        }
        return Denied(
            DenialCode.BALANCE_LAGGING,
            f"{_subject(request, 'the entry')} needs {format_amount(payable)} {currency} with its "
            f"fee, the exchange shows {format_amount(request.spendable)} {currency} so far; the "
            "rest is under way",
            numbers,
        )
    # freqtrade's floats want a hair more than there is: that is no smaller entry.
    is_smaller = wanted - granted > NOISE * wanted
    return Approved(granted, reduced_by=limit) if is_smaller else Approved(granted)


def _subject(request: EntryRequest, otherwise: str) -> str:
    """What the sentence is about: an addition to a position is no entry to its reader."""
    return f"an addition to {request.pair}" if request.kind is EntryKind.ADJUSTMENT else otherwise


def _too_small(
    request: EntryRequest, cap: Decimal, minimum: Decimal, missed: str, currency: str
) -> Denied | None:
    """The denial where no stake between ``minimum`` and ``cap`` fits what is wanted."""
    least = format_amount(minimum)
    taking = (
        f"{_subject(request, 'one entry')} may take {format_amount(cap)} {currency} of "
        f"{format_amount(request.available)} {currency} available"
    )
    if minimum > cap:
        is_own = missed == OWN_MINIMUM
        return Denied(
            DenialCode.CAP_BELOW_MINIMUM,
            f"{taking}, below {missed} ({least})"
            if is_own
            else f"{missed} costs {least} {currency}, {taking}",
            {"minimum": minimum, "cap": cap, "available": request.available},
        )
    if cap <= 0:
        return Denied(
            DenialCode.INSUFFICIENT_AVAILABLE, taking, {"cap": cap, "available": request.available}
        )
    if request.stake <= 0 or request.stake * LIFT_MAX < minimum:
        stake = f"a stake of {format_amount(request.stake)} {currency}"
        if request.kind is EntryKind.ADJUSTMENT:
            stake += f" for {_subject(request, '')}"
        return Denied(
            DenialCode.STAKE_BELOW_MINIMUM,
            f"{stake} is more than 30 % below {missed} ({least})",
            {"stake": request.stake, "minimum": minimum},
        )
    return None
