"""What every venue promises, on two exchanges whose protocols have little in common."""

from dataclasses import replace
from decimal import Decimal

import pytest

from freqtrade_balance_guard.arbitrage.venue import LegOrder, OrderRejected, VenueOrder
from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.integration.arbitrage.ccxt_venue import NoAnswer
from freqtrade_balance_guard.integration.arbitrage.venues import make_venue
from freqtrade_balance_guard.orders.lookup_result import NotFound, Uncertain
from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from freqtrade_balance_guard.settings import VenueSettings
from tests.support.exchange import freqtrade_config
from tests.support.ledger import memory_ledger


D = Decimal
PAIR = "ETH/USDT"
MONEY = {"USDT": "1000", "ETH": "2"}


class Exchange:
    """A sandbox in one protocol, controlled from outside."""

    dialect = ""
    fee_of_a_buy_is_in = ""
    refusal = ""
    lost_with_words = ""

    def __init__(self):
        accounts = [{"name": "main", "keys": [{}], "balances": MONEY}]
        scenario = {"dialect": self.dialect, "accounts": accounts}
        self.sandbox = Sandbox.start(Scenario.model_validate(scenario))

    def section(self):
        return self.sandbox.freqtrade_exchange()

    def close(self):
        self.sandbox.stop()

    def orders(self):
        return len(self.sandbox.control.orders())

    def money(self):
        balances = self.sandbox.control.state()["accounts"]["main"]["balances"]
        return {name: D(str(one["total"])) for name, one in balances.items()}

    def share(self, share):
        self.sandbox.control.clear_faults()
        if share != 1:
            self.sandbox.control.fault("partial_fill", fraction=share)

    def refuse(self):
        self.sandbox.control.fault("refuse", message=self.refusal)

    def lose(self, how):
        kinds = {
            "lost": ("lost_reply", {"how": "drop"}),
            "timeout": ("lost_reply", {"how": "error", "message": self.lost_with_words}),
            "never": ("drop", {"endpoint": "place"}),
            "down": ("http_status", {"endpoint": "private", "status": 502}),
        }
        kind, more = kinds[how]
        self.sandbox.control.fault(kind, **more)

    def mend(self):
        self.sandbox.control.clear_faults()

    def begin_again(self):
        """No order rests, and there is as much money as at the start."""
        control = self.sandbox.control
        for order in control.state()["open_orders"]:
            control.cancel(order["id"])
        for currency, amount in MONEY.items():
            change = D(amount) - self.money()[currency]
            if change > 0:
                control.deposit("main", currency, change)
            elif change < 0:
                control.withdraw("main", currency, -change)

    def fill_rest(self):
        (order,) = self.sandbox.control.state()["open_orders"]
        self.sandbox.control.fill(order["id"])

    def empty(self):
        self.sandbox.control.fault("balance_empty")


class OnKraken(Exchange):
    dialect = "kraken"
    fee_of_a_buy_is_in = "USDT"
    refusal = "EOrder:Insufficient funds"
    lost_with_words = "EService:Unavailable"


class OnBinance(Exchange):
    """Fills stand in the answer to an order, ids are unique per pair, fees are in the coin."""

    dialect = "binance"
    fee_of_a_buy_is_in = "ETH"
    refusal = "-1013 Filter failure: NOTIONAL"
    lost_with_words = "-1007"


@pytest.fixture(scope="module", params=[OnKraken, OnBinance], ids=["kraken", "binance"])
def place(request):
    """An exchange, and a venue on it that has loaded its markets."""
    there = request.param()
    ledger = memory_ledger(bot="bot", account="main")
    settings = VenueSettings.model_validate({**there.section(), "account": "second"})
    config = freqtrade_config({"name": "kraken"})
    venue = make_venue("second", settings, config, bot="bot", ledger=ledger, clock=SystemClock())
    yield there, venue
    there.close()


@pytest.fixture
def there(place):
    exchange, _ = place
    exchange.mend()
    exchange.share(D(1))
    exchange.begin_again()
    return exchange


@pytest.fixture
def venue(place):
    return place[1]


def order_on(venue, side="buy", amount="0.01", price=None):
    price = D(price or ("2600" if side == "buy" else "2400"))
    rate = venue.rules(PAIR).taker_fee
    made_at = SystemClock().wall()
    return LegOrder(
        *("second", venue.account, PAIR, side, D(amount), price, rate, venue.new_id(), made_at)
    )


def resting(venue, side="buy"):
    return order_on(venue, side, price="2000" if side == "buy" else "3000")


def found(venue, order, order_id=None):
    told = venue.look_up(order, order_id)
    assert isinstance(told, VenueOrder), told
    return told


def test_it_has_an_account_and_a_queue_of_its_own(venue):
    assert venue.account == "second"
    assert venue.queue and "secret" not in venue.queue


