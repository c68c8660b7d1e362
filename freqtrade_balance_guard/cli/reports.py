"""Commands that read and report: status, explain, reconcile, doctor, check-config, show-schema."""

import argparse
import json
import sys
import time
from contextlib import suppress
from typing import Any

from freqtrade_balance_guard.cli.context import (
    FINE,
    FOUND,
    WRONG_USE,
    CommandContext,
    add_bot_argument,
    add_command,
    add_config_arguments,
    add_exchange_argument,
    print_json,
    say,
    start_logging,
)
from freqtrade_balance_guard.console import printing
from freqtrade_balance_guard.console.bot_command import asked_controls
from freqtrade_balance_guard.console.bot_source import NotPossible
from freqtrade_balance_guard.console.config_check import (
    Finding,
    Level,
    channel_findings,
    config_findings,
    section_findings,
)
from freqtrade_balance_guard.console.doctor import Diagnosis, examine
from freqtrade_balance_guard.console.explain import explain, full_pair
from freqtrade_balance_guard.console.reconcile import (
    Difference,
    exchange_differences,
    stored_differences,
)
from freqtrade_balance_guard.console.status import status_of
from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.ledger import NothingStored
from freqtrade_balance_guard.settings import SECTION
from freqtrade_balance_guard.settings.loading import without_mistakes
from freqtrade_balance_guard.settings.schema import config_schema, section_schema


# status


def add_status(parser: argparse.ArgumentParser) -> None:
    """Balances, reservations and bots, as they are stored."""
    add_bot_argument(parser)
    add_command(parser, _status)


def _status(context: CommandContext) -> int:
    """0: shown; 1: the ledger cannot be read."""
    status = status_of(context.ledger, bot=context.args.bot)
    if context.args.json:
        print_json(status.as_json())
    elif status.is_empty and status.notes and not status.ledger_error:
        say(status.notes[0])
    else:
        printing.show_status(printing.console(), status)
    if status.ledger_error:
        say(status.ledger_error)
    return FOUND if status.ledger_error else FINE


# explain


def add_explain(parser: argparse.ArgumentParser) -> None:
    """Why the bot did, or did not, buy a pair."""
    parser.add_argument("pair", metavar="PAIR", help="such as BTC/USDT, or BTC for the stake's")
    add_bot_argument(parser)
    add_command(parser, _explain)


def _explain(context: CommandContext) -> int:
    """0: explained; 1: the ledger cannot be read."""
    from freqtrade_balance_guard.integration.console.config import locks_on

    source = context.ledger.source
    pair = full_pair(context.args.pair, source.stake_currency)
    locks = locks_on(source.database_url, pair, context.clock.wall())
    controls = asked_controls(context.ledger, context.args.bot, pair, context.clock, time.sleep)
    explanation = explain(context.ledger, pair, locks, bot=context.args.bot, controls=controls)
    if context.args.json:
        print_json(explanation.as_json())
    else:
        printing.show_explanation(printing.console(), explanation)
    return FOUND if explanation.status.ledger_error else FINE


# reconcile


def add_reconcile(parser: argparse.ArgumentParser) -> None:
    """Reservations against what is stored, and against the exchange."""
    add_exchange_argument(parser)
    add_command(parser, _reconcile)


def _reconcile(context: CommandContext) -> int:
    """0: no difference; 1: differences, or no answer."""
    asked = context.args.exchange
    compared = "the ledger and what is stored"
    try:
        found = stored_differences(context.ledger)
    except NothingStored as nothing:
        say(str(nothing))
        if context.args.json:
            print_json({"compared": [], "differences": []})
        return FINE
    if asked:
        compared = "the ledger, what is stored, and the exchange"
        found += _exchange_differences(context)
    if context.args.json:
        names = ["ledger", "stored"] + ["exchange"] * asked
        print_json({"compared": names, "differences": [one.as_json() for one in found]})
    else:
        printing.show_differences(printing.console(), found, compared)
    return FOUND if found else FINE


def _exchange_differences(context: CommandContext) -> list[Difference]:
    from freqtrade_balance_guard.integration.console.exchange import questions_to

    ledger = context.ledger
    questions = questions_to(context.config, ledger, "reconcile --exchange", context.clock)
    here = [row for row in ledger.unfinished() if row.account == ledger.source.account]
    pairs = {row.pair for row in here} | {
        str(pair)
        for bot in ledger.bots
        if bot.account == ledger.source.account
        for pair in bot.about.get("open_pairs") or ()
    }
    return exchange_differences(ledger, questions.view(sorted(pairs)))


# doctor


def add_doctor(parser: argparse.ArgumentParser) -> None:
    """What is wrong around the bots, and what to do about it."""
    add_exchange_argument(parser)
    add_command(parser, _doctor)


