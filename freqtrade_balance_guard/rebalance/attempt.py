"""What one attempt to rebalance is, and which outcomes its sales have.

planned ──► sending ──► ordered ──► filled       the outcome of one sale
   │           ├──────► vetoed                   confirm_trade_exit of the strategy said no
   │           ├──────► failed                   the exchange rejected it, or an error
   │           └──────► unknown                  killed meanwhile, and nothing is to be found
   └──────────────────► not_sent                 skipped, or killed before its turn
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from freqtrade_balance_guard.rebalance.waiting import Progress


class Reason(StrEnum):
    """Who wanted it."""

    STUCK = "stake is stuck"
    ASKED = "asked for"


class Outcome(StrEnum):
    """The outcome of one sale."""

    PLANNED = "planned"
    SENDING = "sending"
    ORDERED = "ordered"
    FILLED = "filled"
    VETOED = "vetoed"
    FAILED = "failed"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


MAY_FOLLOW = {
    Outcome.PLANNED: {Outcome.SENDING, Outcome.NOT_SENT},
    Outcome.SENDING: {
        *(Outcome.ORDERED, Outcome.FILLED, Outcome.VETOED),
        *(Outcome.FAILED, Outcome.UNKNOWN),
    },
    # An order that was cancelled or expired without a fill has failed after all.
    Outcome.ORDERED: {Outcome.FILLED, Outcome.FAILED},
    Outcome.UNKNOWN: {Outcome.ORDERED, Outcome.FILLED, Outcome.FAILED},
}
# May be sold, as far as we know: not to be bought back.
MAY_BE_SOLD = {Outcome.SENDING, Outcome.ORDERED, Outcome.FILLED, Outcome.UNKNOWN}


@dataclass(frozen=True, slots=True)
class SaleRecord:
    """One sale of an attempt. ``amount`` in base currency, ``freed`` as planned."""

    trade_id: int
    pair: str
    amount: Decimal
    is_whole: bool
    freed: Decimal
    outcome: Outcome = Outcome.PLANNED
    order_id: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One rebalance. Amounts in ``currency`` (the stake); ``expected`` is available after it."""

    id: int
    account: str
    bot: str
    started_at: datetime
    ended_at: datetime | None
    reason: Reason
    currency: str
    available: Decimal
    target: Decimal
    expected: Decimal
    sales: tuple[SaleRecord, ...]
    progress: Progress
