"""Changes the code in small ways and counts how many changes the quick tests notice.

    python scripts/mutation.py --room limits --sample 40 --seed 7
    python scripts/mutation.py --room ledger --part 1/3

A sample of cosmic-ray's mutants, drawn by seed, is applied one after the other to a copy of the
tree, and the tests that execute the changed line are run. Ends with 1 if fewer than 90 % of those
that are not listed as equivalent (scripts/mutation-equivalent.toml) are noticed.
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
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from cosmic_ray.commands.init import init
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec
from mutation_judge import Verdict, judge, load, tests_for, watch


ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "scripts" / "mutation.toml"
EQUIVALENT = ROOT / "scripts" / "mutation-equivalent.toml"
NOTICED_AT_LEAST = 0.9
# Operators whose mutants say nothing about behaviour.
LEFT_OUT = (
    # Without its decorator a dataclass or a property fails at once wherever it is used.
    "core/RemoveDecorator",
    # ``is`` compares with None and with members of an enum here: ``==`` answers the same.
    "core/ReplaceComparisonOperator_Is_Eq",
    "core/ReplaceComparisonOperator_IsNot_NotEq",
)


@dataclass(frozen=True)
class Room:
    """A part of the package, and the tests that must notice what changes in it."""

    name: str
    modules: list[Path]
    tests: list[str]
    without: str


@dataclass
class Score:
    """What became visible of one room's mutants."""

    noticed: int = 0
    equivalent: int = 0
    survivors: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        counted = self.noticed + len(self.survivors)
        return self.noticed / counted if counted else 1.0


def main() -> int:
    options = parse()
    config = tomllib.loads(CONFIG.read_text(encoding="utf-8"))
    equivalent = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["equivalent"]
    names = [options.room] if options.room else list(config["rooms"])
    scores: dict[str, Score] = {}
    # In memory where there is such a place: what the tests flush need not survive a power cut.
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="mutation-", dir=place) as folder:
        tree = copy_of_the_tree(Path(folder) / "tree")
        os.chdir(tree)
        os.environ["PYTHONPATH"] = str(tree)
        sys.path.insert(0, str(tree))
        rooms = {name: room_of(name, written) for name, written in config["rooms"].items()}
        changed = [path for room in rooms.values() for path in room.modules]
        for name in names:
            room = rooms[name]
            load([*config["loaded"], *config["rooms"][name].get("loaded", [])], changed)
            mutants = sample(room, options.sample, options.seed, Path(folder))
            mutants = mutants[options.part[0] - 1 :: options.part[1]]
            scores[name] = try_all(room, mutants, equivalent, Path(folder))
    return report(scores)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--room", help="one room of scripts/mutation.toml; all if left out")
    parser.add_argument("--sample", type=int, default=40, help="mutants per room")
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


def room_of(name: str, written: dict[str, Any]) -> Room:
    def found(patterns: list[str]) -> list[Path]:
        return sorted({path for pattern in patterns for path in Path.cwd().glob(pattern)})

    here = Path.cwd()
    modules = [path.relative_to(here) for path in found(written["modules"])]
    tests = [str(path.relative_to(here)) for path in found(written["tests"])]
    if not modules or not tests:
        raise SystemExit(f"scripts/mutation.toml: room {name} has no modules or no tests")
    modules = [path for path in modules if path.name != "__init__.py"]
    return Room(name, modules, tests, written.get("without", "postgres"))


def sample(room: Room, size: int, seed: int, folder: Path) -> list[MutationSpec]:
    """The same sample for the same code and seed."""
    with use_db(str(folder / f"{room.name}.sqlite"), WorkDB.Mode.create) as database:
        init(room.modules, database, {})
        mutants = [mutation for item in database.work_items for mutation in item.mutations]
    looks = {path: Look.at(path) for path in room.modules}
    mutants = [one for one in mutants if says_something(one, looks[one.module_path])]
    mutants.sort(key=lambda one: (str(one.module_path), one.operator_name, one.occurrence))
    return random.Random(seed).sample(mutants, min(size, len(mutants)))


def says_something(mutant: MutationSpec, look: "Look") -> bool:
    if mutant.operator_name in LEFT_OUT:
        return False
    # ``int + None`` in an annotation ends the import: that proves nothing.
    if look.is_hint(mutant.start_pos):
        return False
    # Nor does the star of ``*names``: it is no operator.
    return "BinaryOperator" not in mutant.operator_name or look.is_operator(mutant.start_pos)


