"""The script of a rehearsal: which troubles come when, and how prices move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


# Before a rehearsal ends the exchange is well for so long (seconds): a reply that was lost is
# looked up within this time, so that what is unknown then stays unknown.
QUIET_END_S = 75.0
LEAST_MINUTES = 3.0

# Prices swing so that relative strength passes 30 and 70 on one-minute candles.
_PERIOD_S = 1800.0
_AMPLITUDE = "0.1"
_LOW_BEFORE_SIGNAL_S = 160.0
_TROUGH = 0.75  # of a sine's period
_FALL = Decimal("0.93")


@dataclass(frozen=True)
class Trouble:
    """One fault of the exchange. ``begins`` and ``lasts``: shares of the time before the end."""

    label: str
    fault: Mapping[str, Any]
    begins: float
    lasts: float

    def scheduled(self, seconds: float) -> dict[str, Any]:
        """The fault as the sandbox takes it, from now on."""
        window = seconds - QUIET_END_S
        return {
            **self.fault,
            "start_after_s": round(self.begins * window, 1),
            "duration_s": round(max(self.lasts * window, 1.0), 1),
        }


# What meets two orders has a long time to do so: entries come with new candles, once a minute.
TROUBLES = (
    Trouble(
        "balances lag 6 s after orders",
        {"kind": "balance_lag", "seconds": 6},
        begins=0.05,
        lasts=0.25,
    ),
    Trouble("two orders are rejected", {"kind": "refuse", "times": 2}, begins=0.3, lasts=0.5),
    Trouble(
        "replies to two orders are lost",
        {"kind": "lost_reply", "how": "timeout", "seconds": 2, "times": 2},
        begins=0.45,
        lasts=0.38,
    ),
    Trouble(
        "the exchange is out of order",
        {"kind": "http_status", "status": 503, "endpoint": "*"},
        begins=0.85,
        lasts=0.1,
    ),
)
FALL_BEGINS, FALL_LASTS = 0.6, 0.15


def wave(number: int, count: int, seconds: float, elapsed: float = 0.0) -> dict[str, Any]:
    """The price path of one pair of ``count``: their lows are spread over the rehearsal.

    :param elapsed: seconds since the exchange was started, when the path begins later
    """
    share = number / max(count - 1, 1)
    # What crosses upwards does so about three minutes after a low; none shall come at the end.
    low_at = share * (seconds - 2 * QUIET_END_S) - _LOW_BEFORE_SIGNAL_S
    phase = (_TROUGH + (elapsed - low_at) / _PERIOD_S) % 1
    return {"kind": "wave", "amplitude": _AMPLITUDE, "period": _PERIOD_S, "phase": round(phase, 6)}


def fall(price: Decimal, tick: Decimal) -> list[dict[str, Any]]:
    """A price path: 7 % down within ten seconds."""
    low = max((price * _FALL) // tick, Decimal(1)) * tick
    return [{"at": 0, "price": f"{price:f}"}, {"at": 10, "price": f"{low:f}"}]


def not_met(faults: Sequence[Mapping[str, Any]]) -> list[str]:
    """Labels of troubles that met no request of a bot."""
    return [
        trouble.label
        for trouble, fault in zip(TROUBLES, faults, strict=True)
        if not fault["applied"]
    ]
