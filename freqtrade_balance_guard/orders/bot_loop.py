"""What one bot is doing at the moment, where freqtrade does not hand it on as an argument."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.deadline import WaitBudget
from freqtrade_balance_guard.limits.sizing import EntryKind


if TYPE_CHECKING:
    # A backtest follows no orders: it loads neither them nor the ledger.
    from freqtrade_balance_guard.orders.tracked_order import TrackedOrder


class MinimumQuery(NamedTuple):
    """The arguments of the last question for a minimum stake.

    freqtrade asks it just before it validates a stake; only there the price of the entry is known.
    """

    pair: str
    price: float
    leverage: float


class Entry(NamedTuple):
    """The entry that freqtrade is executing."""

    pair: str
    kind: EntryKind
    is_short: bool
    tag: str = ""


class BotLoop:
    """Holds how long one bot may still wait; its main loop and its RPC threads share it."""

    def __init__(self, clock: Clock, waits: WaitBudget | None = None) -> None:
        """:param waits: the budget that the balance reads of the start draw on already"""
        self.waits = waits or WaitBudget(clock)

    @contextmanager
    def one_pass(self) -> Iterator["Loop"]:
        """One pass of the main loop, in its thread."""
        loop = Loop()
        token = current_loop.set(loop)
        try:
            yield loop
        finally:
            current_loop.reset(token)


class Loop:
    """One pass of the bot's main loop: what was already read in it, and whether that failed."""

    def __init__(self) -> None:
        self.has_read_for_entry = False
        self.has_failed = False
        # Set where freqtrade must see the exchange's own answer: in front of an exit, and where a
        # fee is compared with what is in the wallet.
        self.needs_fresh_balance = False


# None in RPC threads.
current_loop: ContextVar[Loop | None] = ContextVar("current_loop", default=None)


@contextmanager
def fresh_balance() -> Iterator[None]:
    """Inside, the wallets ask the exchange; outside of the main loop they always do."""
    loop = current_loop.get()
    if loop is None:
        yield
        return
    loop.needs_fresh_balance = True
    try:
        yield
    finally:
        loop.needs_fresh_balance = False


class Adopted(NamedTuple):
    """An order that exists on an exchange already, and that freqtrade books now.

    :param tracked: None for a leg, which its arbitrage has booked
    :param order: as ccxt returns it
    :param stake: in stake currency
    """

    tracked: "TrackedOrder | None"
    order: dict[str, Any]
    stake: float


adopted_order: ContextVar[Adopted | None] = ContextVar("adopted_order", default=None)


@contextmanager
def adopting(tracked: "TrackedOrder | None", order: dict[str, Any], stake: float) -> Iterator[None]:
    """Inside, freqtrade's next ``create_order`` returns ``order`` instead of sending one."""
    token = adopted_order.set(Adopted(tracked, order, stake))
    try:
        yield
    finally:
        adopted_order.reset(token)
