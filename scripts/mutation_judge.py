"""Runs the tests that execute a changed line, each time in a fresh copy of this process.

The copy starts with pytest and the libraries loaded already, so that a judgement costs little more
than the tests themselves. It may use a few times the processor time that the unchanged code needs;
time on the wall says little on a busy machine, so its limit is only for a test that waits for ever.
"""

import ast
import os
import pickle
import resource
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import FrameType
from typing import Any

import pytest


# Loaded here for the copies, which then find them in memory.
PLUGINS = [plugin.load() for plugin in entry_points(group="pytest11")]
OPTIONS = [
    *("-q", "-x", "--no-header", "--disable-warnings", "-p", "no:cacheprovider", "-p", "no:xdist"),
    # The same examples each time, and none kept.
    *("--hypothesis-profile", "ci"),
    *("-m", "not acceptance and not benchmark and not soak"),
]
CPU_TIMES = 6
CPU_SECONDS_LEAST = 15
WALL_SECONDS = 180
AT_IMPORT = "(import)"
# A test that takes longer, measured while its lines are noted, is not asked: only quick ones count.
SLOW_SECONDS = 4.0


@dataclass
class Clean:
    """What the tests of a room do on unchanged code."""

    # (file, line) -> the tests that execute it
    tests: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    # In the order in which they run; the quick files first
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """Whether the tests passed; if not, which one noticed."""

    passed: bool
    by: str


def load(names: list[str], modules: list[Path]) -> None:
    """Import here what the tests need and what is never changed.

    :param modules: what is changed in any room, and must be imported anew in each copy
    """
    for name in names:
        import_module(name)
    changed = {".".join(path.with_suffix("").parts) for path in modules}
    if wrong := changed & sys.modules.keys():
        raise SystemExit(f"scripts/mutation.toml loads what is to be changed: {wrong}")


def watch(tests: list[str], without: str, modules: list[Path], folder: Path) -> Clean:
    """Run all ``tests`` on the unchanged code and note which lines each one executes.

    :param without: words for ``pytest -k``; tests with one of them in their names are left out
    """
    files = {str(path.absolute()) for path in modules}
    watcher = _Watcher(files)
    arguments = ["-k", f"not ({without})", *_arguments(tests, folder)]
    code, clean = _in_a_copy(
        lambda: (pytest.main(arguments, plugins=[watcher]), watcher.clean()),
        folder,
        cpu_seconds=1200,
        wall_seconds=1200,
        keep_bytecode=True,
    )
    if code != 0 or clean is None:
        raise SystemExit(f"The unchanged code fails:\n{_output(folder)[-3000:]}")
    return clean


def judge(selected: list[str], clean: Clean, folder: Path) -> Verdict:
    """Run the ``selected`` tests on the code as it stands now."""
    files = list(dict.fromkeys(test.partition("::")[0] for test in selected))
    expected = sum(clean.seconds[test] for test in selected)
    chooser = _Chooser(set(selected))
    code, by = _in_a_copy(
        lambda: (pytest.main(_arguments(files, folder), plugins=[chooser]), chooser.failed),
        folder,
        cpu_seconds=int(expected * CPU_TIMES) + CPU_SECONDS_LEAST,
        wall_seconds=WALL_SECONDS + expected * CPU_TIMES,
    )
    if code is None:
        return Verdict(False, "(died or hung)")
    return Verdict(code == 0, "" if code == 0 else by or "(import)")


def tests_for(start: int, end: int, file: Path, clean: Clean) -> list[str]:
    """The tests that execute the statement between two lines, in the order of ``clean``.

    All of them where it is executed by an import: default values, constants, class bodies.
    """
    lines = statement_lines(file, start, end)
    if not lines:
        return list(clean.seconds)
    name = str(file.absolute())
    found: set[str] = set().union(*(clean.tests.get((name, line), set()) for line in lines))
    if AT_IMPORT in found:
        return list(clean.seconds)
    return [test for test in clean.seconds if test in found]


