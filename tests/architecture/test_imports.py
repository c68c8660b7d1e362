"""Who may import whom, read from the syntax tree.

A folder that comes later fails here until it has its line in ``MAY_IMPORT``.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


PACKAGE = "freqtrade_balance_guard"
ROOT = Path(__file__).parents[2] / PACKAGE

BASE = {
    "clock",
    "crash_points",
    "deadline",
    "errors",
    "events",
    "money",
    "sqlite_address",
    "local_file",
    "version",
}
FEATURES = {"balances", "limits", "ledger", "arbitrage", "rebalance"}

# Each part of the package and the parts that it may import; arrows point downward only.
MAY_IMPORT: dict[str, set[str]] = {
    "version": set(),
    "errors": set(),
    "clock": set(),
    "crash_points": set(),
    "deadline": {"clock"},
    "sqlite_address": set(),
    "local_file": {"errors", "sqlite_address"},
    "events": set(),
    "money": {"errors"},
    "exchanges": set(),
    "settings": {"errors", "money"},
    # Features do not know one another. Two legs are promised in the ledger.
    "balances": BASE,
    "limits": BASE,
    # A reservation that is not made is a denial like others.
    "ledger": BASE | {"settings", "limits"},
    "arbitrage": BASE | {"settings", "ledger", "orders"},
    # What a user's venue is tried with.
    "testing": BASE | {"arbitrage", "orders"},
    # Every order meets what was promised, what is believed, and the limits.
    "orders": BASE | {"exchanges", "balances", "limits", "ledger"},
    # What can be sold is a question of the market's minimums.
    "rebalance": BASE | {"limits"},
    "guard": BASE | FEATURES | {"settings"},
    # When a request ends is a fact of its exchange's protocol.
    "network": BASE | {"exchanges"},
    # Listens to the facts of every part; no part but the composition root knows it.
    "monitoring": BASE | FEATURES | {"settings", "orders"},
    # A shell, and what a browser needs to show JSON that comes from elsewhere.
    "page": BASE
    | {"settings", "balances", "ledger", "arbitrage", "rebalance", "monitoring", "console"},
    # Reports on what bots have stored.
    "console": BASE
    | {
        "exchanges",
        "settings",
        "limits",
        "balances",
        "ledger",
        "monitoring",
        "arbitrage",
        "rebalance",
    },
    "integration": BASE
    | FEATURES
    | {"exchanges", "settings", "guard", "monitoring", "network", "orders", "console", "page"},
    # The opponent is alone.
    "sandbox": set(),
    "demo": BASE | {"settings", "sandbox"},
    "cli": BASE
    | FEATURES
    | {
        "settings",
        "guard",
        "monitoring",
        "orders",
        "integration",
        "console",
        "page",
        "sandbox",
        "demo",
    },
    "__main__": {"cli"},
    "__init__": {"version"},
}

READS_TIME = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}
# What "from freqtrade_balance_guard import name" loads, where the name is no part.
PUBLIC_NAMES = {
    "BalanceGuard": "integration",
    "ReservedArbitrage": "integration",
    "activate": "integration",
    "best_complement": "arbitrage",
    "best_opportunity": "arbitrage",
    "Leg": "arbitrage",
    "Opportunity": "arbitrage",
    "OutcomeBook": "arbitrage",
    "OutcomeLeg": "arbitrage",
    "__version__": "version",
}
TIME_HOMES = ("clock.py", "sandbox/", "demo/")


@dataclass(frozen=True)
class Import:
    """One imported module, and whether a function imports it only when it runs."""

    path: str
    line: int
    module: str
    lazy: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"

    def is_of(self, library: str) -> bool:
        return self.module == library or self.module.startswith(library + ".")

    @property
    def target(self) -> str | None:
        """The part of our package that is imported; None for other packages."""
        names = self.module.split(".")
        if names[0] != PACKAGE or len(names) == 1:
            return None
        return PUBLIC_NAMES.get(names[1], names[1])


def part_of(path: str) -> str:
    """The folder or file directly under the package: "limits", "guard"."""
    return path.split("/")[0].removesuffix(".py")


def sources() -> dict[str, ast.Module]:
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(ROOT.rglob("*.py"))
    }


SOURCES = sources()


def is_for_types_only(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def imports_in(path: str, tree: ast.Module) -> Iterator[Import]:
    """All imports that can run, wherever they stand."""

    def visit(node: ast.AST, lazy: bool) -> Iterator[Import]:
        if is_for_types_only(node):
            return
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name, lazy)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                folders = [PACKAGE, *path.split("/")[:-1]]
                module = ".".join([*folders[: len(folders) - node.level + 1], module])
            # "from package import part" and "from package.part import name" name the same part.
            names = [alias.name for alias in node.names] if module.strip(".") == PACKAGE else [""]
            for name in names:
                yield Import(path, node.lineno, f"{module}.{name}".strip("."), lazy)
        lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, lazy)

    yield from visit(tree, False)


IMPORTS = [found for path, tree in SOURCES.items() for found in imports_in(path, tree)]


def breaks_the_table(found: Import) -> bool:
    part, target = part_of(found.path), found.target
    return target is not None and target != part and target not in MAY_IMPORT[part]


def readings_of_time(path: str, tree: ast.Module) -> list[str]:
    """Where real time is read, called or handed on as a function."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if node.attr in READS_TIME.get(name, set()):
                found.append(f"{path}:{node.lineno} reads {name}.{node.attr}")
        elif isinstance(node, ast.ImportFrom):
            if node.module == "time":
                names = {alias.name for alias in node.names} & READS_TIME["time"]
                found += [f"{path}:{node.lineno} takes {name}" for name in sorted(names)]
    return found


