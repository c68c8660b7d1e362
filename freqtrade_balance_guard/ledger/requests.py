"""What is asked of the ledger: a reservation, or one step of a reservation that exists."""

from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from typing import NamedTuple

from freqtrade_balance_guard.errors import MoneyError
from freqtrade_balance_guard.ledger.reservation import Move
from freqtrade_balance_guard.money import Money


SIDES = ("buy", "sell")
# 40 digits on either side of the point: the largest supply of any coin needs 24, ether's unit 18.
# Beyond that sums would not be exact any more (``reservation.EXACT``).
_SMALLEST = Decimal("1e-40")
_measure = Context(prec=80, traps=[Inexact, InvalidOperation]).quantize


class Funds(NamedTuple):
    """What may be spent, as of one snapshot of the account.

    ``spendable`` and ``floor`` in the request's currency. ``mark`` is what ``ledger.mark()`` gave
    *before* the request for that snapshot began: reservations that became visible later are
    subtracted, earlier ones are in the numbers already.

    ``since`` is for who follows the account's orders himself (``ledger.outlook``): everything up to
    that reservation is subtracted from ``spendable`` already, and only what was reserved after it
    still is. The mark then means nothing.
    """

    spendable: Decimal
    floor: Decimal
    mark: int = 0
    since: int | None = None


class Request(NamedTuple):
    """Reserve ``amount`` of ``currency`` for one order.

    ``funds=None``: not checked. For an exit (never blocked), for an order whose money is reserved
    already, and for one that went out while the ledger could not be reached.
    """

    client_order_id: str
    account: str
    pair: str
    side: str
    currency: str
    amount: Decimal
    funds: Funds | None

    def checked(self) -> "Request":
        """Itself, if it makes sense.

        :raises MoneyError: an amount that is no positive, finite Decimal of reasonable length
        :raises ValueError: an empty name, or a side that is neither buy nor sell
        """
        client_order_id, account, pair, side, currency, amount, funds = self
        check_amount(amount, "amount")
        if not amount:
            raise MoneyError("A reservation of 0 reserves nothing.")
        if funds is not None:
            spendable, floor, _, _ = funds
            check_amount(floor, "floor")
            check_number(spendable, "spendable")  # may be negative: an overdrawn account
        if side not in SIDES:
            raise ValueError(f'side is {side!r}; allowed are "buy" and "sell".')
        if not (client_order_id and account and pair and currency):
            raise ValueError(f"A name is empty in {self}.")
        return self


class Step(NamedTuple):
    """One move of one reservation, with what was learned.

    ``total`` is what the order has used so far, all its fills together (not one fill): a report
    that comes twice, late or out of order then changes nothing. It includes what the fee took
    from the same currency. ``received`` is what it brought so far, for the others' expectations.
    ``excess`` allows a final total above what was reserved: a fact of the exchange, no request.
    ``unsent`` makes a release only of what was never sent.
    """

    move: Move
    client_order_id: str
    total: Decimal | None = None
    order_id: str | None = None
    received: Decimal | None = None
    received_currency: str | None = None
    excess: bool = False
    why: str = ""
    unsent: bool = False

    @classmethod
    def fills(
        cls,
        move: Move,
        client_order_id: str,
        total: Decimal | None,
        received: Money | None,
        *,
        order_id: str | None = None,
        excess: bool = False,
        why: str = "",
    ) -> "Step":
        """A step that books what the order's fills used and brought so far."""
        brought, currency = (received.amount, received.currency) if received else (None, None)
        return cls(move, client_order_id, total, order_id, brought, currency, excess, why)

    def checked(self) -> "Step":
        """Itself, if its amounts make sense.

        :raises MoneyError: an amount that is no finite, non-negative Decimal of reasonable length
        """
        _, _, total, _, received, _, _, _, _ = self
        if total is not None:
            check_amount(total, "total")
        if received is not None:
            check_amount(received, "received")
        return self


def check_amount(value: Decimal, name: str) -> None:
    """:raises MoneyError: not a finite, non-negative Decimal of at most 40 + 40 digits"""
    check_number(value, name)
    if value < 0:
        raise MoneyError(f"{name} is {value}; an amount is not negative.")


def check_number(value: Decimal, name: str) -> None:
    """:raises MoneyError: not a finite Decimal of at most 40 + 40 digits"""
    if not isinstance(value, Decimal) or not value.is_finite():
        raise MoneyError(f"{name} is {value!r}; it must be a finite Decimal.")
    try:
        _measure(value, _SMALLEST)
    except DecimalException as error:
        raise MoneyError(f"{name} is {value}; it has more than 40 digits.") from error
