"""Every kind of fault as ccxt meets it over HTTP, and what it leaves behind."""

import time

import ccxt
import pytest


@pytest.fixture
def sandbox(start):
    return start()


@pytest.fixture
def client(sandbox, ccxt_of):
    return ccxt_of(sandbox)


def buy(client, amount=0.1, price=2600, **params):
    return client.create_order("ETH/USDT", "limit", "buy", amount, price, params)


def test_a_wrong_balance_says_what_it_was_told_to_say(sandbox, client):
    sandbox.control.fault("balance_wrong", currency="USDT", amount="7.35")
    assert client.fetch_balance()["USDT"]["total"] == 7.35


def test_a_balance_ten_times_too_high(sandbox, client):
    sandbox.control.fault("balance_factor")
    assert client.fetch_balance()["USDT"]["total"] == 10_000


def test_an_empty_balance_has_no_currencies(sandbox, client):
    sandbox.control.fault("balance_empty")
    assert client.fetch_balance()["total"] == {}


def test_a_zero_balance(sandbox, client):
    sandbox.control.fault("balance_zero")
    assert client.fetch_balance()["total"] == {"USDT": 0}


def test_a_null_balance_has_no_total(sandbox, client):
    sandbox.control.fault("balance_null")
    assert client.fetch_balance()["USDT"]["total"] is None


def test_a_result_that_is_null_reads_as_an_empty_account(sandbox, client):
    sandbox.control.fault("balance_result_null")
    assert client.private_post_balanceex()["result"] is None
    assert client.fetch_balance()["total"] == {}


def test_a_negative_balance(sandbox, client):
    sandbox.control.fault("balance_negative")
    assert client.fetch_balance()["USDT"]["total"] == -1000


def test_a_missing_currency(sandbox, client):
    client.create_order("ETH/USDT", "market", "buy", 0.1)
    sandbox.control.fault("balance_missing", currency="ETH")
    assert set(client.fetch_balance()["total"]) == {"USDT"}


def test_a_garbage_number_is_not_even_a_ccxt_error(sandbox, client):
    sandbox.control.fault("balance_garbage")
    with pytest.raises(ValueError) as trouble:
        client.fetch_balance()
    assert not isinstance(trouble.value, ccxt.BaseError)
    sandbox.control.clear_faults()
    sandbox.control.fault("balance_garbage", value="12,5")
    with pytest.raises(ValueError):
        client.fetch_balance()


def test_a_lagging_balance(sandbox, client):
    sandbox.control.fault("balance_lag", seconds=1)
    client.create_order("ETH/USDT", "market", "buy", 0.1)
    assert client.fetch_balance()["USDT"]["total"] == 1000
    time.sleep(1.1)
    assert client.fetch_balance()["USDT"]["total"] == pytest.approx(748.9749)


def test_an_html_page_with_status_200_reads_as_an_empty_account(sandbox, client):
    sandbox.control.fault("html")
    assert client.fetch_balance()["total"] == {}


def test_html_can_come_from_any_endpoint(sandbox, client):
    sandbox.control.fault("html", endpoint="Ticker")
    assert client.fetch_ticker("ETH/USDT")["last"] is None
    assert client.fetch_balance()["USDT"]["total"] == 1000


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "error"}, ccxt.ExchangeNotAvailable),
        ({"kind": "error", "message": "EService:Busy"}, ccxt.ExchangeNotAvailable),
        ({"kind": "error", "message": "EAPI:Rate limit exceeded"}, ccxt.DDoSProtection),
        ({"kind": "error", "message": "EAPI:Invalid nonce"}, ccxt.InvalidNonce),
        ({"kind": "http_status", "status": 502}, ccxt.ExchangeNotAvailable),
        ({"kind": "http_status", "status": 503}, ccxt.ExchangeNotAvailable),
        ({"kind": "http_status", "status": 429}, ccxt.RateLimitExceeded),
        ({"kind": "timeout", "seconds": 5}, ccxt.RequestTimeout),
        ({"kind": "drop"}, ccxt.NetworkError),
    ],
)
def test_trouble_instead_of_an_answer_raises_and_places_nothing(sandbox, client, fault, kind):
    client.timeout = 400
    sandbox.control.fault(**fault, times=1)
    with pytest.raises(ccxt.BaseError) as trouble:
        buy(client)
    assert isinstance(trouble.value, kind)
    assert sandbox.control.orders() == []

    buy(client)
    assert len(sandbox.control.orders()) == 1


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({"how": "error"}, ccxt.ExchangeNotAvailable),
        ({"how": "error", "message": "EGeneral:Internal error"}, ccxt.ExchangeNotAvailable),
        ({"how": "502"}, ccxt.ExchangeNotAvailable),
        ({"how": "timeout", "seconds": 5}, ccxt.RequestTimeout),
        ({"how": "drop"}, ccxt.NetworkError),
    ],
)
def test_a_lost_reply_leaves_an_order_that_only_its_client_id_can_find(sandbox, client, how, kind):
    client.timeout = 400
    sandbox.control.fault("lost_reply", times=1, **how)
    with pytest.raises(ccxt.BaseError) as trouble:
        buy(client, clientOrderId="lost-1")
    assert isinstance(trouble.value, kind)
    (order,) = sandbox.control.orders()
    assert (order["status"], order["cl_ord_id"]) == ("closed", "lost-1")
    (found,) = client.fetch_closed_orders(None, None, None, {"clientOrderId": "lost-1"})
    assert found["id"] == order["id"]
    assert sandbox.control.rejections() == []


