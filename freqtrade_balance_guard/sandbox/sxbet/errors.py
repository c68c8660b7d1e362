"""SX Bet's own codes for what it rejects."""

from freqtrade_balance_guard.sandbox.engine.wire import ProtocolError
from freqtrade_balance_guard.sandbox.prediction.orders import BetRejected, Reason
from freqtrade_balance_guard.sandbox.prediction_exchange.translator import error_answer
from freqtrade_balance_guard.sandbox.script.faults import FINAL_KINDS, Fault


CODES: dict[Reason, str] = {
    Reason.INSUFFICIENT_FUNDS: "INSUFFICIENT_BALANCE",
    Reason.DUPLICATE: "ORDERS_ALREADY_EXIST",
    Reason.NOT_FOUND: "Order not found",
    Reason.NOT_OPEN: "NOT_FOUND",
    Reason.MARKET_UNKNOWN: "INVALID_MARKET",
    Reason.MARKET_CLOSED: "MATCH_STATE_INVALID",
    Reason.PRICE_OUT_OF_RANGE: "PERCENTAGEODDS_UNDEFINED_OR_MALFORMED",
    Reason.PRICE_OFF_TICK: "ODDS_NOT_ON_LADDER",
    Reason.AMOUNT_INVALID: "TOTAL_BET_SIZE_TOO_LOW",
    Reason.AMOUNT_TOO_SMALL: "TOTAL_BET_SIZE_TOO_LOW",
    Reason.COST_TOO_SMALL: "TOTAL_BET_SIZE_TOO_LOW",
    Reason.NOT_FILLABLE: "NO_LIQUIDITY",
    Reason.NO_MATCH: "NO_LIQUIDITY",
    Reason.EXPIRY_PASSED: "EXPIRY_INVALID",
    Reason.WOULD_TAKE: "INVALID_ORDERS",
}


def bad_request(code: str, status: int = 400) -> ProtocolError:
    names = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}
    content = {
        "error": names.get(status, "Internal Server Error"),
        "message": code,
        "statusCode": status,
    }
    return error_answer(content, status, code)


def in_words(error: BetRejected) -> ProtocolError:
    return bad_request(CODES[error.reason], 404 if error.reason == Reason.NOT_FOUND else 400)


def scripted(fault: Fault) -> ProtocolError:
    if fault.kind in FINAL_KINDS:
        return bad_request(fault.message or "INSUFFICIENT_BALANCE")
    return bad_request(fault.message or "Internal server error", 500)
