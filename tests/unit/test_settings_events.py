"""The settings `events` and `venues.<name>.kind`: read, checked, explained in one sentence."""

import pytest

from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.settings import load_settings


VENUES = {
    "poly": {"name": "polymarket", "kind": "prediction"},
    "second": {"name": "kraken"},
}
GOOD = {
    "closes": "2026-12-10T19:00:00Z",
    "resolution_checked": True,
    "outcomes": {"poly": {"yes": "1", "no": "2"}},
}


def load(**events):
    return load_settings({"venues": VENUES, "events": events})


def test_a_venue_is_an_exchange_unless_it_says_prediction():
    venues = load().venues
    assert (venues["poly"].kind, venues["second"].kind) == ("prediction", "exchange")


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({**GOOD, "closes": "tomorrow"}, 'events.fed.closes is "tomorrow"; it must be a time'),
        ({**GOOD, "closes": "2026-12-10T19:00:00"}, "events.fed.closes is"),
        ({**GOOD, "closes": 5}, "events.fed.closes is 5; it must be a time"),
        ({**GOOD, "resolution_checked": "yes"}, "events.fed.resolution_checked"),
        ({**GOOD, "outcomes": {"other": {"yes": "1", "no": "2"}}}, "has no venue"),
        ({**GOOD, "outcomes": {"second": {"yes": "1", "no": "2"}}}, "has no venue"),
        ({**GOOD, "outcomes": {"poly": {"yes": "1"}}}, "events.fed.outcomes.poly.no"),
        ({**GOOD, "outcomes": {"poly": {"yes": "1", "no": "1"}}}, "is the outcome of fed.yes"),
        ({**GOOD, "outcome": {}}, "events.fed.outcome"),
        ({"outcomes": GOOD["outcomes"]}, "events.fed.closes"),
    ],
)
def test_a_wrong_event_is_explained(event, said):
    with pytest.raises(SettingsError) as error:
        load(fed=event)
    assert said in str(error.value)


def test_two_events_may_not_share_an_outcome():
    with pytest.raises(SettingsError, match=r"is the outcome of one\.yes already"):
        load(one=GOOD, two={**GOOD, "outcomes": {"poly": {"yes": "1", "no": "3"}}})


def test_a_kind_that_there_is_not_is_explained():
    with pytest.raises(SettingsError, match=r"venues\.poly\.kind"):
        load_settings({"venues": {"poly": {"name": "polymarket", "kind": "casino"}}})
