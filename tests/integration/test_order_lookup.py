"""Orders on a sandbox are found again through freqtrade's own exchange, or truly not there."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from freqtrade.exceptions import TemporaryError
from freqtrade.exchange import Exchange

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.deadline import Deadline
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.order_error import Outcome, classify
from freqtrade_balance_guard.integration.exchange.order_lookup import (
    Found,
    NotFound,
    Uncertain,
    fetch_known,
    find_order,
)
from freqtrade_balance_guard.orders.client_ids import ClientIds, belongs_to
from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from tests.support.exchange import exchange_on


PAIR = "ETH/USDT"
IDS = ClientIds.of("kraken")


class Sender:
    """freqtrade's exchange object, and whoever sends and looks for orders through it."""

    def __init__(self, sandbox: Sandbox, exchange: Exchange) -> None:
        self.sandbox = sandbox.control
        self.exchange = exchange
        self.clock = SystemClock()
        self.began = self.clock.wall()

    def send(self, *, side="buy", amount=0.1, rate=2400.0, named=True, stop=None):
        """An order as freqtrade's create_order sends it: (our id, its answer)."""
        made = IDS.make("beef")
        self.exchange._params = IDS.order_params(made) if named else {}
        try:
            if stop is not None:
                return made, self.exchange.create_stoploss(
                    PAIR, amount, stop, {"stoploss": "market"}, side, 1.0
                )
            return made, self.exchange.create_order(
                pair=PAIR, ordertype="limit", side=side, amount=amount, rate=rate, leverage=1.0
            )
        finally:
            self.exchange._params = {}

    def find(self, client_order_id=None, *, side="buy", amount="0.1", seconds=2.0, **more):
        clock = more.pop("clock", self.clock)
        return find_order(
            GuardClient(self.exchange, clock),
            client_order_id,
            PAIR,
            side,
            Decimal(amount),
            more.pop("since", self.began),
            deadline=Deadline.after(self.clock, seconds),
            clock=clock,
            **more,
        )

    def found(self, *args, **more):
        answer = self.find(*args, **more)
        assert isinstance(answer, Found), answer
        return answer.order

    def requests(self):
        """Lists that were asked for since the last call."""
        counted = self.sandbox.counters()["endpoints"]
        self.sandbox.reset_counters()
        return {name: number for name, number in counted.items() if name.endswith("Orders")}


@pytest.fixture(scope="module")
def market():
    """A sandbox, freqtrade's exchange on it, and the keys of many accounts without orders."""
    accounts = [{"name": f"a{n}", "balances": {"USDT": "100000"}} for n in range(100)]
    with Sandbox.start(Scenario.model_validate({"accounts": accounts})) as sandbox:
        exchange = exchange_on(sandbox, "a0")
        yield sandbox, exchange, (sandbox.freqtrade_exchange(a["name"]) for a in accounts)
        exchange.close()


@pytest.fixture
def registry(market):
    sandbox, exchange, keys = market
    section = next(keys)
    exchange._api.apiKey, exchange._api.secret = section["key"], section["secret"]
    sandbox.control.reset_counters()
    yield Sender(sandbox, exchange)
    sandbox.control.clear_faults()
    exchange._api.enableRateLimit, exchange._api.timeout = False, 10_000


# By our id


def test_a_resting_order_is_found_with_one_request(registry):
    made, sent = registry.send()
    registry.requests()
    order = registry.found(made)
    assert (order["id"], order["status"], order["filled"]) == (sent["id"], "open", 0)
    assert belongs_to(order["clientOrderId"]) == "beef"
    assert registry.requests() == {"OpenOrders": 1}


def test_what_is_found_has_all_that_create_order_returns(registry):
    made, sent = registry.send()
    order = registry.found(made)
    same = ("id", "symbol", "side", "type", "price", "amount", "stopPrice", "trades")
    assert {name: order[name] for name in same} == {name: sent[name] for name in same}
    assert set(order) == set(sent)


def test_a_filled_order_is_found_with_its_price_cost_and_fee(registry):
    made, _ = registry.send(rate=2600.0)
    order = registry.found(made)
    assert (order["status"], order["filled"], order["remaining"]) == ("closed", 0.1, 0)
    assert order["average"] == pytest.approx(2500.25)
    assert order["cost"] == pytest.approx(250.025)
    assert order["fee"]["currency"] == "USDT"
    assert registry.exchange.order_has_fee(order)


