"""A process that carries out complements and dies at a point that it is given.

Started as ``python -m tests.support.mortal_complements FOLDER SETUP NTH``.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freqtrade_balance_guard import crash_points
from freqtrade_balance_guard.sandbox import SandboxClient
from tests.support.complements import run_on
from tests.support.prediction import NearPrediction, outcome_id


KILLED = 9


@dataclass
class Far:
    """A sandbox of another process."""

    dialect: str
    url: str
    its_section: dict[str, Any]

    def __post_init__(self) -> None:
        self.control = SandboxClient(self.url)

    def section(self) -> dict[str, Any]:
        return self.its_section

    def outcome(self, outcome: int) -> str:
        return outcome_id(self.dialect, outcome)


def setup_of(both: tuple[NearPrediction, NearPrediction]) -> str:
    """What the process has to know of both."""
    return json.dumps([[each.dialect, each.url, each.section()] for each in both])


def main(folder: Path, setup: str, nth: int) -> None:
    """Follow what is left, take one opportunity, and die at the nth point; 0: never."""
    passed = 0

    def watch(point: str) -> None:
        nonlocal passed
        passed += 1
        if passed == nth:
            os._exit(KILLED)

    one, other = (Far(*each) for each in json.loads(setup))
    with run_on(one, other, folder, leg_timeout=2, max_unhedged=10**9) as world:  # type: ignore[arg-type]
        crash_points.watcher = watch
        world.work_until(lambda: world.executor.unresolved() == [], 60)
        if nth:
            world.executor.execute(world.opportunity(shares="20"))
        world.work_until(
            lambda: world.executor.unresolved() == [] and "settling" not in world.states(), 60
        )
        crash_points.watcher = None


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
