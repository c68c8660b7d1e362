"""Commands that change something: pause, reservations, unhedged, rebalance and others."""

import argparse
import time

from freqtrade_balance_guard.arbitrage.store import (
    ArbitrageStore,
    BreakerRows,
    read_arbitrages,
    read_breakers,
    read_exposures,
    read_holdings,
)
from freqtrade_balance_guard.cli.context import (
    FINE,
    FOUND,
    WRONG_USE,
    CommandContext,
    add_bot_argument,
    add_command,
    add_exchange_argument,
    confirm,
    print_json,
    say,
)
from freqtrade_balance_guard.console import printing, reservations
from freqtrade_balance_guard.console.bot_command import set_pause
from freqtrade_balance_guard.console.bot_source import NotPossible, describe
from freqtrade_balance_guard.console.rebalance import (
    ask_for_one,
    attempt_as_json,
    last_attempt,
    preview_of,
)
from freqtrade_balance_guard.console.uninstall import leftovers, remove
from freqtrade_balance_guard.ledger import NothingStored, Reservation


SHOWN_IN_A_TABLE = 20


# pause, resume


def add_pause(parser: argparse.ArgumentParser) -> None:
    """Let no entry of a bot out, until ``resume``."""
    parser.add_argument(
        "--why", metavar="TEXT", default="", help="a reason, shown with every denial"
    )
    add_bot_argument(parser)
    add_command(parser, lambda context: _set_pause(context, context.args.why))


def add_resume(parser: argparse.ArgumentParser) -> None:
    """Let entries of a bot out again."""
    add_bot_argument(parser)
    add_command(parser, lambda context: _set_pause(context, None))


def _set_pause(context: CommandContext, why: str | None) -> int:
    """0: stored, and confirmed where the bot runs; 1: not confirmed, or the bot is unknown."""
    answer = set_pause(context.ledger, context.args.bot, why, context.clock, time.sleep)
    if context.args.json:
        print_json({"done": answer.done, "sentence": answer.text})
    else:
        say(answer.text)
    return FINE if answer.done else FOUND


# uninstall


def add_uninstall(parser: argparse.ArgumentParser) -> None:
    """Name everything that the guard has left, and remove it."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--dry-run", action="store_true", help="only say what would be removed (the default)"
    )
    what.add_argument("--yes", action="store_true", help="remove it")
    add_command(parser, _uninstall)


def _uninstall(context: CommandContext) -> int:
    """0: shown, or removed; 1: something is open, so nothing was removed."""
    from freqtrade_balance_guard.integration.console.config import bot_in, forget_bot

    ledger, args = context.ledger, context.args
    left = leftovers(ledger, context.config)
    database = ledger.source.database_url
    has_name = bot_in(database) is not None
    is_removed = args.yes and not left.open
    if is_removed:
        ledger.close()
        remove(left.files)
        forget_bot(database)
    if args.json:
        print_json({**left.as_json(), "name_in_database": has_name, "removed": is_removed})
    else:
        done = "Removed" if is_removed else "To remove"
        lines = [f"{done}: {file}" for file in left.files]
        lines += [f"{done}: the bot's name in freqtrade's database"] * has_name
        lines += [f"By hand: {one}" for one in left.by_hand]
        lines += [f"Not while this is open: {one}" for one in left.open]
        if not is_removed and not left.open:
            lines.append("Nothing was removed: --yes removes it.")
        printing.show_sentences(printing.console(), lines)
    return FOUND if left.open else FINE


# reservations


def add_reservations(parser: argparse.ArgumentParser) -> None:
    """``reservations list|show|release``."""
    commands = parser.add_subparsers(dest="what", metavar="list|show|release", required=True)
    list_ = commands.add_parser("list", help="all without an end, and the newest that have ended")
    list_.add_argument(
        "--limit",
        type=_count,
        metavar="N",
        help="how many that have ended (default: "
        f"{SHOWN_IN_A_TABLE} in the table, all in JSON; 0: none)",
    )
    list_.add_argument("--account", metavar="NAME", help="only of this account")
    list_.add_argument("--bot", metavar="NAME", help="only of this bot")
    list_.add_argument("--pair", metavar="PAIR", help="only of this pair")
    add_command(list_, _list_reservations)
    show = commands.add_parser("show", help="one, with its history")
    show.add_argument("id", metavar="ID", help="number or client order id")
    add_command(show, _show_reservation)
    release = commands.add_parser("release", help="end one by hand that the bot does not end")
    release.add_argument("id", metavar="ID", help="number or client order id")
    release.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    way = release.add_mutually_exclusive_group()
    add_exchange_argument(way)
    way.add_argument(
        "--force",
        action="store_true",
        help="release it although the exchange does not say what happened to the order",
    )
    add_command(release, _release_reservation)


def _list_reservations(context: CommandContext) -> int:
    args = context.args
    limit = args.limit
    if limit is None and not args.json:
        limit = SHOWN_IN_A_TABLE
    try:
        rows = reservations.listed(
            context.ledger, limit=None, account=args.account, bot=args.bot, pair=args.pair
        )
    except NothingStored as nothing:
        if args.json:
            print_json([])
        say(str(nothing))
        return FINE
    ended = sum(not row.unfinished for row in rows)
    more = max(ended - limit, 0) if limit is not None else 0
    rows = rows[: len(rows) - more]
    if args.json:
        print_json([reservations.as_json(row) for row in rows])
    else:
        printing.show_reservations(printing.console(), rows, more)
    return FINE


def _show_reservation(context: CommandContext) -> int:
    ledger = context.ledger
    row = reservations.named(ledger, context.args.id)
    history = ledger.store.history(row.client_order_id)
    if context.args.json:
        print_json(reservations.with_history(row, history))
    else:
        alive = ledger.is_owner_alive(row)
        printing.show_reservation(printing.console(), row, history, owner_alive=alive)
    return FINE


def _release_reservation(context: CommandContext) -> int:
    """0: released; 1: not released, or not confirmed; 2: a dead bot's, without a way given."""
    ledger, args = context.ledger, context.args
    row = reservations.releasable(ledger, args.id)
    alive = ledger.is_owner_alive(row)
    if not alive and not (args.exchange or args.force):
        say(
            f"{row.bot} is not running, so the outcome of the order is unknown: use --exchange to "
            "look it up first, or --force if you have looked yourself."
        )
        return WRONG_USE
    if args.force:
        say(reservations.FORCED)
    if not confirm(f"Release {describe(row)}?", yes=args.yes):
        say("Nothing was released: not confirmed.")
        return FOUND
    outcome = _released(context, row, alive=alive)
    if args.json:
        print_json({"id": row.id, "released": outcome.released, "sentence": outcome.sentence})
    else:
        say(outcome.sentence)
    return FINE if outcome.released else FOUND


