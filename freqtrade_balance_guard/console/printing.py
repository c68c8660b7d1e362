"""Reports for people: tables and sentences. JSON is made by the reports themselves."""

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from freqtrade_balance_guard.arbitrage.positions import Position
from freqtrade_balance_guard.arbitrage.store.records import ArbitrageRecord
from freqtrade_balance_guard.arbitrage.unhedged import Exposure
from freqtrade_balance_guard.clock import ago
from freqtrade_balance_guard.console.bot_source import BotView
from freqtrade_balance_guard.console.config_check import Level
from freqtrade_balance_guard.console.doctor import Diagnosis
from freqtrade_balance_guard.console.explain import Explanation
from freqtrade_balance_guard.console.rebalance import attempt_sentence
from freqtrade_balance_guard.console.reconcile import Difference
from freqtrade_balance_guard.console.status import CurrencyStatus, Status
from freqtrade_balance_guard.ledger import Reservation
from freqtrade_balance_guard.ledger.store import Entry
from freqtrade_balance_guard.money import format_amount


# Without a terminal (a log, a pipe) and without COLUMNS nothing is too narrow for this.
WIDTH = 160
# Below it a table would be broken within words: one block of lines per row is readable.
NARROW = 140
UNLIMITED = 10_000
STYLES = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: ""}


def console() -> Console:
    """Standard output, as wide as it is, or wide enough."""
    console = Console(highlight=False)
    is_wide = console.is_terminal or os.environ.get("COLUMNS", "").isdecimal()
    return console if is_wide else Console(width=WIDTH, highlight=False)


def show_reservations(console: Console, rows: Sequence[Reservation], more: int = 0) -> None:
    """One line each; ``more`` have ended and are not shown."""
    if not rows:
        console.print("No reservations.")
    elif console.width < NARROW:
        show_blocks(console, map(_reservation_block, rows))
    else:
        table = new_table("id", "created (UTC)", "account", "bot", "pair", "side")
        for heading in ("held", "used"):
            table.add_column(heading, justify="right")
        for heading in ("currency", "state", "order", "client order id"):
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(
                str(row.id),
                f"{row.created_at:%Y-%m-%d %H:%M:%S}",
                row.account,
                row.bot,
                row.pair,
                row.side,
                format_amount(row.held),
                format_amount(row.committed),
                row.currency,
                row.state.value,
                row.order_id or "-",
                row.client_order_id,
                style="" if row.unfinished else "dim",
            )
        console.print(table)
    if more:
        _say(console, f"{more} more have ended: --limit shows more of them.")


def _reservation_block(row: Reservation) -> list[str]:
    amounts = f"{format_amount(row.held)} held, {format_amount(row.committed)} used"
    return [
        f"{row.id}: {row.side} {row.pair}, {row.state.value}: {amounts} {row.currency}",
        f"{row.bot} on {row.account}, {row.created_at:%Y-%m-%d %H:%M:%S} UTC",
        f"order {row.order_id or '-'}",
        f"client order id {row.client_order_id}",
    ]


def show_reservation(
    console: Console, row: Reservation, history: Sequence[Entry], *, owner_alive: bool
) -> None:
    """One reservation with its history."""
    show_reservations(console, [row])
    _say(
        console,
        f"Requested were {format_amount(row.requested)} {row.currency}. The bot {row.bot} "
        f"{'is running' if owner_alive else 'is not running'}.",
    )
    if console.width < NARROW:
        show_blocks(console, map(_entry_block, history))
        return
    table = new_table("at (UTC)", "who", "what", "state")
    for heading in ("held", "used"):
        table.add_column(heading, justify="right")
    for heading in ("order", "why"):
        table.add_column(heading, overflow="fold")
    for line in history:
        table.add_row(
            f"{line.at:%Y-%m-%d %H:%M:%S}",
            line.bot,
            line.what,
            line.state,
            format_amount(line.held),
            format_amount(line.committed),
            line.order_id or "-",
            line.why,
        )
    console.print(table)


def _entry_block(line: Entry) -> list[str]:
    amounts = f"{format_amount(line.held)} held, {format_amount(line.committed)} used"
    lines = [
        f"{line.at:%Y-%m-%d %H:%M:%S} UTC: {line.what} by {line.bot}",
        f"{line.state}, {amounts}, order {line.order_id or '-'}",
    ]
    return [*lines, line.why] if line.why else lines


