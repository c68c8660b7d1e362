"""What the rows of both databases have in common."""

import json
from dataclasses import asdict, replace
from decimal import Decimal

from freqtrade_balance_guard.ledger.reservation import ALWAYS, NEVER, UNFINISHED, Reservation, State
from freqtrade_balance_guard.ledger.results import NotReserved
from freqtrade_balance_guard.limits.decision import DenialCode


# The state of a row that is no reservation: it keeps the id of a denied request.
REFUSED = "refused"
STATES = {state.value: state for state in State}

COLUMNS = (
    "id, client_order_id, group_id, account, bot, process, pair, side, currency, requested, held, "
    "committed, state, created_at, order_id, known_at, visible_from"
)
# Where the state and the denial stand in a row of COLUMNS and denial.
STATE, REFUSAL = 12, 17


def settled(row: Reservation) -> int | None:
    """Where a row stands in the index ``live``.

    0: a check or a recovery needs it; 1: only a check with an old snapshot does; None: none does.
    """
    if row.visible_from == ALWAYS:
        return None
    return int(row.visible_from != NEVER and row.state not in UNFINISHED)


def write_refusal(refusal: NotReserved) -> str:
    return json.dumps(asdict(refusal), default=str)


def read_refusal(text: str) -> NotReserved:
    """A stored denial, as the answer to the same question asked again."""
    stored = json.loads(text)
    numbers = {name: Decimal(value) for name, value in stored["numbers"].items()}
    refused = NotReserved(**{**stored, "code": DenialCode(stored["code"]), "numbers": numbers})
    return replace(refused, replayed=True)
