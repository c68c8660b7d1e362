"""ccxt's own Kraken client, synchronous, over real HTTP: what freqtrade trades with."""

import time
from itertools import pairwise

import ccxt
import pytest

from freqtrade_balance_guard.sandbox import Sandbox, Scenario


@pytest.fixture(scope="module")
def shared():
    """One sandbox for the tests that only look."""
    with Sandbox.start(Scenario.default()) as sandbox:
        yield sandbox


@pytest.fixture
def looking(shared, ccxt_of):
    return ccxt_of(shared)


@pytest.fixture
def sandbox(start):
    return start()


@pytest.fixture
def client(sandbox, ccxt_of):
    return ccxt_of(sandbox)


def test_markets_have_unified_symbols_limits_precision_and_fees(looking):
    market = looking.market("BTC/USDT")
    assert (market["id"], market["altname"]) == ("XBTUSDT", "XBTUSDT")
    assert market["limits"]["amount"]["min"] == 0.00005
    assert market["limits"]["cost"]["min"] == 0.5
    assert market["precision"] == {"amount": 1e-8, "price": 0.1}
    assert (market["maker"], market["taker"]) == (0.0025, 0.004)
    assert market["active"] and market["spot"]
    assert {"BTC/USD", "ETH/USD", "USDT/USD", "DOGE/USDT"} <= set(looking.markets)
    assert looking.market("BTC/USD")["id"] == "XXBTZUSD"
    assert looking.currencies["BTC"]["id"] == "XXBT"


def test_time_and_status(looking):
    assert abs(looking.fetch_time() - time.time() * 1000) < 5000
    assert looking.fetch_status()["status"] == "ok"


def test_ticker_and_tickers(looking):
    ticker = looking.fetch_ticker("ETH/USDT")
    assert (ticker["bid"], ticker["last"], ticker["ask"]) == (2499.75, 2500, 2500.25)
    assert ticker["baseVolume"] > 0
    every = looking.fetch_tickers()
    assert set(every) == set(looking.markets)
    assert set(looking.fetch_tickers(["BTC/USD", "ADA/USDT"])) == {"BTC/USD", "ADA/USDT"}


def test_the_order_book_is_sorted_and_as_long_as_asked_for(looking):
    book = looking.fetch_order_book("ETH/USDT", 5)
    assert len(book["asks"]) == len(book["bids"]) == 5
    asks, bids = ([level[0] for level in book[side]] for side in ("asks", "bids"))
    assert asks == sorted(asks) and bids == sorted(bids, reverse=True)
    assert bids[0] == 2499.75 and asks[0] == 2500.25


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m", "30m", "1h", "4h", "1d"])
def test_candles_of_every_timeframe_reach_into_the_past(looking, timeframe):
    began = time.time() * 1000
    candles = looking.fetch_ohlcv("BTC/USDT", timeframe)
    step = looking.parse_timeframe(timeframe) * 1000
    assert len(candles) == 720
    assert [b[0] - a[0] for a, b in pairwise(candles)] == [step] * 719
    assert candles[-1][0] <= time.time() * 1000
    assert began < candles[-1][0] + step
    since = candles[-10][0]
    newer = looking.fetch_ohlcv("BTC/USDT", timeframe, since)
    assert newer[0][0] == since
    assert len(newer) in (10, 11)  # a new one may have begun


def test_public_trades(looking):
    trades = looking.fetch_trades("ETH/USDT", limit=20)
    assert len(trades) == 20
    assert all(trade["price"] == 2500 and trade["side"] in ("buy", "sell") for trade in trades)
    since = int((time.time() - 60) * 1000)
    assert 8 <= len(looking.fetch_trades("ETH/USDT", since=since)) <= 10


def test_the_trading_fee_of_a_pair(looking):
    fee = looking.fetch_trading_fee("ETH/USDT")
    assert (fee["maker"], fee["taker"]) == (0.0025, 0.004)


def test_an_unknown_pair_is_an_error(looking):
    with pytest.raises(ccxt.ExchangeError, match="EQuery:Unknown asset pair"):
        looking.public_get_ticker({"pair": "NOSUCH"})


def test_balances_have_total_free_and_used(client):
    assert client.fetch_balance()["USDT"] == {"total": 1000, "free": 1000, "used": 0}
    client.create_order("ETH/USDT", "limit", "buy", 0.1, 2400)
    assert client.fetch_balance()["USDT"] == {"total": 1000, "free": 759.04, "used": 240.96}


def test_rewards_are_balances_of_their_own(start, ccxt_of):
    sandbox = start(accounts=[{"balances": {"USDT": "10"}, "rewards": {"USDT": "5", "BTC": "1"}}])
    balance = ccxt_of(sandbox).fetch_balance()["total"]
    assert balance == {"USDT": 10, "USDT.F": 5, "BTC.F": 1}
    sandbox.control.reward("main", "USDT", "2.5")
    assert ccxt_of(sandbox).fetch_balance()["USDT.F"]["total"] == 7.5


