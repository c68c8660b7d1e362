"""README and docs say what is so: commands, targets, settings, links, codes and examples."""

import argparse
import ast
import json
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path

import freqtrade
import pytest
from freqtrade import constants
from freqtrade.commands.arguments import Arguments
from freqtrade.configuration.config_validation import validate_config_schema
from freqtrade.configuration.load_config import load_from_files
from freqtrade.enums import RunMode

import freqtrade_balance_guard
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode
from freqtrade_balance_guard.arbitrage.states import ArbitrageMove, ArbitrageState
from freqtrade_balance_guard.cli.main import COMMANDS, parser_of
from freqtrade_balance_guard.demo.scenes.catalogue import SCENES
from freqtrade_balance_guard.integration.host.plugin_paths import register_names
from freqtrade_balance_guard.limits.decision import DenialCode
from freqtrade_balance_guard.sandbox import Scenario
from freqtrade_balance_guard.sandbox.any_exchange import scenario_of
from freqtrade_balance_guard.sandbox.command import DEFAULT_PORT
from freqtrade_balance_guard.sandbox.freqtrade_config import exchange_section
from freqtrade_balance_guard.settings import GuardSettings, load_settings
from freqtrade_balance_guard.settings.schema import IN_EFFECT
from freqtrade_balance_guard.version import __version__
from tests.support.documented import all_lines, checks_of


ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
USER_DATA = ROOT / "user_data"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")]
CONFIGS = sorted(USER_DATA.glob("config*.json"))
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def inline_code(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.M))


def shell_lines(text: str) -> list[str]:
    lines = [line for block in blocks(text, "bash") for line in block.splitlines()]
    return [line.partition(" | ")[0].partition(" > ")[0] for line in lines if line.strip()]


def said(text: str) -> list[str]:
    """Everything on a page that may be a command."""
    return [*shell_lines(text), *inline_code(text)]


def freqtrade_commands() -> set[str]:
    arguments = Arguments([])
    arguments._build_subcommands()
    for action in arguments.parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return set(action.choices)
    raise AssertionError("freqtrade has no subcommands")


@pytest.mark.parametrize("page", TEXTS)
def test_every_command_shown_exists(page: str) -> None:
    theirs = freqtrade_commands()
    for line in said(TEXTS[page]):
        found = re.match(r"(balance-guard|freqtrade) ([a-z][a-z-]*)", line)
        if found:
            known = theirs | set(COMMANDS) if found[1] == "balance-guard" else theirs
            assert found[2] in known, line


@pytest.mark.parametrize("page", TEXTS)
def test_every_command_line_is_accepted_by_its_parser(page: str) -> None:
    for line in shell_lines(TEXTS[page]):
        program, *words = shlex.split(line, comments=True) or [""]
        if program not in ("balance-guard", "freqtrade") or words[0].startswith("-"):
            continue
        if words[0] in COMMANDS:
            if "--help" not in words:
                parser_of(words[0]).parse_args(words[1:])
        else:
            # Ends the process, and with it the test, for what it does not know.
            Arguments(words).get_parsed_arg()


def actions_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """All options and arguments, those of subcommands too."""
    found = []
    for action in parser._actions:
        found.append(action)
        if isinstance(action, argparse._SubParsersAction):
            found += [one for inner in action.choices.values() for one in actions_of(inner)]
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_ours_stands_in_the_reference(name: str) -> None:
    section = TEXTS["docs/reference/cli.md"].partition(f"## `balance-guard {name}`")[2]
    section = section.partition("\n## ")[0]
    if name not in ("demo", "sandbox", "show-schema"):
        common = TEXTS["docs/reference/cli.md"].partition("## Options of every command")[2]
        section += common.partition("\n## ")[0]
    for action in actions_of(parser_of(name)):
        if isinstance(action, argparse._SubParsersAction):
            names = list(action.choices)
        elif action.option_strings:
            names = [action.option_strings[-1]]
        else:
            names = [str(action.metavar)]
        if action.help != argparse.SUPPRESS and names != ["--help"]:
            for one in names:
                assert re.search(rf"`([^`]* )?{re.escape(one)}\b", section), one


