"""Draws docs/images/terminal.svg: what two commands say about a real bot on the sandbox.

    python scripts/record_terminal.py

A guarded bot trades live on a local exchange until an entry was denied; then the commands are run
as a user would run them. Nothing is written by hand but the prompt.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from freqtrade_balance_guard.demo.bot import Bot, BotSettings
from freqtrade_balance_guard.demo.strategy import STRATEGY_NAME, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox, Scenario


PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "terminal.svg"
WIDTH = 110
SCENARIO = {
    "dialect": "binance",
    "accounts": [{"name": "main", "balances": {"USDT": "200"}}],
}
GUARD = {
    "min_order_size_usdt": 25,
    "position_size_percent": 40,
    "min_balance_threshold": 10,
    "reserve_balance": {"USDT": 50},
}
DENIED = "LINK/USDT"
COMMANDS = (
    ("check-config", "-c", "config.json", "--strategy", STRATEGY_NAME),
    ("explain", DENIED, "-c", "config.json"),
)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        said = recorded(Path(folder))
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for command, text in said:
        console.print(Text.assemble(("$ ", "bold green"), (f"balance-guard {command}", "bold")))
        console.print(Text.from_ansi(text.rstrip() + "\n"))
    svg = console.export_svg(title="balance-guard", unique_id="terminal")
    # Pictures in a README load nothing: any monospaced font will do.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = "\n".join(line.rstrip() for line in svg.splitlines() if line.strip())
    PICTURE.write_text(svg.replace("Fira Code", "monospace") + "\n", encoding="utf-8")
    return 0


def recorded(folder: Path) -> list[tuple[str, str]]:
    """Each command with what it said, while a bot runs in ``folder``."""
    with Sandbox.start(Scenario.model_validate(SCENARIO)) as exchange:
        plan = StrategyPlan(signals={"ETH/USDT": 1, "SOL/USDT": 1, DENIED: 1})
        settings = BotSettings(
            exchange=exchange.freqtrade_exchange(), plan=plan, way="launcher", guard=GUARD
        )
        with Bot.start(settings, folder) as bot:
            bot.wait_for(f"No order for {DENIED}", 120)
            return [(" ".join(command), run(folder, command)) for command in COMMANDS]


def run(folder: Path, command: tuple[str, ...]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "freqtrade_balance_guard", *command, "--userdir", str(folder)],
        cwd=folder,
        env={**os.environ, "COLUMNS": str(WIDTH), "FORCE_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.replace(str(folder), "user_data")


if __name__ == "__main__":
    sys.exit(main())