def test_a_partly_filled_order_is_found_as_far_as_it_got(registry):
    made, sent = registry.send()
    registry.sandbox.fill(sent["id"], "0.04")
    order = registry.found(made)
    assert (order["status"], order["filled"], order["remaining"]) == ("open", 0.04, 0.06)


@pytest.mark.parametrize("filled", [None, "0.04"])
def test_a_cancelled_order_is_found_with_what_it_had_filled(registry, filled):
    made, sent = registry.send()
    if filled:
        registry.sandbox.fill(sent["id"], filled)
    registry.sandbox.cancel(sent["id"])
    order = registry.found(made)
    assert (order["status"], order["filled"]) == ("canceled", float(filled or 0))


def test_an_order_that_does_not_exist_is_absent_after_two_looks(registry):
    registry.send()
    registry.send(rate=2600.0)
    registry.requests()
    assert registry.find(IDS.make("beef")) == NotFound()
    assert registry.requests() == {"OpenOrders": 2, "ClosedOrders": 2}


def test_a_refused_order_is_absent(registry):
    registry.sandbox.fault("refuse", message="EOrder:Insufficient funds", times=1)
    made = IDS.make("beef")
    registry.exchange._params = IDS.order_params(made)
    with pytest.raises(Exception) as refused:
        registry.exchange.create_order(
            pair=PAIR, ordertype="limit", side="buy", amount=0.1, rate=2400.0, leverage=1.0
        )
    registry.exchange._params = {}
    assert classify(refused.value) is Outcome.REJECTED
    assert registry.find(made) == NotFound()


@pytest.mark.parametrize("status", [500, 502, 520, 524, 530])
def test_a_status_of_the_gate_in_front_of_the_exchange_says_nothing_about_the_order(
    registry, status
):
    registry.sandbox.fault("http_status", status=status, endpoint="AddOrder", times=1)
    with pytest.raises(TemporaryError) as raised:
        registry.send()
    assert classify(raised.value) is Outcome.UNKNOWN


@pytest.mark.parametrize("how", ["error", "502", "timeout", "drop"])
@pytest.mark.parametrize("rate", [2400.0, 2600.0], ids=["resting", "filled"])
def test_an_order_whose_reply_was_lost_is_found(registry, how, rate):
    parameters = {"message": "EService:Unavailable"} if how == "error" else {}
    registry.sandbox.fault("lost_reply", how=how, seconds=1, times=1, **parameters)
    made = IDS.make("beef")
    registry.exchange._params, registry.exchange._api.timeout = IDS.order_params(made), 500
    with pytest.raises(TemporaryError) as lost:
        registry.exchange.create_order(
            pair=PAIR, ordertype="limit", side="buy", amount=0.1, rate=rate, leverage=1.0
        )
    registry.exchange._params, registry.exchange._api.timeout = {}, 10_000
    assert classify(lost.value) is Outcome.UNKNOWN
    assert registry.found(made)["status"] == ("open" if rate == 2400.0 else "closed")


def test_an_order_that_ends_between_the_two_lists_is_not_missed(registry, monkeypatch):
    made, sent = registry.send()
    api = type(registry.exchange._api)
    ask = api.fetch_open_orders

    def and_then_it_fills(self, *args, **kwargs):
        # Asked before the order is accepted: it is in neither list at first.
        answer = [order for order in ask(self, *args, **kwargs) if order["id"] != sent["id"]]
        if registry.sandbox.state()["open_orders"]:
            registry.sandbox.fill(sent["id"])
        return answer

    monkeypatch.setattr(api, "fetch_open_orders", and_then_it_fills)
    assert registry.found(made)["status"] == "closed"


def test_an_order_that_is_accepted_after_the_first_look_is_found_by_the_second(
    registry, monkeypatch
):
    made = IDS.make("beef")
    api = type(registry.exchange._api)
    ask, late = api.fetch_closed_orders, []

    def after_it_arrived(self, *args, **kwargs):
        if not late:
            order = registry.exchange._api.create_order(
                PAIR, "limit", "buy", 0.1, 2400, IDS.order_params(made)
            )
            late.append(order["id"])
        return ask(self, *args, **kwargs)

    monkeypatch.setattr(api, "fetch_closed_orders", after_it_arrived)
    assert registry.found(made)["id"] == late[0]


