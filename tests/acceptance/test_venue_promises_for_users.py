"""The promises that a user's venue is tried with: kept by the example and by ccxt's venues."""

import contextlib
import importlib.util
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.integration.arbitrage.venues import make_venue
from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from freqtrade_balance_guard.settings import VenueSettings
from freqtrade_balance_guard.testing import VenuePromises, venue_promises
from tests.support.exchange import freqtrade_config
from tests.support.ledger import memory_ledger


pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

EXAMPLE = Path(__file__).parents[2] / "user_data/venues/plain_kraken.py"
MONEY = {"USDT": "1000", "ETH": "2"}


def example():
    spec = importlib.util.spec_from_file_location("plain_kraken", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PlainKraken


class OnSandbox(VenuePromises):
    """A venue on a sandbox of its own."""

    __test__ = False
    pair = "ETH/USDT"
    dialect = "kraken"

    def make_venue(self):
        accounts = [{"name": "main", "keys": [{}], "balances": MONEY}]
        scenario = {"dialect": self.dialect, "accounts": accounts}
        type(self).sandbox = Sandbox.start(Scenario.model_validate(scenario))
        return self.venue_on(self.sandbox)

    def close_venue(self, venue):
        super().close_venue(venue)
        self.sandbox.stop()

    @contextlib.contextmanager
    def broken_line(self, venue):
        self.sandbox.control.fault("lost_reply", how="drop")
        yield
        self.sandbox.control.clear_faults()


class TestTheExample(OnSandbox):
    __test__ = True

    def venue_on(self, sandbox):
        section = sandbox.freqtrade_exchange()
        return example()("mine", "mine", section["key"], section["secret"], sandbox.url)


class OnCcxt(OnSandbox):
    def venue_on(self, sandbox):
        section = {**sandbox.freqtrade_exchange(), "account": "second"}
        settings = VenueSettings.model_validate(section)
        config = freqtrade_config({"name": "kraken"})
        ledger = memory_ledger(bot="bot", account="main")
        return make_venue("second", settings, config, bot="bot", ledger=ledger, clock=SystemClock())


class TestKrakenByCcxt(OnCcxt):
    __test__ = True


class TestBinanceByCcxt(OnCcxt):
    __test__ = True
    dialect = "binance"


def test_the_example_is_short():
    assert len(EXAMPLE.read_text().splitlines()) < 150


def _defects():
    """One broken promise each, by the name of the test that has to see it."""
    from freqtrade_balance_guard.arbitrage import venue as guard

    kraken = example()

    class CallsALostReplyARejection(kraken):
        async def send(self, order, prepared):
            try:
                return await super().send(order, prepared)
            except Exception as error:
                raise guard.OrderRejected(str(error)) from error

    class RoundsForTheWorse(kraken):
        def round_price(self, pair, side, price):
            return super().round_price(pair, "sell" if side == "buy" else "buy", price)

    class GivesOneId(kraken):
        def new_id(self):
            return "always-the-same"

    class FindsNothing(kraken):
        async def look_up(self, order, order_id):
            return guard.NotFound()

    class FindsEverything(kraken):
        async def look_up(self, order, order_id):
            return guard.VenueOrder("X", is_open=False, filled=order.amount, cost=order.amount)

    class HoldsTheLoopUp(kraken):
        async def send(self, order, prepared):
            threading.Event().wait(0.5)
            return await super().send(order, prepared)

    class AsksForRules(kraken):
        def rules(self, pair):
            time.sleep(0.1)
            return super().rules(pair)

    class PreparesTwoWays(kraken):
        def prepare(self, order):
            made = super().prepare(order)
            return replace(made, payload={**made.payload, "at": time.monotonic_ns()})

    class DoesNotCancel(kraken):
        async def cancel(self, order, order_id):
            pass

    rests = "test_an_order_rests_is_found_by_both_ids_and_ends_when_it_is_cancelled"
    return {
        CallsALostReplyARejection: "test_a_lost_reply_is_no_rejection_and_the_order_is_found",
        RoundsForTheWorse: "test_prices_are_rounded_on_the_grid_and_never_for_the_worse",
        GivesOneId: "test_no_two_client_order_ids_are_the_same",
        FindsNothing: rests,
        FindsEverything: "test_an_order_that_was_never_sent_is_not_found",
        HoldsTheLoopUp: "test_sending_does_not_hold_the_loop_up",
        AsksForRules: "test_rules_are_answered_from_memory",
        PreparesTwoWays: "test_the_same_order_is_prepared_the_same_way",
        DoesNotCancel: rests,
    }


@pytest.mark.parametrize("defect", _defects().items(), ids=lambda one: one[0].__name__)
def test_a_venue_that_breaks_a_promise_is_found_out(defect, monkeypatch):
    monkeypatch.setattr(venue_promises, "SETTLE_SECONDS", 1.0)
    kind, promise = defect

    class Broken(OnSandbox):
        def venue_on(self, sandbox):
            section = sandbox.freqtrade_exchange()
            return kind("mine", "mine", section["key"], section["secret"], sandbox.url)

    Broken.setup_class()
    try:
        with pytest.raises(AssertionError):
            getattr(Broken(), promise)()
    finally:
        Broken.teardown_class()