# What a line may begin with, and what is checked of it: ours and freqtrade's by their parsers, make
# by its targets, files and paths by their names. The rest is the reader's own shell.
PROGRAMS = {
    *("balance-guard", "freqtrade", "make", "pip", "docker", "python", ".venv/bin/python"),
    *("curl", "rm", "cp", "cd", "export", "source", "git", "sqlite3", "createdb", "psql"),
    *("grep", "pytest"),
}


@pytest.mark.parametrize("page", TEXTS)
def test_every_line_of_a_shell_block_begins_with_a_program_that_is_checked(page: str) -> None:
    for line in shell_lines(TEXTS[page]):
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        assert not words or words[0] in PROGRAMS, line


def test_every_line_of_a_shell_block_is_executed_or_validated_by_one_named_check() -> None:
    lines = all_lines()
    assert len(lines) > 80
    assert {line: checks_of(line) for line in lines if len(checks_of(line)) != 1} == {}


@pytest.mark.parametrize("page", TEXTS)
def test_every_extra_that_is_installed_exists(page: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in said(TEXTS[page]):
        for extras in re.findall(r"""pip install.*['"]\.\[([\w,]+)\]""", line):
            assert set(extras.split(",")) <= set(project["optional-dependencies"]), line


@pytest.mark.parametrize("page", TEXTS)
def test_every_python_block_compiles_and_imports_what_there_is(page: str) -> None:
    for block in blocks(TEXTS[page], "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("freqtrade"):
                module = import_module(str(node.module))
                for name in node.names:
                    assert hasattr(module, name.name), f"{node.module}.{name.name}"


@pytest.mark.parametrize("page", TEXTS)
def test_every_scenario_of_the_sandbox_is_accepted(page: str) -> None:
    for block in blocks(TEXTS[page], "json"):
        shown = json.loads(block if block.startswith("{") else f"{{{block}}}")
        if "dialect" in shown:
            scenario_of(shown)


@pytest.mark.parametrize("page", TEXTS)
def test_every_make_target_exists(page: str) -> None:
    targets = set(
        re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    for line in said(TEXTS[page]):
        found = re.match(r"make ([a-z]+)", line)
        assert found is None or found[1] in targets, line


@pytest.mark.parametrize("page", TEXTS)
def test_every_guard_section_shown_is_accepted(page: str) -> None:
    for block in blocks(TEXTS[page], "json"):
        shown = json.loads(block if block.startswith("{") else f"{{{block}}}")
        if "balance_guard" in shown:
            load_settings(shown["balance_guard"])


@pytest.mark.parametrize("page", TEXTS)
def test_every_guard_section_in_running_text_is_accepted(page: str) -> None:
    for code in inline_code(TEXTS[page]):
        if re.match(r'"(balance_guard|enabled|min_order_size|reserve_balance|tiers)": ', code):
            shown = json.loads(f"{{{code}}}")
            load_settings(shown.get("balance_guard", shown))


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)
    # As mkdocs and GitHub both make them of plain English headings.
    return {
        re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading)).strip("-").lower()
        for heading in headings
    }


