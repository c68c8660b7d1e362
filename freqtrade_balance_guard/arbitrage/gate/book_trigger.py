"""The engine: a book changes, the strategy looks at it, and both orders leave.

    a book changes -> on_books -> claim -> plan -> one transaction -> both orders   (this thread)
    look-ups, fills, end                                                   (a thread that waits)

Nothing here makes a request or waits for one. The bot's loop and the engine exchange values through
the desk of permits and the executor; what has begun is followed by the same code as all else.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.arbitrage.books.cache import Market
from freqtrade_balance_guard.arbitrage.compare import Book
from freqtrade_balance_guard.arbitrage.engine.executor import TwoLegExecutor
from freqtrade_balance_guard.arbitrage.engine.legs import RunningArbitrage
from freqtrade_balance_guard.arbitrage.gate.permits import Claim, PermitDesk
from freqtrade_balance_guard.arbitrage.gate.purity import checked
from freqtrade_balance_guard.arbitrage.leg import Opportunity
from freqtrade_balance_guard.arbitrage.results import (
    ArbitrageDenialCode,
    ArbitrageDenied,
    ArbitrageEnded,
)
from freqtrade_balance_guard.arbitrage.states import ArbitrageState
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import kind_and_words_of
from freqtrade_balance_guard.money import ZERO


logger = logging.getLogger(__name__)

# What an arbitrage without any fill costs is requests: its markets rest for a moment, doubled with
# each one that follows, up to the second.
FIRST_REST_SECONDS = 0.5
LONGEST_REST_SECONDS = 30.0
# The same denial of the same legs is published again after this.
REPEAT_SECONDS = 1.0
# on_books that takes longer holds up all books.
SLOW_SECONDS = 0.05

# The strategy's on_books: the usable books by market, and which of them have changed.
OnBooks = Callable[..., Opportunity | Iterable[Opportunity] | None]
Legs = tuple[tuple[str, str, str], ...]


class ArbitrageEngine:
    """Calls ``on_books`` for changed books and begins what it returns. Only in the loop's thread.

    :param followers: how many arbitrages may be waited for at the same time
    :param is_checked: look at everything that ``on_books`` calls (slow)
    """

    def __init__(
        self,
        executor: TwoLegExecutor,
        desk: PermitDesk,
        on_books: OnBooks,
        clock: Clock,
        *,
        followers: int = 1,
        is_checked: bool = False,
    ) -> None:
        self._executor = executor
        self._desk = desk
        self._on_books = on_books
        self._clock = clock
        self._is_checked = is_checked
        self._followers = ThreadPoolExecutor(followers, thread_name_prefix="arbitrage-follower")
        self._watched: frozenset[Market] = frozenset()
        self._changed: set[Market] = set()
        self._changed_at: float | None = None
        self._is_due = False
        self._said: dict[tuple[Legs, str], float] = {}
        self._rests: dict[Legs, tuple[float, float]] = {}
        self._failed: set[str] = set()
        # How long the last call of on_books took, in seconds.
        self.on_books_seconds = 0.0

    # From any thread

    def watch(self, markets: Iterable[Market]) -> None:
        """Follow the books of these for as long as the bot runs.

        :raises LookupError: no venue has that name, or it cannot be reached
        """
        wanted = frozenset(markets)
        self._watched |= wanted
        self._executor.books.on_change = self._has_changed
        self._executor.books.want(sorted(wanted), forever=True)

    def look_again(self) -> None:
        """Call ``on_books`` soon with all books as changed: something else may have changed."""
        self._executor.loop.call(self._all_have_changed)

    def close(self) -> None:
        """Wait for no follower; what has not ended stays stored."""
        self._followers.shutdown(wait=False, cancel_futures=True)

    # In the engine's thread

    def _has_changed(self, market: Market) -> None:
        if market in self._watched:
            self._changed.add(market)
            self._wake()

    def _all_have_changed(self) -> None:
        self._changed |= self._watched
        self._wake()

    def _wake(self) -> None:
        if self._changed_at is None:
            self._changed_at = self._clock.monotonic()
        if not self._is_due:
            # What else has come in with the same data of the network is seen together.
            self._is_due = True
            self._executor.loop.call(self._evaluate)

    def _evaluate(self) -> None:
        changed, self._changed = frozenset(self._changed), set()
        changed_at, self._changed_at, self._is_due = self._changed_at, None, False
        books = UsableBooks(self._watched, self._executor.books.usable)
        # One that must not be acted on has not changed for the strategy.
        new = frozenset(market for market in changed if market in books)
        if not new:
            return
        for opportunity in self._found(books, new):
            try:
                self._try(opportunity, changed_at)
            except Exception as error:
                self._log_once("An opportunity could not be begun", error)

    def _found(self, books: Mapping[Market, Book], changed: frozenset[Market]) -> list[Any]:
        """Return what the strategy finds; what it has found before an error is taken."""
        found: list[Any] = []

        def ask() -> None:
            found.extend(_each(self._on_books(books, changed=changed)))

        began = self._clock.monotonic()
        try:
            checked(ask) if self._is_checked else ask()
        except Exception as error:
            self._log_once("on_books failed", error)
        self.on_books_seconds = self._clock.monotonic() - began
        if self.on_books_seconds > SLOW_SECONDS:
            self._log_once("on_books takes too long: all order books wait for it.", None)
        return found

    def _try(self, found: Any, changed_at: float | None) -> None:
        if not isinstance(found, Opportunity):
            self._log_once(f"on_books gave {found!r}; it must be an Opportunity.", None)
            return
        opportunity = folded(found)
        legs = _legs(opportunity)
        denied: ArbitrageDenied | None = self._resting(legs)
        claim = self._desk.claim(opportunity) if denied is None else denied
        if isinstance(claim, ArbitrageDenied):
            self._deny(claim, opportunity, legs)
            return
        begun = self._executor.begin(opportunity, self._desk.inspect, triggered_at=changed_at)
        if isinstance(begun, ArbitrageDenied):
            self._desk.release(claim)
            self._deny(begun, opportunity, legs)
            return
        self._followers.submit(self._follow, begun, claim, legs)

    def _deny(self, denied: ArbitrageDenied, opportunity: Opportunity, legs: Legs) -> None:
        """A book that changes twenty times per second is no reason to say it as often."""
        now, key = self._clock.monotonic(), (legs, str(denied.code))
        if now - self._said.get(key, float("-inf")) >= REPEAT_SECONDS:
            self._said = {one: at for one, at in self._said.items() if now - at < REPEAT_SECONDS}
            self._said[key] = now
            self._executor.denied(denied, opportunity)

    def _resting(self, legs: Legs) -> ArbitrageDenied | None:
        until, _ = self._rests.get(legs, (0.0, 0.0))
        left = until - self._clock.monotonic()
        if left <= 0:
            return None
        return ArbitrageDenied(
            ArbitrageDenialCode.JUST_FAILED,
            f"the last one of these markets ended without a fill; {left:.1f} s are left",
            numbers={"seconds_left": Decimal(f"{left:.1f}")},
        )

    # In the thread of a follower

    def _follow(self, running: RunningArbitrage, claim: Claim, legs: Legs) -> None:
        result = self._executor.see_through(running)
        if isinstance(result, ArbitrageEnded):
            if result.state is ArbitrageState.FAILED:
                _, last = self._rests.get(legs, (0.0, 0.0))
                rest = min(max(2 * last, FIRST_REST_SECONDS), LONGEST_REST_SECONDS)
                self._rests[legs] = (self._clock.monotonic() + rest, rest)
            else:
                self._rests.pop(legs, None)
            if not claim.bought or result.bought <= ZERO:
                self._desk.release(claim)
        # From now on the bot's loop lets go of it when freqtrade has what was bought.
        claim.number = running.record.id
        self._executor.balances.refresh(self._watched, max_age=0.0)
        self.look_again()

    def _log_once(self, text: str, error: Exception | None) -> None:
        key = text if error is None else f"{text} {type(error).__name__}"
        level = logging.DEBUG if key in self._failed else logging.ERROR
        self._failed.add(key)
        shown = text if error is None else f"{text}: {kind_and_words_of(error)}"
        logger.log(level, shown, exc_info=error)


class UsableBooks(Mapping[Market, Book]):
    """Holds the books that may be acted on; each is looked at when it is asked for.

    :param usable: returns the book of a market, or in words why it must not be acted on
    """

    def __init__(self, markets: frozenset[Market], usable: Callable[[Market], Book | str]) -> None:
        self._markets = markets
        self._usable = usable
        self._seen: dict[Market, Book | str] = {}

    def __getitem__(self, market: Market) -> Book:
        book = self._look(market)
        if isinstance(book, str):
            raise KeyError(market)
        return book

    def __contains__(self, market: object) -> bool:
        return isinstance(market, tuple) and not isinstance(self._look(market), str)

    def __iter__(self) -> Iterator[Market]:
        return (market for market in self._markets if market in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _look(self, market: Market) -> Book | str:
        if market not in self._seen:
            known = market in self._markets
            self._seen[market] = self._usable(market) if known else "it is not watched"
        return self._seen[market]


def folded(opportunity: Opportunity) -> Opportunity:
    """Return it with venue names in lower case, as in the settings."""
    first, second = (replace(leg, venue=leg.venue.lower()) for leg in opportunity.legs)
    return replace(opportunity, first=first, second=second)


def _each(found: Any) -> Iterator[Any]:
    if found is None:
        return
    if isinstance(found, Opportunity) or not isinstance(found, Iterable):
        yield found
    else:
        yield from found


def _legs(opportunity: Opportunity) -> Legs:
    return tuple((leg.venue, leg.pair, leg.side) for leg in opportunity.legs)
