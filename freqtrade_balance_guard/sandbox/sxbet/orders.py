"""SX Bet's orders, fills and bets as they are read and shown: stakes in USDC, odds of 20 decimals.

Every order backs an outcome; its shares are what it returns if that outcome happens.
"""

from collections.abc import Mapping
from typing import Any

from freqtrade_balance_guard.sandbox.core.assets import NotANumber, number
from freqtrade_balance_guard.sandbox.prediction.market import cut, iso_time
from freqtrade_balance_guard.sandbox.prediction.matching import SHARE_UNIT
from freqtrade_balance_guard.sandbox.prediction.orders import (
    Bet,
    BetOrder,
    BetRejected,
    Match,
    Part,
    Reason,
)
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.signatures.keccak import keccak256
from freqtrade_balance_guard.sandbox.sxbet.names import (
    ODDS_UNIT,
    USDC_UNITS,
    Names,
    event_of,
    hash_of,
    odds,
    units,
)
from freqtrade_balance_guard.sandbox.sxbet.signing import BASE_TOKEN, is_signed_by, order_hash


_REASONS = {
    "USER_REQUESTED": "USER_REQUESTED",
    "NO_LIQUIDITY": "NO_LIQUIDITY",
    "MARKET_CLOSED": "EVENT_LIFECYCLE",
    "EXPIRED": "EXPIRED",
}
_MATCH_STATUSES = {"matched": "MATCHED", "final": "LOCKED", "failed": "FAILED"}
WINNERS = {"first": 1, "second": 2, "void": 0}
_LONGEST_CLIENT_ID = 64


class SignatureInvalid(Exception):
    """An order is not signed by its maker's key."""


def bet_of(item: Mapping[str, Any], wallet: str, names: Names) -> Bet:
    """Raises BetRejected, SignatureInvalid."""
    name = names.market(str(item.get("marketHash")))
    maker = str(item.get("maker"))
    if maker.lower() != wallet.lower() or not is_signed_by(item, wallet):
        raise SignatureInvalid("INVALID_SIGNATURE")
    if str(item.get("baseToken")).lower() != BASE_TOKEN.lower():
        raise SignatureInvalid("BAD_BASE_TOKEN")
    try:
        stake = number(item["totalBetSize"]) / USDC_UNITS
        limit = number(item["percentageOdds"]) / ODDS_UNIT
        expiry = float(item["expiry"])
    except (KeyError, NotANumber, ValueError) as error:
        raise BetRejected(Reason.PRICE_OUT_OF_RANGE) from error
    if not 0 < limit < 1:
        raise BetRejected(Reason.PRICE_OUT_OF_RANGE)
    kind = item.get("timeInForce", "GTC")
    if kind not in ("GTC", "IOC", "FOK"):
        raise BetRejected(Reason.AMOUNT_INVALID)
    client_id = item.get("clientOrderId")
    # Not the signed hash itself: nothing public says that it is.
    order_id = "0x" + keccak256(b"sxbet/" + order_hash(item)).hex()
    return Bet(
        market=name,
        outcome=0 if item.get("isMakerBettingOutcomeOne") else 1,
        side="buy",
        limit=limit,
        shares=stake / limit,
        budget=stake,
        time_in_force=kind,
        expires_at=expiry,
        order_id=order_id,
        client_id=None if client_id is None else str(client_id)[:_LONGEST_CLIENT_ID],
        body=item,
    )


def placed(order: BetOrder, *, waited: bool) -> dict[str, Any]:
    """The reply to an order, with how its matching ended where the caller has waited for it."""
    content: dict[str, Any] = {"orderId": order.order_id, "status": "OK"}
    if order.bet.client_id is not None:
        content["clientOrderId"] = order.bet.client_id
    if waited:
        content["outcome"] = _outcome(order)
    return content


