"""`balance-guard sandbox`: a local exchange to rehearse a strategy on, live and without money."""

import argparse
import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from freqtrade_balance_guard.sandbox.clock import SystemClock
from freqtrade_balance_guard.sandbox.exchange import Exchange
from freqtrade_balance_guard.sandbox.freqtrade_config import exchange_section
from freqtrade_balance_guard.sandbox.scenario import Scenario
from freqtrade_balance_guard.sandbox.server import Server


DEFAULT_PORT = 8099
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
        help="JSON file with accounts, markets, prices and faults (default: 1000 USDT, 14 pairs)",
    )
    parser.add_argument("--account", default=None, help="account to print the configuration for")
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="print freqtrade's exchange section for this address and end, without serving",
    )
    parser.add_argument(
        "--print-scenario",
        action="store_true",
        help="print the whole scenario as JSON, to start an own one from, and end",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, no sentences")
    parser.add_argument("--child-of", type=int, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Serves until told to end.

    Exit codes: 0 ended by request, 130 by a signal, 1 no such address, 2 unusable scenario.
    """
    scenario = _child_scenario() if args.child_of is not None else _scenario(args.scenario)
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
        _say(json.dumps({"exchange": exchange_section(scenario, url, account)}, indent=2))
        return 0
    announce: Callable[[str], None] = lambda url: _announce(url, scenario, account)  # noqa: E731
    if args.json or args.child_of is not None:
        announce = lambda url: _announce_json(url, scenario, account)  # noqa: E731
    return _serve(args, scenario, announce)


def _serve(args: argparse.Namespace, scenario: Scenario, announce: Callable[[str], None]) -> int:
    server = Server(Exchange(scenario, SystemClock()))
    parent = args.child_of
    if parent is not None:
        threading.Thread(target=_watch_stdin, args=(server,), daemon=True).start()

    def alive() -> bool:
        # On Windows a virtual environment puts a launcher in between: there the pipe decides.
        return parent is None or os.name != "posix" or os.getppid() == parent

    try:
        signalled = asyncio.run(
            server.run(args.listen_ip_address, args.listen_port, announce, alive)
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


def _child_scenario() -> Scenario | None:
    try:
        return Scenario.model_validate_json(sys.stdin.buffer.readline())
    except ValidationError as error:
        _complain(str(error))
        return None


def _scenario(path: str | None) -> Scenario | None:
    if path is None:
        return Scenario.default()
    try:
        return Scenario.from_file(Path(path))
    except OSError as error:
        _complain(f"cannot read {path}: {error.strerror}")
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        _complain(f"{path}: {where}: {problem['msg']}")
    return None


def _announce(url: str, scenario: Scenario, account: str) -> None:
    section = json.dumps({"exchange": exchange_section(scenario, url, account)}, indent=4)
    balances = {each.name: each.balances for each in scenario.accounts}[account]
    owned = ", ".join(f"{amount} {currency}" for currency, amount in balances.items())
    _say(f"A local exchange that speaks Kraken's protocol is listening on {url}")
    _say(f"Account {account!r} owns {owned or 'nothing'}. No order leaves this machine.\n")
    _say("Put this in place of the `exchange` section of your config.json and set")
    _say('"dry_run": false; the keys are worth nothing anywhere else:\n')
    _say(section)
    _say(f"\nTrue balances and orders: {url}/sandbox/state   Stop with Ctrl-C.")


def _announce_json(url: str, scenario: Scenario, account: str) -> None:
    _say(json.dumps({"url": url, "exchange": exchange_section(scenario, url, account)}))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")
