"""What freqtrade knows on the way to an order but does not hand on.

``Wallets.validate_stake_amount`` sees no price and no mode; ``Exchange.create_order`` does not know
whether an entry is new or replaces another one. Both are known a few calls earlier in the same
thread, so they are noted there. Context variables keep RPC threads and the bot loop apart.
"""

from contextvars import ContextVar
from typing import NamedTuple

from freqtrade_balance_guard.limits.sizing import EntryKind


class MinimumQuery(NamedTuple):
    """The last question for a minimum stake: freqtrade asks it just before it validates a stake."""

    pair: str
    price: float
    leverage: float


class Entry(NamedTuple):
    """The entry that freqtrade is executing."""

    pair: str
    kind: EntryKind
    is_short: bool


last_minimum_query: ContextVar[MinimumQuery | None] = ContextVar("last_minimum_query", default=None)
current_entry: ContextVar[Entry | None] = ContextVar("current_entry", default=None)
