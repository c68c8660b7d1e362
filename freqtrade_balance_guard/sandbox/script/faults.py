"""Scripted trouble: which faults there are, and which of them meets a request.

A fault is active from `start_after_s` for `duration_s` seconds, skips its first `after_calls`
matching requests, and affects `times` of them (None: all, until it ends or is cleared). Nothing is
drawn at random: the same requests meet the same faults.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


FaultKind = Literal[
    "balance_lag",
    "balance_wrong",
    "balance_factor",
    "balance_empty",
    "balance_zero",
    "balance_null",
    "balance_result_null",
    "balance_negative",
    "balance_missing",
    "balance_garbage",
    "html",
    "error",
    "http_status",
    "timeout",
    "drop",
    "refuse",
    "lost_reply",
    "late_arrival",
    "orders_lag",
    "partial_fill",
    "no_fill",
    "latency",
    "book_frozen",
    "book_crossed",
    "stream_gap",
    "stream_disconnect",
    "accounting_fault",
    "settlement_failed",
    "settlement_delayed",
]

BALANCE_KINDS = frozenset(
    {
        "balance_lag",
        "balance_wrong",
        "balance_factor",
        "balance_empty",
        "balance_zero",
        "balance_null",
        "balance_result_null",
        "balance_negative",
        "balance_missing",
        "balance_garbage",
    }
)
INSTEAD_KINDS = frozenset({"error", "http_status", "timeout", "drop", "html"})
BOOK_KINDS = frozenset({"book_frozen", "book_crossed"})
STREAM_KINDS = frozenset({"stream_gap", "stream_disconnect"})
LATE_KINDS = frozenset({"late_arrival"})
LIST_KINDS = frozenset({"orders_lag"})
FILL_KINDS = frozenset({"partial_fill", "no_fill"})
FINAL_KINDS = frozenset({"refuse"})  # the request certainly has no effect
SETTLEMENT_KINDS = frozenset({"settlement_failed", "settlement_delayed"})
_ORDER_KINDS = frozenset({"refuse", "lost_reply"}) | LATE_KINDS | FILL_KINDS
_NEEDED = {
    "balance_lag": "seconds",
    "balance_wrong": "amount",
    "balance_missing": "currency",
    "late_arrival": "seconds",
    "orders_lag": "seconds",
    "settlement_delayed": "seconds",
    "accounting_fault": "amount",
}


# What a request is for, whatever its protocol calls it; a fault's `endpoint` may name one of these.
Role = Literal["balance", "place", "cancel", "find", "list", "book", "stream", "settle"]


class Fault(BaseModel):
    """One fault as it is scripted; which parameters a kind reads is said beside them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind

    # Which requests it meets; None is "any".
    account: str | None = None
    key: str | None = None
    # A name, a role ("place"), "private", "public" or "*"; None: the kind's own.
    endpoint: str | None = None
    symbol: str | None = None
    side: Literal["buy", "sell", "both"] | None = None  # balance_lag: of which orders' effects

    # When.
    after_calls: Annotated[int, Field(ge=0)] = 0
    times: Annotated[int, Field(ge=1)] | None = None
    start_after_s: Annotated[float, Field(ge=0)] = 0.0
    duration_s: Annotated[float, Field(gt=0)] | None = None

    # What.
    # balance_lag, orders_lag; timeout, lost_reply: how long the connection is held;
    # late_arrival: how long after it was received the request is carried out;
    # settlement_delayed: how much longer a match of a prediction market is not final.
    seconds: Annotated[float, Field(ge=0)] | None = None
    currency: str = "USDT"  # balance_wrong, balance_missing, accounting_fault
    # balance_wrong, accounting_fault; book_crossed: how far bids are above asks, 0.001 of the price
    amount: Decimal | None = None
    factor: Decimal = Decimal(10)  # balance_factor
    value: str = "not-a-number"  # balance_garbage
    # "error", "refuse", "lost_reply" with how = error; Binance: a code may come first: "-2010 No."
    message: str | None = None
    status: Annotated[int, Field(ge=400, le=599)] = 502  # http_status
    how: Literal["error", "502", "timeout", "drop"] = "drop"  # lost_reply, late_arrival
    # late_arrival: the matching engine rejects what has expired meanwhile (Kraken's deadline,
    # Binance's receive window); False: it does not look.
    expires: bool = True
    fraction: Annotated[Decimal, Field(ge=0, le=1)] = Decimal("0.5")  # partial_fill
    ms: Annotated[float, Field(ge=0)] = 200.0  # latency

    def model_post_init(self, context: object, /) -> None:
        needed = _NEEDED.get(self.kind)
        if needed is not None and needed not in self.model_fields_set:
            raise ValueError(f"a fault of kind {self.kind} needs {needed!r}")


