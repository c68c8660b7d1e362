"""What an error out of ``create_order`` says about the order: rejected for sure, or unknown.

freqtrade turns both into the same exceptions; the ccxt error behind it distinguishes them. When in
doubt the outcome is unknown: that costs a look-up, while a wrong "rejected" costs a second order.
"""

import re
from collections.abc import Mapping
from enum import StrEnum

import ccxt
import requests
from freqtrade.exceptions import (
    DependencyException,
    InsufficientFundsError,
    OperationalException,
    RetryableOrderError,
    TemporaryError,
)

from freqtrade_balance_guard.orders.events import rejection_reason


class Outcome(StrEnum):
    """Whether an order exists whose reply was an error."""

    REJECTED = "rejected"
    UNKNOWN = "unknown"


# Raised by freqtrade itself before anything is sent (and by the guard's own last look).
_BEFORE_SENDING = (DependencyException, OperationalException)
# Temporary for ccxt, yet definite: the exchange turned the request away at its door. No exchange
# that freqtrade supports is known to answer so after it took an order (ccxt 4.5.90's tables).
_TURNED_AWAY = (ccxt.DDoSProtection, ccxt.RateLimitExceeded, ccxt.InvalidNonce)
# Words that take the certainty out of an error that ccxt files as definite or turned away: an
# order with our id exists already (the request came twice), or the exchange itself does not know.
_DOUBT = re.compile(
    r"duplicat|not unique|already (exists?|used)|time[d ]{0,2}out|unknown (status|error)"
    r"|status unknown|internal|system (is )?(busy|error)|EService:|deadline",
    re.IGNORECASE,
)
# ccxt picks the class of an error by the host's name, and knows some codes only on one host: these
# count wherever they come from. By the first word of ccxt's message, the exchange.
_CODE = re.compile(r"""["'](?:code|retCode|sCode|err[-_]code)["']\s*:\s*["']?(-?\d+)""")
_REJECTED_CODES = {
    # Rejected by the matching engine, too little margin, reduce-only without a position, position
    # limit, position side, a kind of order that wants another endpoint, minimum, request too old.
    "binance": "-2010 -2019 -2022 -2027 -4061 -4120 -4164 -1021",
    "okx": "51004 51008 51010 50061",
    "bybit": "110007",
    "bitget": "43008",
}
_UNKNOWN_CODES = {
    "binance": "-1007 -1008",  # no answer from the backend in time; overloaded
    "bingx": "80012",  # service unavailable, which ccxt calls insufficient funds
}
_FUNDS_CODES = {"binance": "-2019", "okx": "51008", "bybit": "110007"}
# Other names of the same exchanges.
_FAMILIES = ("binance", "okx", "bybit", "bitget", "bingx")
_SAME_FAMILY = {"myokx": "okx"}
# ccxt's plainest error means that it has no row for the exchange's words. Of Kraken's, the part in
# front of the colon says it (its cost minimum, for one, is not in ccxt's table).
_PLAIN_REFUSAL = re.compile(
    r"E(Order|Query|API|EntryFunds|Trade|General:Invalid|General:Permission)"
)


def classify(error: BaseException) -> Outcome:
    """Whether the order behind ``error`` certainly does not exist.

    :param error: what freqtrade's ``create_order`` or ``create_stoploss`` raised
    """
    if _came_after_the_reply(error):
        return Outcome.UNKNOWN
    cause = error if isinstance(error, ccxt.BaseError) else error.__cause__
    if cause is None:
        # Denied by freqtrade itself. Another error (ValueError, KeyError, ...) comes out of
        # reading an answer, so there was one.
        if isinstance(error, TemporaryError | RetryableOrderError):
            return Outcome.UNKNOWN
        return Outcome.REJECTED if isinstance(error, _BEFORE_SENDING) else Outcome.UNKNOWN
    if _is_of_the_connection(cause.__cause__):
        # ccxt files a broken connection, and a status that it does not know (524: the gate gave
        # up waiting), as ExchangeError.
        return Outcome.UNKNOWN
    if isinstance(cause, ccxt.DuplicateOrderId) or _DOUBT.search(str(cause)):
        return Outcome.UNKNOWN
    if _has_code(cause, _UNKNOWN_CODES):
        return Outcome.UNKNOWN
    if _has_code(cause, _REJECTED_CODES):
        return Outcome.REJECTED
    if type(cause) is ccxt.ExchangeError:
        known = _PLAIN_REFUSAL.search(str(cause)) is not None
        return Outcome.REJECTED if known else Outcome.UNKNOWN
    if isinstance(cause, (ccxt.ExchangeError, *_TURNED_AWAY)):
        return Outcome.REJECTED
    return Outcome.UNKNOWN


def reason_of(error: BaseException) -> str:
    """Why an exchange has rejected an order: "minimum", "funds", "margin" or "other"."""
    cause = error if isinstance(error, ccxt.BaseError) else error.__cause__ or error
    reason = rejection_reason(str(cause))
    return "funds" if reason == "other" and isinstance(cause, ccxt.InsufficientFunds) else reason


def is_insufficient_funds(error: BaseException) -> bool:
    """Whether the exchange rejected an order because it lacks the money or the coins."""
    cause = error if isinstance(error, ccxt.BaseError) else error.__cause__
    if cause is not None and _has_code(cause, _UNKNOWN_CODES):
        return False
    if isinstance(error, InsufficientFundsError) or isinstance(cause, ccxt.InsufficientFunds):
        return True
    return cause is not None and _has_code(cause, _FUNDS_CODES)


def _is_of_the_connection(cause: BaseException | None) -> bool:
    return isinstance(cause, requests.RequestException) or type(cause).__module__.startswith(
        "aiohttp."
    )


def _has_code(cause: BaseException, codes: Mapping[str, str]) -> bool:
    text = str(cause)
    exchange, _, _ = text.partition(" ")
    family = _SAME_FAMILY.get(exchange) or next(
        (name for name in _FAMILIES if exchange.startswith(name)), exchange
    )
    found = _CODE.findall(text)
    return any(code in codes.get(family, "").split() for code in found)


def _came_after_the_reply(error: BaseException) -> bool:
    """Whether freqtrade had the accepted order in hands already (it asks for its trades then)."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "_order_contracts_to_amount":
            return True
        trace = trace.tb_next
    return False
