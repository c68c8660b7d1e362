"""Runs bots on a changed freqtrade, many in one process: ``python -m tests.support.changed_bot``.

Each line of standard input is a list of cases, each with the ways of its bots, and is answered by a
line once they have ended. The process loads all that does not depend on freqtrade once and forks:
for each case a process that imports freqtrade with the change, and from it one for each bot. The
bots of a case run side by side. A bot does two loops and writes ``result.json`` into its folder.
"""

import importlib
import json
import logging
import os
import pkgutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import freqtrade_balance_guard
from tests.support.changes import CHANGED, Change, install
from tests.support.preloaded import load_libraries


LOOPS = 2
SECONDS = 300  # a machine may be busy
OURS = "freqtrade_balance_guard"
KEPT_READY = tuple(
    f"{OURS}.{room}"
    for room in ("balances", "ledger", "limits", "monitoring", "orders", "settings")
)


def main() -> None:
    _load_what_stays_the_same()
    for line in sys.stdin:
        for case in json.loads(line):
            _in_processes(_run_case, [case])
        sys.stdout.write("done\n")
        sys.stdout.flush()


def _run_case(case: dict[str, Any]) -> None:
    install(Change(*case["change"]))
    _in_processes(_run_bot, case["bots"])


def _in_processes(task: Callable[[Any], None], arguments: list[Any]) -> None:
    """Run ``task`` with each argument in a process of its own, side by side."""
    pids = []
    for argument in arguments:
        if not (pid := os.fork()):
            try:
                task(argument)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)


def _load_what_stays_the_same() -> None:
    """Libraries, and our modules that do not import freqtrade."""
    load_libraries()
    for module in pkgutil.walk_packages(freqtrade_balance_guard.__path__, f"{OURS}."):
        if module.name.startswith(KEPT_READY):
            importlib.import_module(module.name)
    if "freqtrade" in sys.modules:
        raise RuntimeError("freqtrade is imported already")


def _run_bot(bot: dict[str, Any]) -> None:
    folder = Path(bot["folder"])
    log = os.open(folder / "bot.log", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    signal.alarm(SECONDS)
    result: dict[str, Any] = {"started": False, "loops": 0, "error": "", "kind": ""}
    try:
        _trade(folder, bot["way"], result)
    except BaseException as error:
        traceback.print_exc()
        result["error"] = f"{type(error).__name__}: {error}"
    result["changed"] = sum(CHANGED.values())
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def _trade(folder: Path, way: str, result: dict[str, Any]) -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    if way == "launcher":
        from freqtrade_balance_guard import activate

        activate()
    from freqtrade import worker as module
    from freqtrade.commands import Arguments

    module.RETRY_TIMEOUT = 0
    module.Worker._sleep = staticmethod(lambda seconds: None)
    arguments = [
        *("trade", "--config", str(folder / "config.json"), "--userdir", str(folder)),
        *("--strategy", "Rehearsal", "--db-url", f"sqlite:///{folder / 'trades.sqlite'}"),
    ]
    worker = module.Worker(Arguments(arguments).get_parsed_arg())
    result["started"] = True
    result["kind"] = type(worker.freqtrade).__name__
    state = None
    for _ in range(LOOPS):
        state = worker._worker(old_state=state)
        result["loops"] += 1


if __name__ == "__main__":
    main()
