"""The timeline of a sandbox, and its counters: enough to draw what was true, shown and ordered."""

from collections import Counter, deque

from freqtrade_balance_guard.sandbox.script.clock import Clock


Entry = dict[str, object]


class Journal:
    """Events in the order they happened, the newest `limit` of them.

    Every entry has `seq` (rising, without gaps), `time` (unix seconds), `at` (seconds since the
    start) and `event`; the rest depends on the event.
    """

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._seq = 0
        self.started_at = clock.now()

    def record(self, event: str, **details: object) -> None:
        now = self._clock.now()
        self._seq += 1
        self._entries.append(
            {
                "seq": self._seq,
                "time": round(now, 6),
                "at": round(now - self.started_at, 6),
                "event": event,
                **details,
            }
        )

    def entries(self, after: int = 0) -> list[Entry]:
        """All kept entries with a higher `seq`."""
        return [entry for entry in self._entries if _seq(entry) > after]


def _seq(entry: Entry) -> int:
    seq = entry["seq"]
    return seq if isinstance(seq, int) else 0


class Counters:
    """Calls and rejections per endpoint and key; public calls have no key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        self._since = self._clock.now()
        self._calls: Counter[tuple[str, str | None, str | None]] = Counter()
        self._errors: Counter[tuple[str, str | None, str | None]] = Counter()

    def count(self, endpoint: str, key: str | None, account: str | None, *, failed: bool) -> None:
        self._calls[(endpoint, key, account)] += 1
        if failed:
            self._errors[(endpoint, key, account)] += 1

    def as_dict(self) -> dict[str, object]:
        per_endpoint: Counter[str] = Counter()
        private = 0
        for (endpoint, key, _account), calls in self._calls.items():
            per_endpoint[endpoint] += calls
            private += calls if key is not None else 0
        total = sum(self._calls.values())
        return {
            "since": self._since,
            "total": total,
            "private": private,
            "public": total - private,
            "errors": sum(self._errors.values()),
            "endpoints": dict(sorted(per_endpoint.items())),
            "calls": [
                {
                    "endpoint": endpoint,
                    "key": key,
                    "account": account,
                    "calls": calls,
                    "errors": self._errors[(endpoint, key, account)],
                }
                for (endpoint, key, account), calls in sorted(
                    self._calls.items(), key=lambda item: tuple(part or "" for part in item[0])
                )
            ],
        }
