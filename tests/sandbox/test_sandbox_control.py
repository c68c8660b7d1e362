"""The control API through its client, as tests and demos of other parts use it."""

from decimal import Decimal

import httpx
import pytest

from freqtrade_balance_guard.sandbox import SandboxError


@pytest.fixture
def sandbox(start):
    return start(accounts=[{"name": "main"}, {"name": "second", "balances": {"USD": "50"}}])


@pytest.fixture
def client(sandbox, ccxt_of):
    return ccxt_of(sandbox)


def test_the_state_shows_true_balances_open_orders_and_prices(sandbox, client):
    sandbox.control.fault("balance_zero")
    client.create_order("ETH/USDT", "limit", "buy", 0.1, 2400, {"clientOrderId": "c1"})
    state = sandbox.control.state()
    assert state["accounts"]["main"]["balances"]["USDT"] == {
        "total": "1000",
        "held": "240.96",
        "free": "759.04",
        "rewards": "0",
    }
    assert state["accounts"]["second"]["balances"]["USD"]["free"] == "50"
    assert state["prices"]["ETH/USDT"] == {"bid": "2499.75", "ask": "2500.25", "last": "2500"}
    (order,) = state["open_orders"]
    assert (order["pair"], order["price"], order["cl_ord_id"]) == ("ETH/USDT", "2400", "c1")
    assert order["key"] == state["accounts"]["main"]["keys"][0]


def test_an_order_is_listed_for_ever_with_its_trades(sandbox, client):
    client.create_order("ETH/USDT", "market", "buy", 0.1)
    (order,) = sandbox.control.orders()
    assert (order["status"], order["filled"], order["cost"]) == ("closed", "0.1", "250.025")
    assert (order["fee"], order["fee_currency"]) == ("1.0001", "USDT")
    assert order["trades"][0]["price"] == "2500.25"
    assert order["created_at"] <= order["closed_at"]


def test_counters_count_per_endpoint_and_key_and_can_be_reset(sandbox, client, ccxt_of):
    sandbox.control.reset_counters()
    other = ccxt_of(sandbox, key_index=1)
    for _ in range(3):
        client.fetch_balance()
    other.fetch_balance()
    with pytest.raises(Exception, match="Insufficient"):
        client.create_order("ETH/USDT", "limit", "buy", 9, 2400)
    counters = sandbox.control.counters()
    per_key = {(c["endpoint"], c["key"]): (c["calls"], c["errors"]) for c in counters["calls"]}
    assert per_key[("BalanceEx", client.apiKey)] == (3, 0)
    assert per_key[("BalanceEx", other.apiKey)] == (1, 0)
    assert per_key[("AddOrder", client.apiKey)] == (1, 1)
    assert (counters["private"], counters["public"], counters["errors"]) == (5, 2, 1)
    sandbox.control.reset_counters()
    assert sandbox.control.counters()["total"] == 0


def test_a_price_path_can_be_set_while_running(sandbox, client):
    sandbox.control.price("SOL/USDT", path=[{"at": 0, "price": "120"}, {"at": 3600, "price": 1}])
    assert client.fetch_ticker("SOL/USDT")["last"] == 120
    sandbox.control.price("SOL/USDT", Decimal("99.5"))
    assert client.fetch_ticker("SOL/USDT")["last"] == 99.5
    sandbox.control.price("SOL/USDT", "50", path={"kind": "wave", "amplitude": "0.1"})
    assert 45 <= client.fetch_ticker("SOL/USDT")["last"] <= 55


def test_a_minimum_can_be_raised_while_running(sandbox, client):
    assert sandbox.control.market("ETH/USDT", amount_min="0.2")["amount_min"] == "0.2"
    with pytest.raises(Exception, match="volume minimum not met"):
        client.create_order("ETH/USDT", "limit", "buy", 0.1, 2400)
    assert client.load_markets(True)["ETH/USDT"]["limits"]["amount"]["min"] == 0.2


