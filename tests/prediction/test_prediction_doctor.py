"""`doctor --exchange` on prediction markets: keys, wallets, kinds of signatures, clocks, events."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from freqtrade_balance_guard.clock import ManualClock, SystemClock
from freqtrade_balance_guard.integration.prediction.doctor import prediction_findings
from freqtrade_balance_guard.sandbox.prediction.orders import Bet
from freqtrade_balance_guard.settings import load_settings
from tests.support.prediction import DIALECTS, EVENT


def findings(*sandboxes, clock=None, sections=None, **event):
    venues = sections or {each.dialect: each.section() for each in sandboxes}
    outcomes = {each.dialect: {"yes": each.outcome(0), "no": each.outcome(1)} for each in sandboxes}
    content = {
        "closes": "2099-01-01T00:00:00Z",
        "resolution_checked": True,
        "outcomes": outcomes,
        **event,
    }
    settings = load_settings({"venues": venues, "events": {"fed": content} if event else {}})
    found = prediction_findings(settings, clock or SystemClock())
    assert all(each.remedy for each in found)
    return [each.code for each in found]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_venue_in_order_has_no_findings(start, dialect):
    sandbox = start(dialect)
    assert findings(sandbox, resolution_checked=True) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_key_that_is_not_accepted_is_found(start, dialect):
    sandbox = start(dialect)
    section = sandbox.section()
    if dialect == "polymarket":
        section |= {"private_key": "0x" + "11" * 32}
    else:
        section |= {"key": "unknown"}
    codes = findings(sandbox, sections={dialect: section})
    assert codes[-1] in ("prediction_key", "prediction_unreachable")


def test_a_wallet_of_another_kind_is_found(start):
    sandbox = start("polymarket")
    section = sandbox.section()
    section["ccxt_config"]["options"]["signatureType"] = 0
    codes = findings(sandbox, sections={"polymarket": section})
    assert codes == ["prediction_signature_type"]


def test_shares_without_money_are_found(start):
    sandbox = start("polymarket", settle_after_s=0)
    sandbox.exchange.place_order("main", "", Bet(EVENT, 0, "buy", Decimal("0.5"), Decimal(10)))
    section = sandbox.section()
    section["ccxt_config"]["options"]["signatureType"] = 0
    assert "prediction_empty_wallet" in findings(sandbox, sections={"polymarket": section})


def test_a_missing_wallet_and_a_builder_code_are_found(start):
    sandbox = start("polymarket")
    section = sandbox.section()
    section["ccxt_config"]["options"]["builder"] = "0x" + "22" * 20
    assert findings(sandbox, sections={"polymarket": section}) == ["prediction_builder"]
    section.pop("wallet_address")
    assert "prediction_wallet" in findings(sandbox, sections={"polymarket": section})


def test_a_clock_that_differs_is_found(start):
    sandbox = start("sxbet")
    late = ManualClock(datetime.now(UTC) + timedelta(minutes=2))
    assert findings(sandbox, clock=late) == ["prediction_clock"]


def test_events_are_compared_with_what_the_venues_say(start):
    poly, kalshi = start("polymarket"), start("kalshi")
    assert findings(poly, kalshi, resolution_checked=False) == ["event_not_checked"]
    wrong = {"polymarket": {"yes": "1" * 77, "no": "2" * 77}}
    assert findings(poly, kalshi, outcomes=wrong) == ["event_outcome_unknown"]
    poly.control.event_price(EVENT, "0.30")
    kalshi.control.event_price(EVENT, "0.70")
    assert findings(poly, kalshi, resolution_checked=True) == ["event_inverted"]


def test_an_event_that_may_grow_is_found(start):
    market = {"name": EVENT, "price": "0.4", "neg_risk": True, "neg_risk_augmented": True}
    sandbox = start("polymarket", markets=[market])
    assert findings(sandbox, resolution_checked=True) == ["event_augmented"]


def test_a_name_that_is_no_prediction_market_is_found():
    sections = {"other": {"name": "kraken", "kind": "prediction"}}
    assert findings(sections=sections) == ["prediction_unknown"]