@pytest.mark.parametrize("page", TEXTS)
def test_every_link_within_the_project_resolves(page: str) -> None:
    here = ROOT / page
    text = re.sub(r"^```.*?^```", "", TEXTS[page], flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (here.parent / path).resolve() if path else here
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("page", TEXTS)
def test_every_file_of_the_project_that_is_named_exists(page: str) -> None:
    # What a run writes is not there yet.
    made = {
        "user_data/trades.sandbox",
        "user_data/balance_guard.dryrun.sqlite",
        "user_data/balance_guard.sqlite",
        "user_data/config.schema.json",
        "user_data/logs",
        "user_data/trades.sandbox.sqlite",
    }
    for code in said(TEXTS[page]):
        for path in re.findall(r"\b(?:user_data|docs|scripts|docker|tests)/[\w./-]+\w", code):
            known = (ROOT / path).exists() or any(path.startswith(name) for name in made)
            assert known, path


def test_nothing_advises_to_install_the_package_from_an_index_where_it_is_not() -> None:
    texts = [*TEXTS.values(), *texts_of(Path(freqtrade_balance_guard.__file__).parent)]
    for text in texts:
        assert not re.search(r"pip install[^\n`]*[\" ]freqtrade-balance-guard", text), text[:200]


def test_the_changelog_begins_with_this_version() -> None:
    found = re.search(r"^## \[([^\]]+)\]", TEXTS["CHANGELOG.md"], re.MULTILINE)
    assert found is not None and found[1] == __version__


def test_every_page_names_this_version_where_it_shows_the_line_of_the_start() -> None:
    for text in TEXTS.values():
        for version in re.findall(r"Balance guard (\d\S*) is on", text):
            assert version == __version__


def test_every_denial_code_is_documented() -> None:
    page = TEXTS["docs/reference/denial-codes.md"]
    assert re.findall(r"^## `(\w+)`$", page, re.MULTILINE) == [str(code) for code in DenialCode]


@pytest.mark.parametrize("script", ["generate_denial_codes.py", "draw_diagrams.py"])
def test_what_a_script_writes_is_up_to_date(script: str) -> None:
    path = ROOT / "scripts" / script
    answer = subprocess.run(
        [sys.executable, str(path), "--check"], capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout.strip()) == (0, "up to date"), answer.stderr


def test_the_diagram_of_an_entry_names_codes_that_exist() -> None:
    source = tomllib.loads((ROOT / "docs" / "diagrams" / "entry.toml").read_text())
    named = {code for step in source["step"] for code in step.get("denied", ())} - {"..."}
    assert len(named) > 5 and named <= set(map(str, DenialCode))


def test_the_page_of_two_legs_names_every_code_state_and_outcome() -> None:
    page = TEXTS["docs/arbitrage.md"]
    codes = page.partition("## Why nothing was started")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", codes, re.MULTILINE) == [
        str(code) for code in ArbitrageDenialCode
    ]
    states = page.partition("## States\n")[2].partition("\n## ")[0]
    (drawn,) = re.findall(r"```\n(.*?)```", states, re.DOTALL)
    words = set(re.findall(r"\w+", drawn))
    assert words >= {*map(str, ArbitrageState), *map(str, ArbitrageMove)}
    outcomes = page.partition("## Every outcome")[2].partition("\n## ")[0]
    assert re.findall(r"^\| (\d+) \|", outcomes, re.MULTILINE) == [str(n) for n in range(1, 13)]


def test_codes_that_pages_name_exist() -> None:
    codes = {str(code) for code in (*DenialCode, *ArbitrageDenialCode)}
    for text in TEXTS.values():
        assert set(re.findall(r"\[([a-z]+_[a-z_]+)[:\]]", text)) <= codes


@cache
def texts_of(package: Path) -> list[str]:
    """Every text in the code of a package, with the adjacent ones joined as Python does it."""
    return [
        node.value
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def test_every_log_line_in_troubleshooting_is_written_by_some_code() -> None:
    packages = (freqtrade_balance_guard, freqtrade)
    texts = [text for one in packages for text in texts_of(Path(one.__file__).parent)]
    # What pydantic, jsonschema and Python itself say.
    foreign = ("is not one of", "No module named")
    terms = re.findall(r"^`.+$(?=\n:)", TEXTS["docs/troubleshooting.md"], re.MULTILINE)
    assert len(terms) > 15
    for line in (code for term in terms for code in re.findall(r"`([^`]+)`", term)):
        # Values stand in angle brackets; a line is put together at ":", ";" and quotes.
        pieces = [
            piece.strip(" .:;()[]") for piece in re.split(r"<[^>]+>|\.\.\.|'[^']*'|[\";]|: ", line)
        ]
        if not any(words in line for words in foreign):
            for piece in pieces:
                assert len(piece) < 8 or any(piece in text for text in texts), piece


@pytest.mark.parametrize("page", TEXTS)
def test_every_section_on_a_page_is_accepted(page: str) -> None:
    for block in blocks(TEXTS[page], "json"):
        if '"balance_guard"' in block:
            whole = block if block.lstrip().startswith("{") else f"{{{block}}}"
            load_settings(json.loads(whole)["balance_guard"])


def test_the_navigation_names_every_page() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    named = set(re.findall(r"[\w/-]+\.md", navigation))
    assert named == {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}


@pytest.mark.parametrize("front", ["README.md", "docs/index.md"])
@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("why-not-bought.md", ["balance-guard explain", "below_threshold"]),
        ("recipes.md", ["## 200 USDT", "position_size_percent"]),
        ("recipes.md", ["## Three bots on one account", "ledger", "API key"]),
    ],
)
def test_three_questions_of_readers_are_one_click_from_both_front_pages(
    front: str, target: str, words: list[str]
) -> None:
    assert re.search(rf"\]\((docs/)?{target}", TEXTS[front])
    for word in words:
        assert word in TEXTS[f"docs/{target}"], word


