"""What an error out of ``create_order`` says about the order: refused for sure, or unknown.

freqtrade turns both into the same exceptions; the ccxt error behind it tells them apart. When in
doubt the outcome is unknown: that costs a look-up, while a wrong "refused" costs a second order.
"""

import re
from enum import StrEnum

import ccxt
import requests
from freqtrade.exceptions import (
    DependencyException,
    OperationalException,
    RetryableOrderError,
    TemporaryError,
)

from freqtrade_balance_guard.orders.events import rejection_reason


class Outcome(StrEnum):
    """What became of an order whose reply was an error."""

    REFUSED = "refused"
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
# ccxt's plainest error means that it has no row for the exchange's words. Of Kraken's, the part in
# front of the colon tells (its cost minimum, for one, is not in ccxt's table).
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
        # A refusal of freqtrade's own. Another error (ValueError, KeyError, ...) comes out of
        # reading an answer, so there was one.
        if isinstance(error, TemporaryError | RetryableOrderError):
            return Outcome.UNKNOWN
        return Outcome.REFUSED if isinstance(error, _BEFORE_SENDING) else Outcome.UNKNOWN
    if isinstance(cause.__cause__, requests.RequestException):
        # ccxt files a broken connection, and a status that it does not know (524: the gate gave
        # up waiting), as ExchangeError.
        return Outcome.UNKNOWN
    if isinstance(cause, ccxt.DuplicateOrderId) or _DOUBT.search(str(cause)):
        return Outcome.UNKNOWN
    if type(cause) is ccxt.ExchangeError:
        known = _PLAIN_REFUSAL.search(str(cause)) is not None
        return Outcome.REFUSED if known else Outcome.UNKNOWN
    if isinstance(cause, (ccxt.ExchangeError, *_TURNED_AWAY)):
        return Outcome.REFUSED
    return Outcome.UNKNOWN


def reason_of(error: BaseException) -> str:
    """Why an exchange has rejected an order: "minimum", "funds", "margin" or "other"."""
    cause = error if isinstance(error, ccxt.BaseError) else error.__cause__ or error
    reason = rejection_reason(str(cause))
    return "funds" if reason == "other" and isinstance(cause, ccxt.InsufficientFunds) else reason


def _came_after_the_reply(error: BaseException) -> bool:
    """Whether freqtrade had the accepted order in hands already (it asks for its trades then)."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "_order_contracts_to_amount":
            return True
        trace = trace.tb_next
    return False
