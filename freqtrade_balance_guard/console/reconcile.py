"""``balance-guard reconcile``: reservations against what is stored, and against the exchange."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from freqtrade_balance_guard.balances.margin import Position
from freqtrade_balance_guard.balances.snapshot import Holding
from freqtrade_balance_guard.balances.store import BelievedBalance, read_believed
from freqtrade_balance_guard.balances.verdict import Verdict
from freqtrade_balance_guard.console.bot_source import LedgerView, describe
from freqtrade_balance_guard.ledger import Reservation, ReservationLedger, State
from freqtrade_balance_guard.money import ZERO, format_amount


# Fees, rounding and the room that a market order gets: less than this is no difference.
TOLERANCE = Decimal("0.02")
# How long an outcome may stay unknown while a bot is at work on it.
PATIENCE_SECONDS = 60.0

RESTART = "start the bot again: it looks up every order of its own before it trades"
WAITS = "nothing to do: the bot asks the exchange until it knows"


@dataclass(frozen=True, slots=True)
class ExchangeOrder:
    """An order as the exchange reports it. Amounts in base currency, price in quote per base."""

    order_id: str
    client_order_id: str
    pair: str
    side: str
    status: str
    amount: Decimal
    filled: Decimal
    price: Decimal

    @property
    def currency(self) -> str:
        """What a spot order locks."""
        base, _, quote = self.pair.partition("/")
        return quote.partition(":")[0] if self.side == "buy" else base

    @property
    def locked(self) -> Decimal:
        """How much of it the unfilled part locks, fees aside."""
        left = max(self.amount - self.filled, Decimal(0))
        return left * self.price if self.side == "buy" else left

    def is_of(self, row: Reservation) -> bool:
        """Whether a reservation was made for this order."""
        return self.order_id == row.order_id or (
            bool(self.client_order_id) and self.client_order_id == row.client_order_id
        )

    def __str__(self) -> str:
        return f"{self.side} of {self.amount:f} {self.pair} (order {self.order_id})"


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """Balances and open orders of the account, asked one after the other while no bot trades."""

    holdings: Mapping[str, Holding]
    orders: Sequence[ExchangeOrder]
    # Of a futures account, where orders and positions tie up margin instead of coins.
    margin: "MarginView | None" = None


@dataclass(frozen=True, slots=True)
class MarginView:
    """A futures account: what the exchange calls used of its coin, and its positions."""

    coin: str
    used: Decimal
    positions: Sequence[Position]


class Questions(Protocol):
    """An exchange that may be asked. Each question raises ``NotPossible`` if it has no answer."""

    def view(self, pairs: Sequence[str]) -> ExchangeView:
        """Balances and open orders; ``pairs`` where an exchange wants to be asked pair by pair."""

    def find(self, row: Reservation) -> ExchangeOrder | None:
        """The order that a reservation was made for, in any state; None: no such order."""


def may_ask(alive: Sequence[str], asked_for: str) -> str | None:
    """Why the exchange may not be asked now, or None.

    A key's requests carry growing numbers: a second program with the same key makes the bot's own
    requests fail.
    """
    if not alive:
        return None
    names = ", ".join(sorted(set(alive)))
    return (
        f"{names} is running with the same API key: {asked_for} asks the exchange itself and would "
        "disturb it; stop the bot first, or leave --exchange out."
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """Two sources that disagree. ``subject``: a client order id, an order id or a currency."""

    kind: str
    account: str
    subject: str
    sentence: str
    healed_by: str

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "account": self.account,
            "subject": self.subject,
            "sentence": self.sentence,
            "healed_by": self.healed_by,
        }


def stored_differences(ledger: LedgerView) -> list[Difference]:
    """What the ledger alone shows: rules that are broken, and reservations that no bot ends.

    :raises LedgerUnavailable: it cannot be read
    """
    unfinished = ledger.unfinished()
    accounts = [ledger.source.account]
    accounts += sorted({row.account for row in unfinished} - set(accounts))
    found = [violation for account in accounts for violation in _audit(ledger, account)]
    for row in unfinished:
        found += _of_one(ledger, row)
    believed = [one for one in read_believed(ledger.source.local) if one.account in accounts]
    return [*found, *_against_believed(unfinished, believed)]


def _audit(ledger: LedgerView, account: str) -> Iterable[Difference]:
    audited = ReservationLedger(
        ledger.store, bot="console", account=account, process="console", clock=ledger.clock
    )
    for violation in audited.audit():
        yield Difference(
            kind="rule_broken",
            account=account,
            subject=violation.client_order_id,
            sentence=f"a rule of the ledger is broken ({violation})",
            healed_by="stop the bots on this account and report it, with a copy of the ledger",
        )


def _of_one(ledger: LedgerView, row: Reservation) -> Iterable[Difference]:
    def difference(kind: str, sentence: str, healed_by: str) -> Difference:
        whole = f"{describe(row)}: {sentence}"
        return Difference(kind, row.account, row.client_order_id, whole, healed_by)

    age = (ledger.clock.wall() - row.created_at).total_seconds()
    if not ledger.is_owner_alive(row):
        owner = ledger.owner_of(row)
        if owner is None and row.state is State.OPEN:
            # A clean stop takes the bot's sign of life away, and leaves its orders resting.
            return
        since = f"silent for {owner.age:.0f} s" if owner else "without any sign of life"
        yield difference(
            "owner_gone",
            f"its bot is {since}",
            f"{RESTART}; or, by hand: balance-guard reservations release {row.id}",
        )
    elif row.state is State.RESERVED:
        timeout = ledger.source.settings.ledger.reservation_timeout
        if age > timeout + PATIENCE_SECONDS:
            yield difference(
                "never_sent",
                f"not sent for {age:.0f} s, and it should have expired after {timeout:.0f} s",
                "the bot lets it expire in its next loop; if it was restarted meanwhile, it asks "
                "the exchange first",
            )
    elif row.state is State.IN_FLIGHT and age > PATIENCE_SECONDS:
        yield difference(
            "outcome_unknown", f"sent {age:.0f} s ago, and its outcome is unknown", WAITS
        )


def _against_believed(
    unfinished: Iterable[Reservation], believed: Iterable[BelievedBalance]
) -> Iterable[Difference]:
    """Resting orders that a confirmed balance should show as used."""
    rows = [row for row in unfinished if row.state is State.OPEN]
    for one in believed:
        known = [
            row.held
            for row in rows
            if (row.account, row.currency) == (one.account, one.currency)
            and row.id <= (one.mark or 0)
        ]
        held = sum(known, ZERO)
        if one.verdict == Verdict.CONFIRMED and held > one.used + held * TOLERANCE:
            yield Difference(
                kind="used_below_reserved",
                account=one.account,
                subject=one.currency,
                sentence=f"open orders should hold {format_amount(held)} {one.currency}, but the "
                f"balance of {one.as_of:%H:%M:%S} has only {format_amount(one.used)} in use",
                healed_by="the bot's next order update, if an order ended a moment ago; else "
                "compare with the exchange: balance-guard reconcile --exchange",
            )


def exchange_differences(ledger: LedgerView, view: ExchangeView) -> list[Difference]:
    """Reservations of the config's account against open orders, and those against ``used``."""
    account = ledger.source.account
    unfinished = [row for row in ledger.unfinished() if row.account == account]
    orders = list(view.orders)
    found: list[Difference] = []
    for row in unfinished:
        mine = next((order for order in orders if order.is_of(row)), None)
        found += _against_order(row, mine, is_margin=view.margin is not None)
    for order in orders:
        if not any(order.is_of(row) for row in unfinished):
            found.append(
                Difference(
                    kind="order_without_reservation",
                    account=account,
                    subject=order.order_id,
                    sentence=f"{order} is open without a reservation: placed by hand, by "
                    "another program, or before the guard",
                    healed_by="nothing to do: what it holds is not free; if no program of yours "
                    "wants it, cancel it on the exchange",
                )
            )
    if view.margin is not None:
        return [*found, *_against_margin(account, view.margin, orders)]
    return [*found, *_against_used(account, view)]


