"""Commands that play: the demo, and a rehearsal of a user's own strategy."""

import argparse
import json
import sys
import tempfile
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from freqtrade_balance_guard.arbitrage.store import ArbitragesUnavailable
from freqtrade_balance_guard.cli.context import (
    FINE,
    FOUND,
    STOPPED,
    WRONG_USE,
    add_config_arguments,
    say,
    start_logging,
)
from freqtrade_balance_guard.cli.monitoring import demo_report
from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.demo import command as demo
from freqtrade_balance_guard.demo import table
from freqtrade_balance_guard.demo.bot import BotError, OwnStrategy
from freqtrade_balance_guard.demo.rehearsal.own_config import (
    NotRehearsable,
    chosen_pairs,
    dialect_of,
    money_of,
    pairs_left_out,
    stake_currency,
)
from freqtrade_balance_guard.demo.rehearsal.play import Rehearsal, Rehearsed, play, with_waves
from freqtrade_balance_guard.demo.rehearsal.troubles import LEAST_MINUTES
from freqtrade_balance_guard.demo.stage import SIDES, Side
from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.local_file import LocalFileError
from freqtrade_balance_guard.page.report import TooLarge
from freqtrade_balance_guard.rebalance.attempt_store import AttemptsUnavailable
from freqtrade_balance_guard.sandbox import SandboxDidNotStart, Scenario
from freqtrade_balance_guard.sandbox.script.markets_file import MarketsFile
from freqtrade_balance_guard.settings import SECTION, GuardSettings, load_settings


REPORT = "report.html"


# demo


def add_demo(parser: argparse.ArgumentParser) -> None:
    """The demo's options; its report is written beside its results."""
    demo.add_arguments(parser)
    parser.set_defaults(run=partial(demo.run, write_report=write_report))


def write_report(folder: Path) -> str:
    """Write the report of what was played into ``folder``; a sentence that says where it is."""
    file = folder / REPORT
    try:
        html, _reports = demo_report(folder)
        file.write_text(html, encoding="utf-8")
    except (LocalFileError, ArbitragesUnavailable, AttemptsUnavailable, TooLarge, OSError) as error:
        return f"There is no report: {error}"
    return f"Report, to be opened in a browser: {file}"


# rehearse


def add_rehearse(parser: argparse.ArgumentParser) -> None:
    """Which strategy, on which markets, for how long."""
    add_config_arguments(parser)
    parser.add_argument("-s", "--strategy", metavar="NAME", help="class of the strategy")
    parser.add_argument(
        "--strategy-path", type=Path, metavar="PATH", help="where it is (default: as in freqtrade)"
    )
    parser.add_argument(
        "--recursive-strategy-search", action="store_true", help="also in the folders below"
    )
    parser.add_argument(
        "--minutes",
        type=_minutes,
        default=10.0,
        metavar="N",
        help=f"how long, at least {LEAST_MINUTES:g} (default: 10)",
    )
    parser.add_argument(
        "--markets",
        type=Path,
        metavar="FILE",
        help="markets of your exchange, as balance-guard sandbox --fetch-markets writes them",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("rehearsal-output"),
        metavar="DIR",
        help="where report, picture, results and logs go (default: %(default)s)",
    )
    parser.set_defaults(run=_rehearse)


def _minutes(text: str) -> float:
    minutes = float(text)
    if not LEAST_MINUTES <= minutes <= 24 * 60:
        raise argparse.ArgumentTypeError(f"between {LEAST_MINUTES:g} and {24 * 60} minutes")
    return minutes


def _rehearse(args: argparse.Namespace) -> int:
    """0: every claim held; 1: one did not, or a bot did not start; 2: wrong use or settings."""
    from freqtrade_balance_guard.integration.console.config import load_config

    start_logging(args)
    try:
        rehearsal = _prepared(args, load_config(args.config, args.userdir))
        return _play(rehearsal, args)
    except (SettingsError, NotRehearsable) as error:
        say(str(error))
        return WRONG_USE
    except (BotError, SandboxDidNotStart, OSError) as error:
        say(str(error))
        return FOUND
    except KeyboardInterrupt:
        say("Stopped.")
        return STOPPED