def test_a_limit_order_rests_fills_and_is_found_everywhere(sandbox, client):
    placed = client.create_order("ETH/USDT", "limit", "buy", 0.1, 2400)
    assert (placed["symbol"], placed["side"], placed["type"]) == ("ETH/USDT", "buy", "limit")
    assert (placed["amount"], placed["price"]) == (0.1, 2400)
    (resting,) = client.fetch_open_orders("ETH/USDT")
    assert (resting["id"], resting["status"], resting["remaining"]) == (placed["id"], "open", 0.1)

    sandbox.control.price("ETH/USDT", 2390)
    filled = client.fetch_order(placed["id"])
    assert (filled["status"], filled["filled"], filled["average"]) == ("closed", 0.1, 2400)
    assert filled["fee"]["currency"] == "USDT"
    assert float(filled["fee"]["cost"]) == pytest.approx(0.6)
    assert client.fetch_open_orders() == []
    assert [order["id"] for order in client.fetch_closed_orders()] == [placed["id"]]


def test_a_market_order_fills_at_once(client):
    order = client.fetch_order(client.create_order("ETH/USDT", "market", "buy", 0.1)["id"])
    assert (order["status"], order["type"], order["average"]) == ("closed", "market", 2500.25)
    assert order["cost"] == pytest.approx(250.025)


def test_a_market_buy_by_cost(client):
    placed = client.create_market_buy_order_with_cost("ETH/USDT", 100)
    order = client.fetch_order(placed["id"])
    assert order["status"] == "closed"
    assert order["cost"] == pytest.approx(100, abs=0.001)


def test_stop_orders_rest_with_their_trigger_and_sell_when_touched(sandbox, client):
    client.create_order("ETH/USDT", "market", "buy", 0.2)
    market = client.create_order("ETH/USDT", "market", "sell", 0.1, None, {"stopLossPrice": 2400})
    limit = client.create_order("ETH/USDT", "limit", "sell", 0.1, 2300, {"stopLossPrice": 2400})
    assert market["stopLossPrice"] == limit["stopLossPrice"] == 2400
    assert (limit["type"], limit["price"]) == ("limit", 2300)
    shown = {order["id"]: order for order in client.fetch_open_orders()}
    assert shown[market["id"]]["stopLossPrice"] == 2400
    assert shown[limit["id"]]["price"] == 2300

    sandbox.control.price("ETH/USDT", 2350)
    for order in (market, limit):
        done = client.fetch_order(order["id"])
        assert (done["status"], done["filled"]) == ("closed", 0.1)
        assert done["average"] == pytest.approx(2349.77, abs=0.01)


def test_a_partial_fill_is_shown_and_the_rest_can_be_cancelled(sandbox, client):
    placed = client.create_order("ETH/USDT", "limit", "buy", 0.1, 2400)
    sandbox.control.fill(placed["id"], "0.03")
    partly = client.fetch_order(placed["id"])
    assert (partly["status"], partly["filled"], partly["remaining"]) == ("open", 0.03, 0.07)
    assert client.fetch_balance()["ETH"]["total"] == 0.03

    client.cancel_order(placed["id"])
    ended = client.fetch_order(placed["id"])
    assert (ended["status"], ended["filled"]) == ("canceled", 0.03)
    assert client.fetch_balance()["USDT"]["used"] == 0


def test_my_trades_carry_order_price_fee_and_role(client):
    order = client.create_order("ETH/USDT", "market", "buy", 0.1)
    (trade,) = client.fetch_my_trades("ETH/USDT", int((time.time() - 5) * 1000))
    assert (trade["order"], trade["price"], trade["amount"]) == (order["id"], 2500.25, 0.1)
    assert (trade["takerOrMaker"], trade["side"]) == ("taker", "buy")
    assert float(trade["fee"]["cost"]) == pytest.approx(1.0001)
    trade_ids = [each["id"] for each in client.fetch_order(order["id"])["trades"]]
    assert (
        client.fetch_order_trades(order["id"], "ETH/USDT", params={"trades": trade_ids})[0]["id"]
        == trade["id"]
    )
    assert client.fetch_my_trades("ETH/USDT", int((time.time() + 60) * 1000)) == []


def test_an_order_is_found_by_its_client_order_id_open_and_closed(sandbox, client):
    params = {"clientOrderId": "6d1b345e-2821-40e2-ad83-4ecb18a06876"}
    placed = client.create_order("ETH/USDT", "limit", "buy", 0.1, 2400, params)
    client.create_order("ETH/USDT", "limit", "buy", 0.01, 2300)
    (found,) = client.fetch_open_orders(None, None, None, params)
    assert (found["id"], found["clientOrderId"]) == (placed["id"], params["clientOrderId"])
    with pytest.raises(ccxt.ExchangeError, match="cl_ord_id not unique"):
        client.create_order("ETH/USDT", "limit", "buy", 0.01, 2400, params)

    sandbox.control.price("ETH/USDT", 2350)
    assert client.fetch_open_orders(None, None, None, params) == []
    (closed,) = client.fetch_closed_orders(None, None, None, params)
    assert (closed["id"], closed["status"]) == (placed["id"], "closed")