def test_spread_fees_and_depth_can_be_changed_while_running(sandbox, client):
    sandbox.control.market("ETH/USDT", spread="0.01", fee_taker="0.02", depth="50")
    assert client.fetch_ticker("ETH/USDT")["ask"] == 2512.5
    client.create_order("ETH/USDT", "market", "buy", 0.03)
    (order,) = sandbox.control.orders()
    assert len(order["trades"]) == 2
    assert Decimal(order["fee"]) == sum(Decimal(t["fee"]) for t in order["trades"])
    assert Decimal(order["fee"]) == pytest.approx(Decimal(order["cost"]) * Decimal("0.02"))


def test_money_comes_and_goes(sandbox):
    assert sandbox.control.deposit("main", "USDT", "10.5")["USDT"]["total"] == "1010.5"
    assert sandbox.control.withdraw("main", "USDT", 1000)["USDT"]["total"] == "10.5"
    assert sandbox.control.reward("main", "USDT", Decimal("0.25"))["USDT"] == {
        "total": "10.75",
        "held": "0",
        "free": "10.75",
        "rewards": "0.25",
    }
    with pytest.raises(SandboxError, match="insufficient funds"):
        sandbox.control.withdraw("main", "USDT", 1000)
    events = [entry["event"] for entry in sandbox.control.journal()]
    assert [e for e in events if e in ("deposit", "withdraw", "reward")] == [
        "deposit",
        "withdraw",
        "reward",
    ]
    assert sandbox.control.audit()["ok"]


def test_the_exchange_can_fill_and_cancel_an_order(sandbox, client):
    order = client.create_order("ETH/USDT", "limit", "buy", 0.1, 2400)
    assert sandbox.control.fill(order["id"], "0.05")["filled"] == "0.05"
    cancelled = sandbox.control.cancel(order["id"])
    assert (cancelled["status"], cancelled["filled"]) == ("canceled", "0.05")
    with pytest.raises(SandboxError, match="not open"):
        sandbox.control.fill(order["id"])


def test_the_journal_can_be_read_in_parts(sandbox, client):
    client.fetch_balance()
    seen = sandbox.control.journal()
    client.fetch_balance()
    (told,) = sandbox.control.journal(after=seen[-1]["seq"])
    assert (told["event"], told["account"]) == ("balance_told", "main")
    assert told["balances"]["USDT"] == {"total": "1000", "held": "0"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.fault("earthquake"), "kind"),
        (lambda c: c.fault("balance_lag"), "needs 'seconds'"),
        (lambda c: c.fault("error", mesage="x"), "mesage"),
        (lambda c: c.remove_fault("F99"), "no fault 'F99'"),
        (lambda c: c.price("ABC/DEF", 1), "no market 'ABC/DEF'"),
        (lambda c: c.price("ETH/USDT"), "'price' or 'path' is missing"),
        (lambda c: c.price("ETH/USDT", -1), "-1 is not above 0"),
        (lambda c: c.price("ETH/USDT", "abc"), "'abc' is not a number"),
        (lambda c: c.market("ETH/USDT", amount_min="-1"), "amount_min"),
        (lambda c: c.market("ETH/USDT", price="1"), "set by /sandbox/price"),
        (lambda c: c.deposit("nobody", "USDT", 1), "no account 'nobody'"),
        (lambda c: c.deposit("main", "USDT", 0), "0 is not above 0"),
        (lambda c: c.fill("ONONE"), "no order 'ONONE'"),
    ],
)
def test_a_wrong_control_request_is_refused_with_its_reason(sandbox, call, message):
    with pytest.raises(SandboxError, match=message):
        call(sandbox.control)
    assert sandbox.control.audit()["ok"]


@pytest.mark.parametrize(
    ("method", "route", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("POST", "state", None, 404),
        ("POST", "price", b"{", 400),
        ("POST", "price", b"[]", 400),
        ("POST", "price", b"{}", 400),
        ("GET", "journal?after=x", None, 400),
    ],
)
def test_unreadable_control_requests_are_answered(sandbox, method, route, body, status):
    response = httpx.request(
        method, f"{sandbox.url}/sandbox/{route}", content=body, trust_env=False
    )
    assert response.status_code == status
    assert response.json()["error"]
