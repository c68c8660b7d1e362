"""The answer to "may this order go, and how large?": a value, never an exception."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from freqtrade_balance_guard.money import format_amount


class DenialCode(StrEnum):
    """Why we denied. The names are stable: they are counted, shown and documented."""

    PAUSED = "paused"
    BELOW_THRESHOLD = "below_threshold"
    CAP_BELOW_MINIMUM = "cap_below_minimum"
    STAKE_BELOW_MINIMUM = "stake_below_minimum"
    INSUFFICIENT_AVAILABLE = "insufficient_available"
    AMOUNT_BELOW_EXCHANGE_MINIMUM = "amount_below_exchange_minimum"
    COST_BELOW_EXCHANGE_MINIMUM = "cost_below_exchange_minimum"
    NO_ROOM_FOR_EXIT = "no_room_for_exit"
    PARTIAL_EXIT_TOO_SMALL = "partial_exit_too_small"
    BALANCE_LAGGING = "balance_lagging"
    BALANCE_RISING_UNCONFIRMED = "balance_rising_unconfirmed"
    BALANCE_UNREADABLE = "balance_unreadable"
    MINIMUM_REJECTED = "minimum_rejected"
    FUNDS_REJECTED = "funds_rejected"
    MARGIN_USAGE = "margin_usage"
    POSITION_MISMATCH = "position_mismatch"
    RESERVED_BY_OTHERS = "reserved_by_others"
    REBALANCE_COOLDOWN = "rebalance_cooldown"
    ORDER_UNRESOLVED = "order_unresolved"
    ARBITRAGE_IN_PROGRESS = "arbitrage_in_progress"
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    SELF_CHECK_FAILED = "self_check_failed"
    SETTINGS_WRONG = "settings_wrong"
    GUARD_ERROR = "guard_error"


@dataclass(frozen=True, slots=True)
class Denied:
    """The one answer "no". ``sentence`` is for people; code and numbers are for machines.

    ``numbers`` are Decimals in the unit that their name ends with or, where it names none, in the
    stake currency.
    """

    code: DenialCode
    sentence: str
    numbers: dict[str, Decimal] = field(default_factory=dict)

    def __str__(self) -> str:
        details = ", ".join(f"{name}={format_amount(n)}" for name, n in self.numbers.items())
        return f"{self.sentence} [{self.code}{': ' + details if details else ''}]"


@dataclass(frozen=True, slots=True)
class Approved:
    """The order may go with this stake (stake currency, before leverage).

    ``reduced_by`` names the limit that made it smaller than asked, or is empty.
    """

    stake: Decimal
    reduced_by: str = ""


Decision = Approved | Denied
