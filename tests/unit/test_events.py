"""Facts and those who hear of them."""

import dataclasses
import logging
import pickle
from decimal import Decimal

import pytest

from freqtrade_balance_guard.events import (
    EntryApproved,
    Event,
    EventHub,
    OrderDenied,
    PartialExitReduced,
    StakeReduced,
)


FACTS = [
    OrderDenied("X/USDT", "below_threshold", "too little", {"available": Decimal(1)}),
    StakeReduced("X/USDT", Decimal(100), Decimal(80), "position_size_percent"),
    EntryApproved("X/USDT", Decimal(80)),
    PartialExitReduced("X/USDT", Decimal(3), Decimal(2)),
]


def test_every_listener_hears_every_fact_in_order() -> None:
    first: list[Event] = []
    second: list[Event] = []
    hub = EventHub(first.append)
    hub.subscribe(second.append)
    for fact in FACTS:
        hub.publish(fact)
    assert first == second == FACTS


def test_a_listener_that_fails_is_reported_and_the_others_still_hear(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[Event] = []

    def fails(event: Event) -> None:
        raise RuntimeError("the counter is broken")

    hub = EventHub(fails, heard.append)
    with caplog.at_level(logging.ERROR):
        hub.publish(FACTS[0])
    assert heard == [FACTS[0]]
    assert "A listener failed on OrderDenied." in caplog.text
    assert "the counter is broken" in caplog.text


def test_a_hub_without_listeners_hears_nothing_and_says_nothing() -> None:
    EventHub().publish(FACTS[0])


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_a_fact_cannot_be_changed_and_travels_to_workers(fact: Event) -> None:
    field = dataclasses.fields(fact)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(fact, field, "Y/USDT")
    assert pickle.loads(pickle.dumps(fact)) == fact