def test_a_stop_on_the_exchange_is_found_as_create_stoploss_returns_it(registry):
    registry.send(rate=2600.0)
    made, sent = registry.send(side="sell", stop=2000.0)
    order = registry.found(made, side="sell", is_stop=True)
    same = ("id", "symbol", "side", "type", "amount", "stopLossPrice")
    assert {name: order[name] for name in same} == {name: sent[name] for name in same}
    assert order["status"] == "open"


def test_a_stop_that_has_fired_already_is_told_as_open_so_that_freqtrade_asks_for_it(registry):
    registry.send(rate=2600.0)
    made, sent = registry.send(side="sell", stop=2000.0)
    registry.sandbox.fill(sent["id"])
    order = registry.found(made, side="sell", is_stop=True)
    assert (order["id"], order["status"], order["filled"]) == (sent["id"], "open", 0.1)
    assert registry.exchange.fetch_stoploss_order(sent["id"], PAIR)["status"] == "closed"


# No answer is no answer


@pytest.mark.parametrize("endpoint", ["OpenOrders", "ClosedOrders"])
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "message": "EService:Unavailable"},
        {"kind": "error", "message": "EAPI:Rate limit exceeded"},
        {"kind": "error", "message": "EGeneral:Permission denied"},
        {"kind": "http_status", "status": 502},
        {"kind": "drop"},
        {"kind": "html"},
    ],
    ids=lambda fault: str(fault.get("message", fault["kind"])),
)
def test_while_a_list_cannot_be_read_nothing_is_concluded(registry, endpoint, fault):
    registry.sandbox.fault(endpoint=endpoint, **fault)
    answer = registry.find(IDS.make("beef"))
    assert isinstance(answer, Uncertain)
    assert answer.reason


def test_the_second_look_must_be_answered_too(registry):
    registry.sandbox.fault("http_status", status=502, endpoint="OpenOrders", after_calls=1)
    assert isinstance(registry.find(IDS.make("beef")), Uncertain)


def test_the_time_for_all_requests_is_bounded(registry):
    registry.sandbox.fault("timeout", seconds=5, endpoint="OpenOrders")
    began = registry.clock.monotonic()
    assert isinstance(registry.find(IDS.make("beef"), seconds=0.4), Uncertain)
    assert registry.clock.monotonic() - began < 3


def test_without_time_left_nothing_is_asked_any_more(registry):
    made, _ = registry.send()
    registry.requests()
    answer = registry.find(made, seconds=0)
    assert answer == Uncertain("TimeoutError: no time left to ask")
    assert registry.requests() == {}


def test_ccxts_own_settings_are_as_before_and_its_turn_taking_does_not_delay_a_look(registry):
    api = registry.exchange._api
    api.enableRateLimit, api.timeout = True, 7000
    began = registry.clock.monotonic()
    assert registry.find(IDS.make("beef")) == NotFound()
    # Kraken's four private requests would wait three seconds each.
    assert registry.clock.monotonic() - began < 3
    assert (api.enableRateLimit, api.timeout) == (True, 7000)


# Without an id: by what was ordered


def test_without_an_id_the_one_order_that_matches_is_found(registry):
    _, other = registry.send(named=False, amount=0.2)
    _, sent = registry.send(named=False)
    registry.send(named=False, rate=2600.0, amount=0.3)
    assert registry.found()["id"] == sent["id"]
    assert registry.found(amount="0.2")["id"] == other["id"]
    assert registry.found(amount="0.3")["status"] == "closed"


def test_amounts_are_compared_as_the_exchange_rounds_them(registry):
    _, sent = registry.send(named=False, amount=0.123456789123)
    assert registry.found(amount="0.123456789123")["id"] == sent["id"]


def test_two_that_match_are_no_answer(registry):
    _, first = registry.send(named=False)
    _, second = registry.send(named=False, rate=2600.0)
    answer = registry.find()
    assert isinstance(answer, Uncertain)
    assert answer.reason.startswith("ambiguous")
    assert first["id"] in answer.reason
    assert second["id"] in answer.reason


def test_an_order_that_is_known_to_be_another_does_not_count(registry):
    _, first = registry.send(named=False)
    _, second = registry.send(named=False)
    assert registry.found(is_known={first["id"]}.__contains__)["id"] == second["id"]
    assert registry.find(is_known={first["id"], second["id"]}.__contains__) == NotFound()