def _outcome(order: BetOrder) -> dict[str, Any]:
    if order.status == "delayed":
        return {"state": "TIMEOUT"}
    content: dict[str, Any] = {
        "fillAmount": units(order.cost),
        "remainingAmount": units(_left(order)) if order.is_open else "0",
        "matchIds": ["0x" + match.match_id for match in order.matches],
    }
    if order.status == "filled":
        return {"state": "FULLY_FILLED", **content}
    if order.is_open:
        return {"state": "PARTIAL_FILL_RESTED" if order.filled else "RESTED", **content}
    if order.filled:
        return {"state": "PARTIAL_FILL_DONE", **content}
    reason = _REASONS.get(order.reason or "", "INTERNAL_ERROR")
    return {"state": "CANCELLED", "cancelReason": reason, **content}


def _left(order: BetOrder) -> Any:
    return (order.bet.budget or order.cost) - order.cost


def shown(order: BetOrder, wallet: str) -> dict[str, Any]:
    bet = order.bet
    reason = None
    if order.status == "filled":
        reason = "FILLED"
    elif not order.is_open:
        reason = _REASONS.get(order.reason or "", "SYSTEM")
    remaining = _left(order) if order.status != "filled" else 0 * order.cost
    return {
        "id": order.order_id,
        "clientOrderId": bet.client_id,
        "marketHash": hash_of(bet.market),
        "userAddress": wallet,
        "wallet": wallet,
        "isBettingOutcomeOne": bet.outcome == 0,
        "percentageOdds": odds(bet.limit),
        "totalBetSize": units(bet.budget or order.cost),
        "remainingSize": units(remaining),
        "expiry": None if bet.expires_at is None else int(bet.expires_at),
        "status": "ACTIVE" if order.is_open else "INACTIVE",
        "inactiveReason": reason,
        "eventId": event_of(bet.market),
        "createdAt": iso_time(order.created_at),
        "updatedAt": iso_time(order.updated_at),
    }


def fill_row(match: Match, part: Part, wallet: str, exchange: PredictionExchange) -> Any:
    settled = _settlement(match, part, exchange)
    return {
        "id": f"0x{match.match_id}-{1 if part.is_maker else 0}",
        "orderId": part.order_id,
        "tradeId": "0x" + match.match_id,
        "marketHash": hash_of(match.market),
        "isParlay": False,
        "userAddress": wallet,
        "wallet": wallet,
        "fillAmount": units(part.cost),
        "fillOdds": odds(part.price),
        "returnAmount": units(part.shares),
        "isBettingOutcomeOne": part.outcome == 0,
        "isMaker": part.is_maker,
        "status": _status(match, settled),
        "txHash": "0x" + match.match_id,
        "createdAt": iso_time(match.at),
        "updatedAt": iso_time(match.updated_at),
        "settlement": settled,
    }


def trade_row(match: Match, part: Part, exchange: PredictionExchange) -> dict[str, Any]:
    settled = _settlement(match, part, exchange)
    return {
        "tradeId": "0x" + match.match_id,
        "marketHash": hash_of(match.market),
        "isBettingOutcomeOne": part.outcome == 0,
        "totalStake": units(part.cost),
        "totalReturn": units(part.shares),
        "weightedAverageOdds": odds(part.price),
        "status": _status(match, settled),
        "betTime": iso_time(match.at),
        "settlement": settled,
    }


def _status(match: Match, settled: object) -> str:
    return "SETTLED" if settled is not None else _MATCH_STATUSES[match.status]


def _settlement(match: Match, part: Part, exchange: PredictionExchange) -> dict[str, Any] | None:
    market = exchange.market(match.market)
    if market.result is None or match.status != "final":
        return None
    paid, fee = exchange.resolution.bet_paid(
        part.account, market.result, part.outcome, part.shares, part.cost
    )
    return {
        "outcome": WINNERS[market.result],
        "settleReturnAmount": units(paid - fee),
        "settleFeeAmount": units(fee),
        "settleCeRefundAmount": "0",
        "settleDate": iso_time(market.resolved_at or match.updated_at),
    }


def position_stake(parts: list[Part]) -> Any:
    """What an account has staked in all these parts."""
    return cut(sum((part.cost for part in parts), 0 * SHARE_UNIT), SHARE_UNIT)
