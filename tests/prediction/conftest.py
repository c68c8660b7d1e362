"""What the tests of prediction markets share."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.prediction import NearPrediction, PredictionBench


@pytest.fixture
def bench_of() -> Callable[..., PredictionBench]:
    return PredictionBench


@pytest.fixture
def start() -> Iterator[Callable[..., NearPrediction]]:
    """Starts sandboxes and ends them after the test."""
    running: list[NearPrediction] = []

    def make(dialect: str, **scenario: Any) -> NearPrediction:
        running.append(NearPrediction(dialect, **scenario))
        return running[-1]

    yield make
    for sandbox in running:
        sandbox.stop()
