"""An order on its way out, and what the exchange says of it, in the ledger's words.

Amounts are Decimal. What an order *holds* is what the exchange keeps back for it: a buy its cost,
with the fee where that is charged on top; a sell its coins.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from freqtrade_balance_guard.money import ONE, ZERO, Money, exact, round_down
from freqtrade_balance_guard.orders.reader import OrderAnswer, read_order


Side = Literal["buy", "sell"]

# A market order may cost more than its last price said.
MARKET_SLIPPAGE = Decimal("0.01")
# The ledger keeps amounts up to here (ether's smallest unit); a quotient has more digits.
SMALLEST = Decimal("1e-18")


class Purpose(StrEnum):
    """Why an order is sent. Only an entry may ever be denied."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is going to be sent, as the exchange will round it.

    ``amount`` in base currency, ``price`` in quote; ``holds`` is what the exchange keeps back.
    ``at_least`` is what of it must be there for the order to be accepted (a market order may lock
    more, as far as there is more).
    """

    pair: str
    side: Side
    purpose: Purpose
    amount: Decimal
    price: Decimal
    holds: Money
    at_least: Decimal
    fee_rate: Decimal = ZERO
    leverage: Decimal = ONE
    is_margin: bool = False
    tag: str = ""
    # The coin that a futures account is kept in, where it stands for the pair's own (BNFCR).
    proxy_coin: str = ""

    @property
    def base(self) -> str:
        return currencies(self.pair)[0]

    @property
    def quote(self) -> str:
        return self.proxy_coin or currencies(self.pair)[1]


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
        holds, at_least = Money(amount, base), amount
    else:
        at_least = amount * price * (ONE + fee_rate)
        bound = at_least * (ONE + MARKET_SLIPPAGE) if is_market else at_least
        holds = Money(bound, quote)
    return Terms(pair, side, purpose, amount, price, holds, at_least, fee_rate, tag=tag)


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
    proxy_coin: str = "",
) -> Terms:
    """The terms of a futures order: an entry holds margin and fees, an exit nothing but itself.

    The fees are those of opening and, at worst, of closing (``closing_fee_rate``).

    :param proxy_coin: the coin of the account, where it is not the pair's own
    """
    base, settle = currencies(pair)
    if purpose is Purpose.ENTRY:
        fees = fee_rate + closing_fee_rate(fee_rate, leverage)
        holds = Money(amount * price * (ONE / leverage + fees), proxy_coin or settle)
    else:
        holds = Money(amount, base)
    return Terms(
        pair,
        side,
        purpose,
        amount,
        price,
        holds,
        holds.amount,
        fee_rate,
        leverage,
        True,
        tag,
        proxy_coin,
    )


def closing_fee_rate(fee_rate: Decimal, leverage: Decimal) -> Decimal:
    """The worst fee of closing a position, as a ratio of what it was opened for.

    A short costs most to close, at the price where its margin is used up.
    """
    return fee_rate * (ONE + ONE / leverage)


@dataclass(frozen=True, slots=True)
class Report:
    """What an order has used and received so far, in the ledger's words.

    ``used`` is what its fills took of the locked currency, ``received`` what they brought;
    ``is_fee_known``: not with a fee that was assumed.
    """

    order_id: str
    is_open: bool
    filled: Decimal
    used: Decimal
    received: Money | None
    is_fee_known: bool = True


def as_stored(amount: Decimal) -> Decimal:
    """``amount`` as the ledger can keep it."""
    return round_down(amount, SMALLEST)


@exact
def report_of(answer: OrderAnswer, terms: Terms) -> Report:
    """An answer about an order in the ledger's words.

    A fee that the exchange does not report is assumed to be taken at the market's rate: the others
    who share the account expect rather less than more.
    """
    filled, fees = answer.filled, answer.fees
    cost = answer.cost
    if cost is None:
        cost = filled * (answer.price or terms.price)
    used, brought = _flows(terms, filled, cost, fees)
    received = None
    if filled and brought is not None:
        received = Money(as_stored(brought.amount), brought.currency)
    is_fee_known = not filled or fees is not None
    return Report(answer.order_id, answer.is_open, filled, as_stored(used), received, is_fee_known)


def read_report(order: Mapping[str, Any], terms: Terms) -> Report:
    """An answer in ccxt's shape, read and put into the ledger's words.

    :raises KeyError: it has no id
    :raises MoneyError: a number that is none
    """
    return report_of(read_order(order), terms)


def _flows(
    terms: Terms, filled: Decimal, cost: Decimal, fees: Mapping[str, Decimal] | None
) -> tuple[Decimal, Money | None]:
    if terms.is_margin:
        if terms.purpose is not Purpose.ENTRY:
            # About the margin that it frees; its profit shows in the balance.
            return filled, Money(cost / terms.leverage, terms.quote)
        fee = (fees or {}).get(terms.quote, cost * terms.fee_rate)
        return cost / terms.leverage + fee, None
    fee_in_quote = cost * terms.fee_rate if fees is None else fees.get(terms.quote, ZERO)
    fee_in_base = ZERO if fees is None else fees.get(terms.base, ZERO)
    if terms.side == "sell":
        return filled + fee_in_base, Money(max(cost - fee_in_quote, ZERO), terms.quote)
    return cost + fee_in_quote, Money(max(filled - fee_in_base, ZERO), terms.base)


def currencies(pair: str) -> tuple[str, str]:
    """Base and quote of ``pair``; of a futures pair the currency that it is settled in."""
    base, _, quote = pair.partition("/")
    return base, quote.partition(":")[2] or quote