def _released(context: CommandContext, row: Reservation, *, alive: bool) -> reservations.Outcome:
    ledger, clock, force = context.ledger, context.clock, context.args.force
    if alive:
        return reservations.release_by_its_bot(ledger, row, clock, time.sleep, force=force)
    if force:
        return reservations.release_by_force(ledger, row, clock)
    from freqtrade_balance_guard.integration.console.exchange import questions_to

    if row.account != ledger.source.account:
        raise NotPossible(
            f"It belongs to the account {row.account}, this configuration to "
            f"{ledger.source.account}: use the configuration of {row.bot}."
        )
    questions = questions_to(context.config, ledger, "reservations release", clock)
    return reservations.release_after_asking(ledger, row, questions, clock)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


# arbitrages


def add_arbitrages(parser: argparse.ArgumentParser) -> None:
    """``arbitrages list|show|resume``."""
    commands = parser.add_subparsers(dest="what", metavar="list|show|resume", required=True)
    list_ = commands.add_parser("list", help="the last arbitrages, the newest first")
    list_.add_argument("--last", metavar="COUNT", type=int, default=SHOWN_IN_A_TABLE)
    add_command(list_, _list_arbitrages)
    show = commands.add_parser("show", help="both legs of one, and what it earned")
    show.add_argument("number", metavar="ID", type=int, help="as the list shows it")
    add_command(show, _show_arbitrage)
    resume = commands.add_parser("resume", help="let arbitrages begin that the breaker has stopped")
    resume.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    add_command(resume, _resume_arbitrages)


def _list_arbitrages(context: CommandContext) -> int:
    found = read_arbitrages(context.ledger.source.local, at_most=max(context.args.last, 1))
    if context.args.json:
        print_json([one.as_json() for one in found])
    else:
        printing.show_arbitrages(printing.console(), found)
    return FINE


