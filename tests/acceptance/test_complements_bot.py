"""Complements with a real freqtrade bot on two of three prediction markets: what an earlier trader
did wrong on Polymarket, SX and Kalshi, row by row.
"""

import json
import shutil
import signal
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from freqtrade_balance_guard.arbitrage.store import ArbitrageStore
from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.demo.bot import Bot, BotSettings
from freqtrade_balance_guard.ledger import open_ledger
from tests.support.complements import PAIRS
from tests.support.legs_bot import exchanges
from tests.support.prediction import EVENT, NearPrediction


pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]

D = Decimal

STRATEGY = '''
import json
from pathlib import Path

from freqtrade.strategy import IStrategy

from freqtrade_balance_guard import Opportunity, OutcomeLeg, ReservedArbitrage


FOLDER = Path(__file__).resolve().parent.parent


class Rehearsal(ReservedArbitrage, IStrategy):
    """Offers each pair of legs of offers.json once."""

    timeframe = "1m"

    def find_opportunities(self, current_time, **kwargs):
        done = FOLDER / "offered.txt"
        known = done.read_text().split() if done.exists() else []
        for number, legs in json.loads((FOLDER / "offers.json").read_text()).items():
            if number not in known:
                with done.open("a") as file:
                    file.write(f"{number}\\n")
                yield Opportunity(*(OutcomeLeg(**leg) for leg in legs), payout=1)
'''


class World:
    """A bot with its exchange, and two prediction markets: yes for 0.40 on one, no for 0.50."""

    def __init__(self, bot, folder, both):
        self.bot, self.folder, self.both = bot, folder, both
        self.count = 0

    def books(self, yes="0.40", no="0.50"):
        one, other = self.both.values()
        one.control.event_book(EVENT, bids=[(D(yes) - D("0.02"), "1000")], asks=[(yes, "1000")])
        bid = 1 - D(no)
        other.control.event_book(EVENT, bids=[(bid, "1000")], asks=[(bid + D("0.02"), "1000")])

    def offer(self, shares="100", second=None):
        one, other = self.both.values()
        self.count += 1
        leg = {"side": "buy", "shares": shares}
        legs = [
            {**leg, "venue": "one", "outcome": one.outcome(0), "limit_price": "0.40"},
            {
                **leg,
                "venue": "other",
                "outcome": other.outcome(1) if second is None else second,
                "limit_price": "0.50",
            },
        ]
        file = self.folder / "offers.json"
        offers = json.loads(file.read_text()) | {str(self.count): legs}
        file.write_text(json.dumps(offers))

    @property
    def store(self):
        return ArbitrageStore(self.folder / "balance_guard.sqlite")

    def rows(self):
        ledger = open_ledger(
            f"sqlite:///{self.folder / 'balance_guard.sqlite'}",
            bot="observer",
            account="one",
            clock=SystemClock(),
        )
        try:
            return {
                row.order_id or row.client_order_id: row
                for name in self.both
                for row in ledger.reservations(account=name)
            }
        finally:
            ledger.close()

    def records(self):
        found, store = [], self.store
        while (one := store.record(len(found) + 1)) is not None:
            found.append(one)
        return found

    def ended(self):
        self.bot.wait_until(
            lambda: (
                any(str(one.state) not in ("planned", "sent") for one in self.records()[-1:])
                and len(self.records()) >= 1
            ),
            60,
            "an ended arbitrage",
        )
        return self.records()[-1]

    def orders(self):
        return {name: each.orders() for name, each in self.both.items()}

    def check(self):
        """Nothing reserved, nothing unknown; each row is its venue's, to the last digit."""
        rows = self.rows()
        assert [row for row in rows.values() if row.unfinished] == []
        for name, each in self.both.items():
            assert each.control.audit()["ok"]
            for order in each.orders():
                cost = D(order["cost"]) + D(order["fee"])
                if cost:
                    assert rows[order["id"]].committed == cost, (name, order)

    def messages(self):
        return "\n".join(self.bot.lines("Sending rpc strategy_msg|Sending rpc message"))


@contextmanager
def world_of(start, folder, one, other, here, *, poor=None, policy="hold", **guard):
    money = {"name": "main", "balance": "10"}
    both = {
        name: start(dialect, **({"accounts": [money]} if poor == name else {}), settle_after_s=0.2)
        for name, dialect in (("one", one), ("other", other))
    }
    closes = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    section = {
        "ledger": {"account": "here"},
        "venues": {name: {**each.section(), "account": name} for name, each in both.items()},
        "arbitrage": {"leg_timeout": 3, "unhedged_policy": policy, "max_unhedged": 1000},
        "events": {
            EVENT: {
                "closes": closes,
                "resolution_checked": True,
                "outcomes": {
                    name: {"yes": each.outcome(0), "no": each.outcome(1)}
                    for name, each in both.items()
                },
            }
        },
        **guard,
    }
    settings = BotSettings(
        exchange=here.freqtrade_exchange(), source=STRATEGY, way="plain", guard=section
    )
    (folder / "offers.json").write_text("{}")
    with Bot.start(settings, folder) as bot:
        world = World(bot, folder, both)
        world.books()
        bot.wait_running()
        yield world


