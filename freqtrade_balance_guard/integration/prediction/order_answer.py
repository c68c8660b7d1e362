"""What an error of a prediction market says about an order: never there, there already, unknown.

ccxt files many final answers of these venues as ``ExchangeNotAvailable``, which elsewhere means
that nothing is known: a killed order, one below the minimum, a closed market. The answer's own
status and body decide.
"""

import json
import re
from enum import StrEnum

import ccxt


class OrderAnswer(StrEnum):
    """Whether an order exists whose reply was an error."""

    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"


# ccxt's own message: method, address, status and reason, and the body.
_STATUS = re.compile(r" (?:GET|POST|PUT|DELETE) \S+ (\d{3}) [^{\[<]*(.*)$", re.DOTALL)
_DUPLICATE = re.compile(r"duplicated|order_already_exists|ORDERS_ALREADY_EXIST", re.IGNORECASE)
_NOT_FOUND = re.compile(r"order not found|\"not_found\"|'not_found'", re.IGNORECASE)
# These say that the server, or what stands before it, does not know.
_DOUBTFUL_STATUSES = frozenset({408, 425, 499})
_TURNED_AWAY = (ccxt.RateLimitExceeded, ccxt.DDoSProtection)


def read_error(error: BaseException) -> OrderAnswer:
    """Return what the error means for the order that was sent, or looked for."""
    text = str(error)
    if isinstance(error, ccxt.DuplicateOrderId) or _DUPLICATE.search(text):
        return OrderAnswer.DUPLICATE
    found = _STATUS.search(text)
    status = int(found[1]) if found is not None else None
    is_answer = found is None or _is_json(found[2])
    if status is not None and (status >= 500 or status in _DOUBTFUL_STATUSES or not is_answer):
        return OrderAnswer.UNKNOWN
    if isinstance(error, ccxt.OrderNotFound) or _NOT_FOUND.search(text):
        return OrderAnswer.NOT_FOUND
    if isinstance(error, (ccxt.ExchangeError, *_TURNED_AWAY)):
        return OrderAnswer.REJECTED
    # A network error with a client error's status has the venue's own "no" in its body.
    is_final = status is not None and 400 <= status < 500
    return OrderAnswer.REJECTED if is_final else OrderAnswer.UNKNOWN


def _is_json(body: str) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
