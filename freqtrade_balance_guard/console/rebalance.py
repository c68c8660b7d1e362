"""``balance-guard rebalance``: what would be sold now, the last attempt, and asking for one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from freqtrade_balance_guard.clock import Clock, ago
from freqtrade_balance_guard.console.bot_command import ask_bot
from freqtrade_balance_guard.console.bot_source import LedgerView, NotPossible
from freqtrade_balance_guard.money import format_amount
from freqtrade_balance_guard.monitoring.commands import Answer
from freqtrade_balance_guard.monitoring.rebalance_view import RebalanceView, read_views
from freqtrade_balance_guard.rebalance.attempt import Attempt
from freqtrade_balance_guard.rebalance.attempt_store import AttemptsUnavailable, read_attempts


# A bot writes its view every ten seconds; with one as old as this it does not run.
STALE_SECONDS = 60.0


@dataclass(frozen=True)
class Preview:
    """What a bot would do about its stake, as it has stored it."""

    account: str
    view: RebalanceView
    at: datetime
    last: Attempt | None

    @property
    def age(self) -> float:
        """Seconds since the bot looked."""
        return (self.at - self.view.at).total_seconds()

    @property
    def sentences(self) -> list[str]:
        """For people, one line each."""
        shown, currency = self.view.view, self.view.view["currency"]
        lines = [
            f"{shown['available']} {currency} available, {shown['deployed']} deployed (worth "
            f"{shown['deployed_worth']} after fees and slippage); {self.view.bot} looked "
            f"{ago(self.age)}."
        ]
        if self.age > STALE_SECONDS:
            lines.append("That bot does not seem to run: what follows is what it saw last.")
        reasons = shown["reasons"]
        if reasons:
            lines.append(f"No rebalance now: {reasons[0]['sentence']} [{reasons[0]['code']}]")
            lines += [f"Also: {one['sentence']} [{one['code']}]" for one in reasons[1:]]
        else:
            lines.append("Nothing prevents a rebalance; the balance is read again before it.")
        lines.append(_plan_sentence(shown["plan"], currency, bool(reasons)))
        if shown.get("early_warning"):
            lines.append(str(shown["early_warning"]))
        if self.last is not None:
            lines.append(attempt_sentence(self.last, self.at))
        return lines

    def as_json(self) -> dict[str, Any]:
        return {
            "account": self.account,
            "bot": self.view.bot,
            "as_of": self.view.at.isoformat(),
            **self.view.view,
            "last_rebalance": attempt_as_json(self.last),
        }


def preview_of(ledger: LedgerView, *, bot: str | None = None) -> Preview:
    """What the config's bot would do now.

    :raises NotPossible: no bot has stored anything of it, or several may be meant
    :raises LocalFileError: what is stored cannot be read
    """
    source = ledger.source
    views = read_views(source.local, source.account)
    name = bot or source.bot
    found = [view for view in views if name in (None, view.bot)]
    if not found:
        who = name or "a bot of this account"
        raise NotPossible(f"{who} has stored nothing about its stake yet: start it first.")
    if len({view.bot for view in found}) > 1:
        names = ", ".join(sorted({view.bot for view in found}))
        raise NotPossible(f"Several bots use this account ({names}): say which one with --bot.")
    view = found[0]
    return Preview(source.account, view, ledger.clock.wall(), last_attempt(ledger, view.bot))


def last_attempt(ledger: LedgerView, bot: str | None) -> Attempt | None:
    """The newest attempt of ``bot`` (None: of the account); None where there is none to be read."""
    try:
        found = read_attempts(ledger.source.local, ledger.source.account, bot, limit=1)
    except AttemptsUnavailable:
        return None
    return found[0] if found else None


def early_warning(ledger: LedgerView, bot: str | None) -> str | None:
    """The line about the stake's future that ``bot`` has stored, if it is not old.

    :raises LocalFileError: what is stored cannot be read
    """
    for view in read_views(ledger.source.local, ledger.source.account):
        age = (ledger.clock.wall() - view.at).total_seconds()
        if bot in (None, view.bot) and age <= STALE_SECONDS:
            shown = view.view.get("early_warning")
            return str(shown) if shown else None
    return None


def ask_for_one(
    ledger: LedgerView, bot: str | None, clock: Clock, sleep: Callable[[float], None]
) -> Answer:
    """Ask the running bot for a rebalance now; it waits for nothing, and keeps all else.

    :raises NotPossible: none runs, or several may be meant
    :raises LedgerUnavailable: who is alive cannot be read
    """
    name = ledger.own_bot(bot)
    alive = {view.bot for view in ledger.alive}
    if name is None and len(alive) > 1:
        names = ", ".join(sorted(alive))
        raise NotPossible(f"Several bots use this account ({names}): say which one with --bot.")
    if name not in alive:
        raise NotPossible("The bot is not running; only a running bot can rebalance.")
    again = "balance-guard rebalance --preview"
    return ask_bot(ledger, str(name), "rebalance", {}, clock, sleep, look_again=again)


def attempt_as_json(attempt: Attempt | None) -> dict[str, Any] | None:
    """One attempt with its sales; amounts as text."""
    if attempt is None:
        return None
    return {
        "id": attempt.id,
        "account": attempt.account,
        "bot": attempt.bot,
        "started_at": attempt.started_at.isoformat(),
        "ended_at": attempt.ended_at.isoformat() if attempt.ended_at else None,
        "reason": attempt.reason,
        "currency": attempt.currency,
        "available": format_amount(attempt.available),
        "target": format_amount(attempt.target),
        "expected": format_amount(attempt.expected),
        "sales": [
            {
                "trade_id": sale.trade_id,
                "pair": sale.pair,
                "amount": format_amount(sale.amount),
                "is_whole": sale.is_whole,
                "freed": format_amount(sale.freed),
                "outcome": sale.outcome,
                "order_id": sale.order_id,
                "detail": sale.detail,
            }
            for sale in attempt.sales
        ],
    }


def attempt_sentence(attempt: Attempt, now: datetime) -> str:
    """The last attempt in one line."""
    sales = ", ".join(
        f"{format_amount(sale.amount)} of {sale.pair} {str(sale.outcome).replace('_', ' ')}"
        for sale in attempt.sales
    )
    age = ago((now - attempt.started_at).total_seconds())
    return f"Last rebalance ({attempt.reason}, {age}): {sales}."


def _plan_sentence(plan: dict[str, Any], currency: str, is_prevented: bool) -> str:
    sales = ", ".join(
        f"{'all ' if sale['is_whole'] else ''}{sale['amount']} of {sale['pair']}"
        for sale in plan["sales"]
    )
    if not sales:
        return f"Nothing would be sold for {plan['target']} {currency}."
    would = "Without that it would sell" if is_prevented else "It would sell"
    short = "" if plan["reaches_target"] else f", less than the {plan['target']} wanted"
    return f"{would} {sales}, for about {plan['expected']} {currency} available{short}."