def _doctor(context: CommandContext) -> int:
    """0: healthy; 1: a warning or an error."""
    from freqtrade_balance_guard.integration.console.config import known_exchanges
    from freqtrade_balance_guard.integration.startup.self_check import freqtrade_differences

    diagnosis = examine(
        context.ledger, freqtrade=freqtrade_differences(), exchanges=known_exchanges()
    )
    if context.args.exchange:
        diagnosis = diagnosis.with_more("account", _account_findings(context))
    if context.args.json:
        print_json(diagnosis.as_json())
    else:
        printing.show_diagnosis(printing.console(), diagnosis)
    return FINE if diagnosis.is_healthy else FOUND


def _account_findings(context: CommandContext) -> list[Finding]:
    from freqtrade_balance_guard.clock import SystemClock
    from freqtrade_balance_guard.integration.console.account_mode import account_findings
    from freqtrade_balance_guard.integration.console.exchange import check_may_ask

    with suppress(NothingStored):  # then no bot runs
        check_may_ask(context.ledger, "doctor --exchange")
    found = list(account_findings(context.config))
    settings = context.ledger.source.settings
    if any(venue.kind == "prediction" for venue in settings.venues.values()):
        # Imported on use: needs a newer ccxt than the rest.
        from freqtrade_balance_guard.integration.prediction.doctor import prediction_findings

        found += prediction_findings(settings, SystemClock())
    return found


# check-config


def add_check_config(parser: argparse.ArgumentParser) -> None:
    """Every mistake and doubt in a configuration and its strategy, at once."""
    parser.add_argument("-s", "--strategy", metavar="NAME", help="strategy class, as in freqtrade")
    parser.add_argument("--strategy-path", metavar="PATH", help="additional folder of strategies")
    parser.add_argument(
        "--offline", action="store_true", help="do not read the exchange's public markets"
    )
    add_config_arguments(parser)
    parser.set_defaults(run=_check_config)


def _check_config(args: argparse.Namespace) -> int:
    """0: nothing but notes; 1: a mistake or a warning; 2: the files cannot be read."""
    from freqtrade_balance_guard.integration.console.config import load_config

    try:
        start_logging(args)
        config = load_config(args.config, args.userdir)
    except (SettingsError, OSError) as error:
        say(str(error))
        return WRONG_USE
    for name in ("strategy", "strategy_path"):
        if getattr(args, name):
            config[name] = getattr(args, name)
    diagnosis = _diagnosis_of(config, offline=args.offline)
    if args.json:
        print_json(diagnosis.as_json())
    else:
        printing.show_diagnosis(printing.console(), diagnosis)
    return FINE if diagnosis.is_healthy else FOUND


def _diagnosis_of(config: dict[str, Any], *, offline: bool) -> Diagnosis:
    from freqtrade_balance_guard.integration.console.config import (
        currencies_of,
        known_exchanges,
        source_of,
    )
    from freqtrade_balance_guard.integration.startup.strategy_check import examine_strategy

    findings = section_findings(config)
    checked = ["settings", "strategy", "messages"]
    if any(finding.code == "wrong_setting" for finding in findings):
        # The rest is looked at as well, so that one run names all.
        config = {**config, SECTION: without_mistakes(config[SECTION])}
    try:
        source = source_of(config)
    except SettingsError as error:
        if not any(finding.sentence == str(error) for finding in findings):
            findings.append(
                Finding(Level.ERROR, "not_usable", str(error), "correct it: no bot starts with it")
            )
    else:
        currencies: frozenset[str] = frozenset()
        if not offline:
            try:
                currencies = currencies_of(config)
                checked.append("markets")
            except NotPossible as error:
                remedy = "nothing to do: floors were not compared with the exchange's currencies"
                findings.append(Finding(Level.NOTE, "no_markets", str(error), remedy))
        findings += config_findings(source, config, known_exchanges(), currencies)
        checked += ["limits", "exchange", "venues"]
    findings += [*channel_findings(config), *examine_strategy(config)]
    order = list(Level)
    findings.sort(key=lambda finding: order.index(finding.level))
    return Diagnosis(tuple(checked), tuple(findings))


# show-schema


def add_show_schema(parser: argparse.ArgumentParser) -> None:
    """What an editor needs to complete and check config.json."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--section-only",
        action="store_true",
        help="only the value of balance_guard, to be put into a schema of your own",
    )
    form.add_argument(
        "--standalone",
        action="store_true",
        help="a whole config.json, but without a reference to freqtrade's published schema",
    )
    parser.set_defaults(run=_show_schema)


def _show_schema(args: argparse.Namespace) -> int:
    """Print the schema as JSON: no ``schema_version``, which would be no JSON schema."""
    if args.section_only:
        schema = section_schema()
    else:
        schema = config_schema(with_freqtrade=not args.standalone)
    sys.stdout.write(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
    return FINE