def statement_lines(file: Path, start: int, end: int) -> set[int]:
    """The lines of the innermost statement around two lines; empty outside of functions.

    Of a statement with a body only its head.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"))
    around = [node for node in _statements(tree) if node[0] <= start and end <= node[1]]
    if not any(is_body for _, _, _, is_body in around):
        return set()
    first, last, head, _ = min(around, key=lambda node: node[1] - node[0])
    return {*range(first, min(head, last) + 1), *range(start, end + 1)}


def _statements(tree: ast.Module) -> Iterator[tuple[int, int, int, bool]]:
    """First line, last line, last line of the head, and whether it is inside of a function."""

    def walk(node: ast.AST, is_body: bool) -> Iterator[tuple[int, int, int, bool]]:
        if isinstance(node, ast.stmt | ast.ExceptHandler):
            body = getattr(node, "body", None)
            head = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            yield node.lineno, node.end_lineno or node.lineno, max(head, node.lineno), is_body
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from walk(child, is_body or (is_function and name == "body"))

    return walk(tree, False)


class _Watcher:
    """Notes which test executes which line of which file."""

    def __init__(self, files: set[str]) -> None:
        self._files = files
        self._tests: dict[tuple[str, int], set[str]] = defaultdict(set)
        self._seconds: dict[str, float] = {}
        self._now = AT_IMPORT
        self._start()

    def clean(self) -> Clean:
        sys.settrace(None)
        of_file: dict[str, float] = defaultdict(float)
        for test, seconds in self._seconds.items():
            of_file[test.partition("::")[0]] += seconds
        quick = [test for test, seconds in self._seconds.items() if seconds <= SLOW_SECONDS]
        order = sorted(quick, key=lambda test: of_file[test.partition("::")[0]])
        return Clean(dict(self._tests), {test: self._seconds[test] for test in order})

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self._now = item.nodeid
        self._start()
        started = time.process_time()
        try:
            return (yield)
        finally:
            self._seconds[item.nodeid] = time.process_time() - started
            self._now = AT_IMPORT

    def _start(self) -> None:
        sys.settrace(self._call)
        threading.settrace(self._call)

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename in self._files else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        self._tests[frame.f_code.co_filename, frame.f_lineno].add(self._now)
        return self._line


class _Chooser:
    """Keeps only some tests, and remembers the one that failed."""

    def __init__(self, selected: set[str]) -> None:
        self._selected = selected
        self.failed = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._selected]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def _arguments(tests: list[str], folder: Path) -> list[str]:
    return [*OPTIONS, "--basetemp", str(folder / "pytest"), *tests]


def _in_a_copy(
    work: Callable[[], tuple[int, Any]],
    folder: Path,
    *,
    cpu_seconds: int,
    wall_seconds: float,
    keep_bytecode: bool = False,
) -> tuple[int | None, Any]:
    """What ``work`` returns in a copy of this process; None if it did not end in time."""
    answer = folder / "answer.pickle"
    answer.unlink(missing_ok=True)
    sys.stdout.flush()
    if (process := os.fork()) == 0:
        # Two changes in one second must not share compiled code.
        sys.dont_write_bytecode = not keep_bytecode
        _work_in_the_copy(work, answer, folder, cpu_seconds)
    deadline = time.monotonic() + wall_seconds
    while time.monotonic() < deadline:
        if os.waitpid(process, os.WNOHANG) != (0, 0):
            break
        time.sleep(0.02)
    # What a test has started and left behind ends with it.
    with suppress(ProcessLookupError, ChildProcessError):
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
    return pickle.loads(answer.read_bytes()) if answer.exists() else (None, None)


def _work_in_the_copy(
    work: Callable[[], tuple[int, Any]], answer: Path, folder: Path, cpu_seconds: int
) -> None:
    os.setsid()
    used = time.process_time()
    limit = int(used) + cpu_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    output = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    code, result = work()
    answer.write_bytes(pickle.dumps((int(code), result)))
    sys.stdout.flush()
    # Without the endings of this process: they belong to the original.
    os._exit(0)


def _output(folder: Path) -> str:
    return (folder / "output.txt").read_text(encoding="utf-8", errors="replace")
