"""Reads what an exchange says of an order, in ccxt's shape: the one place where that is done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.money import ONE, ZERO, exact, to_decimal


# ccxt's words for an order that goes on; an order without a status has just been accepted.
OPEN_STATUSES = (None, "", "open")
# What an exchange adds up may differ from filled x average by its rounding of the average.
ROUNDING = Decimal("0.0001")
# Where a stop that has fired names the order that it placed: freqtrade's field, then those of the
# exchanges' raw answers (Binance; Gate spot, Gate futures; OKX).
PLACED_BY_STOP = ("actualOrderId", "fired_order_id", "trade_id", "ordId")
# Exchanges name no order by these.
NO_ID = (None, "", "0", 0)


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """How far an order is: all its fills so far.

    ``filled`` in base, ``cost`` in quote currency without fees; None where the exchange does not
    say. ``fees`` by currency, None where the exchange does not say. ``status`` in ccxt's words.
    ``placed_id``: the order that a fired stop has placed, which carries the fills.
    """

    order_id: str
    status: str
    filled: Decimal
    cost: Decimal | None = None
    fees: Mapping[str, Decimal] | None = None
    price: Decimal | None = None
    placed_id: str | None = None

    @property
    def is_open(self) -> bool:
        """It may still be filled."""
        return self.status in OPEN_STATUSES

    @property
    def is_fired_stop(self) -> bool:
        """It reads "closed" with nothing filled: of a stop, the placed order has the fills."""
        return self.status == "closed" and not self.filled

    def with_known(self, known: "OrderAnswer | None") -> "OrderAnswer":
        """The same with what an earlier answer about the same fills said and this one does not."""
        if known is None or known.filled != self.filled:
            return self
        return replace(
            self,
            cost=known.cost if self.cost is None else self.cost,
            fees=known.fees if self.fees is None else self.fees,
        )


@exact
def read_order(order: Mapping[str, Any]) -> OrderAnswer:
    """Read one order.

    What was spent is at most filled x average where both are given: an exchange may report as cost
    what was ordered. An order without a fill has cost nothing.

    :raises KeyError: it has no id
    :raises MoneyError: a number that is none
    """
    filled = to_decimal(order.get("filled") or 0)
    average = _optional(order.get("average"))
    cost = _optional(order.get("cost"))
    if not filled:
        cost = ZERO
    elif average is not None:
        most = filled * average
        if cost is None or cost > most * (ONE + ROUNDING):
            cost = most
    price = average if average is not None else _optional(order.get("price"))
    fees = fees_of(order)
    placed_id = placed_by_stop(order)
    return OrderAnswer(
        str(order["id"]), order.get("status") or "open", filled, cost, fees, price, placed_id
    )


@exact
def read_trades(
    order_id: str, status: str, trades: Iterable[Mapping[str, Any]]
) -> OrderAnswer | None:
    """Read the trades of one order; some exchanges report fees only there.

    :param status: the order's, which trades lack
    :return: None where there is no trade
    :raises MoneyError: a number that is none
    """
    filled, cost, fees = ZERO, ZERO, dict[str, Decimal]()
    has_all_fees = True
    for trade in trades:
        amount = to_decimal(trade.get("amount") or 0)
        filled += amount
        cost += _optional(trade.get("cost")) or amount * to_decimal(trade.get("price") or 0)
        of_trade = fees_of(trade)
        has_all_fees = has_all_fees and of_trade is not None
        for currency, fee in (of_trade or {}).items():
            fees[currency] = fees.get(currency, ZERO) + fee
    if not filled:
        return None
    return OrderAnswer(order_id, status, filled, cost or None, fees if has_all_fees else None)


def placed_by_stop(order: Mapping[str, Any]) -> str | None:
    """The id of the order that a fired stop has placed; None where none is named."""
    named = order.get("id_stop")
    info = order.get("info")
    if named in NO_ID and isinstance(info, Mapping):
        named = next((info[name] for name in PLACED_BY_STOP if info.get(name) not in NO_ID), None)
    return None if named in NO_ID else str(named)


def fees_of(order: Mapping[str, Any]) -> dict[str, Decimal] | None:
    """All fees of an order or a trade by currency; None where the exchange does not say.

    :raises MoneyError: a number that is none
    """
    listed = order.get("fees") or ([order["fee"]] if order.get("fee") else [])
    fees: dict[str, Decimal] = {}
    for fee in listed:
        if fee.get("cost") is not None and fee.get("currency"):
            fees[fee["currency"]] = fees.get(fee["currency"], ZERO) + to_decimal(fee["cost"])
    return fees or None


def _optional(value: object) -> Decimal | None:
    # ccxt reports a cost of 0 for filled market orders whose price it does not know.
    return to_decimal(value) if value else None
