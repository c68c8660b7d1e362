"""Kalshi's own codes for what it rejects."""

from freqtrade_balance_guard.sandbox.engine.wire import ProtocolError
from freqtrade_balance_guard.sandbox.prediction.orders import BetRejected, Reason
from freqtrade_balance_guard.sandbox.prediction_exchange.translator import error_answer
from freqtrade_balance_guard.sandbox.script.faults import FINAL_KINDS, Fault


_CODES: dict[Reason, tuple[int, str]] = {
    Reason.INSUFFICIENT_FUNDS: (400, "insufficient_balance"),
    Reason.DUPLICATE: (409, "order_already_exists"),
    Reason.NOT_FOUND: (404, "not_found"),
    Reason.NOT_OPEN: (404, "not_found"),
    Reason.MARKET_UNKNOWN: (404, "not_found"),
    Reason.MARKET_CLOSED: (409, "trading_is_paused"),
    Reason.PRICE_OUT_OF_RANGE: (400, "invalid_price"),
    Reason.PRICE_OFF_TICK: (400, "invalid_price"),
    Reason.AMOUNT_INVALID: (400, "invalid_parameters"),
    Reason.AMOUNT_TOO_SMALL: (400, "invalid_parameters"),
    Reason.COST_TOO_SMALL: (400, "invalid_parameters"),
    Reason.NOT_FILLABLE: (409, "fill_or_kill_insufficient_resting_volume"),
    Reason.NO_MATCH: (409, "order_not_matched"),
    Reason.EXPIRY_PASSED: (400, "invalid_parameters"),
    Reason.WOULD_TAKE: (409, "post_only_cross"),
}


def in_words(error: BetRejected) -> ProtocolError:
    status, code = _CODES[error.reason]
    return _answer(status, code, str(error))


def scripted(fault: Fault) -> ProtocolError:
    if fault.kind in FINAL_KINDS:
        return _answer(400, fault.message or "insufficient_balance", "rejected")
    return _answer(500, fault.message or "internal_server_error", "internal server error")


def _answer(status: int, code: str, message: str) -> ProtocolError:
    error = {"code": code, "message": message, "service": "exchange"}
    return error_answer({"error": error}, status, f"{code}: {message}")
