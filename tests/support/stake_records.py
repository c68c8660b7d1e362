"""Records of available stake of random bots, to measure forecasts by."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.rebalance.early_warning import Sample
from tests.support.early_warning import measure


THRESHOLD = Decimal("2.5")
LOOP_SECONDS = 30
DAY_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Bot:
    """100 USDT; entries take from 3 to 12 USDT, at random, and come back after a random time.

    With ``dip`` there are some hours in each day in which it enters four times an hour and nothing
    comes back.
    """

    entries_per_hour: float
    hours_held: float
    dip: bool = False


BOTS = {
    "enters once an hour, holds for 12 hours": Bot(1, 12),
    "enters 4 times an hour, holds for 3 hours": Bot(4, 3),
    "buys a dip of some hours": Bot(1, 2, dip=True),
}


def record(bot: Bot, seed: int) -> list[Sample]:
    """One day of a bot, the same for the same seed."""
    dice = random.Random(seed)
    available = Decimal(100)
    positions: list[tuple[float, Decimal]] = []
    samples = []
    begins = dice.uniform(4, 10) * 3600
    ends = begins + dice.uniform(4, 10) * 3600
    for second in range(0, DAY_SECONDS, LOOP_SECONDS):
        in_dip = bot.dip and begins <= second < ends
        back = [] if in_dip else [each for each in positions if each[0] <= second]
        for each in back:
            positions.remove(each)
            available += each[1]
        rate = 4 if in_dip else bot.entries_per_hour
        if dice.random() < rate * LOOP_SECONDS / 3600:
            stake = Decimal(dice.randint(300, 1200)) / 100
            if stake <= available:
                available -= stake
                until = second + dice.expovariate(1 / (bot.hours_held * 3600))
                positions.append((until, stake))
        samples.append(Sample(float(second), available))
    return samples


def row(name: str, days: int = 30) -> str:
    """What the warnings for one kind of bot were worth, as a row for the docs."""
    measured = [measure(record(BOTS[name], seed), THRESHOLD) for seed in range(days)]
    lead = _median([lead for day in measured for lead in day.leads])
    error = _median([abs(error) for day in measured for error in day.errors])
    return (
        f"| {name} | {sum(d.falls for d in measured)} | {sum(d.foretold for d in measured)} "
        f"| {sum(d.warnings for d in measured)} | {sum(d.false_alarms for d in measured)} "
        f"| {lead / 60:.0f} min | {error / 60:.0f} min |"
    )


def _median(numbers: Sequence[float]) -> float:
    return sorted(numbers)[len(numbers) // 2]