def test_an_order_is_cancelled_by_its_client_order_id(client):
    placed = client.create_order(
        "ETH/USDT", "limit", "buy", 0.1, 2400, {"clientOrderId": "short-id"}
    )
    client.cancel_order("", None, {"clientOrderId": "short-id"})
    assert client.fetch_order(placed["id"])["status"] == "canceled"


def test_all_orders_are_cancelled_at_once(client):
    for price in (2400, 2300):
        client.create_order("ETH/USDT", "limit", "buy", 0.01, price)
    client.cancel_all_orders()
    assert client.fetch_open_orders() == []


def test_immediate_or_cancel_and_post_only(sandbox, client):
    ioc = client.create_order("ETH/USDT", "limit", "buy", 0.1, 2400, {"timeInForce": "IOC"})
    assert client.fetch_order(ioc["id"])["status"] == "canceled"
    post = client.create_order("ETH/USDT", "limit", "buy", 0.1, 2400, {"postOnly": True})
    assert client.fetch_order(post["id"])["postOnly"] is True
    with pytest.raises(ccxt.ExchangeError, match="EOrder:Post only order"):
        client.create_order("ETH/USDT", "limit", "buy", 0.1, 2600, {"postOnly": True})


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("limit", "buy", 1, 2400), ccxt.InsufficientFunds, "EOrder:Insufficient funds"),
        (("market", "sell", 1, None), ccxt.InsufficientFunds, "EOrder:Insufficient funds"),
        (
            ("limit", "buy", 0.0005, 2400),
            ccxt.InvalidOrder,
            "EGeneral:Invalid arguments:volume minimum not met",
        ),
        # ccxt does not know this one: it is a plain ExchangeError.
        (("limit", "buy", 0.001, 300), ccxt.ExchangeError, "EOrder:Cost minimum not met"),
    ],
)
def test_refused_orders_raise_ccxts_class_for_krakens_words(looking, arguments, kind, message):
    with pytest.raises(ccxt.BaseError) as refused:
        looking.create_order("ETH/USDT", *arguments)
    assert type(refused.value) is kind
    assert message in str(refused.value)


def test_an_unknown_order_cannot_be_cancelled_nor_fetched(looking):
    with pytest.raises(ccxt.OrderNotFound, match="EOrder:Unknown order"):
        looking.cancel_order("OAAAAA-BBBBB-CCCCCC")
    with pytest.raises(ccxt.InvalidOrder, match="EOrder:Unknown order"):
        looking.fetch_order("OAAAAA-BBBBB-CCCCCC")


def test_a_wrong_key_signature_or_nonce_is_refused(shared, ccxt_of):
    with pytest.raises(ccxt.AuthenticationError, match="EAPI:Invalid key"):
        ccxt_of(shared, apiKey="nobody").fetch_balance()
    other = shared.freqtrade_exchange(key_index=1)["secret"]
    with pytest.raises(ccxt.ExchangeError, match="EAPI:Invalid signature"):
        ccxt_of(shared, secret=other).fetch_balance()
    client = ccxt_of(shared, key_index=1)
    client.fetch_balance()
    client.incrementing_nonce = lambda: 5
    with pytest.raises(ccxt.InvalidNonce, match="EAPI:Invalid nonce"):
        client.fetch_balance()


def test_the_enforced_meter_raises_the_class_that_freqtrade_retries(start, ccxt_of):
    client = ccxt_of(start(meter_enforced=True))
    with pytest.raises(ccxt.DDoSProtection, match="EAPI:Rate limit exceeded"):
        for _ in range(16):
            client.fetch_balance()


def test_two_accounts_two_keys_and_two_sandboxes_do_not_mix(start, ccxt_of):
    accounts = [{"name": "a", "balances": {"USDT": "100"}}, {"name": "b"}]
    one, two = start(accounts=accounts), start()
    assert one.url != two.url
    ccxt_of(one, "b").create_order("ETH/USDT", "market", "buy", 0.1)
    assert ccxt_of(one, "b", 1).fetch_balance()["ETH"]["total"] == 0.1
    assert ccxt_of(one, "a").fetch_balance()["total"] == {"USDT": 100}
    assert ccxt_of(two).fetch_balance()["total"] == {"USDT": 1000}


def test_every_answer_is_late_by_the_scripted_latency(start, ccxt_of):
    client = ccxt_of(start(latency_ms=150))
    begun = time.monotonic()
    client.fetch_balance()
    assert time.monotonic() - begun >= 0.15