Span = tuple[tuple[int, int], tuple[int, int]]


@dataclass
class Look:
    """Where in a file annotations and decorators of classes are, and binary operators.

    Lines from 1, columns from 0.
    """

    hints: list[Span] = field(default_factory=list)
    operators: list[Span] = field(default_factory=list)

    @classmethod
    def at(cls, path: Path) -> "Look":
        look = cls()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            look.hints += [span(each) for each in hints_of(node) if each is not None]
            if isinstance(node, ast.BinOp):
                look.operators.append((span(node.left)[1], span(node.right)[0]))
        return look

    def is_hint(self, place: tuple[int, int]) -> bool:
        return any(start <= place <= end for start, end in self.hints)

    def is_operator(self, place: tuple[int, int]) -> bool:
        return any(start <= place < end for start, end in self.operators)


def span(node: ast.expr) -> Span:
    return (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)


def hints_of(node: ast.AST) -> Iterator[ast.expr | None]:
    if isinstance(node, ast.arg | ast.AnnAssign):
        yield node.annotation
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.returns
    elif isinstance(node, ast.ClassDef):
        # ``frozen`` and ``slots`` are for the reader and for mypy.
        yield from node.decorator_list
    elif isinstance(node, ast.Subscript | ast.BinOp) and is_type(node):
        yield node


def is_type(node: ast.Subscript | ast.BinOp) -> bool:
    """``Callable[[], Decimal | None]`` or ``Approved | Denied``, where an alias names it."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Name) and node.value.id == "Callable"
    names = ast.unparse(node).replace(" | None", "").split(" | ")
    return all(name[:1].isupper() and name.isidentifier() for name in names) and len(names) > 1


def try_all(
    room: Room, mutants: list[MutationSpec], equivalent: list[dict[str, Any]], folder: Path
) -> Score:
    clean = watch(room.tests, room.without, room.modules, folder)
    print(
        f"{room.name}: {len(clean.seconds)} tests, {sum(clean.seconds.values()):.0f} s", flush=True
    )
    score = Score()
    for number, mutant in enumerate(mutants, 1):
        tests = tests_for(mutant.start_pos[0], mutant.end_pos[0], mutant.module_path, clean)
        with applied(mutant) as change:
            verdict = judge(tests, clean, folder) if tests else Verdict(True, "")
        where = f"{mutant.module_path}:{mutant.start_pos[0]} in {mutant.definition_name}"
        if not verdict.passed:
            score.noticed += 1
            outcome = f"noticed by {verdict.by.rpartition('/')[2]}"
        elif is_listed(mutant, change, equivalent):
            score.equivalent += 1
            outcome = "equivalent"
        else:
            shown = f"{where} ({len(tests)} tests)\n    - {change[0]}\n    + {change[1]}"
            score.survivors.append(shown)
            outcome = "NOT NOTICED"
        print(f"{room.name} {number}/{len(mutants)} {outcome}: {where}: {change[1]}", flush=True)
    return score


@contextmanager
def applied(mutant: MutationSpec) -> Iterator[tuple[str, str]]:
    """The mutant in place of the file; yields the changed line before and after."""
    path = mutant.module_path
    changed_at = path.stat().st_mtime_ns
    operator = get_operator(mutant.operator_name)(**mutant.operator_args)
    with use_mutation(path, operator, mutant.occurrence) as (before, after):
        yield changed_line(before, after)
    # The compiled file is good again.
    os.utime(path, ns=(changed_at, changed_at))


def changed_line(before: str, after: str) -> tuple[str, str]:
    """The first line that differs, as it was and as it is."""
    pairs = zip_longest(before.splitlines(), after.splitlines(), fillvalue="")
    return next(((old.strip(), new.strip()) for old, new in pairs if old != new), ("", ""))


def is_listed(mutant: MutationSpec, change: tuple[str, str], listed: list[dict[str, Any]]) -> bool:
    line, becomes = change
    file = str(mutant.module_path)
    function = mutant.definition_name
    return any(
        (one["file"], one.get("function"), one["line"]) == (file, function, line)
        and becomes in one["becomes"]
        for one in listed
    )


def report(scores: dict[str, Score]) -> int:
    print()
    for name, score in scores.items():
        print(
            f"{name}: {score.noticed} noticed, {len(score.survivors)} not, {score.equivalent} "
            f"equivalent: {score.share:.0%}"
        )
        for survivor in score.survivors:
            print(f"  {survivor}")
    return 0 if all(score.share >= NOTICED_AT_LEAST for score in scores.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
