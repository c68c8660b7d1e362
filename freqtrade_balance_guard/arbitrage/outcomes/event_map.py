"""Which outcomes of which venues answer one question: mapped by hand, never by their texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from freqtrade_balance_guard.arbitrage.outcomes.outcome_leg import OutcomeLeg
from freqtrade_balance_guard.arbitrage.results import ArbitrageDenialCode, ArbitrageDenied
from freqtrade_balance_guard.money import ONE, exact
from freqtrade_balance_guard.settings import EventSettings


Answer = Literal["yes", "no"]
# Prices of what should be one outcome add up to about 1: one of the two is the other outcome.
INVERTED_WITHIN = Decimal("0.06")
APART_AT_LEAST = Decimal("0.2")


@dataclass(frozen=True, slots=True)
class MappedOutcome:
    """One venue's outcome, with the event and the answer that it stands for."""

    event: str
    answer: Answer
    closes: datetime
    resolution_checked: bool


class EventMap:
    """Looks outcomes up in the settings ``events``."""

    def __init__(self, events: Mapping[str, EventSettings]) -> None:
        self.settings = events
        self._outcomes: dict[tuple[str, str], MappedOutcome] = {}
        for name, event in events.items():
            for venue, pair in event.outcomes.items():
                answers: tuple[tuple[Answer, str], ...] = (("yes", pair.yes), ("no", pair.no))
                for answer, outcome in answers:
                    self._outcomes[(venue, outcome)] = MappedOutcome(
                        name, answer, event.closes, event.resolution_checked
                    )

    def find(self, venue: str, outcome: str) -> MappedOutcome | None:
        return self._outcomes.get((venue, outcome))

    def outcomes(self) -> list[tuple[str, str]]:
        """Return all mapped outcomes, each with its venue first."""
        return list(self._outcomes)

    def check(
        self, first: OutcomeLeg, second: OutcomeLeg, now: datetime
    ) -> MappedOutcome | ArbitrageDenied:
        """Return the event that two purchases answer both ways, or why they do not pay 1."""
        found = [self.find(leg.venue, leg.outcome) for leg in (first, second)]
        for leg, mapped in zip((first, second), found, strict=True):
            if mapped is None:
                return ArbitrageDenied(
                    ArbitrageDenialCode.EVENT_NOT_MAPPED,
                    f"the outcome {leg.outcome} of {leg.venue} belongs to no event in `events`",
                    leg.venue,
                )
        one, other = found
        if one is None or other is None or one.event != other.event or one.answer == other.answer:
            return ArbitrageDenied(
                ArbitrageDenialCode.NO_COMPLEMENT,
                f"{first.outcome} on {first.venue} and {second.outcome} on {second.venue} are not "
                "the two answers to one question",
            )
        if not one.resolution_checked:
            return ArbitrageDenied(
                ArbitrageDenialCode.RESOLUTION_NOT_CHECKED,
                f"nothing says that the rules of {one.event} are the same on both venues: "
                "`resolution_checked` is false",
            )
        if now >= one.closes:
            return ArbitrageDenied(
                ArbitrageDenialCode.EVENT_CLOSED,
                f"{one.event} has closed at {one.closes:%Y-%m-%d %H:%M} UTC",
            )
        return one


@exact
def looks_inverted(one_yes: Decimal, other_yes: Decimal) -> bool:
    """Whether two prices of "yes" look like those of the two answers.

    Prices near one half say nothing.
    """
    apart = abs(one_yes - other_yes) >= APART_AT_LEAST
    return apart and abs(one_yes + other_yes - ONE) <= INVERTED_WITHIN