def test_the_reply_to_a_cancel_can_be_lost_too(sandbox, client):
    order = buy(client, price=2400)
    sandbox.control.fault("lost_reply", endpoint="CancelOrder", how="502")
    with pytest.raises(ccxt.ExchangeNotAvailable):
        client.cancel_order(order["id"])
    assert sandbox.control.orders()[0]["status"] == "canceled"


def test_a_refused_order_loses_no_reply(sandbox, client):
    sandbox.control.fault("lost_reply", times=1)
    with pytest.raises(ccxt.InsufficientFunds):
        buy(client, amount=9)
    with pytest.raises(ccxt.NetworkError):
        buy(client)


def test_orders_can_be_refused_by_decree(sandbox, client):
    sandbox.control.fault("refuse", side="buy", times=2)
    for _ in range(2):
        with pytest.raises(ccxt.InsufficientFunds):
            buy(client)
    buy(client)
    rejections = sandbox.control.rejections()
    assert [(each["error"], each["fault"]) for each in rejections] == [
        ("EOrder:Insufficient funds", "F1")
    ] * 2


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("EOrder:Order minimum not met", ccxt.InvalidOrder),
        ("EOrder:Rate limit exceeded", ccxt.DDoSProtection),
        ("EService:Market in cancel_only mode", ccxt.OnMaintenance),
        ("EGeneral:Permission denied", ccxt.PermissionDenied),
        ("ETrade:User Locked", ccxt.AccountSuspended),
    ],
)
def test_a_refusal_can_use_any_of_krakens_words(sandbox, client, message, kind):
    sandbox.control.fault("refuse", message=message)
    with pytest.raises(kind):
        buy(client)


def test_a_partial_fill_rests_until_the_fault_is_cleared(sandbox, client):
    sandbox.control.fault("partial_fill", fraction="0.25", times=1)
    order = client.fetch_order(buy(client)["id"])
    assert (order["status"], order["filled"]) == ("open", 0.025)
    time.sleep(0.5)
    assert client.fetch_order(order["id"])["filled"] == 0.025
    whole = client.fetch_order(buy(client, amount=0.05)["id"])
    assert whole["status"] == "closed"

    sandbox.control.clear_faults()
    assert client.fetch_order(order["id"])["status"] == "closed"


def test_an_order_that_does_not_fill_rests_holds_and_can_be_cancelled(sandbox, client):
    sandbox.control.fault("no_fill")
    order = client.create_order("ETH/USDT", "market", "buy", 0.1)
    assert client.fetch_order(order["id"])["status"] == "open"
    assert client.fetch_balance()["USDT"]["used"] == pytest.approx(251.0251)
    client.cancel_order(order["id"])
    assert client.fetch_balance()["USDT"]["free"] == 1000


def test_latency_delays_the_named_endpoint(sandbox, client):
    sandbox.control.fault("latency", ms=1000, endpoint="BalanceEx")
    begun = time.monotonic()
    client.fetch_time()
    assert time.monotonic() - begun < 0.9
    client.fetch_balance()
    assert time.monotonic() - begun > 1.0


def test_faults_of_a_scenario_are_there_from_the_start(start, ccxt_of):
    client = ccxt_of(start(faults=[{"kind": "balance_empty", "times": 1}]))
    assert [client.fetch_balance()["total"] for _ in range(2)] == [{}, {"USDT": 1000}]


def test_faults_are_listed_removed_and_journalled(sandbox, client):
    first = sandbox.control.fault("balance_empty", key="somebody else's")
    second = sandbox.control.fault("balance_zero", duration_s=60)
    client.fetch_balance()
    assert [(each["id"], each["applied"]) for each in sandbox.control.faults()] == [
        (first, 0),
        (second, 1),
    ]
    sandbox.control.remove_fault(second)
    assert client.fetch_balance()["USDT"]["total"] == 1000
    kinds = [
        (entry["event"], entry["kind"])
        for entry in sandbox.control.journal()
        if entry["event"].startswith("fault_")
    ]
    assert kinds == [
        ("fault_begun", "balance_empty"),
        ("fault_begun", "balance_zero"),
        ("fault_ended", "balance_zero"),
    ]


def test_the_audit_finds_a_planted_accounting_fault(sandbox, client):
    client.create_order("ETH/USDT", "market", "buy", 0.1)
    assert sandbox.control.audit()["ok"]
    sandbox.control.fault("accounting_fault", currency="USDT", amount="0.01")
    found = sandbox.control.audit()
    assert not found["ok"]
    assert {finding["kind"] for finding in found["findings"]} == {
        "money_not_conserved",
        "account_differs_from_its_trades",
    }
    assert all(finding["difference"] == "0.01" for finding in found["findings"])