def _against_order(
    row: Reservation, order: ExchangeOrder | None, *, is_margin: bool
) -> Iterable[Difference]:
    def difference(kind: str, sentence: str, healed_by: str = RESTART) -> Difference:
        whole = f"{describe(row)}: {sentence}"
        return Difference(kind, row.account, row.client_order_id, whole, healed_by)

    if order is None:
        if row.state is State.OPEN:
            yield difference("order_gone", "its order is not open any more on the exchange")
        elif row.state is State.IN_FLIGHT:
            yield difference("no_open_order", "the exchange has no open order for it")
        return
    if row.state is not State.OPEN:
        yield difference("order_unnoticed", f"the exchange has it as order {order.order_id}")
    elif _amount_differs(row, order, is_margin=is_margin):
        yield difference(
            "amount_differs",
            f"its order locks {format_amount(order.locked)} {row.currency} now, "
            f"{format_amount(order.filled)} of {format_amount(order.amount)} are filled",
        )


def _amount_differs(row: Reservation, order: ExchangeOrder, *, is_margin: bool) -> bool:
    """Of a contract only what share is left can be compared: margin is a part of the value."""
    if not is_margin:
        return abs(order.locked - row.held) > max(order.locked, row.held) * TOLERANCE
    if not order.amount or not row.requested:
        return False
    left = max(order.amount - order.filled, ZERO) / order.amount
    return abs(row.held / row.requested - left) > TOLERANCE


def _against_margin(
    account: str, view: MarginView, orders: Sequence[ExchangeOrder]
) -> Iterable[Difference]:
    """Positions and open orders against what is used; an order ties up its value at most."""
    least = sum((position.margin for position in view.positions), ZERO)
    most = least + sum((order.amount * order.price for order in orders), ZERO)
    if not least * (1 - TOLERANCE) <= view.used <= most * (1 + TOLERANCE):
        yield Difference(
            kind="used_differs",
            account=account,
            subject=view.coin,
            sentence=f"the exchange has {format_amount(view.used)} {view.coin} margin in use, its "
            f"positions tie up {format_amount(least)}",
            healed_by="nothing to do if other contracts use the same margin; if it is a moment "
            "old, ask again",
        )


def _against_used(account: str, view: ExchangeView) -> Iterable[Difference]:
    locked: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for order in view.orders:
        locked[order.currency] += order.locked
    for currency in sorted({*locked, *view.holdings}):
        holding = view.holdings.get(currency)
        used = holding.used if holding else ZERO
        if abs(used - locked[currency]) > max(used, locked[currency]) * TOLERANCE:
            yield Difference(
                kind="used_differs",
                account=account,
                subject=currency,
                sentence=f"the exchange has {format_amount(used)} {currency} in use, its open "
                f"orders lock {format_amount(locked[currency])}",
                healed_by="nothing to do if the rest is staked, lent or margin; if it is a moment "
                "old, ask again",
            )