def _show_arbitrage(context: CommandContext) -> int:
    """0: shown; 1: there is none with this number."""
    number = context.args.number
    found = read_arbitrages(context.ledger.source.local, number=number)
    if not found:
        say(f"There is no arbitrage with the number {number}.")
        return FOUND
    holdings = [
        one
        for one in read_holdings(context.ledger.source.local, also_ended=True)
        if one.arbitrage_id == number
    ]
    if context.args.json:
        shares = {"holdings": [one.as_json() for one in holdings]} if holdings else {}
        print_json({**found[0].as_json(), **shares})
    else:
        printing.show_arbitrages(printing.console(), found, with_legs=True)
        for one in holdings:
            say(f"{one.sentence()}.")
    return FINE


def _resume_arbitrages(context: CommandContext) -> int:
    """0: they may begin; 1: the breaker has stopped nothing, or not confirmed."""
    source = context.ledger.source
    row = next((one for one in read_breakers(source.local) if one.owner == source.account), None)
    if row is None or row.tripped_at is None:
        say(f"The breaker of {source.account} has stopped nothing.")
        return FOUND
    question = f"{row.sentence()}\nWhat has ended so far no longer counts. Let them begin again?"
    if not confirm(question, yes=context.args.yes):
        say("Nothing was changed: not confirmed.")
        return FOUND
    rows = BreakerRows(ArbitrageStore(source.local, source.account), source.account)
    rows.resume(context.clock.wall())
    if context.args.json:
        print_json(rows.row().as_json())
    else:
        say(f"Arbitrages of {source.account} may begin again, within seconds if a bot runs.")
    return FINE


# unhedged


def add_unhedged(parser: argparse.ArgumentParser) -> None:
    """``unhedged list|resolve``."""
    commands = parser.add_subparsers(dest="what", metavar="list|resolve", required=True)
    list_ = commands.add_parser("list", help="what one leg did and the other did not")
    list_.add_argument("--all", action="store_true", help="also what is closed")
    add_command(list_, _list_unhedged)
    resolve = commands.add_parser("resolve", help="say that you have taken care of it")
    resolve.add_argument("number", metavar="NUMBER", type=int, help="as the list shows it")
    resolve.add_argument("--why", metavar="TEXT", default="resolved by hand", help="what you did")
    resolve.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    add_command(resolve, _resolve_unhedged)


def _list_unhedged(context: CommandContext) -> int:
    exposures = read_exposures(context.ledger.source.local, also_closed=context.args.all)
    now = context.clock.wall()
    if context.args.json:
        print_json([one.as_json(now) for one in exposures])
    else:
        printing.show_unhedged(printing.console(), exposures, now)
    return FINE


def _resolve_unhedged(context: CommandContext) -> int:
    """0: closed; 1: there is none with this number, or not confirmed."""
    args, file, now = context.args, context.ledger.source.local, context.clock.wall()
    exposure = next((one for one in read_exposures(file) if one.id == args.number), None)
    if exposure is None:
        say(f"There is no open exposure with the number {args.number}.")
        return FOUND
    question = (
        f"{exposure.sentence()}.\nNothing is sent: this only says that you have taken care of it. "
        "Close it?"
    )
    if not confirm(question, yes=args.yes):
        say("Nothing was resolved: not confirmed.")
        return FOUND
    # The bot reads what is open from the same table before every arbitrage.
    closed = ArbitrageStore(file).resolve(args.number, now, args.why)
    if args.json:
        print_json(closed.as_json(now))
    else:
        say(f"Exposure {closed.id} is closed: {closed.closed_how}. It no longer counts.")
    return FINE


# rebalance


def add_rebalance(parser: argparse.ArgumentParser) -> None:
    """``rebalance --preview|--now``."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--preview", action="store_true", help="show what would be sold now, and why or why not"
    )
    what.add_argument(
        "--now", action="store_true", help="ask the running bot for one, without the waiting times"
    )
    add_bot_argument(parser)
    add_command(parser, _rebalance)


def _rebalance(context: CommandContext) -> int:
    """0: shown, or done; 1: nothing to show, or not done."""
    ledger, args = context.ledger, context.args
    if args.preview:
        preview = preview_of(ledger, bot=args.bot)
        if args.json:
            print_json(preview.as_json())
        else:
            printing.show_sentences(printing.console(), preview.sentences)
        return FINE
    answer = ask_for_one(ledger, args.bot, context.clock, time.sleep)
    if args.json:
        last = attempt_as_json(last_attempt(ledger, ledger.own_bot(args.bot)))
        print_json({"done": answer.done, "sentence": answer.text, "last_rebalance": last})
    else:
        say(answer.text)
    return FINE if answer.done else FOUND
