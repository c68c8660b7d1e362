"""Polymarket's orders: what was signed, what it means, and how they are shown."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from freqtrade_balance_guard.sandbox.core.assets import NotANumber, number, plain
from freqtrade_balance_guard.sandbox.polymarket.auth import Holder, is_signed_by, order_hash
from freqtrade_balance_guard.sandbox.polymarket.names import Names, condition_id_of, token_id_of
from freqtrade_balance_guard.sandbox.prediction.orders import (
    Bet,
    BetOrder,
    BetRejected,
    BetStatus,
    Match,
    Part,
    Reason,
    TimeInForce,
)
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange


_UNITS = Decimal(1_000_000)
_CENT = Decimal("0.01")
_HUNDREDTH_CENT = Decimal("0.0001")
_TIMES_IN_FORCE: dict[str, TimeInForce] = {"GTC": "GTC", "GTD": "GTD", "FOK": "FOK", "FAK": "IOC"}
_STATUSES: dict[BetStatus, str] = {
    "live": "LIVE",
    "delayed": "DELAYED",
    "filled": "MATCHED",
    "canceled": "CANCELED",
    "expired": "CANCELED",
}
_MATCH_STATUSES = {"matched": "MATCHED", "final": "CONFIRMED", "failed": "FAILED"}


class SignatureInvalid(Exception):
    """An order is not signed by its owner's key."""


def bet_of(
    body: Any, holder: Holder, names: Names, exchange: PredictionExchange
) -> tuple[Bet, str]:
    """The order of a request, and how it is kept back or sent: GTC, GTD, FOK, FAK.

    Raises BetRejected for one that is none, SignatureInvalid.
    """
    order, kind = body.get("order"), str(body.get("orderType", "GTC"))
    if not isinstance(order, dict) or kind not in _TIMES_IN_FORCE:
        raise BetRejected(Reason.AMOUNT_INVALID, "Invalid order payload")
    token = names.token(str(order.get("tokenId")))
    rules = exchange.market(token.market).rules
    is_buy = order.get("side") == "BUY"
    message = _message(order, is_buy)
    _check_signed(order, message, holder, body, neg_risk=rules.neg_risk)
    try:
        maker = number(order["makerAmount"]) / _UNITS
        taker = number(order["takerAmount"]) / _UNITS
        expires = number(order.get("expiration") or 0)
    except (KeyError, NotANumber) as error:
        raise BetRejected(Reason.AMOUNT_INVALID, f"invalid amounts: {error}") from error
    if maker <= 0 or taker <= 0:
        raise BetRejected(Reason.AMOUNT_INVALID)
    money, shares = (maker, taker) if is_buy else (taker, maker)
    is_market = kind in ("FOK", "FAK")
    if is_market and (maker % _CENT or taker % _HUNDREDTH_CENT):
        raise BetRejected(
            Reason.AMOUNT_INVALID,
            "the market orders maker amount supports a max accuracy of 2 decimals, taker amount "
            "a max of 4 decimals",
        )
    limit = (money / shares).quantize(rules.tick, rounding=ROUND_HALF_UP)
    if abs(limit - money / shares) > _HUNDREDTH_CENT:
        raise BetRejected(Reason.PRICE_OFF_TICK)
    bet = Bet(
        market=token.market,
        outcome=token.outcome,
        side="buy" if is_buy else "sell",
        limit=limit,
        shares=shares,
        budget=money if is_market and is_buy else None,
        time_in_force=_TIMES_IN_FORCE[kind],
        expires_at=float(expires) if kind == "GTD" and expires else None,
        post_only=bool(body.get("postOnly")),
        order_id="0x" + order_hash(message, neg_risk=rules.neg_risk).hex(),
        body=order,
    )
    return bet, kind


def _message(order: dict[str, Any], is_buy: bool) -> dict[str, Any]:
    """What the exchange's contract is signed for: the side as a number, no taker and no expiry."""
    names = ("salt", "maker", "signer", "tokenId", "makerAmount", "takerAmount", "signatureType")
    more = ("timestamp", "metadata", "builder")
    missing = [name for name in (*names, *more) if name not in order]
    if missing:
        raise BetRejected(Reason.AMOUNT_INVALID, f"Invalid order payload: no {missing[0]}")
    return {name: order[name] for name in (*names, *more)} | {"side": 0 if is_buy else 1}


