"""Record how much stake real bots on the sandbox have available, for the early warning.

    python scripts/record_stake.py tests/data/stake_runs.json

Each run is a guarded freqtrade that trades live on a sandbox for some minutes. An hour of the
warning is ten seconds here, so a run of four minutes stands for a day.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.demo.bot import Bot, BotSettings
from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox, Scenario


SECONDS = 240.0
EVERY = 0.5
STAKE = 12.2
# Seconds between two entries on average, how long a position is held, and the USDT at the start:
# of 50, four positions leave less than the default threshold of 2.5.
BOTS = {
    "100 USDT, enters now and then, holds long": (9.0, 70.0, "100"),
    "100 USDT, enters often, holds short": (4.0, 25.0, "100"),
    "50 USDT, enters now and then, holds long": (9.0, 70.0, "50"),
    "50 USDT, enters often, holds short": (4.0, 25.0, "50"),
}


def run(entries_every: float, hold: float, start: str, seed: int) -> list[tuple[float, str]]:
    """Seconds since the start, and the free stake, as the exchange has it."""
    rng = random.Random(seed)
    scenario = Scenario.model_validate(
        {"accounts": [{"name": "main", "balances": {"USDT": start}}]}
    )
    with Sandbox.start(scenario) as sandbox, tempfile.TemporaryDirectory() as folder:
        exchange = sandbox.freqtrade_exchange()
        pairs = [pair for pair in exchange["pair_whitelist"] if pair.endswith("/USDT")]
        settings = BotSettings(
            exchange=exchange,
            plan=StrategyPlan(exit_after_s=hold),
            way="launcher",
            guard={"position_size_percent": 100},
            stake_amount=STAKE,
            max_open_trades=len(pairs),
        )
        with Bot.start(settings, Path(folder)) as bot:
            bot.wait_running()
            return list(_samples(sandbox.control, bot, pairs, entries_every, rng))


def _samples(
    exchange: Any, bot: Bot, pairs: list[str], entries_every: float, rng: random.Random
) -> Iterator[tuple[float, str]]:
    began = time.monotonic()
    next_entry = 0.0
    while (now := time.monotonic() - began) < SECONDS:
        if now >= next_entry:
            next_entry = now + rng.expovariate(1 / entries_every)
            # One more purchase of a pair than there has been.
            bought = [trade["pair"] for trade in bot.trades()]
            pair = rng.choice(pairs)
            bot.control(Control(signals={pair: bought.count(pair) + 1}))
        free = exchange.state()["accounts"]["main"]["balances"]["USDT"]["free"]
        yield round(now, 2), str(Decimal(str(free)))
        time.sleep(EVERY)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path, help="where to write the record")
    parser.add_argument("--runs", type=int, default=3, help="runs of each bot")
    args = parser.parse_args()
    record = {
        name: [run(*parameters, seed) for seed in range(args.runs)]
        for name, parameters in BOTS.items()
    }
    args.file.write_text(json.dumps(record) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
