"""A rejection teaches: the same order is not sent again until something is different.

What counts as different is the market's rules for a minimum and the balance for funds. An exit
is never denied here; one that the exchange rejected for its minimum waits a little between tries.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.limits.market import MarketRules
from freqtrade_balance_guard.money import ZERO, format_amount


# For a position that the exchange finds too small.
EXIT_TRIES_PER_MINUTE = 3
# The pause doubles with each vain try. Two tries in the first minute leave the third one free for
# a position that becomes worth more.
EXIT_FIRST_PAUSE_SECONDS = 30.0
EXIT_LONGEST_PAUSE_SECONDS = 300.0
MINUTE = 60.0
CLEARLY_MORE = Decimal("1.01")
# A funds rejection that no balance explains is tried again after a while.
FUNDS_SILENCE_SECONDS = 600.0
# While an order waits for a minimum to fall again, the market data are loaded anew at once, and
# then with pauses that double: soon at first, and never for long more often than freqtrade would.
RELOAD_FIRST_PAUSE_SECONDS = 15.0
RELOAD_LONGEST_PAUSE_SECONDS = 600.0

# How exchanges say "too small": Kraken's volume and cost minimum, Binance's NOTIONAL and LOT_SIZE
# filters, and the plain words of others.
_MINIMUM_WORDS = re.compile(
    r"minimum not met|min(imum)?[ _.-]?(notional|amount|order|size|cost|volume|trade)"
    r"|(less|lower|smaller) than (the )?min|notional|lot_size|too small|below (the )?min",
    re.IGNORECASE,
)


def is_minimum_rejection(message: str) -> bool:
    """Whether an exchange's words say that an order was too small."""
    return _MINIMUM_WORDS.search(message) is not None


# How exchanges say that an order could only open what it should reduce: Binance's -2022, OKX's
# 51169, Bybit's 110017, Gate's REDUCE_ONLY_FAIL, Bitget's 22002, Hyperliquid's words.
_NOTHING_TO_REDUCE = re.compile(
    r"reduce[ _-]?only.*(reject|fail|increase|same side)|-2022\b|\b51169\b|\b110017\b"
    r"|no (open )?position to (close|reduce)|\b22002\b",
    re.IGNORECASE,
)


def is_nothing_to_reduce(message: str) -> bool:
    """Whether an exchange's words say that there is no position which an exit could reduce."""
    return _NOTHING_TO_REDUCE.search(message) is not None


@dataclass(frozen=True, slots=True)
class _Funds:
    spendable: Decimal
    at: float
    noise: Decimal


@dataclass(slots=True)
class _TooSmall:
    """Exits of a pair that were rejected, of whatever reason. ``value``: the largest one that was
    rejected, in quote; ``minimum``: the largest in the market data since the last try;
    ``pause``: seconds until the same is tried again."""

    value: Decimal
    minimum: Decimal = ZERO
    pause: float = EXIT_FIRST_PAUSE_SECONDS
    tried_at: list[float] = field(default_factory=list)
    reasons: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Reload:
    """When the market data of a pair are due again."""

    due_at: float
    pause: float = RELOAD_FIRST_PAUSE_SECONDS


