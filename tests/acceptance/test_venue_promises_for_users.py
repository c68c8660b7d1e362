"""The promises that a user's venue is tried with: kept by the example and by ccxt's venues."""

import contextlib
import importlib.util
from pathlib import Path

import pytest

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.integration.arbitrage.venues import make_venue
from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from freqtrade_balance_guard.settings import VenueSettings
from freqtrade_balance_guard.testing import VenuePromises
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
