"""An order on its way out, and what the exchange says of it, in the ledger's words.

Amounts are Decimal. What an order *locks* is what the exchange keeps back for it: a buy its cost,
with the fee where that is charged on top; a sell its coins.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from freqtrade_balance_guard.money import ONE, ZERO, Money, exact, round_down, to_decimal


Side = Literal["buy", "sell"]

# A market order may cost more than its last price said.
MARKET_SLIPPAGE = Decimal("0.01")
# The ledger keeps amounts up to here (ether's smallest unit); a quotient has more digits.
SMALLEST = Decimal("1e-18")
# ccxt's words for an order that goes on; an order without a status has just been accepted.
OPEN_STATUSES = (None, "", "open")


class Purpose(StrEnum):
    """Why an order is sent. Only an entry may ever be refused."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is going to be sent, as the exchange will round it.

    ``amount`` in base currency, ``price`` in quote; ``locks`` is what the exchange keeps back.
    ``at_least`` is what of it must be there for the order to be accepted (a market order may lock
    more, as far as there is more).
    """

    pair: str
    side: Side
    purpose: Purpose
    amount: Decimal
    price: Decimal
    locks: Money
    at_least: Decimal
    fee_rate: Decimal = ZERO
    leverage: Decimal = ONE
    is_margin: bool = False
    tag: str = ""

    @property
    def base(self) -> str:
        return currencies(self.pair)[0]

    @property
    def quote(self) -> str:
        return currencies(self.pair)[1]


@exact
def spot_terms(
    pair: str,
    side: Side,
    purpose: Purpose,
    amount: Decimal,
    price: Decimal,
    *,
    is_market: bool,
    fee_rate: Decimal,
    tag: str = "",
) -> Terms:
    """The terms of an order that exchanges one coin for another."""
    base, quote = currencies(pair)
    if side == "sell":
        locks, at_least = Money(amount, base), amount
    else:
        at_least = amount * price * (ONE + fee_rate)
        bound = at_least * (ONE + MARKET_SLIPPAGE) if is_market else at_least
        locks = Money(bound, quote)
    return Terms(pair, side, purpose, amount, price, locks, at_least, fee_rate, tag=tag)


@exact
def margin_terms(
    pair: str,
    side: Side,
    purpose: Purpose,
    amount: Decimal,
    price: Decimal,
    *,
    fee_rate: Decimal,
    leverage: Decimal,
    tag: str = "",
) -> Terms:
    """The terms of a futures order: an entry locks margin and fee, an exit nothing but itself."""
    base, settle = currencies(pair)
    if purpose is Purpose.ENTRY:
        margin = amount * price * (ONE / leverage + fee_rate)
        locks = Money(margin, settle)
    else:
        locks = Money(amount, base)
    return Terms(
        pair, side, purpose, amount, price, locks, locks.amount, fee_rate, leverage, True, tag
    )


@dataclass(frozen=True, slots=True)
class Report:
    """What the exchange says of an order: all its fills so far.

    ``used`` is what they took of the locked currency, ``received`` what they brought;
    ``is_fee_told``: not with a fee that was assumed.
    """

    order_id: str
    is_open: bool
    filled: Decimal
    used: Decimal
    received: Money | None
    is_fee_told: bool = True


def as_stored(amount: Decimal) -> Decimal:
    """``amount`` as the ledger can keep it."""
    return round_down(amount, SMALLEST)


@exact
def read_report(order: Mapping[str, Any], terms: Terms) -> Report:
    """An answer about an order, in ccxt's shape.

    A fee that nobody told is assumed to be taken at the market's rate: the others who share the
    account expect rather less than more.

    :raises MoneyError: a number that is none
    """
    filled = to_decimal(order.get("filled") or 0)
    is_open = order.get("status") in OPEN_STATUSES
    cost = to_decimal(order["cost"]) if order.get("cost") else filled * _price(order, terms)
    fees = fees_of(order)
    used, brought = _flows(terms, filled, cost, fees)
    received = None
    if filled and brought is not None:
        received = Money(as_stored(brought.amount), brought.currency)
    is_told = not filled or fees is not None
    return Report(str(order["id"]), is_open, filled, as_stored(used), received, is_told)


def _flows(
    terms: Terms, filled: Decimal, cost: Decimal, fees: Mapping[str, Decimal] | None
) -> tuple[Decimal, Money | None]:
    if terms.is_margin:
        if terms.purpose is not Purpose.ENTRY:
            return filled, None
        fee = (fees or {}).get(terms.quote, cost * terms.fee_rate)
        return cost / terms.leverage + fee, None
    fee_in_quote = cost * terms.fee_rate if fees is None else fees.get(terms.quote, ZERO)
    fee_in_base = ZERO if fees is None else fees.get(terms.base, ZERO)
    if terms.side == "sell":
        return filled + fee_in_base, Money(max(cost - fee_in_quote, ZERO), terms.quote)
    return cost + fee_in_quote, Money(max(filled - fee_in_base, ZERO), terms.base)


def _price(order: Mapping[str, Any], terms: Terms) -> Decimal:
    told = order.get("average") or order.get("price")
    return to_decimal(told) if told else terms.price


def currencies(pair: str) -> tuple[str, str]:
    """Base and quote of ``pair``; of a futures pair the currency that it is settled in."""
    base, _, quote = pair.partition("/")
    return base, quote.partition(":")[2] or quote


def fees_of(order: Mapping[str, Any]) -> dict[str, Decimal] | None:
    """All fees of an order by currency; None where the exchange told none."""
    told = order.get("fees") or ([order["fee"]] if order.get("fee") else [])
    fees: dict[str, Decimal] = {}
    for fee in told:
        if fee.get("cost") is not None and fee.get("currency"):
            fees[fee["currency"]] = fees.get(fee["currency"], ZERO) + to_decimal(fee["cost"])
    return fees or None