def _prepared(args: argparse.Namespace, config: dict[str, Any]) -> Rehearsal:
    """What is to be rehearsed, with a sentence about what is not.

    :raises SettingsError: the config has no balance_guard section, or a wrong one
    :raises NotRehearsable: it lacks something else
    """
    if SECTION not in config:
        raise NotRehearsable(f"The configuration has no {SECTION} section: an empty one will do.")
    settings = load_settings(config[SECTION])
    if not isinstance(config.get("exchange"), dict) or not config["exchange"].get("name"):
        raise NotRehearsable("exchange.name is missing in the configuration.")
    currency, seconds = stake_currency(config), args.minutes * 60
    market = _market_scenario(args.markets, config)
    pairs = chosen_pairs(config, market)
    left_out = pairs_left_out(config, pairs)
    if left_out:
        why = "it is not in the file" if args.markets else "the sandbox does not know its rules"
        hint = "" if args.markets else " (--markets FILE: the markets of your exchange)"
        say(f"Not rehearsed, {why} or there are twelve others: {', '.join(left_out)}{hint}")
    return Rehearsal(
        strategy=_strategy(args, config),
        config=config,
        exchange=with_waves(market, pairs, money_of(config), currency, seconds),
        pairs=pairs,
        currency=currency,
        floor=_least_floor(settings, currency),
        seconds=seconds,
    )


def _market_scenario(file: Path | None, config: dict[str, Any]) -> Scenario:
    """:raises NotRehearsable: the file cannot be used"""
    if file is None:
        return Scenario.default(dialect_of(config))
    try:
        return MarketsFile.from_file(file).scenario()
    except OSError as error:
        raise NotRehearsable(f"Cannot read {file}: {error.strerror}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise NotRehearsable(f"{file}: {where}: {problem['msg']}") from error


def _strategy(args: argparse.Namespace, config: dict[str, Any]) -> OwnStrategy:
    """:raises NotRehearsable: no strategy is named, or its folder is not there"""
    name = args.strategy or config.get("strategy")
    if not name:
        raise NotRehearsable("Name the strategy: --strategy NAME.")
    folder = args.strategy_path or config.get("strategy_path")
    folder = Path(folder) if folder else Path(config["user_data_dir"]) / "strategies"
    if not folder.is_dir():
        raise NotRehearsable(f"There is no folder {folder}; --strategy-path names another one.")
    recursive = args.recursive_strategy_search or config.get("recursive_strategy_search", False)
    return OwnStrategy(name, folder.absolute(), bool(recursive))


def _least_floor(settings: GuardSettings, currency: str) -> Decimal:
    """What stays in every tier."""
    tiers = [None, *range(len(settings.tiers))]
    floors = [settings.limits_for_tier(index).reserve_balance for index in tiers]
    return min(floor.get(currency, Decimal(0)) for floor in floors)


def _play(rehearsal: Rehearsal, args: argparse.Namespace) -> int:
    clock = SystemClock()
    started, talk = clock.monotonic(), Console(stderr=True)
    talk.print(
        f"{rehearsal.strategy.name} trades live on two local exchanges, plain and guarded, for "
        f"{args.minutes:g} minutes: {', '.join(rehearsal.pairs)}. No order leaves this machine.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    with tempfile.TemporaryDirectory(prefix="balance-guard-") as folder, demo.progress(talk) as bar:
        tasks = {side: bar.add_task(f"  {side:8}", total=1.0, state="") for side in SIDES}

        def report(side: Side, state: str, share: float) -> None:
            bar.update(tasks[side], completed=share, state=state)

        rehearsed = play(rehearsal, Path(folder), report)
        demo.keep_books(Path(folder), rehearsed.played.scene, args.output)
    seconds = clock.monotonic() - started
    return _show(rehearsed, rehearsal, args, seconds)


def _show(
    rehearsed: Rehearsed, rehearsal: Rehearsal, args: argparse.Namespace, seconds: float
) -> int:
    played = [rehearsed.played]
    results = {
        **table.as_json(played, dry_run=False, seconds=seconds),
        "stake_currency": rehearsal.currency,
        "pairs": list(rehearsal.pairs),
        "troubles": rehearsed.faults,
        "notes": rehearsed.notes,
    }
    files = demo.write_results(played, results, args.output, has_picture=True)
    files.append(write_report(args.output))
    if args.json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")
    else:
        demo.show_results(played, dry_run=False)
        if results["ok"]:
            Console().print("The guarded bot kept every claim.", style="green")
    talk = Console(stderr=True)
    for note in [*rehearsed.notes, *files]:
        talk.print(note, markup=False, highlight=False, soft_wrap=True)
    return FINE if results["ok"] else FOUND
