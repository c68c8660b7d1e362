"""What an arbitrage has bought for freqtrade, and the money that its orders brought and cost."""

from decimal import Decimal

from freqtrade_balance_guard.arbitrage.planning.plan import Rates
from freqtrade_balance_guard.arbitrage.states import ArbitrageKind
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.venue import LegOrder, VenueOrder
from freqtrade_balance_guard.money import ZERO, exact
from freqtrade_balance_guard.settings.model import BOT_VENUE


def purchase_of(record: ArbitrageRecord) -> tuple[LegOrder, VenueOrder] | None:
    """What the arbitrage has bought on the bot's own exchange for freqtrade."""
    if record.kind not in (ArbitrageKind.TWO_LEGS, ArbitrageKind.COMPLETE):
        return None  # bought back: that is inventory
    for order in record.orders:
        reported = record.reported.get(order.client_order_id)
        if (
            order.venue == BOT_VENUE
            and order.side == "buy"
            and reported is not None
            and reported.filled
        ):
            return order, reported
    return None


@exact
def flow_of(
    pair: ArbitrageRecord, rates: Rates, *, without_purchase: bool = False
) -> Decimal | None:
    """Sales less purchases less fees, in stake currency at the rates of now.

    :param without_purchase: leave out what freqtrade counts itself
    :return: None where a rate is not to be had
    """
    left_out = purchase_of(pair) if without_purchase else None
    total = ZERO
    for order in pair.orders:
        reported = pair.reported.get(order.client_order_id)
        if reported is None or (left_out is not None and left_out[0] is order):
            continue
        rate = rates(order.terms.quote)
        if rate is None:
            return None
        total += (-order.sign * reported.cost - _fee(order, reported)) * rate
    return total


def _fee(order: LegOrder, reported: VenueOrder) -> Decimal:
    """In quote currency; a fee in the coin at the price of the fill."""
    if reported.fees is None:
        return reported.cost * order.fee_rate
    price = reported.cost / reported.filled if reported.filled else ZERO
    base, quote = order.pair.split("/")
    return reported.fees.get(quote, ZERO) + reported.fees.get(base, ZERO) * price