# The rules


def test_every_part_has_a_line_in_the_table() -> None:
    parts = {part_of(path) for path in SOURCES}
    assert parts >= {"limits", "settings", "integration", "sandbox", "guard", "money"}
    assert sorted(parts - MAY_IMPORT.keys()) == []


def test_imports_point_downward_only() -> None:
    assert sum(found.target is not None for found in IMPORTS) > 50
    assert [str(found) for found in IMPORTS if breaks_the_table(found)] == []


def test_of_the_limits_the_ledger_knows_only_what_a_denial_is() -> None:
    modules = {
        found.module
        for found in IMPORTS
        if part_of(found.path) == "ledger" and found.target == "limits"
    }
    assert modules == {f"{PACKAGE}.limits.decision"}


def test_the_table_has_no_circle() -> None:
    below: dict[str, set[str]] = {}

    def crash_point(part: str, way: tuple[str, ...]) -> set[str]:
        assert part not in way, " -> ".join([*way, part])
        if part not in below:
            nearest = MAY_IMPORT[part]
            below[part] = nearest.union(*(crash_point(next_, (*way, part)) for next_ in nearest))
        return below[part]

    for part in MAY_IMPORT:
        crash_point(part, ())
    for feature in FEATURES:
        assert not below[feature] & {"guard", "integration", "cli", "demo", "sandbox"}
    assert not below["limits"] & {"settings", "integration", "guard"}


@pytest.mark.parametrize("library", ["freqtrade", "ccxt"])
def test_only_integration_knows(library: str) -> None:
    using = [found for found in IMPORTS if found.is_of(library)]
    assert using, f"nobody imports {library}: has the folder moved?"
    strangers = [str(found) for found in using if part_of(found.path) != "integration"]
    assert strangers == []


def test_the_sandbox_names_no_other_part_of_the_package_even_in_a_text() -> None:
    named = [
        f"{path}:{node.lineno} {node.value}"
        for path, tree in SOURCES.items()
        if part_of(path) == "sandbox"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith(f"{PACKAGE}.")
        and not node.value.startswith(f"{PACKAGE}.sandbox")
    ]
    assert named == []


def test_aiohttp_lives_in_the_sandboxs_server() -> None:
    homes = {found.path for found in IMPORTS if found.is_of("aiohttp")}
    assert homes
    assert {path for path in homes if not path.startswith("sandbox/server")} == set()


@pytest.mark.parametrize("library", ["prometheus_client", "plotly", "psycopg", "matplotlib"])
def test_an_optional_library_is_loaded_when_it_is_used_or_by_one_file_of_its_own(
    library: str,
) -> None:
    eager = {found.path for found in IMPORTS if found.is_of(library) and not found.lazy}
    assert len(eager) <= 1, f"{library} has {len(eager)} homes: {sorted(eager)}"


def test_sqlite_lives_in_one_file_of_a_folder() -> None:
    homes = sorted({found.path for found in IMPORTS if found.is_of("sqlite3")})
    folders = [part_of(path) for path in homes]
    assert len(folders) == len(set(folders)), homes