def test_an_order_with_a_guards_id_is_somebody_elses(registry):
    registry.send()
    assert registry.find() == NotFound()


@pytest.mark.parametrize(
    "other",
    [{"side": "sell"}, {"amount": "0.11"}, {"is_stop": True}],
    ids=["side", "amount", "stop"],
)
def test_an_order_that_differs_is_not_the_one(registry, other):
    registry.send(named=False)
    assert registry.find(**other) == NotFound()


def test_an_order_from_before_does_not_count(registry):
    registry.send(named=False)
    assert registry.find(since=datetime.now(UTC) + timedelta(minutes=1)) == NotFound()


def test_an_exit_and_a_stop_of_the_same_size_are_not_mistaken_for_one_another(registry):
    registry.send(rate=2600.0)
    registry.send(rate=2600.0)
    _, stop = registry.send(side="sell", named=False, stop=2000.0)
    _, leave = registry.send(side="sell", named=False, rate=3000.0)
    assert registry.found(side="sell", is_stop=True)["id"] == stop["id"]
    assert registry.found(side="sell")["id"] == leave["id"]


def test_a_list_that_may_go_on_proves_nothing(registry):
    for _ in range(IDS.page_size):
        registry.send(named=False, amount=0.2)
    answer = registry.find()
    assert isinstance(answer, Uncertain)
    assert "more orders than it lists" in answer.reason
    # With an id the exchange filters, and the list is short.
    assert registry.find(IDS.make("beef")) == NotFound()


def test_an_exchange_without_a_list_of_ended_orders_cannot_say_absent(registry, monkeypatch):
    has = {**registry.exchange._api.has, "fetchClosedOrders": False, "fetchCanceledOrders": None}
    monkeypatch.setattr(registry.exchange._api, "has", has)
    assert isinstance(registry.find(IDS.make("beef")), Uncertain)


def test_an_order_whose_amount_is_not_told_might_be_the_one(registry, monkeypatch):
    registry.send(named=False)
    api = type(registry.exchange._api)
    ask = api.fetch_open_orders
    monkeypatch.setattr(
        api, "fetch_open_orders", lambda *a, **k: [{**o, "amount": None} for o in ask(*a, **k)]
    )
    assert isinstance(registry.find(), Uncertain)


def test_a_time_without_a_zone_is_a_mistake_of_the_caller(registry):
    with pytest.raises(ValueError, match="zone"):
        registry.find(since=datetime(2026, 1, 1))


def test_a_ccxt_object_that_lacks_something_is_an_unknown_and_no_crash(registry):
    broken = SimpleNamespace(
        id="kraken", trading_mode=registry.exchange.trading_mode, _api=SimpleNamespace()
    )
    answer = find_order(
        GuardClient(broken, registry.clock),
        IDS.make("beef"),
        *(PAIR, "buy", Decimal("0.1"), registry.began),
        deadline=Deadline.after(registry.clock, 1),
        clock=registry.clock,
    )
    assert isinstance(answer, Uncertain)


# By the exchange's own id


def fetch(registry, order_id):
    client = GuardClient(registry.exchange, registry.clock)
    deadline = Deadline.after(registry.clock, 1)
    return fetch_known(client, order_id, PAIR, deadline=deadline)


def test_an_order_whose_own_id_is_known_is_asked_for_once(registry):
    _, sent = registry.send(rate=2600.0)
    registry.requests()
    answer = fetch(registry, sent["id"])
    assert isinstance(answer, Found)
    assert (answer.order["id"], answer.order["status"]) == (sent["id"], "closed")
    assert registry.requests() == {"QueryOrders": 1}


@pytest.mark.parametrize(
    "fault",
    [{"kind": "html"}, {"kind": "http_status", "status": 502}, {"kind": "drop"}],
    ids=lambda fault: fault["kind"],
)
def test_an_order_is_not_gone_because_its_look_up_failed(registry, fault):
    _, sent = registry.send()
    registry.sandbox.fault(endpoint="QueryOrders", **fault)
    assert isinstance(fetch(registry, sent["id"]), Uncertain)
    registry.sandbox.clear_faults()
    assert isinstance(fetch(registry, sent["id"]), Found)
