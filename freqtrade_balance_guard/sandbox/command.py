"""`balance-guard sandbox`: a local exchange to rehearse a strategy on, live and without money."""

import argparse
import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from freqtrade_balance_guard.sandbox.any_exchange import (
    DIALECTS,
    AnyScenario,
    default_scenario,
    exchange_of,
    scenario_from_file,
    scenario_of,
    tls_is_needed,
)
from freqtrade_balance_guard.sandbox.freqtrade_config import TLS_PORT_DISTANCE, exchange_section
from freqtrade_balance_guard.sandbox.prediction_exchange.scenario import PredictionScenario
from freqtrade_balance_guard.sandbox.prediction_exchange.venue_config import venue_section
from freqtrade_balance_guard.sandbox.script.clock import SystemClock
from freqtrade_balance_guard.sandbox.script.markets_file import MarketsFile
from freqtrade_balance_guard.sandbox.server import Server, ServerTls
from freqtrade_balance_guard.sandbox.server_addresses import Addresses


DEFAULT_PORT = 8099
_PROTOCOLS = {
    "kraken": "Kraken's protocol",
    "binance": "Binance's spot protocol",
    "binance-futures": "Binance's USDT-M futures protocol",
    "polymarket": "Polymarket's protocol",
    "kalshi": "Kalshi's protocol",
    "sxbet": "SX Bet's protocol",
}
_BAD_SCENARIO = 2
_NO_ADDRESS = 1
_INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run)
    parser.add_argument(
        "--listen-ip-address",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on (default: %(default)s)",
    )
    parser.add_argument(
        "--listen-port",
        type=int,
        default=DEFAULT_PORT,
        metavar="PORT",
        help="port to listen on, 0 for any free one (default: %(default)s)",
    )
    parser.add_argument(
        "--scenario",
        metavar="FILE",
        help="JSON file with accounts, markets, prices and faults (default: 1000 USDT)",
    )
    parser.add_argument(
        "--markets",
        metavar="FILE",
        help="JSON file with the pairs, fees, minimums and precision of an exchange, "
        "as --fetch-markets writes it",
    )
    parser.add_argument(
        "--dialect",
        choices=DIALECTS,
        help="protocol to speak (default: the scenario's, which is kraken unless it says other)",
    )
    parser.add_argument(
        "--listen-port-tls",
        type=int,
        metavar="PORT",
        help="Binance's dialects: port for TLS, which ccxt needs for their errors, 0 for any free "
        f"one (default: the plain port and {TLS_PORT_DISTANCE})",
    )
    parser.add_argument("--account", default=None, help="account to print the configuration for")
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="print freqtrade's exchange section (or the venues section of a prediction market) "
        "for this address and end, without serving",
    )
    parser.add_argument(
        "--print-scenario",
        action="store_true",
        help="print the whole scenario as JSON, as a start for your own, and end",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, no sentences")
    parser.add_argument("--child-of", type=int, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Serves until it is asked to end.

    Exit codes: 0 ended by request, 130 by a signal, 1 no such address, 2 unusable scenario.
    """
    scenario = _child_scenario() if args.child_of is not None else _scenario(args)
    if scenario is None:
        return _BAD_SCENARIO
    account = args.account or scenario.accounts[0].name
    if account not in [each.name for each in scenario.accounts]:
        _complain(f"the scenario has no account {account!r}")
        return _BAD_SCENARIO
    if args.print_scenario:
        _say(scenario.with_keys().model_dump_json(indent=2))
        return 0
    if args.print_config:
        url = f"http://{args.listen_ip_address}:{args.listen_port}"
        tls_url = f"https://{args.listen_ip_address}:{_tls_port(args)}"
        _say(json.dumps(_sections(scenario, url, account, tls_url), indent=2))
        return 0
    announce = _announce_json if args.json or args.child_of is not None else _announce
    return _serve(args, scenario, lambda addresses: announce(addresses, scenario, account))


def _sections(scenario: AnyScenario, url: str, account: str, tls_url: str | None) -> dict[str, Any]:
    """What belongs into a bot's config to trade here."""
    if isinstance(scenario, PredictionScenario):
        return {"venues": {scenario.dialect: venue_section(scenario, url, account)}}
    return {"exchange": exchange_section(scenario, url, account, tls_url=tls_url)}


def _tls_port(args: argparse.Namespace) -> int:
    """The one asked for; else apart from the plain port, or any free one if that is any."""
    if args.listen_port_tls is not None:
        return int(args.listen_port_tls)
    return int(args.listen_port) + TLS_PORT_DISTANCE if args.listen_port else 0


def _serve(
    args: argparse.Namespace, scenario: AnyScenario, announce: Callable[[Addresses], None]
) -> int:
    server = Server(exchange_of(scenario, SystemClock()))
    parent = args.child_of
    if parent is not None:
        threading.Thread(target=_watch_stdin, args=(server,), daemon=True).start()

    def alive() -> bool:
        # On Windows a virtual environment puts a launcher in between: there the pipe decides.
        return parent is None or os.name != "posix" or os.getppid() == parent

    tls = None
    if tls_is_needed(scenario):
        from freqtrade_balance_guard.sandbox.certificate import server_context

        tls = ServerTls(_tls_port(args), server_context())
    try:
        signalled = asyncio.run(
            server.run(args.listen_ip_address, args.listen_port, announce, alive, tls)
        )
    except OSError as error:
        _complain(f"cannot listen on {args.listen_ip_address}:{args.listen_port}: {error}")
        return _NO_ADDRESS
    except KeyboardInterrupt:  # where the loop cannot handle signals
        return _INTERRUPTED
    return _INTERRUPTED if signalled else 0


def _watch_stdin(server: Server) -> None:
    """The parent holds the other end of the pipe; its end is ours.

    Reads the descriptor: a thread inside sys.stdin's buffer aborts the interpreter at its end.
    """
    while os.read(sys.stdin.fileno(), 4096):
        pass
    server.stop()


def _child_scenario() -> AnyScenario | None:
    try:
        return scenario_of(json.loads(sys.stdin.buffer.readline()))
    except ValidationError as error:
        _complain(str(error))
        return None


def _scenario(args: argparse.Namespace) -> AnyScenario | None:
    path = args.markets or args.scenario
    if path is None:
        return default_scenario(args.dialect or "kraken")
    if args.markets and args.scenario:
        _complain("--markets and --scenario exclude each other: a scenario names its markets")
        return None
    try:
        if args.markets:
            return MarketsFile.from_file(path).scenario(args.dialect)
        return scenario_from_file(Path(path), args.dialect)
    except OSError as error:
        _complain(f"cannot read {path}: {error.strerror}")
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        _complain(f"{path}: {where}: {problem['msg']}")
    return None


def _announce(addresses: Addresses, scenario: AnyScenario, account: str) -> None:
    url = addresses.url
    sections = _sections(scenario, url, account, addresses.tls_url)
    _say(f"A local exchange that speaks {_PROTOCOLS[scenario.dialect]} is listening on {url}")
    _say(f"Account {account!r} owns {_owned(scenario, account)}. No order leaves this machine.\n")
    if isinstance(scenario, PredictionScenario):
        _say('Put this into the "balance_guard" section of your config.json; the keys are worth')
        _say("nothing anywhere else:\n")
    else:
        _say("Put this in place of the `exchange` section of your config.json and set")
        _say('"dry_run": false; the keys are worth nothing anywhere else:\n')
    _say(json.dumps(sections, indent=4))
    if scenario.dialect == "binance-futures":
        _say('\nand beside it "trading_mode": "futures" and "margin_mode": "isolated" or "cross".')
    _say(f"\nTrue balances and orders: {url}/sandbox/state   Stop with Ctrl-C.")


def _owned(scenario: AnyScenario, account: str) -> str:
    if isinstance(scenario, PredictionScenario):
        return f"{scenario.account(account).balance} {scenario.currency}"
    balances = {each.name: each.balances for each in scenario.accounts}[account]
    return ", ".join(f"{amount} {name}" for name, amount in balances.items()) or "nothing"


def _announce_json(addresses: Addresses, scenario: AnyScenario, account: str) -> None:
    sections = _sections(scenario, addresses.url, account, addresses.tls_url)
    _say(json.dumps({**asdict(addresses), **sections}))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")
