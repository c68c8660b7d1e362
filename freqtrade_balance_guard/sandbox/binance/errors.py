"""Binance's errors: code, text and HTTP status of its real hosts, spot and USDT-M futures."""

import json
import re
from collections.abc import Mapping

from freqtrade_balance_guard.sandbox.core.orders import Reason, Rejected
from freqtrade_balance_guard.sandbox.engine.wire import Answer, ProtocolError
from freqtrade_balance_guard.sandbox.script.faults import Fault


# Everything else is answered with 400.
_STATUS = {-1001: 500, -1003: 429, -1007: 408, -1008: 503, -1015: 429, -2015: 401}

USUAL = {
    -1000: "An unknown error occurred while processing the request.",
    -1001: "Internal error; unable to process your request. Please try again.",
    -1003: "Too many requests; current limit is 6000 request weight per 1 MINUTE.",
    -1007: "Timeout waiting for response from backend server. "
    "Send status unknown; execution status unknown.",
    -1008: "Server is currently overloaded with other requests. Please try again in a few minutes.",
    -1015: "Too many new orders; current limit is 100 orders per 10 SECOND.",
    -1021: "Timestamp for this request is outside of the recvWindow.",
    -1022: "Signature for this request is not valid.",
    -1111: "Precision is over the maximum defined for this asset.",
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -1121: "Invalid symbol.",
    -2010: "Account has insufficient balance for requested action.",
    -2011: "Unknown order sent.",
    -2013: "Order does not exist.",
    -2014: "API-key format invalid.",
    -2015: "Invalid API-key, IP, or permissions for action.",
    -2019: "Margin is insufficient.",
    -2021: "Order would immediately trigger.",
    -2022: "ReduceOnly Order is rejected.",
    -2027: "Exceeded the maximum allowable position at current leverage.",
    -2028: "Leverage is smaller than permitted: insufficient margin balance.",
    -4046: "No need to change margin type.",
    -4047: "Margin type cannot be changed if there exists open orders.",
    -4048: "Margin type cannot be changed if there exists position.",
    -4059: "No need to change position side.",
    -4061: "Order's position side does not match user's setting.",
    -4067: "Position side cannot be changed if there exists open orders.",
    -4068: "Position side cannot be changed if there exists position.",
    -4116: "ClientOrderId is duplicated.",
    -4120: "Order type not supported for this endpoint. "
    "Please use the Algo Order API endpoints instead.",
    -4161: "Leverage reduction is not supported in Isolated Margin Mode with open positions.",
    -4164: "Order's notional must be no smaller than 5 (unless you choose reduce only).",
}

SPOT_WORDS: Mapping[Reason, tuple[int, str]] = {
    Reason.INSUFFICIENT_FUNDS: (-2010, USUAL[-2010]),
    Reason.ORDER_NOT_OPEN: (-2011, USUAL[-2011]),
    Reason.CLIENT_ID_TAKEN: (-2010, "Duplicate order sent."),
    Reason.AMOUNT_INVALID: (-1013, "Filter failure: LOT_SIZE"),
    Reason.AMOUNT_TOO_SMALL: (-1013, "Filter failure: LOT_SIZE"),
    Reason.COST_TOO_SMALL: (-1013, "Filter failure: NOTIONAL"),
    Reason.PRICE_NOT_POSITIVE: (-1013, "Filter failure: PRICE_FILTER"),
    Reason.PRICE_TOO_PRECISE: (-1013, "Filter failure: PRICE_FILTER"),
    Reason.PRICE_OFF_TICK: (-1013, "Filter failure: PRICE_FILTER"),
    Reason.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Reason.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
}

FUTURES_WORDS: Mapping[Reason, tuple[int, str]] = {
    Reason.INSUFFICIENT_FUNDS: (-2019, USUAL[-2019]),
    Reason.ORDER_NOT_OPEN: (-2011, USUAL[-2011]),
    Reason.CLIENT_ID_TAKEN: (-4116, USUAL[-4116]),
    Reason.AMOUNT_INVALID: (-1111, USUAL[-1111]),
    Reason.AMOUNT_TOO_SMALL: (-4004, "Quantity less than min quantity."),
    Reason.COST_TOO_SMALL: (-4164, USUAL[-4164]),
    Reason.PRICE_NOT_POSITIVE: (-4001, "Price less than 0."),
    Reason.PRICE_TOO_PRECISE: (-1111, USUAL[-1111]),
    Reason.PRICE_OFF_TICK: (-4014, "Price not increased by tick size."),
    Reason.WOULD_TAKE: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history.",
    ),
    Reason.WOULD_TRIGGER: (-2021, USUAL[-2021]),
    Reason.MARGIN_TOO_SMALL: (-2019, USUAL[-2019]),
    Reason.NOTHING_TO_REDUCE: (-2022, USUAL[-2022]),
    Reason.POSITION_TOO_LARGE: (-2027, USUAL[-2027]),
}


class BinanceError(ProtocolError):
    """A request fails; the answer is code and text with the code's HTTP status."""

    def __init__(self, code: int, text: str | None = None) -> None:
        words = USUAL[code] if text is None else text
        body = json.dumps({"code": code, "msg": words})
        super().__init__(f"{code} {words}", Answer(body, status=_STATUS.get(code, 400)))
        self.code = code


def missing(name: str) -> BinanceError:
    return BinanceError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def in_words(words: Mapping[Reason, tuple[int, str]], rejected: Rejected) -> BinanceError:
    return BinanceError(*words.get(rejected.reason, (-1000, USUAL[-1000])))


def scripted(fault: Fault, insufficient: int) -> BinanceError:
    """The error of a fault's message; without a code before it, of the kind's usual code."""
    usual = {"refuse": insufficient, "error": -1001}.get(fault.kind, -1007)
    if fault.message is None:
        return BinanceError(usual)
    match = re.match(r"(-\d{4,5})\s*(.*)", fault.message, re.DOTALL)
    if match is None:
        return BinanceError(usual, fault.message)
    code, text = int(match[1]), match[2]
    return BinanceError(code, text or USUAL.get(code, "Rejected."))
