"""Polymarket's own sentences for what its order book rejects."""

from freqtrade_balance_guard.sandbox.engine.wire import ProtocolError
from freqtrade_balance_guard.sandbox.prediction.orders import BetRejected, Reason
from freqtrade_balance_guard.sandbox.prediction_exchange.translator import error_answer
from freqtrade_balance_guard.sandbox.script.faults import FINAL_KINDS, Fault


_NO_FUNDS = "not enough balance / allowance"
_SENTENCES: dict[Reason, tuple[int, str]] = {
    Reason.INSUFFICIENT_FUNDS: (400, _NO_FUNDS),
    Reason.DUPLICATE: (400, "order is invalid. Duplicated."),
    Reason.NOT_FOUND: (404, "order not found"),
    Reason.NOT_OPEN: (400, "order can't be found - already canceled or matched"),
    Reason.MARKET_UNKNOWN: (404, "No orderbook exists for the requested token id"),
    Reason.MARKET_CLOSED: (400, "the orderbook does not exist"),
    Reason.PRICE_OUT_OF_RANGE: (400, "order is invalid. Price is not within the range"),
    Reason.PRICE_OFF_TICK: (400, "order is invalid. Price breaks minimum tick size rule"),
    Reason.AMOUNT_INVALID: (400, "invalid amounts"),
    Reason.AMOUNT_TOO_SMALL: (400, "order is invalid. Size lower than the minimum"),
    Reason.COST_TOO_SMALL: (400, "invalid amount for a marketable BUY order, min size: $1"),
    Reason.NOT_FILLABLE: (
        400,
        "order couldn't be fully filled. FOK orders are fully filled or killed.",
    ),
    Reason.NO_MATCH: (
        400,
        "no orders found to match with FAK order. FAK orders are partially filled or killed if no "
        "match is found.",
    ),
    Reason.EXPIRY_PASSED: (400, "invalid expiration"),
    Reason.WOULD_TAKE: (400, "invalid post-only order: order crosses book"),
}


def in_words(error: BetRejected) -> ProtocolError:
    status, sentence = _SENTENCES[error.reason]
    message = sentence if str(error) == error.reason.value else f"{sentence}: {error}"
    return error_answer({"error": message}, status, message)


def scripted(fault: Fault) -> ProtocolError:
    """A rejected order is a bad request; every other scripted error is the server's."""
    if fault.kind in FINAL_KINDS:
        message = fault.message or _NO_FUNDS
        return error_answer({"error": message}, 400, message)
    message = fault.message or "Internal server error"
    return error_answer({"error": message}, 500, message)