def show_status(console: Console, status: Status) -> None:
    """Pauses, balances and bots of one account."""
    for pause in status.paused:
        _say(console, f"PAUSED ({pause.bot}): {pause.sentence}.", style="bold yellow")
    _show_balances(console, status)
    if status.bots and console.width < NARROW:
        show_blocks(console, map(_bot_block, status.bots))
    elif status.bots:
        console.print(_bots_table(status.bots))
    if status.arbitrages:
        show_table(console, _arbitrages_table(status.arbitrages, status.at))
    for exposure in status.unhedged:
        _say(console, f"Unhedged ({exposure.id}): {exposure.sentence()}.", style="red")
    if status.breaker is not None and status.breaker.tripped_at is not None:
        _say(console, status.breaker.sentence(), style="bold yellow")
    for drift in status.drifts:
        _say(console, drift.sentence())
    _show_holdings(console, status)
    for order in status.unresolved:
        _say(console, order.sentence, style="red")
    if status.last_rebalance is not None:
        _say(console, attempt_sentence(status.last_rebalance, status.at))
    if status.early_warning:
        _say(console, status.early_warning)
    for note in status.notes:
        _say(console, note)


def _show_holdings(console: Console, status: Status) -> None:
    """Shares of outcomes, the money that is bound in them, and until when."""
    for holding in status.holdings:
        locked = f"{format_amount(holding.locked)} {holding.currency}"
        _say(console, f"Shares ({holding.arbitrage_id}): {holding.sentence()}; {locked} locked.")


def _show_balances(console: Console, status: Status) -> None:
    """One line for each currency that is held, reserved or has a floor."""
    shown = [one for one in status.balances if one.holds and any(one.holds)]
    shown += [
        one
        for one in status.balances
        if one not in shown and ((one.believed and one.believed.total) or one.floor)
    ]
    shown.sort(key=lambda one: (one.account, one.currency))
    if shown and console.width < NARROW:
        show_blocks(console, (_balance_block(one, status.at) for one in shown))
    elif shown:
        table = new_table("account", "currency")
        for heading in ("total", "free", "used", "reserved", "by others", "floor", "available"):
            table.add_column(heading, justify="right")
        for heading in ("verdict", "asked"):
            table.add_column(heading)
        for one in shown:
            believed, holds = one.believed, one.holds
            table.add_row(
                one.account,
                one.currency,
                _amount(believed.total if believed else None),
                _amount(believed.free if believed else None),
                _amount(believed.used if believed else None),
                _amount(holds.own if holds else None),
                _amount(holds.others if holds else None),
                format_amount(one.floor),
                _amount(one.available),
                believed.verdict if believed else "-",
                ago((status.at - believed.as_of).total_seconds()) if believed else "-",
            )
        console.print(table)
    elif not status.ledger_error:
        _say(console, f"No balance of {status.account} is stored yet.")


def _balance_block(one: CurrencyStatus, now: datetime) -> list[str]:
    believed, holds = one.believed, one.holds
    lines = [f"{one.currency} on {one.account}: {_amount(one.available)} available"]
    if believed is not None:
        held = f"{format_amount(believed.used)} held by orders"
        lines.append(
            f"total {format_amount(believed.total)}, {held}, floor {format_amount(one.floor)}"
        )
    if holds is not None:
        lines.append(
            f"reserved {format_amount(holds.own)}, by other bots {format_amount(holds.others)}"
        )
    if believed is None:
        lines.append("no balance is stored yet")
    else:
        lines.append(f"{believed.verdict}, {ago((now - believed.as_of).total_seconds())}")
    return lines


def _bot_block(bot: BotView) -> list[str]:
    return [
        f"{bot.bot}: {'alive' if bot.alive else 'silent'}, last sign of life {ago(bot.age)}",
        f"{len(bot.pairs)} pairs, version {bot.about.get('version', '-')}, "
        f"{bot.about.get('host', '-')}, {bot.about.get('pid', '-')}",
    ]


def show_blocks(console: Console, blocks: Iterable[list[str]]) -> None:
    """One row of a table as a few lines."""
    for first, *others in blocks:
        _say(console, first)
        for line in others:
            _say(console, f"    {line}", style="dim")


def show_table(console: Console, table: Table) -> None:
    """A table; where it is wider than the screen, each row as a block of lines with headings."""
    if fits(console, table):
        console.print(table)
        return
    headings = [str(column.header) for column in table.columns]
    rows = zip(*(column.cells for column in table.columns), strict=True)
    show_blocks(
        console,
        ([f"{name}: {cell}" for name, cell in zip(headings, row, strict=True)] for row in rows),
    )


def fits(console: Console, table: Table) -> bool:
    """Whether a table is not wider than the screen."""
    unlimited = console.options.update_width(UNLIMITED)
    return Measurement.get(console, unlimited, table).maximum <= console.width


def _bots_table(bots: Sequence[BotView]) -> Table:
    table = new_table("bot", "name", "alive", "last sign of life", "pairs", "version", "host, pid")
    for bot in bots:
        table.add_row(
            bot.bot,
            str(bot.about.get("bot_name", "-")),
            "yes" if bot.alive else "no",
            ago(bot.age),
            str(len(bot.pairs)),
            str(bot.about.get("version", "-")),
            f"{bot.about.get('host', '-')}, {bot.about.get('pid', '-')}",
            style="" if bot.alive else "dim",
        )
    return table