def _check_signed(
    order: dict[str, Any],
    message: dict[str, Any],
    holder: Holder,
    body: dict[str, Any],
    *,
    neg_risk: bool,
) -> None:
    if body.get("owner") != holder.credentials.api_key:
        raise SignatureInvalid("the order owner has to be the owner of the API KEY")
    is_wallet = int(order["signatureType"]) == holder.signature_type
    signer = holder.wallet if holder.signature_type == 3 else holder.signer
    if not is_wallet or order["maker"] != holder.wallet or order["signer"] != signer:
        raise SignatureInvalid("the order signer address has to be the address of the API KEY")
    try:
        signed = is_signed_by(
            message, str(order.get("signature")), holder.signer, neg_risk=neg_risk
        )
    except (ValueError, OverflowError):
        signed = False
    if not signed:
        raise SignatureInvalid("invalid signature")


def placed(order: BetOrder) -> dict[str, Any]:
    """The reply to an order: what it made and took, where it was matched at once."""
    is_buy = order.bet.side == "buy"
    status = {"live": "live", "delayed": "delayed"}.get(order.status, "matched")
    if order.status == "live" and order.filled:
        status = "matched"
    making, taking = (order.cost, order.filled) if is_buy else (order.filled, order.cost)
    return {
        "errorMsg": "",
        "orderID": order.order_id,
        "takingAmount": plain(taking) if order.filled else "",
        "makingAmount": plain(making) if order.filled else "",
        "status": status,
        "transactionsHashes": ["0x" + match.match_id for match in order.matches],
        "success": True,
    }


def shown(order: BetOrder, holder: Holder, labels: tuple[str, str]) -> dict[str, Any]:
    bet = order.bet
    status = "MATCHED" if order.filled and not order.is_open else _STATUSES[order.status]
    kind = "FAK" if bet.time_in_force == "IOC" else bet.time_in_force
    return {
        "id": order.order_id,
        "status": status,
        "owner": holder.credentials.api_key,
        "maker_address": holder.wallet,
        "market": condition_id_of(bet.market),
        "asset_id": token_id_of(bet.market, bet.outcome),
        "side": bet.side.upper(),
        "original_size": plain(bet.shares),
        "size_matched": plain(order.filled),
        "price": plain(bet.limit),
        "outcome": labels[bet.outcome],
        "expiration": str(int(bet.expires_at or 0)),
        "order_type": kind,
        "associate_trades": [match.match_id for match in order.matches],
        "created_at": int(order.created_at),
    }


def shown_match(match: Match, account: str, keys: dict[str, Holder], rate_bps: str) -> Any:
    """A trade as one of its parties is shown it: the fields are the taker's, also for the maker."""
    taker, maker = match.taker, match.maker
    is_taker = taker.account == account and not taker.is_maker
    own = keys[account]
    # The market maker's resting order met ours: there the taker is the market maker.
    shown_taker = taker if not taker.is_maker else _mirrored(taker)
    maker_parts = [part for part in (maker, taker if taker.is_maker else None) if part is not None]
    return {
        "id": match.match_id,
        "taker_order_id": shown_taker.order_id,
        "market": condition_id_of(match.market),
        "asset_id": token_id_of(match.market, shown_taker.outcome),
        "side": shown_taker.side.upper(),
        "size": plain(shown_taker.shares),
        "price": plain(shown_taker.price),
        "fee_rate_bps": rate_bps,
        "status": _MATCH_STATUSES[match.status],
        "match_time": str(int(match.at)),
        "last_update": str(int(match.updated_at)),
        "outcome": "",
        "owner": own.credentials.api_key if is_taker else "",
        "maker_address": own.wallet if is_taker else "0x" + "00" * 20,
        "transaction_hash": "0x" + match.match_id,
        "trader_side": "TAKER" if is_taker else "MAKER",
        "maker_orders": [_maker_order(part, match.market, keys) for part in maker_parts],
    }


def _mirrored(part: Part) -> Part:
    return Part(
        order_id="0x" + "00" * 32,
        account="",
        outcome=part.outcome,
        side="sell" if part.side == "buy" else "buy",
        price=part.price,
        shares=part.shares,
        cost=part.cost,
        fee=part.fee,
        is_maker=False,
    )


def _maker_order(part: Part, market: str, keys: dict[str, Holder]) -> dict[str, Any]:
    holder = keys[part.account]
    return {
        "order_id": part.order_id,
        "owner": holder.credentials.api_key,
        "maker_address": holder.wallet,
        "matched_amount": plain(part.shares),
        "price": plain(part.price),
        "fee_rate_bps": "0",
        "asset_id": token_id_of(market, part.outcome),
        "side": part.side.upper(),
    }
