"""Kraken's errors: its own strings for what the engine rejects and for what a fault asks."""

import json

from freqtrade_balance_guard.sandbox.core.assets import pair_names
from freqtrade_balance_guard.sandbox.core.orders import Reason, Rejected
from freqtrade_balance_guard.sandbox.engine.wire import Answer, ProtocolError
from freqtrade_balance_guard.sandbox.script.faults import Fault


_WORDS = {
    Reason.INSUFFICIENT_FUNDS: "EOrder:Insufficient funds",
    Reason.ORDER_NOT_OPEN: "EOrder:Unknown order",
    Reason.CLIENT_ID_TAKEN: "EGeneral:Invalid arguments:cl_ord_id not unique",
    Reason.AMOUNT_INVALID: "EGeneral:Invalid arguments:volume",
    Reason.AMOUNT_TOO_SMALL: "EGeneral:Invalid arguments:volume minimum not met",
    Reason.COST_TOO_SMALL: "EOrder:Cost minimum not met",
    Reason.PRICE_NOT_POSITIVE: "EGeneral:Invalid arguments:price",
    Reason.PRICE_OFF_TICK: "EOrder:Tick size check failed",
    Reason.WOULD_TAKE: "EOrder:Post only order",
}


class KrakenError(ProtocolError):
    """A request fails; Kraken answers with status 200 and its error string."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Answer(json.dumps({"error": [message]})))


def in_words(rejected: Rejected) -> KrakenError:
    if rejected.reason == Reason.PRICE_TOO_PRECISE:
        altname = pair_names(rejected.symbol).altname
        return KrakenError(
            f"EOrder:Invalid price:{altname} price can only be specified up to "
            f"{rejected.decimals} decimals."
        )
    return KrakenError(_WORDS.get(rejected.reason, "EGeneral:Internal error"))


def scripted(fault: Fault) -> KrakenError:
    usual = "EOrder:Insufficient funds" if fault.kind == "refuse" else "EService:Unavailable"
    return KrakenError(fault.message or usual)
