"""The money of all orders of one step in the ledger: all of it, or none."""

from collections.abc import Sequence
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.arbitrage.venue import LegOrder
from freqtrade_balance_guard.ledger import (
    Conflict,
    Funds,
    NotReserved,
    Request,
    ReservationLedger,
    Reserved,
)
from freqtrade_balance_guard.ledger.store import Beside
from freqtrade_balance_guard.money import exact, format_amount
from freqtrade_balance_guard.orders.terms import as_stored
from freqtrade_balance_guard.orders.tracked_order import LEG_OF


def reserve(
    ledger: ReservationLedger,
    orders: Sequence[LegOrder],
    funds: Sequence[Funds | None],
    what: str,
) -> ArbitrageDenied | None:
    """Promise what the exchanges will keep back. A second time for the same orders is the same.

    :param what: whose legs they are; it is stored with them
    :return: why nothing is reserved; it names the venue and the amounts
    :raises LedgerUnavailable: nothing is known to be reserved
    """
    requests = _requests(orders, funds)
    # An opportunity that cannot be paid comes again in every loop: it must not fill the ledger.
    result = ledger.too_little(requests) or ledger.reserve(requests, _why(what, orders))
    return None if isinstance(result, Reserved) else _denied(result, ledger, orders)


def reserve_and_mark_sent(
    ledger: ReservationLedger,
    orders: Sequence[LegOrder],
    funds: Sequence[Funds | None],
    what: str,
    beside: Beside | None,
) -> ArbitrageDenied | Reserved:
    """Promise what the exchanges will keep back, and mark both as sent: one transaction, one flush.

    :param beside: writes the intent in the same transaction, where the ledger is in its file
    :return: what is reserved, to be published once the orders have left; or why nothing is
    :raises LedgerUnavailable: it may be written or not
    """
    requests = _requests(orders, funds)
    too_little = ledger.too_little(requests)
    if too_little is not None:
        return _denied(too_little, ledger, orders)
    result = ledger.reserve_and_mark_sent(requests, _why(what, orders), beside)
    if isinstance(result, Reserved):
        return result
    ledger.publish_sent(result)
    return _denied(result, ledger, orders)


def _requests(orders: Sequence[LegOrder], funds: Sequence[Funds | None]) -> list[Request]:
    return [
        Request(
            client_order_id=order.client_order_id,
            account=order.account,
            pair=order.pair,
            side=order.side,
            currency=order.terms.holds.currency,
            amount=as_stored(order.terms.holds.amount),
            funds=money,
        )
        for order, money in zip(orders, funds, strict=True)
    ]


def _why(what: str, orders: Sequence[LegOrder]) -> str:
    """All that another bot needs to know an order of a dead one again, where there are no ids."""
    terms = " and ".join(f"entry of {one.amount:f} at {one.price:f}" for one in orders)
    return f"{LEG_OF}{what}: {terms}"


def _denied(
    result: NotReserved | Conflict, ledger: ReservationLedger, orders: Sequence[LegOrder]
) -> ArbitrageDenied:
    if isinstance(result, Conflict):
        return ArbitrageDenied(ArbitrageDenialCode.GUARD_ERROR, result.sentence)
    others = ledger.held(result.currency, account=result.account).others
    return _denial_of(result, orders, others)


@exact
def _denial_of(
    rejected: NotReserved, orders: Sequence[LegOrder], others: Decimal
) -> ArbitrageDenied:
    """:param others: what other bots hold of it, also where it was left out of what is spendable"""
    (order,) = [one for one in orders if one.client_order_id == rejected.client_order_id]
    code, sentence = ArbitrageDenialCode(str(rejected.code)), rejected.sentence
    missing = rejected.numbers["needed"] - rejected.numbers["available"]
    if code is ArbitrageDenialCode.INSUFFICIENT_AVAILABLE and missing <= others:
        code = ArbitrageDenialCode.RESERVED_BY_OTHERS
        sentence = f"{sentence}, other bots hold {format_amount(others)} {rejected.currency}"
    return ArbitrageDenied(
        code,
        f"{order.venue}: {sentence}",
        order.venue,
        rejected.numbers,
        rejected.currency,
    )
