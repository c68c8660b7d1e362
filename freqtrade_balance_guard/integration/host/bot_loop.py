"""What freqtrade knows on the way to an order but does not hand on.

``Wallets.validate_stake_amount`` sees no price and no mode; ``Exchange.create_order`` does not know
whether an entry is new or replaces another one. Both are known a few calls earlier in the same
thread, so they are noted there. Context variables keep RPC threads and the bot loop apart.
"""

from contextvars import ContextVar
from typing import NamedTuple

from freqtrade_balance_guard.limits.sizing import EntryKind


# The guard's own waits in front of exits, in sum.
EXIT_WAIT_SECONDS = 3.0


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
    tag: str = ""


last_minimum_query: ContextVar[MinimumQuery | None] = ContextVar("last_minimum_query", default=None)
current_entry: ContextVar[Entry | None] = ContextVar("current_entry", default=None)


class Loop:
    """One pass of the bot's main loop: what was already read in it, and whether that failed."""

    def __init__(self) -> None:
        self.has_read_for_entry = False
        self.has_failed = False


current_loop: ContextVar[Loop | None] = ContextVar("current_loop", default=None)
# The stake of an order that exists already and is only to be booked.
handed_stake: ContextVar[float | None] = ContextVar("handed_stake", default=None)
# Set where freqtrade must see the exchange's own answer: in front of an exit, and where a fee is
# compared with what is in the wallet.
must_be_fresh: ContextVar[bool] = ContextVar("must_be_fresh", default=False)
