"""``balance-guard explain PAIR``: says in sentences why the bot did, or did not, buy a pair."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.balances.store import SIMULATED, BelievedBalance
from freqtrade_balance_guard.balances.verdict import Verdict
from freqtrade_balance_guard.clock import ago
from freqtrade_balance_guard.console.bot_source import BotView, LedgerView, describe
from freqtrade_balance_guard.console.reservations import as_json as reservation_json
from freqtrade_balance_guard.console.status import CurrencyStatus, Status, status_of
from freqtrade_balance_guard.ledger import LedgerUnavailable, Reservation
from freqtrade_balance_guard.money import format_amount
from freqtrade_balance_guard.monitoring.commands import ControlAnswer
from freqtrade_balance_guard.monitoring.decisions import Decision, Outcome, read_decisions
from freqtrade_balance_guard.settings import GuardSettings


RECENTLY_ENDED = 3


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock of freqtrade's that holds now; ``pair`` "*" for all of them."""

    pair: str
    side: str
    until: datetime
    reason: str

    def as_json(self) -> dict[str, str]:
        """As ``explain --json`` and the page have it."""
        return {
            "pair": self.pair,
            "side": self.side,
            "until": self.until.isoformat(),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Explanation:
    """What is known about one pair, and the sentences made of it."""

    pair: str
    status: Status
    decisions: tuple[Decision, ...]
    reservations: tuple[Reservation, ...]
    ended: tuple[Reservation, ...]
    locks: tuple[Lock, ...]
    limits: tuple[str, ...]
    sentences: tuple[str, ...]
    # In the order in which they are asked; None where no running bot was asked.
    controls: tuple[ControlAnswer, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "pair": self.pair,
            "account": self.status.account,
            "bot": self.status.bot,
            "sentences": list(self.sentences),
            "decisions": [one.as_json() for one in self.decisions],
            "reservations": [reservation_json(row) for row in (*self.reservations, *self.ended)],
            "locks": [lock.as_json() for lock in self.locks],
            "limits": list(self.limits),
            "controls": None
            if self.controls is None
            else [asdict(answer) for answer in self.controls],
            "balances": {one.currency: one.as_json() for one in self.status.balances},
        }


def full_pair(pair: str, stake_currency: str) -> str:
    """``btc`` is ``BTC/USDT`` where the stake is USDT."""
    pair = pair.strip()
    return (pair if "/" in pair else f"{pair}/{stake_currency}").upper()


def explain(
    ledger: LedgerView,
    pair: str,
    locks: Sequence[Lock] = (),
    *,
    bot: str | None = None,
    controls: tuple[ControlAnswer, ...] | None = None,
) -> Explanation:
    """Everything that is stored about ``pair``.

    :param controls: what the running bot answered, if it was asked

    :raises LocalFileError: the file with the decisions cannot be read
    :raises OSError: likewise with the believed balances
    """
    source = ledger.source
    status = status_of(ledger, bot=bot)
    decisions = read_decisions(source.local, source.account, pair)
    if status.bot is not None:
        decisions = [one for one in decisions if one.bot == status.bot] or decisions
    rows: list[Reservation] = []
    ended: list[Reservation] = []
    try:
        rows = [row for row in ledger.unfinished() if row.pair.upper() == pair]
        ended = [row for row in ledger.ended(None) if row.pair.upper() == pair][:RECENTLY_ENDED]
    except LedgerUnavailable:
        pass  # the status says it
    limits = tuple(limits_in_force(source.settings, source.stake_currency))
    sentences = [
        *(f"PAUSED: {pause.sentence}; balance-guard resume ends it." for pause in status.paused),
        *_about_bots(pair, status),
        *_about_legs(pair, status),
        *_about_decisions(decisions, ledger.clock.wall()),
        *_about_reservations(rows, ended),
        *_about_locks(locks),
        *_about_controls(controls),
        *_about_balance(source.settings, source.stake_currency, status),
    ]
    return Explanation(
        pair,
        status,
        tuple(decisions),
        tuple(rows),
        tuple(ended),
        tuple(locks),
        limits,
        tuple(sentences),
        controls,
    )


def limits_in_force(settings: GuardSettings, stake: str) -> Iterator[str]:
    """The limits on an entry, as the settings have them."""
    limits = settings.limits_for_tier(None)
    if settings.tiers:
        yield (
            f"There are {len(settings.tiers)} tiers, chosen by total equity; below are the limits "
            "outside of them."
        )
    if limits.min_order_size is not None:
        yield f"Smallest entry: {format_amount(limits.min_order_size)} {stake}."
    else:
        yield f"Smallest entry: {format_amount(limits.min_order_size_usdt)} US dollars."
    yield f"One entry takes at most {format_amount(limits.position_size_percent)} % of available."
    threshold = format_amount(limits.min_balance_threshold)
    unit = stake if limits.is_written("min_balance_threshold") else "US dollars"
    yield f"No entry while less than {threshold} {unit} is available."
    for currency, amount in sorted(limits.reserve_balance.items()):
        yield f"{format_amount(amount)} {currency} is never spent."


def _about_bots(pair: str, status: Status) -> Iterator[str]:
    bots = [bot for bot in status.bots if status.bot in (None, bot.bot)]
    alive = [bot for bot in bots if bot.alive]
    if not alive:
        since = f"; its last sign of life was {ago(bots[0].age)}" if bots else ""
        yield f"No bot is running on {status.account}{since}."
    for bot in alive or bots[:1]:
        yield from _about_bot(pair, bot)


def _about_bot(pair: str, bot: BotView) -> Iterator[str]:
    has, had = ("has", "are") if bot.alive else ("had", "were")
    if pair in {str(one).upper() for one in bot.about.get("open_pairs") or ()}:
        yield f"{bot.bot} {has} an open trade on {pair}: freqtrade opens no second one."
    elif bot.pairs and pair not in {one.upper() for one in bot.pairs}:
        yield f"{pair} is not among the {len(bot.pairs)} pairs that {had} traded by {bot.bot}."


def _about_legs(pair: str, status: Status) -> Iterator[str]:
    for one in status.arbitrages:
        if pair in (one.pair.upper(), one.other_pair.upper()):
            yield (
                f"Trade {one.trade_id} of {one.bot} is a leg of arbitrage {one.arbitrage_id}: "
                f"{format_amount(one.hedged)} was sold as {one.other_pair} on {one.other_venue} at "
                f"{format_amount(one.other_price)}, and is bought back when the trade is sold."
            )
    for exposure in status.unhedged:
        if pair in (exposure.pair.upper(), exposure.other_pair.upper()):
            yield f"Unhedged ({exposure.id}): {exposure.sentence()}."


def _about_decisions(decisions: Sequence[Decision], now: datetime) -> Iterator[str]:
    if not decisions:
        yield (
            "The guard has decided nothing about it: freqtrade did not ask, because there was no "
            "signal, no free slot, or a lock."
        )
    for one in decisions:
        when = ago((now - one.at).total_seconds())
        numbers = ", ".join(f"{name}={format_amount(n)}" for name, n in one.numbers.items())
        details = f" [{one.code}{': ' + numbers if numbers else ''}]" if one.code else ""
        often = (
            f" ({one.count} times since {one.since:%Y-%m-%d %H:%M:%S} UTC)" if one.count > 1 else ""
        )
        what = {
            Outcome.DENIED: "Denied",
            Outcome.APPROVED: "Approved",
            Outcome.REDUCED: "Made smaller",
            Outcome.EXIT_REDUCED: "A partial exit was made smaller",
        }[one.outcome]
        yield f"{what} {when}{often}: {one.sentence.rstrip('.')}.{details}"


def _about_reservations(rows: Sequence[Reservation], ended: Sequence[Reservation]) -> Iterator[str]:
    for row in rows:
        yield f"Reserved now: {describe(row)}, since {row.created_at:%Y-%m-%d %H:%M:%S} UTC."
    for row in ended:
        used = f", {format_amount(row.committed)} {row.currency} used" if row.committed else ""
        yield (
            f"Ended before: {row.side} of {format_amount(row.requested)} {row.currency} by "
            f"{row.bot}, reserved {row.created_at:%Y-%m-%d %H:%M:%S} UTC, {row.state}{used}."
        )


def _about_controls(controls: Sequence[ControlAnswer] | None) -> Iterator[str]:
    if controls is None:
        return
    yield "Asked in this order before an entry; the first denial counts:"
    for number, one in enumerate(controls, start=1):
        answer = f"denies: {one.sentence.rstrip('.')}. [{one.code}]" if one.code else "passes."
        yield f"{number}. {one.control.replace('_', ' ')}: {answer}"


def _about_locks(locks: Sequence[Lock]) -> Iterator[str]:
    for lock in locks:
        what = "All pairs are" if lock.pair == "*" else "It is"
        reason = f" ({lock.reason})" if lock.reason else ""
        yield f"{what} locked in freqtrade until {lock.until:%Y-%m-%d %H:%M:%S} UTC{reason}."


def _how_known(believed: BelievedBalance, now: datetime) -> str:
    age = ago((now - believed.as_of).total_seconds())
    if believed.verdict == SIMULATED:
        return f"simulated by freqtrade (dry-run), {age}"
    return f"asked {age}, verdict {believed.verdict}"


def _about_balance(settings: GuardSettings, stake: str, status: Status) -> Iterator[str]:
    if status.ledger_error is not None:
        yield status.ledger_error
    yield from status.notes
    here = next(
        (b for b in status.balances if (b.account, b.currency) == (status.account, stake)), None
    )
    if here is None or here.believed is None:
        yield f"No balance of {stake} is stored yet."
        return
    believed = here.believed
    yield (
        f"Balance: {format_amount(believed.free)} {stake} free of {format_amount(believed.total)}, "
        f"{_how_known(believed, status.at)}."
    )
    if here.holds is not None:
        yield (
            f"Promised and not in it yet: {format_amount(here.holds.own)} by this bot, "
            f"{format_amount(here.holds.others)} by others; never spent: "
            f"{format_amount(here.floor)}. Available: {format_amount(here.available or Decimal(0))}"
            f" {stake}."
        )
    yield from _what_now(settings, here)


def _what_now(settings: GuardSettings, here: CurrencyStatus) -> Iterator[str]:
    verdict = here.believed.verdict if here.believed else ""
    if verdict == Verdict.UNREADABLE:
        yield "The exchange gave no usable answer: no entry until it does."
    elif verdict == Verdict.LAGGING:
        yield "Own money is still under way: an entry that needs the missing part waits."
    elif verdict == Verdict.RISING_UNCONFIRMED:
        yield "There is more than own orders explain: it is not spent until a second answer agrees."
    limits = settings.limits_for_tier(None)
    threshold = limits.min_balance_threshold
    is_known = limits.is_written("min_balance_threshold") and not settings.tiers
    if here.available is not None and is_known and here.available < threshold:
        yield (
            f"That is below min_balance_threshold ({format_amount(threshold)}): no new entry now."
        )