@dataclass(frozen=True)
class Call:
    """What a request is to the faults."""

    endpoint: str
    private: bool
    account: str | None = None
    key: str | None = None
    symbol: str | None = None
    side: str | None = None
    role: Role | None = None


@dataclass
class ActiveFault:
    """A fault that was scripted, with what has become of it."""

    fault_id: str
    fault: Fault
    begins: float
    ends: float | None
    seen: int = 0
    applied: int = 0
    begun: bool = False
    over: bool = False

    def running(self) -> bool:
        return self.begun and not self.over

    def used_up(self) -> bool:
        return self.fault.times is not None and self.applied >= self.fault.times

    def as_dict(self) -> dict[str, object]:
        state = "over" if self.over else "used_up" if self.used_up() else "active"
        if not self.begun:
            state = "waiting"
        return {
            "id": self.fault_id,
            "state": state,
            "applied": self.applied,
            "begins": self.begins,
            "ends": self.ends,
            **self.fault.model_dump(mode="json", exclude_unset=True),
        }


class FaultBoard:
    """All faults of one exchange; `on_change` gets "begun" and "ended" of each."""

    def __init__(self, on_change: Callable[[str, ActiveFault], None]) -> None:
        self._faults: dict[str, ActiveFault] = {}
        self._on_change = on_change
        self._count = 0

    def add(self, fault: Fault, now: float) -> ActiveFault:
        self._count += 1
        begins = now + fault.start_after_s
        ends = None if fault.duration_s is None else begins + fault.duration_s
        active = ActiveFault(f"F{self._count}", fault, begins, ends)
        self._faults[active.fault_id] = active
        self.advance(now)
        return active

    def all(self) -> list[ActiveFault]:
        return list(self._faults.values())

    def remove(self, fault_id: str) -> bool:
        """Ends a fault early; False when there is none of this id."""
        active = self._faults.pop(fault_id, None)
        if active is None:
            return False
        self._end(active)
        return True

    def clear(self) -> None:
        for fault_id in list(self._faults):
            self.remove(fault_id)

    def advance(self, now: float) -> None:
        """Begins and ends what is due."""
        for active in self._faults.values():
            if not active.begun and now >= active.begins:
                active.begun = True
                self._on_change("begun", active)
            if active.begun and active.ends is not None and now >= active.ends:
                self._end(active)

    def is_running(self, fault_id: str) -> bool:
        active = self._faults.get(fault_id)
        return active is not None and active.running()

    def take_one(self, kinds: frozenset[str], call: Call) -> ActiveFault | None:
        """The first running fault of these kinds that meets the request, counted as applied."""
        taken = self.take(kinds, call, limit=1)
        return taken[0] if taken else None

    def take(
        self, kinds: frozenset[str], call: Call, limit: int | None = None
    ) -> list[ActiveFault]:
        """The running faults of these kinds that meet the request; each is counted as applied."""
        taken: list[ActiveFault] = []
        for active in self._faults.values():
            if active.fault.kind not in kinds or not active.running() or active.used_up():
                continue
            if not _matches(active.fault, call):
                continue
            active.seen += 1
            if active.seen > active.fault.after_calls:
                active.applied += 1
                taken.append(active)
            if limit is not None and len(taken) == limit:
                break
        return taken

    def _end(self, active: ActiveFault) -> None:
        if active.begun and not active.over:
            active.over = True
            self._on_change("ended", active)


def _matches(fault: Fault, call: Call) -> bool:
    if not _endpoint_matches(fault, call):
        return False
    if fault.account is not None and fault.account != call.account:
        return False
    if fault.key is not None and fault.key != call.key:
        return False
    if fault.symbol is not None and fault.symbol != call.symbol:
        return False
    # For a lagging balance the side names the orders whose effects lag, not the request.
    if fault.kind != "balance_lag" and fault.side not in (None, "both"):
        return fault.side == call.side
    return True


def _endpoint_matches(fault: Fault, call: Call) -> bool:
    if fault.endpoint is None:
        if fault.kind in BALANCE_KINDS or fault.kind == "html":
            return call.role == "balance"
        if fault.kind in _ORDER_KINDS:
            return call.role == "place"
        if fault.kind in LIST_KINDS:
            return call.role == "list"
        if fault.kind in BOOK_KINDS:
            return call.role == "book"
        if fault.kind in STREAM_KINDS:
            return call.endpoint.startswith("stream")
        if fault.kind in SETTLEMENT_KINDS:
            return call.role == "settle"
        return call.private
    if fault.endpoint in ("private", "public"):
        return call.private == (fault.endpoint == "private")
    return fault.endpoint in ("*", call.endpoint, call.role)