def test_every_setting_takes_effect_so_that_readme_may_claim_every_part() -> None:
    assert set(GuardSettings.model_fields) <= set(IN_EFFECT)


def test_the_demo_page_names_the_scenes_of_the_demo() -> None:
    scenes = TEXTS["docs/demo.md"].partition("<!-- scenes: begin -->")[2]
    scenes = scenes.partition("<!-- scenes: end -->")[0]
    listed = re.findall(r"^\| `([\w-]+)` \| (.+) \|$", scenes, re.MULTILINE)
    assert listed == [(scene.name, scene.title) for scene in SCENES]


# Examples in user_data


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_every_example_config_passes_freqtrade_and_the_guard(config: Path) -> None:
    loaded = load_from_files([str(config)])
    load_settings(loaded["balance_guard"])
    mode = RunMode.DRY_RUN if loaded["dry_run"] else RunMode.LIVE
    register_names()
    assert "MinimumBalanceFilter" in constants.AVAILABLE_PAIRLISTS
    # What the strategy and the command line bring.
    from_elsewhere = {"stoploss": -0.1, "minimal_roi": {"0": 1}, "timeframe": "5m"}
    validate_config_schema({**from_elsewhere, **loaded, "runmode": mode})


def test_there_are_examples_for_the_sandbox_for_dry_run_and_for_small_accounts() -> None:
    names = {config.name for config in CONFIGS}
    wanted = ("sandbox", "dry-run", "minimal", "small-account", "cross-exchange", "two-quotes")
    assert {f"config-{name}.json" for name in wanted} <= names


def test_only_the_sandbox_examples_trade_live_and_only_on_this_machine() -> None:
    for config in CONFIGS:
        loaded = load_from_files([str(config)])
        if not loaded["dry_run"]:
            venues = loaded["balance_guard"].get("venues", {}).values()
            for section in (loaded["exchange"], *venues):
                urls = section["ccxt_config"]["urls"]["api"].values()
                local = ("http://127.0.0.1:", "ws://127.0.0.1:")
                assert all(url.startswith(local) for url in urls)
            assert "sandbox" in loaded["db_url"]


def test_the_sandbox_example_has_the_exchange_that_the_sandbox_prints() -> None:
    scenario = Scenario.from_file(USER_DATA / "sandbox-waves.json")
    loaded = load_from_files([str(USER_DATA / "config-sandbox.json")])
    printed = exchange_section(scenario, f"http://127.0.0.1:{DEFAULT_PORT}")
    assert loaded["exchange"] == printed


def test_the_example_of_two_legs_has_the_two_exchanges_that_the_sandboxes_print() -> None:
    loaded = load_from_files([str(USER_DATA / "config-two-sandboxes.json")])
    ports = {"here": DEFAULT_PORT, "there": DEFAULT_PORT + 1}
    here, there = (
        exchange_section(
            Scenario.from_file(USER_DATA / f"sandbox-{name}.json"), f"http://127.0.0.1:{port}"
        )
        for name, port in ports.items()
    )
    assert {**loaded["exchange"], "pair_whitelist": here["pair_whitelist"]} == here
    venue = loaded["balance_guard"]["venues"]["second"]
    assert {key: venue[key] for key in there if not key.startswith("pair_")} == {
        key: value for key, value in there.items() if not key.startswith("pair_")
    }
