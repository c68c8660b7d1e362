"""What an order of freqtrade is in the ledger's words, rounded as it will be sent."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from freqtrade.exchange import Exchange
from freqtrade.persistence import Order

from freqtrade_balance_guard.money import ZERO, to_decimal
from freqtrade_balance_guard.orders.terms import Purpose, Side, Terms, margin_terms, spot_terms


def proxy_coin(exchange: Exchange) -> str:
    """The coin that a futures account is kept in, where it stands for the stake; else empty."""
    coin = str(exchange.get_proxy_coin())
    return "" if coin == exchange._config["stake_currency"] else coin


def terms_of(
    exchange: Exchange,
    order: Mapping[str, Any],
    purpose: Purpose,
    fee: Decimal,
    *,
    is_neutral: bool,
) -> Terms:
    """The terms of an order that is about to be sent.

    :param order: freqtrade's arguments of ``create_order``
    :param fee: the most that the exchange takes, as a ratio
    :param is_neutral: a stake may be all that is free, fee or not
    """
    pair = order["pair"]
    contracts = exchange._amount_to_contracts(pair, order["amount"])
    amount = exchange._contracts_to_amount(pair, exchange.amount_to_precision(pair, contracts))
    price = order["rate"]
    if order["ordertype"] != "market":
        price = exchange.price_to_precision(pair, price)
    side: Side = "buy" if order["side"] == "buy" else "sell"
    what = (pair, side, purpose, _positive(amount, order["amount"]), to_decimal(price))
    tag = order.get("tag") or ""
    fee_rate = ZERO if is_neutral else fee
    if exchange._config.get("trading_mode", "spot") != "spot":
        return margin_terms(
            *what,
            fee_rate=fee_rate,
            leverage=to_decimal(order.get("leverage") or 1),
            tag=tag,
            proxy_coin=proxy_coin(exchange),
        )
    is_market = order["ordertype"] == "market"
    return spot_terms(*what, is_market=is_market, fee_rate=fee_rate, tag=tag)


def known_terms(exchange: Exchange, order: Order, leverage: Decimal, is_short: bool) -> Terms:
    """The terms of an order of before the start, as freqtrade has stored it."""
    is_stop = order.ft_order_side == "stoploss"
    entry_side = "sell" if is_short else "buy"
    exit_side: Side = "buy" if is_short else "sell"
    side: Side = "buy" if order.ft_order_side == "buy" else "sell"
    if is_stop:
        side = exit_side
    exit_ = Purpose.STOP if is_stop else Purpose.EXIT
    what = (
        order.ft_pair,
        side,
        Purpose.ENTRY if not is_stop and side == entry_side else exit_,
        to_decimal(order.safe_amount),
        to_decimal(order.safe_price or 0),
    )
    if exchange._config.get("trading_mode", "spot") != "spot":
        coin = proxy_coin(exchange)
        return margin_terms(*what, fee_rate=ZERO, leverage=leverage, proxy_coin=coin)
    return spot_terms(*what, is_market=False, fee_rate=ZERO)


def _positive(rounded: float, asked: float) -> Decimal:
    """An exit is booked even when nothing of it is left after rounding; the exchange rejects it."""
    amount = to_decimal(rounded)
    return amount if amount > 0 else to_decimal(asked)