def test_rules_are_exact_numbers(there, venue):
    rules = venue.rules(PAIR)
    assert rules.amount_step > 0 and rules.price_step == D("0.01")
    assert rules.amount_min > 0 and rules.cost_min > 0 and 0 < rules.taker_fee < D("0.01")
    with pytest.raises(LookupError):
        venue.rules("NO/USDT")


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_price_is_of_the_whole_amount(there, venue, side):
    price = venue.best_price(PAIR, side, D("0.5"))
    assert abs(price.best - 2500) < 5
    assert (price.worst >= price.average >= price.best) is (
        side == "buy" or price.worst == price.best
    )
    with pytest.raises(LookupError):
        venue.best_price(PAIR, side, D(10**9))


def test_balances_are_the_exchanges(there, venue):
    free = venue.balances()
    for currency, amount in there.money().items():
        assert free.get(currency, D(0)) == amount


def test_an_empty_answer_is_none(there, venue):
    there.empty()
    with pytest.raises(NoAnswer):
        venue.balances()


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_what_is_placed_is_found_by_its_client_order_id_with_all_its_fills(there, venue, side):
    before = dict(there.money())
    order = order_on(venue, side)
    placed = venue.place(order)
    told = found(venue, order)
    assert told.order_id == placed.order_id
    assert found(venue, order, placed.order_id) == told
    assert (told.is_open, told.filled) == (False, D("0.01"))
    report = told.report(order)
    used = order.terms.holds.currency
    after = there.money()
    assert before[used] - after[used] == report.used
    assert report.received is not None and report.is_fee_known
    currency = report.received.currency
    assert after[currency] - before[currency] == report.received.amount
    assert report.used <= order.terms.holds.amount
    if side == "buy":
        assert set(told.fees) == {there.fee_of_a_buy_is_in}


def test_a_refused_order_is_refused_and_not_there(there, venue):
    there.refuse()
    order = order_on(venue)
    before = there.orders()
    with pytest.raises(OrderRejected):
        venue.place(order)
    there.mend()
    assert there.orders() == before
    assert isinstance(venue.look_up(order, None), NotFound)


def test_too_little_money_is_a_refusal(there, venue):
    with pytest.raises(OrderRejected):
        venue.place(order_on(venue, amount="5"))


@pytest.mark.parametrize("how", ["lost", "timeout"])
def test_a_lost_reply_is_no_refusal_and_the_order_is_found(there, venue, how):
    there.lose(how)
    order = order_on(venue)
    with pytest.raises(Exception) as error:
        venue.place(order)
    assert not isinstance(error.value, OrderRejected)
    there.mend()
    assert found(venue, order).filled == D("0.01")


def test_a_request_that_never_arrived_is_no_refusal_and_absent(there, venue):
    there.lose("never")
    order = order_on(venue)
    with pytest.raises(Exception) as error:
        venue.place(order)
    assert not isinstance(error.value, OrderRejected)
    there.mend()
    assert isinstance(venue.look_up(order, None), NotFound)


def test_an_exchange_that_is_down_says_nothing_about_an_order(there, venue):
    order = resting(venue)
    order_id = venue.place(order).order_id
    there.lose("down")
    assert isinstance(venue.look_up(order, None), Uncertain)
    assert isinstance(venue.look_up(order, order_id), Uncertain)
    there.mend()
    assert found(venue, order, order_id).is_open


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_order_that_rests_is_open_locks_its_money_and_can_be_cancelled(there, venue, side):
    before = venue.balances()
    order = resting(venue, side)
    order_id = venue.place(order).order_id
    assert found(venue, order, order_id).is_open
    currency = order.terms.holds.currency
    assert venue.balances()[currency] < before[currency]
    venue.cancel(order, order_id)
    assert found(venue, order, order_id) == found(venue, order)
    assert (found(venue, order).is_open, found(venue, order).filled) == (False, 0)
    assert venue.balances() == before


def test_a_part_stays_when_the_rest_is_cancelled(there, venue):
    there.share(D("0.4"))
    order = order_on(venue)
    order_id = venue.place(order).order_id
    assert found(venue, order, order_id).filled == D("0.004")
    venue.cancel(order, order_id)
    told = found(venue, order, order_id)
    assert (told.is_open, told.filled) == (False, D("0.004"))
    assert told.report(order).is_fee_known


def test_a_cancel_that_comes_too_late_leaves_the_fill(there, venue):
    there.share(D("0.4"))
    order = order_on(venue)
    order_id = venue.place(order).order_id
    there.fill_rest()
    with pytest.raises(Exception, match=r"nknown order|-2011"):
        venue.cancel(order, order_id)
    assert (found(venue, order).is_open, found(venue, order).filled) == (False, D("0.01"))


def test_what_cannot_be_sent_is_refused_before(there, venue):
    order = order_on(venue)
    venue.check(order)
    for wrong in (
        replace(order, pair="NO/USDT"),
        replace(order, client_order_id="not legal!\n"),
        replace(order, amount=D("0.0100000000001")),
        replace(order, price=D("2600.0001")),
    ):
        with pytest.raises(OrderRejected):
            venue.check(wrong)


def test_ids_are_legal_and_never_the_same(venue):
    made = [venue.new_id() for _ in range(100)]
    assert len(set(made)) == 100
    assert all(venue._ids.is_legal(one) for one in made)
