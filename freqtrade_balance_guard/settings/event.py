"""One question that venues of prediction markets answer: which outcome is which, by hand."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic.json_schema import JsonSchemaValue

from freqtrade_balance_guard.settings.sections import Section
from freqtrade_balance_guard.settings.values import Name, Rule, Switch, Text, wrong_value


OUTCOME = Text("the venue's own id of an outcome", 200)


class Moment(Rule):
    """A date with its time and its zone, read as UTC."""

    allowed = 'a time such as "2026-12-10T19:00:00Z"'

    def read(self, value: object) -> datetime:
        try:
            moment = datetime.fromisoformat(str(value)) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise wrong_value(self.allowed)
        return moment.astimezone(UTC)

    def json_schema(self) -> JsonSchemaValue:
        return {"type": "string", "format": "date-time"}


class OutcomePair(Section):
    """The two outcomes of one question on one venue."""

    yes: Annotated[str, OUTCOME] = Field(description="Id of the outcome that pays if it happens.")
    no: Annotated[str, OUTCOME] = Field(description="Id of the other one.")


def _fold_venues(outcomes: object) -> object:
    """Venue names in lower case: freqtrade's environment parser gives them so."""
    if not isinstance(outcomes, dict):
        return outcomes
    return {name.lower() if isinstance(name, str) else name: one for name, one in outcomes.items()}


class EventSettings(Section):
    """One entry of ``events``. Nothing here is guessed from a title: the user has compared them."""

    closes: Annotated[datetime, Moment()] = Field(
        description="When trading ends and the answer is expected; no arbitrage after it."
    )
    resolution_checked: Annotated[bool, Switch()] = Field(
        default=False,
        description="That you have read the rules of all its venues and found that they answer "
        "the same question by the same source. Without it every arbitrage is denied.",
    )
    outcomes: Annotated[
        dict[Annotated[str, Name("the name of a venue")], OutcomePair],
        BeforeValidator(_fold_venues),
    ] = Field(description="By venue: the ids of both outcomes.")