class Rejections:
    """What the exchange rejected, by pair."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reloads: dict[str, _Reload] = {}
        self._minimums: dict[str, MarketRules] = {}
        self._funds: dict[str, _Funds] = {}
        self._exits: dict[str, _TooSmall] = {}

    # Entries

    def entry_rejected(self, pair: str, rules: MarketRules, message: str) -> None:
        """The exchange rejected an entry with these words; only some of them teach anything."""
        if is_minimum_rejection(message):
            self.minimum_rejected(pair, rules)

    def minimum_rejected(self, pair: str, rules: MarketRules) -> None:
        """The exchange found an entry too small under rules that we thought it kept."""
        self._minimums[pair] = rules
        self._reloads.setdefault(pair, _Reload(self._clock.monotonic()))

    def funds_rejected(self, pair: str, spendable: Decimal, noise: Decimal = ZERO) -> None:
        """The exchange did not have the funds that we thought were there.

        :param noise: a change up to this is none: it comes without an order, and goes again
        """
        self._funds[pair] = _Funds(spendable, self._clock.monotonic(), noise)

    def entry_refusal(self, pair: str, rules: MarketRules, spendable: Decimal) -> Denied | None:
        """Why an entry on ``pair`` would only be rejected again; None if something changed."""
        if pair in self._minimums:
            if self._minimums[pair] == rules:
                return Denied(
                    DenialCode.MINIMUM_REJECTED,
                    "the exchange rejected an order for its minimum although the market data "
                    "allow it; waiting for market data that differ",
                )
            del self._minimums[pair]
        funds = self._funds.get(pair)
        if funds is not None:
            age = self._clock.monotonic() - funds.at
            is_same = abs(spendable - funds.spendable) <= funds.noise
            if is_same and age < FUNDS_SILENCE_SECONDS:
                return Denied(
                    DenialCode.FUNDS_REJECTED,
                    "the exchange rejected an order for lack of funds; waiting for a balance that "
                    f"differs from {format_amount(funds.spendable)}",
                    {"spendable": spendable},
                )
            del self._funds[pair]
        return None

    def wants_markets(self, pair: str) -> bool:
        """Whether the market data should be loaded anew now, for an order on ``pair`` that waits.

        Ask whenever it is wanted and does not go. An order that goes through ends it.
        """
        reload = self._reloads.get(pair)
        now = self._clock.monotonic()
        if reload is None or now < reload.due_at:
            return False
        reload.due_at = now + reload.pause
        reload.pause = min(reload.pause * 2, RELOAD_LONGEST_PAUSE_SECONDS)
        return True

    # Exits

    def exit_rejected(self, pair: str, value: Decimal, reason: str) -> bool:
        """The exchange found an exit worth ``value`` (quote) too small. True if that is news."""
        rejected = self._exits.get(pair)
        is_news = rejected is None
        if rejected is None:
            rejected = self._exits[pair] = _TooSmall(value)
        else:
            rejected.pause = min(rejected.pause * 2, EXIT_LONGEST_PAUSE_SECONDS)
        now = self._clock.monotonic()
        self._reloads.setdefault(pair, _Reload(now))
        rejected.value, rejected.minimum = max(rejected.value, value), ZERO
        rejected.reasons.add(reason)
        rejected.tried_at = [at for at in rejected.tried_at if now - at < MINUTE] + [now]
        return is_news

    def exit_waits(self, pair: str, value: Decimal, minimum: Decimal, reason: str) -> bool:
        """Whether an exit should wait before it is tried again.

        It goes at once when it is worth the market's ``minimum`` again (which may have fallen), and
        when it is wanted for a new reason (a stop-loss after a signal).
        """
        rejected = self._exits.get(pair)
        if rejected is None or reason not in rejected.reasons:
            return False
        rejected.minimum = max(rejected.minimum, minimum)
        market_knew = rejected.value < rejected.minimum
        if market_knew and value >= minimum:
            return False
        now = self._clock.monotonic()
        tries = [at for at in rejected.tried_at if now - at < MINUTE]
        if len(tries) >= EXIT_TRIES_PER_MINUTE:
            return True
        if not market_knew and value > rejected.value * CLEARLY_MORE:
            # The exchange's true minimum is higher than the market data say.
            return False
        return now - rejected.tried_at[-1] < rejected.pause

    def position_changed(self, pair: str) -> None:
        """An order went through: what was too small is sold, or no longer as small."""
        self._exits.pop(pair, None)
        self._reloads.pop(pair, None)


class RejectedBefore:
    """The control of entries of which it is known that the exchange would reject them again.

    :param spendable: stake currency above the floor
    :param reload_markets: asks for fresh market data, without waiting for them
    """

    def __init__(
        self,
        rejections: Rejections,
        rules: Callable[[str], MarketRules],
        spendable: Callable[[], Decimal],
        reload_markets: Callable[[], None],
    ) -> None:
        self._rejections = rejections
        self._rules = rules
        self._spendable = spendable
        self._reload_markets = reload_markets

    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        """The denial until the market's rules, or the balance, are others."""
        if self._rejections.wants_markets(entry.pair):
            self._reload_markets()
        return self._rejections.entry_refusal(
            entry.pair, self._rules(entry.pair), self._spendable()
        )