def test_only_the_clock_reads_real_time() -> None:
    readings = [
        reading
        for path, tree in SOURCES.items()
        if not path.startswith(TIME_HOMES)
        for reading in readings_of_time(path, tree)
    ]
    assert readings == []
    assert readings_of_time("clock.py", SOURCES["clock.py"]), "the clock reads no time any more?"


# The rules can fail


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("limits/new.py", "from freqtrade_balance_guard.settings import load_settings"),
        ("limits/new.py", "from freqtrade_balance_guard import guard"),
        ("limits/new.py", "from ..balances.book import Book"),
        ("limits/new.py", "from .. import ledger"),
        ("ledger/new.py", "import freqtrade_balance_guard.balances.book"),
        ("balances/new.py", "def f():\n    from freqtrade_balance_guard.limits import market"),
        ("sandbox/new.py", "from freqtrade_balance_guard.money import ZERO"),
        ("monitoring/new.py", "from freqtrade_balance_guard.guard import Guard"),
        ("integration/new.py", "from freqtrade_balance_guard.cli.main import main"),
    ],
)
def test_a_planted_import_upward_is_found(path: str, source: str) -> None:
    assert [found for found in imports_in(path, ast.parse(source)) if breaks_the_table(found)]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("limits/new.py", "from .market import MarketRules"),
        ("limits/new.py", "from freqtrade_balance_guard.money import ZERO"),
        (
            "limits/new.py",
            "if TYPE_CHECKING:\n    from freqtrade_balance_guard.guard import Guard",
        ),
        ("arbitrage/new.py", "from freqtrade_balance_guard.ledger.reservation import Reservation"),
    ],
)
def test_an_import_downward_is_not_found(path: str, source: str) -> None:
    assert not [found for found in imports_in(path, ast.parse(source)) if breaks_the_table(found)]


@pytest.mark.parametrize(
    "source",
    [
        "time.time()",
        "clock = time.monotonic",
        "from time import monotonic",
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "date.today()",
    ],
)
def test_a_planted_reading_of_time_is_found(source: str) -> None:
    assert readings_of_time("new.py", ast.parse(source))


def test_a_clock_that_is_passed_in_is_no_reading_of_time() -> None:
    assert readings_of_time("new.py", ast.parse("clock.monotonic(); time.sleep(1); now()")) == []


# What an import costs, and whether the names are there


def run(code: str) -> str:
    """What ``code`` prints in a Python of its own."""
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def loaded_by(statement: str, libraries: tuple[str, ...]) -> str:
    return run(f"import sys; {statement}; print([n for n in {libraries!r} if n in sys.modules])")


def test_importing_the_package_costs_next_to_nothing() -> None:
    heavy = ("freqtrade", "ccxt", "pandas", "pydantic", "sqlalchemy", "aiohttp", "asyncio")
    assert loaded_by(f"import {PACKAGE}", heavy) == "[]"
    assert loaded_by("import pydantic", heavy) == "['pydantic']"


@pytest.mark.parametrize(
    "part",
    [
        "arbitrage.leg",
        "limits.sizing",
        "limits.order_check",
        "orders.client_ids",
        "rebalance.policy",
        "monitoring.listeners",
    ],
)
def test_pure_parts_load_no_library(part: str) -> None:
    heavy = ("freqtrade", "ccxt", "pandas", "pydantic", "sqlalchemy", "aiohttp")
    assert loaded_by(f"import {PACKAGE}.{part}", heavy) == "[]"


def test_the_settings_load_pydantic_and_no_freqtrade() -> None:
    heavy = ("freqtrade", "ccxt", "pandas", "pydantic")
    assert loaded_by(f"import {PACKAGE}.settings", heavy) == "['pydantic']"


def public_names() -> list[tuple[str, str]]:
    """Each module that has an ``__all__``, and each name in it."""
    named = []
    for path, tree in SOURCES.items():
        for node in tree.body:
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
            ):
                module = ".".join([PACKAGE, *path.removesuffix(".py").split("/")])
                names = ast.literal_eval(node.value)
                named += [(module.removesuffix(".__init__"), name) for name in names]
    return named


def test_every_public_name_can_be_imported() -> None:
    names = public_names()
    assert (PACKAGE, "BalanceGuard") in names
    lines = "\n".join(f"from {module} import {name}" for module, name in names)
    assert run(f"{lines}\nprint('all there')") == "all there"


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    attempt = (
        f"import {PACKAGE} as p\ntry:\n    p.Nothing\nexcept AttributeError as e:\n    print(e)"
    )
    assert run(attempt) == f"module '{PACKAGE}' has no attribute 'Nothing'"
