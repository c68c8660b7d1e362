"""What other bots of the same account do to the balance, as far as the ledger tells."""

from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.balances.flow import KEPT_SECONDS, Flow
from freqtrade_balance_guard.money import ZERO


# Another bot books a fee that was not reported at the market's rate; so much of what its orders
# moved may be wrong.
DOUBT = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class Shared:
    """An order of another bot: what it still holds and has used so far of ``currency``.

    ``brought`` is what it received so far, in ``brought_currency``; None where it is unknown.
    ``is_exact``: none of it was assumed.
    """

    currency: str
    held: Decimal
    used: Decimal
    brought_currency: str | None = None
    brought: Decimal | None = None
    is_open: bool = True
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class _Known:
    order: Shared
    placed_at: float
    changed_at: float


class SharedOrders:
    """The orders of the other bots, by client order id."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._releases: list[Flow] = []

    def share(self, key: str, order: Shared, now: float, *, is_old: bool) -> list[Flow]:
        """What is new since the last report. Repeated news change nothing.

        :param is_old: what it used and brought so far is in the balance already
        """
        known = self._known.get(key)
        if known is None:
            used, brought = (order.used, order.brought or ZERO) if is_old else (ZERO, ZERO)
            before = Shared(order.currency, ZERO, used, order.brought_currency, brought)
            known = _Known(before, now, now)
        elif known.order == order or not known.order.is_open:
            return []
        before = known.order
        self._known[key] = _Known(order, known.placed_at, now)
        if before.held > order.held:
            self._releases.append(Flow(order.currency, before.held - order.held, now))
        flows = []
        doubtful = ZERO if order.is_exact else DOUBT
        if (used := order.used - before.used) > 0:
            flows.append(Flow(order.currency, -used, now, used * doubtful))
        if order.brought is not None and order.brought_currency is not None:
            brought = order.brought - (before.brought or ZERO)
            if brought > 0:
                doubt = brought * doubtful
                flows.append(Flow(order.brought_currency, brought - doubt, now, 2 * doubt))
        self._forget(now)
        return flows

    def concerned(self) -> set[str]:
        """Currencies that they hold or move at the moment."""
        concerned = {release.currency for release in self._releases}
        for known in self._known.values():
            concerned.add(known.order.currency)
            if known.order.brought_currency is not None:
                concerned.add(known.order.brought_currency)
        return concerned

    def held(self, currency: str, *, since: float | None = None) -> Decimal:
        """What they keep of ``currency``; of those placed after ``since``."""
        return sum(
            (
                known.order.held
                for known in self._known.values()
                if known.order.currency == currency and (since is None or known.placed_at > since)
            ),
            ZERO,
        )

    def released(self, currency: str, *, since: float) -> Decimal:
        """What they kept of ``currency`` and gave back, or used, after ``since``."""
        return sum(
            (r.amount for r in self._releases if r.currency == currency and r.at > since), ZERO
        )

    def _forget(self, now: float) -> None:
        oldest = now - KEPT_SECONDS
        self._releases = [release for release in self._releases if release.at > oldest]
        for key, known in list(self._known.items()):
            if not known.order.is_open and known.changed_at <= oldest:
                del self._known[key]
