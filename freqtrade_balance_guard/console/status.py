"""``balance-guard status``: shows balances, what of them is reserved, and who is alive."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.arbitrage.outcomes.holding import Holding
from freqtrade_balance_guard.arbitrage.positions import Position
from freqtrade_balance_guard.arbitrage.store import (
    ArbitragesUnavailable,
    BreakerRow,
    Drift,
    read_breakers,
    read_drifts,
    read_exposures,
    read_holdings,
    read_positions,
)
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.balances.store import BelievedBalance, read_believed
from freqtrade_balance_guard.balances.verdict import Verdict
from freqtrade_balance_guard.console.bot_source import BotView, LedgerView, text
from freqtrade_balance_guard.console.rebalance import (
    attempt_as_json,
    early_warning,
    last_attempt,
)
from freqtrade_balance_guard.deadline import EXIT_WAIT_SECONDS
from freqtrade_balance_guard.errors import MoneyError
from freqtrade_balance_guard.ledger import (
    Holds,
    LedgerUnavailable,
    NothingStored,
    Reservation,
    State,
)
from freqtrade_balance_guard.ledger.reservation import EXACT, NEVER
from freqtrade_balance_guard.local_file import LocalFileError
from freqtrade_balance_guard.money import ZERO, to_decimal
from freqtrade_balance_guard.monitoring.entry_pause import Pause, read_pauses
from freqtrade_balance_guard.rebalance.attempt import Attempt


SEVERAL_BOTS = "Several bots use this account ({}): say which one is meant with --bot."


@dataclass(frozen=True)
class CurrencyStatus:
    """One currency of one account. None: not stored.

    Reserved is what is promised and not in that balance, so that
    available = free - floor - reserved_own - reserved_others (never below 0). Without a balance it
    is all that is promised.
    """

    account: str
    currency: str
    floor: Decimal
    believed: BelievedBalance | None
    holds: Holds | None

    @property
    def available(self) -> Decimal | None:
        if self.believed is None or self.holds is None:
            return None
        if self.believed.verdict == Verdict.UNREADABLE:
            return ZERO
        promised = self.floor + self.holds.own + self.holds.others
        return max(self.believed.free - promised, ZERO)

    def as_json(self) -> dict[str, Any]:
        believed, holds = self.believed, self.holds
        return {
            "total": text(believed.total) if believed else None,
            "free": text(believed.free) if believed else None,
            "used": text(believed.used) if believed else None,
            "reserved_own": text(holds.own) if holds else None,
            "reserved_others": text(holds.others) if holds else None,
            "floor": text(self.floor),
            "available": None if self.available is None else text(self.available),
            "verdict": believed.verdict if believed else None,
            "as_of": believed.as_of.isoformat() if believed else None,
        }


@dataclass(frozen=True)
class UnresolvedOrder:
    """An order that was sent, and of which the exchange could not say yet whether it exists."""

    bot: str
    pair: str
    side: str
    client_order_id: str
    purpose: str
    age_seconds: float

    @property
    def code(self) -> str:
        """Its own for exits: the next exit of the trade goes out all the same."""
        return "exit_unresolved" if self.purpose in ("exit", "stop") else "order_unresolved"

    @property
    def sentence(self) -> str:
        """What it means, for people."""
        means = "the next exit goes out all the same"
        if self.code == "order_unresolved":
            means = f"no new entry on {self.pair} until it is known"
        return (
            f"The outcome of the {self.purpose} {self.client_order_id} of {self.pair} ({self.bot}) "
            f"is unknown for {self.age_seconds:.0f} s: {means}. [{self.code}]"
        )

    def as_json(self) -> dict[str, Any]:
        """As ``status --json`` shows it."""
        return {
            "code": self.code,
            "bot": self.bot,
            "pair": self.pair,
            "side": self.side,
            "purpose": self.purpose,
            "client_order_id": self.client_order_id,
            "age_seconds": round(self.age_seconds, 3),
        }


@dataclass(frozen=True)
class Status:
    """What is stored about an account.

    ``notes``: sentences for people; ``ledger_error``: why a part is missing, None if none is.
    """

    account: str
    bot: str | None
    at: datetime
    balances: tuple[CurrencyStatus, ...]
    bots: tuple[BotView, ...]
    notes: tuple[str, ...]
    ledger_error: str | None = None
    arbitrages: tuple[Position, ...] = ()
    unhedged: tuple[Exposure, ...] = ()
    breaker: BreakerRow | None = None
    drifts: tuple[Drift, ...] = ()
    holdings: tuple[Holding, ...] = ()
    last_rebalance: Attempt | None = None
    early_warning: str | None = None
    paused: tuple[Pause, ...] = ()
    unresolved: tuple[UnresolvedOrder, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.balances and not self.bots

    def as_json(self) -> dict[str, Any]:
        balances: dict[str, dict[str, Any]] = {}
        for one in self.balances:
            balances.setdefault(one.account, {})[one.currency] = one.as_json()
        return {
            "account": self.account,
            "bot": self.bot,
            "paused": [one.as_json() for one in self.paused],
            "balances": balances,
            "arbitrages": [one.as_json(self.at) for one in self.arbitrages],
            # A copy for scripts of release 0.1.
            "pairs": [one.as_json(self.at) for one in self.arbitrages],
            "unhedged": [one.as_json(self.at) for one in self.unhedged],
            "breaker": self.breaker.as_json() if self.breaker else None,
            "drifts": [one.as_json() for one in self.drifts],
            "holdings": [{**one.as_json(), "locked": f"{one.locked:f}"} for one in self.holdings],
            "unresolved": [one.as_json() for one in self.unresolved],
            "last_rebalance": attempt_as_json(self.last_rebalance),
            "early_warning": self.early_warning,
            "bots": [bot_as_json(bot) for bot in self.bots],
            "notes": list(self.notes),
        }


def status_of(ledger: LedgerView, *, bot: str | None = None, is_running: bool = False) -> Status:
    """What is stored about the config's account, and about others on which its bot holds money.

    :param bot: whose reservations are the own ones; None: found by the heartbeats
    :param is_running: it has a ledger, so one that is not there cannot be reached
    :raises OSError: the file with the believed balances cannot be read
    """
    source = ledger.source
    believed = {(b.account, b.currency): b for b in read_believed(source.local)}
    notes: list[str] = []
    bots: tuple[BotView, ...] = ()
    places = {place for place in believed if place[0] == source.account}
    own, ledger_error = bot, None
    try:
        own = ledger.own_bot(bot)
        bots = tuple(b for b in ledger.bots if b.account == source.account)
        unfinished = ledger.unfinished()
    except NothingStored as nothing:
        unfinished, own = [], bot or source.bot
        if is_running:
            ledger_error = f"{source.shown_ledger} is not there any more."
        else:
            notes.append(str(nothing))
    except LedgerUnavailable as error:
        ledger_error = str(error)
        unfinished = []
    for row in unfinished:
        if row.account == source.account or row.bot == own:
            places.add((row.account, row.currency))
    floors = floors_of(ledger, own if ledger_error is None else None)
    if places:
        places |= {(source.account, currency) for currency in floors}
    if own is None and len(names := sorted({b.bot for b in bots})) > 1:
        notes.append(SEVERAL_BOTS.format(", ".join(names)))
    arbitrages, unhedged, breaker, drifts = _legs(ledger, notes)
    return Status(
        account=source.account,
        bot=own,
        at=ledger.clock.wall(),
        balances=tuple(_currencies(ledger, believed, places, floors, own, ledger_error is None)),
        bots=bots,
        notes=tuple(notes),
        ledger_error=ledger_error,
        arbitrages=arbitrages,
        unhedged=unhedged,
        breaker=breaker,
        drifts=drifts,
        holdings=_holdings(ledger),
        last_rebalance=last_attempt(ledger, own),
        early_warning=_early_warning(ledger, own),
        paused=_pauses(ledger, own),
        unresolved=tuple(_unresolved(ledger, unfinished)),
    )


def _currencies(
    ledger: LedgerView,
    believed: Mapping[tuple[str, str], BelievedBalance],
    places: Iterable[tuple[str, str]],
    floors: Mapping[str, Decimal],
    own: str | None,
    is_readable: bool,
) -> Iterator[CurrencyStatus]:
    """One row for each account and currency; ``is_readable``: the ledger can be read."""
    for account, currency in sorted(places):
        known = believed.get((account, currency))
        is_own = account == ledger.source.account
        yield CurrencyStatus(
            account=account,
            currency=currency,
            floor=floors.get(currency.upper(), ZERO) if is_own else ZERO,
            believed=known,
            holds=_holds(ledger, account, currency, known, own) if is_readable else None,
        )


def _unresolved(ledger: LedgerView, rows: Iterable[Reservation]) -> Iterator[UnresolvedOrder]:
    """Orders of the account without a known outcome for longer than a reply takes."""
    now = ledger.clock.wall()
    for row in sorted(rows, key=lambda row: row.id):
        age = (now - row.created_at).total_seconds()
        if row.state is not State.IN_FLIGHT or row.account != ledger.source.account:
            continue
        if age >= EXIT_WAIT_SECONDS:
            history = ledger.store.history(row.client_order_id)
            # Its intent says "exit of 1 at 20", "leg of ...".
            purpose = history[0].why.partition(" of ")[0] if history else "order"
            yield UnresolvedOrder(row.bot, row.pair, row.side, row.client_order_id, purpose, age)


def _legs(
    ledger: LedgerView, notes: list[str]
) -> tuple[tuple[Position, ...], tuple[Exposure, ...], BreakerRow | None, tuple[Drift, ...]]:
    """Open arbitrages, exposures, breaker, drifts; a note where they cannot be read."""
    file, account = ledger.source.local, ledger.source.account
    try:
        breaker = next((one for one in read_breakers(file) if one.owner == account), None)
        drifts = tuple(one for one in read_drifts(file) if one.account == account)
        return tuple(read_positions(file)), tuple(read_exposures(file)), breaker, drifts
    except ArbitragesUnavailable as error:
        notes.append(f"Open arbitrages and exposures are unknown: {error}.")
        return (), (), None, ()


def _holdings(ledger: LedgerView) -> tuple[Holding, ...]:
    """Shares of outcomes whose money is bound; none where they cannot be read, as noted before."""
    try:
        return tuple(read_holdings(ledger.source.local))
    except ArbitragesUnavailable:
        return ()


def _pauses(ledger: LedgerView, bot: str | None) -> tuple[Pause, ...]:
    """The pauses of one bot, or of all bots of the account where none is named."""
    source = ledger.source
    try:
        pauses = read_pauses(source.local, source.account)
    except LocalFileError as error:
        raise OSError(str(error)) from error
    return tuple(pause for pause in pauses if bot in (None, pause.bot))


def _early_warning(ledger: LedgerView, bot: str | None) -> str | None:
    try:
        return early_warning(ledger, bot)
    except LocalFileError as error:
        raise OSError(str(error)) from error


def floors_of(ledger: LedgerView, bot: str | None) -> dict[str, Decimal]:
    """What is never spent, by currency: the settings', and what the bot said last of its tier.

    The stores are not asked where no bot is named.
    """
    written = dict(ledger.source.settings.reserve_balance)
    if bot is not None:
        try:
            for view in ledger.bots:
                if (view.account, view.bot) == (ledger.source.account, bot):
                    return {**written, **_amounts(view.about.get("floor"))}
        except LedgerUnavailable:
            pass  # the caller says so
    return written


def _amounts(told: object) -> dict[str, Decimal]:
    if not isinstance(told, Mapping):
        return {}
    try:
        return {str(currency).upper(): to_decimal(amount) for currency, amount in told.items()}
    except MoneyError:
        return {}


def _holds(
    ledger: LedgerView,
    account: str,
    currency: str,
    believed: BelievedBalance | None,
    own: str | None,
) -> Holds:
    """What is promised beyond a believed balance.

    A bot writes its balance with all that its own accepted orders and those of the other bots have
    done up to the mark. So beyond it is what was reserved later, spent meanwhile or not, and what
    this bot is about to send.
    """
    try:
        rows = {row.client_order_id: row for row in ledger.unfinished() if row.account == account}
        mark = None if believed is None else believed.mark
        if mark is not None:
            later = ledger.store.changes(account, mark)
            rows |= {row.client_order_id: row for _, row in later}
    except NothingStored:
        return Holds(ZERO, ZERO)
    mine = others = ZERO
    for row in rows.values():
        is_own = row.bot == own
        if row.currency != currency or _is_in(believed, row, is_own=is_own):
            continue
        if is_own:
            mine = EXACT.add(mine, row.promised)
        else:
            others = EXACT.add(others, row.promised)
    return Holds(mine, others)


def _is_in(believed: BelievedBalance | None, row: Reservation, *, is_own: bool) -> bool:
    if believed is None:
        return not row.unfinished
    mark = NEVER if believed.mark is None else believed.mark
    # The bot's own book follows an order of its own from its acceptance on.
    begins = row.known_at if is_own else row.id
    return begins is not None and begins <= mark


def bot_as_json(bot: BotView) -> dict[str, Any]:
    """One run of a bot. Nothing in its heartbeat is secret."""
    return {
        "account": bot.account,
        "bot": bot.bot,
        "bot_name": bot.about.get("bot_name"),
        "alive": bot.alive,
        "heartbeat_age": round(bot.age, 3),
        "heartbeat_at": bot.at.isoformat(),
        "pairs": sorted(bot.pairs),
        "open_pairs": sorted(str(pair) for pair in bot.about.get("open_pairs") or ()),
        "dry_run": bot.about.get("dry_run"),
        "trading_mode": bot.about.get("trading_mode"),
        "version": bot.about.get("version"),
        "freqtrade_version": bot.about.get("freqtrade_version"),
        "host": bot.about.get("host"),
        "pid": bot.about.get("pid"),
        "metrics": bot.about.get("metrics"),
    }