def _arbitrages_table(arbitrages: Sequence[Position], now: datetime) -> Table:
    """Trades that have another leg."""
    table = new_table("open pair", "bot", "trade", "bought", "sold on", "sold")
    for heading in ("at", "age"):
        table.add_column(heading, justify="right")
    for one in arbitrages:
        base = one.pair.partition("/")[0]
        table.add_row(
            str(one.arbitrage_id),
            one.bot,
            str(one.trade_id),
            f"{format_amount(one.accounted)} {one.pair}",
            one.other_venue + ("" if one.other_pair == one.pair else f" ({one.other_pair})"),
            f"{format_amount(one.hedged)} {base}",
            format_amount(one.other_price),
            ago((now - one.opened_at).total_seconds()),
        )
    return table


def show_unhedged(console: Console, exposures: Sequence[Exposure], now: datetime) -> None:
    """One line for each."""
    if not exposures:
        _say(console, "Nothing is unhedged.", style="green")
        return
    table = new_table("number", "bot", "amount", "venue", "pair")
    for heading in ("price", "value", "age"):
        table.add_column(heading, justify="right")
    table.add_column("what is being done", overflow="fold")
    for one in exposures:
        table.add_row(
            str(one.id),
            one.bot,
            f"{format_amount(one.net)} {one.base}",
            one.venue,
            one.pair,
            format_amount(one.price),
            format_amount(one.value),
            ago(one.age_seconds(now)),
            one.doing if one.is_open else f"closed: {one.closed_how}",
            style="" if one.is_open else "dim",
        )
    show_table(console, table)


def show_arbitrages(
    console: Console, arbitrages: Sequence[ArbitrageRecord], *, with_legs: bool = False
) -> None:
    """One line for each; ``with_legs``: and for each of its orders."""
    if not arbitrages:
        _say(console, "No arbitrage is stored.")
        return
    table = new_table("number", "bot", "state", "made at", "legs")
    for heading in ("quoted", "profit", "fees"):
        table.add_column(heading, justify="right")
    table.add_column("note", overflow="fold")
    for one in arbitrages:
        legs = "; ".join(f"{leg.side} {leg.pair} on {leg.venue}" for leg in one.orders)
        earned = [_rounded(one.result.get(name)) for name in ("quoted_profit", "profit", "fees")]
        made_at = one.made_at.strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(str(one.id), one.bot, str(one.state), made_at, legs, *earned, one.note)
    show_table(console, table)
    for record in arbitrages if with_legs else ():
        for leg in record.orders:
            reported = record.reported.get(leg.client_order_id)
            filled = "no answer" if reported is None else f"{format_amount(reported.filled)} filled"
            amount = f"{leg.side} {format_amount(leg.amount)} {leg.pair} on {leg.venue}"
            _say(console, f"{amount} at {format_amount(leg.price)}: {filled}")


def _rounded(amount: object) -> str:
    return "-" if amount is None else format_amount(Decimal(str(amount)))


def show_sentences(console: Console, sentences: Sequence[str]) -> None:
    """One line each."""
    for sentence in sentences:
        _say(console, sentence)


def show_differences(console: Console, found: Sequence[Difference], compared: str) -> None:
    """Each difference with what heals it."""
    for one in found:
        _say(console, f"{one.kind} ({one.account}): {one.sentence}.", style="yellow")
        _say(console, f"    What heals it: {one.healed_by}.")
    many = "No difference" if not found else f"{len(found)} difference{'s' * (len(found) > 1)}"
    _say(console, f"{many} found between {compared}.", style="" if found else "green")


def show_explanation(console: Console, explanation: Explanation) -> None:
    """Sentence by sentence."""
    _say(console, f"{explanation.pair} on {explanation.status.account}", style="bold")
    for sentence in explanation.sentences:
        _say(console, sentence)
    _say(console, "Limits on an entry", style="bold")
    for sentence in explanation.limits:
        _say(console, sentence)


def show_diagnosis(console: Console, diagnosis: Diagnosis) -> None:
    """The worst first."""
    for finding in diagnosis.findings:
        style = STYLES[finding.level]
        _say(console, f"{finding.level}: {finding.sentence} [{finding.code}]", style=style)
        stop = "" if finding.remedy.endswith("?") else "."
        _say(console, f"    What to do: {finding.remedy}{stop}")
    if diagnosis.is_healthy:
        _say(console, f"Healthy. Looked at: {', '.join(diagnosis.checked)}.", style="green")


def _say(console: Console, sentence: str, style: str = "") -> None:
    # What bots have stored is text, not rich's markup. A pipe gets whole lines, a screen words.
    is_pipe = not console.is_terminal and console.width == WIDTH
    console.print(sentence, style=style or None, markup=False, soft_wrap=is_pipe)


def new_table(*headings: str) -> Table:
    """An empty table."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _amount(amount: Decimal | None) -> str:
    return "-" if amount is None else format_amount(amount)