@pytest.fixture(scope="module")
def here():
    with exchanges() as both:
        yield both[0]


@pytest.fixture
def start():
    running = []

    def make(dialect, **scenario):
        running.append(NearPrediction(dialect, **scenario))
        return running[-1]

    yield make
    for sandbox in running:
        sandbox.stop()


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_row_seven_both_succeed_and_both_are_committed(start, here, tmp_path, one, other):
    """And bug one: what is reserved is not checked against itself again."""
    with world_of(start, tmp_path, one, other, here) as world:
        world.offer()
        record = world.ended()
        assert (record.state, record.event) == ("hedged", EVENT)
        world.check()
        assert [len(each) for each in world.orders().values()] == [1, 1]
        world.bot.wait_for("Shares: 100 .* on other: held until", 30)
        assert "Left after fees when it is resolved" in world.messages()
        assert world.bot.lines("Traceback") == []


@pytest.mark.parametrize(
    ("poor", "one", "other"), [("one", *PAIRS[0]), ("other", *PAIRS[3]), ("other", *PAIRS[4])]
)
def test_rows_one_and_two_too_little_money_reserves_nothing(
    start, here, tmp_path, poor, one, other
):
    with world_of(start, tmp_path, one, other, here, poor=poor) as world:
        world.offer()
        world.bot.wait_for(r"No order for .*\[insufficient_available", 60)
        assert world.orders() == {"one": [], "other": []}
        assert [row for row in world.rows().values() if row.held] == []


@pytest.mark.parametrize("missing", ["bad id", "not mapped"])
def test_row_three_and_bug_two_an_error_while_orders_are_made_leaks_nothing(
    start, here, tmp_path, missing
):
    """An outcome that is missing was a balance that was never given back."""
    with world_of(start, tmp_path, *PAIRS[1], here) as world:
        world.offer(second="0x" + "0" * 64 if missing == "bad id" else "no-such-outcome")
        world.bot.wait_for(r"No order for .*\[(event_not_mapped|market_unreadable)", 60)
        world.offer()
        assert world.ended().state == "hedged"
        world.check()


def test_row_four_both_fail_and_both_are_released(start, here, tmp_path):
    with world_of(start, tmp_path, *PAIRS[2], here) as world:
        for each in world.both.values():
            each.control.fault("refuse", times=1)
        world.offer()
        assert world.ended().state == "failed"
        world.check()
        assert world.store.all_holdings() == []


@pytest.mark.parametrize(
    ("failing", "one", "other"),
    [("one", *PAIRS[0]), ("one", *PAIRS[5]), ("other", *PAIRS[3]), ("other", *PAIRS[4])],
)
def test_rows_five_and_six_one_fails_the_other_is_an_exposure(
    start, here, tmp_path, failing, one, other
):
    with world_of(start, tmp_path, one, other, here) as world:
        world.both[failing].control.fault("refuse", times=1)
        world.offer()
        record = world.ended()
        assert record.state == "unhedged"
        world.check()
        (exposure,) = world.store.exposures_of(record.id)
        assert (exposure.net, exposure.is_outcome) == (100, True)
        assert exposure.venue != failing
        world.bot.wait_for("held without the other answer", 30)


def test_row_eight_and_bugs_three_and_four_a_kill_between_both_orders(start, here, tmp_path):
    """Whatever a dead process left is looked up; nothing is committed or released twice."""
    with world_of(start, tmp_path, *PAIRS[0], here) as world:
        world.both["other"].control.fault("latency", ms=4000, times=1)
        world.offer()
        world.bot.wait_until(lambda: world.orders()["one"] != [], 60, "the first order")
        world.bot._process.send_signal(signal.SIGKILL)
        world.bot._process.wait(20)
        settings, both = world.bot.settings, world.both
    with Bot.start(settings, tmp_path) as bot:
        again = World(bot, tmp_path, both)
        bot.wait_running()
        bot.wait_until(
            lambda: all(str(one.state) not in ("planned", "sent") for one in again.records()),
            90,
            "an ended arbitrage",
        )
        again.check()
        assert all(len(orders) <= 1 for orders in again.orders().values())
        held = sum(one.shares for one in again.store.all_holdings())
        real = sum(D(one["filled"]) for orders in again.orders().values() for one in orders)
        assert held == real


def test_the_example_strategy_holds_what_it_wants_and_no_more(start, here, tmp_path):
    example = Path(__file__).parents[2] / "user_data" / "strategies" / "complements.py"
    with world_of(start, tmp_path, *PAIRS[1], here) as world:
        settings = world.bot.settings
    source = example.read_text().replace("class Complements", "class Rehearsal")
    shutil.rmtree(tmp_path / "strategies", ignore_errors=True)
    changed = BotSettings(**{**settings.__dict__, "source": source})
    with Bot.start(changed, tmp_path) as bot:
        again = World(bot, tmp_path, world.both)
        bot.wait_for("Shares: 50 .* on other: held until", 90)
        bot.wait_for("heartbeat", 60)
        again.check()
        assert [len(orders) for orders in again.orders().values()] == [1, 1]
