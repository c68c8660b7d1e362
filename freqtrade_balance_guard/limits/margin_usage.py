"""The control of how much of a cross margin account is tied up (``futures.max_margin_usage``)."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.limits.sizing import EntryKind
from freqtrade_balance_guard.money import HUNDRED, exact, format_amount


@dataclass(frozen=True, slots=True)
class MarginInUse:
    """Margin of one account, in the coin that it is kept in."""

    used: Decimal
    total: Decimal

    @property
    def percent(self) -> Decimal:
        """The share that is used; all of it where there is no margin."""
        return self.used / self.total * HUNDRED if self.total > 0 else HUNDRED


class MarginUsage:
    """Denies entries while more than ``max_percent`` of the margin is used.

    In cross margin a loss of one position is paid from what the others have, so what is free is the
    distance to the liquidation of all of them.
    """

    def __init__(
        self, in_use: Callable[[], MarginInUse | None], max_percent: Decimal, currency: str
    ) -> None:
        self._in_use = in_use
        self._max_percent = max_percent
        self._currency = currency

    @exact
    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        """The denial while too much is in use; a replaced order ties up nothing more."""
        in_use = self._in_use()
        if in_use is None or entry.kind is EntryKind.REPLACEMENT:
            return None
        percent, most = in_use.percent, self._max_percent
        if percent <= most:
            return None
        shown = round(percent, 2)
        return Denied(
            DenialCode.MARGIN_USAGE,
            f"{format_amount(in_use.used)} of {format_amount(in_use.total)} {self._currency} "
            f"margin are in use, {format_amount(shown)} %; futures.max_margin_usage is "
            f"{format_amount(most)} %",
            {
                "used": in_use.used,
                "margin": in_use.total,
                "usage_percent": shown,
                "max_margin_usage_percent": most,
            },
        )
