"""Kraken's two call meters.

The private-call meter belongs to a key: every call adds to it (ledgers and trade history 2, orders
and cancels nothing), it decays with time, and above its maximum calls are rejected. The order meter
belongs to an account and pair: placing adds 1, cancelling a young order adds up to 8; here a
cancel is counted but never rejected. Source: Kraken's "Spot REST rate limits" and "Spot trading
rate limits", starter tier as the default.
"""

CALL_COSTS = {
    "AddOrder": 0,
    "CancelOrder": 0,
    "CancelAll": 0,
    "ClosedOrders": 1,
    "Ledgers": 2,
    "QueryLedgers": 2,
    "TradesHistory": 2,
}

# (the order is younger than so many seconds, what its cancel adds to the order meter)
_CANCEL_COSTS = ((5.0, 8.0), (10.0, 6.0), (15.0, 5.0), (45.0, 4.0), (90.0, 2.0), (300.0, 1.0))


class Meter:
    """A counter that leaks."""

    def __init__(self, maximum: float, decay: float) -> None:
        self._maximum = maximum
        self._decay = decay
        self._level = 0.0
        self._at = 0.0

    def level(self, now: float) -> float:
        return max(0.0, self._level - self._decay * max(0.0, now - self._at))

    def add(self, cost: float, now: float) -> bool:
        """Counts a call. False: above the maximum, to be rejected, and then not counted."""
        level = self.level(now)
        if cost > 0 and level + cost > self._maximum:
            return False
        self.charge(cost, now)
        return True

    def charge(self, cost: float, now: float) -> None:
        """Counts a call that is never rejected."""
        self._level, self._at = self.level(now) + cost, now


def call_cost(endpoint: str) -> int:
    return CALL_COSTS.get(endpoint, 1)


def cancel_cost(age: float) -> float:
    """What cancelling an order of this age (seconds) adds to the order meter."""
    for limit, cost in _CANCEL_COSTS:
        if age < limit:
            return cost
    return 0.0
