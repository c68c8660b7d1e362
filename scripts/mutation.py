"""Changes the code in small ways and counts how many changes the quick tests notice.

    python scripts/mutation.py --room limits --sample 40 --seed 7
    python scripts/mutation.py --room ledger --part 1/3

A sample of cosmic-ray's mutants, drawn by seed, is applied one after the other to a copy of the
tree. Ends with 1 if fewer than 90 % of those that are not listed as equivalent are noticed.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosmic_ray.commands.init import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome


ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "scripts" / "mutation.toml"
NOTICED_AT_LEAST = 0.9
# The unchanged code must pass within this; a mutant that takes three times as long has hung.
BASELINE_SECONDS = 600
# Operators whose mutants say nothing about behaviour: without the decorator a dataclass or a
# property fails at once wherever it is used.
LEFT_OUT = ("core/RemoveDecorator",)


@dataclass(frozen=True)
class Room:
    """A part of the package, and the tests that must notice what changes in it."""

    name: str
    modules: list[Path]
    tests: list[str]


@dataclass
class Score:
    """What became visible of one room's mutants."""

    killed: int = 0
    equivalent: int = 0
    survivors: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        counted = self.killed + len(self.survivors)
        return self.killed / counted if counted else 1.0


def main() -> int:
    options = parse()
    config = tomllib.loads(CONFIG.read_text(encoding="utf-8"))
    names = [options.room] if options.room else list(config["rooms"])
    scores: dict[str, Score] = {}
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        tree = copy_of_the_tree(Path(folder) / "tree")
        os.chdir(tree)
        os.environ["PYTHONPATH"] = str(tree)
        for name in names:
            room = room_of(name, config["rooms"][name])
            mutants = sample(room, options.sample, options.seed, Path(folder))
            mutants = mutants[options.part[0] - 1 :: options.part[1]]
            scores[name] = try_all(room, mutants, config.get("equivalent", []))
    return report(scores)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--room", help="one room of scripts/mutation.toml; all if left out")
    parser.add_argument("--sample", type=int, default=30, help="mutants per room")
    parser.add_argument("--seed", type=int, default=20261130)
    parser.add_argument(
        "--part", type=part, default=(1, 1), help="every N-th mutant: 1/3, 2/3, 3/3"
    )
    return parser.parse_args()


def part(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    return int(number), int(count)


def copy_of_the_tree(target: Path) -> Path:
    """Only what is tracked or new: no environment, no caches."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    return target


def room_of(name: str, written: dict[str, list[str]]) -> Room:
    def found(patterns: list[str]) -> list[Path]:
        return sorted({path for pattern in patterns for path in Path.cwd().glob(pattern)})

    here = Path.cwd()
    modules = [path.relative_to(here) for path in found(written["modules"])]
    tests = [str(path.relative_to(here)) for path in found(written["tests"])]
    if not modules or not tests:
        raise SystemExit(f"scripts/mutation.toml: room {name} has no modules or no tests")
    return Room(name, [path for path in modules if path.name != "__init__.py"], tests)


def sample(room: Room, size: int, seed: int, folder: Path) -> list[MutationSpec]:
    """The same sample for the same code and seed."""
    with use_db(str(folder / f"{room.name}.sqlite"), WorkDB.Mode.create) as database:
        init(room.modules, database, {})
        mutants = [mutation for item in database.work_items for mutation in item.mutations]
    hints = {path: annotations(path) for path in room.modules}
    mutants = [one for one in mutants if says_something(one, hints[one.module_path])]
    mutants.sort(key=lambda one: (str(one.module_path), one.operator_name, one.occurrence))
    return random.Random(seed).sample(mutants, min(size, len(mutants)))


def says_something(mutant: MutationSpec, hints: list[tuple[Any, Any]]) -> bool:
    if mutant.operator_name in LEFT_OUT:
        return False
    # ``int + None`` in an annotation ends the import: that proves no test.
    return not any(start <= mutant.start_pos <= end for start, end in hints)


def annotations(path: Path) -> list[tuple[Any, Any]]:
    """Where the type annotations of a file begin and end, as (line, column)."""

    def nodes() -> Iterator[ast.expr | None]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.arg | ast.AnnAssign):
                yield node.annotation
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.returns

    return [
        ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))
        for node in nodes()
        if node is not None
    ]


def try_all(room: Room, mutants: list[MutationSpec], equivalent: list[dict[str, str]]) -> Score:
    command = (
        f"{sys.executable} -m pytest -q -x -p no:cacheprovider --timeout 120 "
        f"-m 'not acceptance and not benchmark and not soak' {' '.join(room.tests)}"
    )
    baseline = subprocess.run(
        command, shell=True, capture_output=True, text=True, check=False, timeout=BASELINE_SECONDS
    )
    if baseline.returncode != 0:
        raise SystemExit(f"The unchanged code fails:\n{baseline.stdout[-3000:]}")
    score = Score()
    for number, mutant in enumerate(mutants, 1):
        result = mutate_and_test([mutant], command, BASELINE_SECONDS)
        line, becomes = changed_line(result.diff or "")
        where = f"{mutant.module_path}:{mutant.start_pos[0]} {mutant.operator_name}"
        if result.test_outcome != TestOutcome.SURVIVED:
            score.killed += 1
            outcome = "noticed"
        elif is_listed(str(mutant.module_path), line, becomes, equivalent):
            score.equivalent += 1
            outcome = "equivalent"
        else:
            score.survivors.append(f"{where}\n    - {line}\n    + {becomes}")
            outcome = "NOT NOTICED"
        print(f"{room.name} {number}/{len(mutants)} {outcome}: {where}: {becomes}", flush=True)
    return score


def changed_line(diff: str) -> tuple[str, str]:
    """The first line that a diff takes away, and the first that it adds."""
    lines = diff.splitlines()
    gone = [line[1:].strip() for line in lines if line.startswith("-") and line[:3] != "---"]
    new = [line[1:].strip() for line in lines if line.startswith("+") and line[:3] != "+++"]
    return (gone or [""])[0], (new or [""])[0]


def is_listed(file: str, line: str, becomes: str, equivalent: list[dict[str, str]]) -> bool:
    return any(
        (one["file"], one["line"], one["becomes"]) == (file, line, becomes) for one in equivalent
    )


def report(scores: dict[str, Score]) -> int:
    print()
    for name, score in scores.items():
        print(
            f"{name}: {score.killed} noticed, {len(score.survivors)} not, {score.equivalent} "
            f"equivalent: {score.share:.0%}"
        )
        for survivor in score.survivors:
            print(f"  {survivor}")
    return 0 if all(score.share >= NOTICED_AT_LEAST for score in scores.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
