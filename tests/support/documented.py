"""The commands that README and docs show in their shell blocks, and how each of them is checked."""

import re
import shlex
from pathlib import Path


ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

# Run word by word in tests/acceptance/test_documented_commands.py.
EXECUTED = {
    "console": r"balance-guard (status|explain|check-config|doctor|pause|resume|reconcile|"
    r"reservations|ledger|arbitrages|unhedged|rebalance|uninstall|report|show-schema)\b.*"
    r"|balance-guard demo --list-scenes|balance-guard sandbox --print-scenario",
    "sandbox": r"balance-guard sandbox\b(?!.*--(fetch-markets|print)).*",
    "request": r"curl .*",
    "files": r"(rm -f|export) .*|[A-Z_]+=.*",
    "user folder": r"freqtrade create-userdir .*",
}

# Their words are checked by their parsers in tests/unit/test_documentation.py. What they do is
# shown by the tests that are named, where it needs more than a shell, or not at all.
VALIDATED = {
    r"balance-guard demo( --scenes .*)?": "minutes: tests/demo, scripts/package_matrix.py",
    r"balance-guard rehearse .*": "minutes: tests/acceptance/test_rehearse.py",
    r"balance-guard trade .*|freqtrade trade .*": "never ends: tests/integration/test_live_bot.py "
    "and others; Get started's config in tests/acceptance/test_documented_commands.py",
    r"balance-guard backtesting .*": "needs price data: tests/integration/test_backtesting.py",
    r"balance-guard lookahead-analysis .*": "needs price data: "
    "tests/integration/test_backtesting.py",
    r"balance-guard hyperopt .*": "needs price data: tests/integration/test_hyperopt.py",
    r"balance-guard test-pairlist .*": "needs a network: tests/integration/test_pairlist_filter.py",
    r"balance-guard sandbox --fetch-markets .*": "needs a network: "
    "tests/console/test_fetch_markets.py",
    r"make .*": "targets exist; CI runs them",
    r"\.venv/bin/python scripts/.*": "a release: by hand, and .github/workflows/release.yml",
    r"pip install .*": "needs a network: scripts/package_matrix.py",
    r"docker build .*": "needs an engine: tests/unit/test_docker.py runs the steps",
    r"source .*|pytest .*|grep .*|git .*": "the reader's own shell and files",
}


def shell_lines(text: str) -> list[str]:
    """The commands of the shell blocks, without comments, pipes and redirections."""
    found = re.findall(r"^ *```bash\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = [line.partition(" | ")[0].partition(" > ")[0] for b in found for line in b.splitlines()]
    return [line for line in (re.sub(r"(^|\s+)#\s.*$", "", one).strip() for one in lines) if line]


def all_lines() -> list[str]:
    """Every command once, in the order of the pages."""
    texts = (page.read_text(encoding="utf-8") for page in PAGES)
    return list(dict.fromkeys(line for text in texts for line in shell_lines(text)))


def lines_of(kind: str) -> list[list[str]]:
    """The words of every command that is executed in one way."""
    lines = [line for line in all_lines() if re.fullmatch(EXECUTED[kind], line)]
    return [shlex.split(line) for line in lines]


def checks_of(line: str) -> list[str]:
    """How a command is checked; exactly one, or this table has a gap."""
    executed = [kind for kind, pattern in EXECUTED.items() if re.fullmatch(pattern, line)]
    return executed + [why for pattern, why in VALIDATED.items() if re.fullmatch(pattern, line)]
