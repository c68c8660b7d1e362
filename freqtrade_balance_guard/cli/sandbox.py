"""`balance-guard sandbox`: the sandbox's own options, and the markets of a real exchange."""

import argparse
import json
import sys
from functools import partial

from freqtrade_balance_guard.cli.context import FINE, FOUND, WRONG_USE, say
from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.console.bot_source import NotPossible
from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.sandbox import command


def add_sandbox(parser: argparse.ArgumentParser) -> None:
    """The local exchange, and ``--fetch-markets``, which needs ccxt."""
    command.add_arguments(parser)
    parser.add_argument(
        "--fetch-markets",
        metavar="EXCHANGE",
        help="print the public markets of an exchange (ccxt's name) for --markets, and end; "
        "needs no key",
    )
    parser.add_argument(
        "--quote", metavar="CURRENCY", help="with --fetch-markets: only pairs priced in it"
    )
    parser.add_argument(
        "--futures",
        action="store_true",
        help="with --fetch-markets: perpetual contracts in place of spot markets",
    )
    parser.add_argument(
        "-c",
        "--config",
        action="append",
        metavar="PATH",
        help="with --fetch-markets: take ccxt_config (a proxy) from its exchange section",
    )
    parser.set_defaults(run=partial(_run, parser))


def _run(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    if args.fetch_markets:
        return _fetch(args)
    if args.quote or args.futures or args.config:
        parser.error("--quote, --futures and --config go with --fetch-markets")
    return command.run(args)


def _fetch(args: argparse.Namespace) -> int:
    """0: printed; 1: the exchange did not answer; 2: the config cannot be read."""
    from freqtrade_balance_guard.integration.console.config import load_config
    from freqtrade_balance_guard.integration.console.markets import fetch_markets

    try:
        config = load_config(args.config, None) if args.config else {}
        ccxt_config = config.get("exchange", {}).get("ccxt_config", {})
        quote = args.quote.upper() if args.quote else None
        content = fetch_markets(
            args.fetch_markets.lower(),
            ccxt_config,
            quote,
            futures=args.futures,
            now=SystemClock().wall(),
        )
    except SettingsError as error:
        say(str(error))
        return WRONG_USE
    except NotPossible as error:
        say(str(error))
        return FOUND
    sys.stdout.write(json.dumps(content, indent=1) + "\n")
    return FINE
