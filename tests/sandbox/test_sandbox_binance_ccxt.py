"""ccxt, synchronous and asynchronous, on both of Binance's protocols: error classes and reading."""

import asyncio

import ccxt
import ccxt.async_support
import pytest


SPOT, PERPETUAL = "ETH/USDT", "ETH/USDT:USDT"


@pytest.fixture
def spot(start, ccxt_of):
    return ccxt_of(start(dialect="binance"))


@pytest.fixture
def futures_sandbox(start):
    return start(dialect="binance-futures", funding_interval_s=1)


@pytest.fixture
def futures(futures_sandbox, ccxt_of):
    return ccxt_of(futures_sandbox)


def rejects(kind, sandbox_call):
    with pytest.raises(ccxt.BaseError) as error:
        sandbox_call()
    assert type(error.value) is kind, error.value


@pytest.mark.parametrize(
    ("message", "on_spot", "on_futures"),
    [
        ("-1007", ccxt.RequestTimeout, ccxt.RequestTimeout),
        ("-1008", ccxt.OperationFailed, ccxt.OperationFailed),
        ("-1015", ccxt.DDoSProtection, ccxt.DDoSProtection),  # the HTTP status 429 decides
        ("-1021", ccxt.InvalidNonce, ccxt.InvalidNonce),
        ("-2015", ccxt.AuthenticationError, ccxt.AuthenticationError),
        ("-2019", ccxt.ExchangeError, ccxt.InsufficientFunds),
        ("-2021", ccxt.BadResponse, ccxt.OrderImmediatelyFillable),
        ("-2022", ccxt.BadResponse, ccxt.InvalidOrder),
        ("-2027", ccxt.ExchangeError, ccxt.OperationRejected),
        ("-4061", ccxt.ExchangeError, ccxt.OperationRejected),
        ("-4120", ccxt.ExchangeError, ccxt.InvalidOrder),
        ("-4164", ccxt.ExchangeError, ccxt.InvalidOrder),
    ],
)
def test_errors_have_the_classes_that_they_have_on_the_real_hosts(
    start, ccxt_of, message, on_spot, on_futures
):
    for dialect, pair, kind in (
        ("binance", SPOT, on_spot),
        ("binance-futures", PERPETUAL, on_futures),
    ):
        sandbox = start(dialect=dialect)
        client = ccxt_of(sandbox)
        sandbox.control.fault("refuse", message=message)
        rejects(kind, lambda c=client, p=pair: c.create_order(p, "limit", "buy", 0.1, 2400))


def test_what_the_filters_reject_is_an_invalid_order_or_a_bad_request(spot):
    def order(amount, price):
        return spot.private_post_order(
            {
                "symbol": "ETHUSDT",
                "side": "BUY",
                "type": "LIMIT",
                "timeInForce": "GTC",
                "quantity": amount,
                "price": price,
            }
        )

    rejects(ccxt.InvalidOrder, lambda: order("0.12345", "2400"))
    rejects(ccxt.InvalidOrder, lambda: order("0.1", "2400.001"))
    rejects(ccxt.BadRequest, lambda: order("0.001", "2400"))
    rejects(ccxt.InsufficientFunds, lambda: order("1", "2400"))


def test_the_real_protocol_of_a_spot_order(spot):
    order = spot.create_order(SPOT, "limit", "buy", 0.1, 2600)
    assert (order["id"], order["status"], order["average"]) == ("1", "closed", 2500.25)
    assert order["fees"] == [{"currency": "ETH", "cost": 0.0001}]
    assert spot.fetch_balance()["ETH"]["free"] == 0.0999
    assert len(spot.fetch_balance()["total"]) > 400
    stop = spot.create_order(SPOT, "stop_loss_limit", "sell", 0.05, 2300, {"stopPrice": 2400})
    assert spot.fetch_order(stop["id"], SPOT)["stopPrice"] == 2400
    assert spot.fetch_balance()["ETH"]["used"] == 0.05
    (trade,) = spot.fetch_order_trades(order["id"], SPOT)
    assert (trade["cost"], trade["takerOrMaker"]) == (250.025, "taker")
    assert spot.create_market_buy_order_with_cost("BTC/USDT", 50)["id"] == "1"


def test_spot_market_data_is_read(spot):
    assert spot.fetch_time() > 1_700_000_000_000
    assert len(spot.fetch_ohlcv(SPOT, "5m", limit=400)) == 400
    assert spot.fetch_ticker(SPOT)["last"] == 2500
    assert set(spot.fetch_tickers([SPOT, "BTC/USDT"])) == {SPOT, "BTC/USDT"}
    assert spot.fetch_bids_asks([SPOT])[SPOT]["bid"] == 2499.75
    assert spot.fetch_order_book(SPOT, 5)["asks"][0][0] == 2500.25
    assert len(spot.fetch_trades(SPOT, limit=20)) == 20
    assert spot.fetch_trading_fees()[SPOT]["taker"] == 0.001
    assert spot.fetch_trading_fee(SPOT)["maker"] == 0.001
    assert spot.fetch_status()["status"] == "ok"
    limits = spot.market(SPOT)["limits"]
    assert (limits["amount"]["min"], limits["cost"]["min"]) == (0.0001, 5)


def test_a_position_its_stop_and_its_funding_are_read(futures_sandbox, futures):
    rejects(ccxt.MarginModeAlreadySet, lambda: futures.set_margin_mode("cross", PERPETUAL))
    futures.set_margin_mode("isolated", PERPETUAL)
    futures.set_leverage(5, PERPETUAL)
    entry = futures.create_order(PERPETUAL, "market", "buy", 0.5)
    assert (entry["status"], entry["filled"], entry["average"]) == ("closed", 0.5, 2500.25)
    (position,) = futures.fetch_positions()
    assert (position["side"], position["contracts"], position["marginMode"]) == (
        "long",
        0.5,
        "isolated",
    )
    assert 2000 < position["liquidationPrice"] < 2020
    params = {"stopPrice": 2300, "reduceOnly": True}
    stop = futures.create_order(PERPETUAL, "market", "sell", 0.5, None, params)
    assert futures.fetch_open_orders(PERPETUAL) == []
    assert [each["id"] for each in futures.fetch_open_orders(PERPETUAL, params={"stop": True})] == [
        stop["id"]
    ]
    futures_sandbox.control.price(PERPETUAL, "2290")
    ended = futures.fetch_order(stop["id"], PERPETUAL, {"stop": True})
    assert (ended["status"], ended["filled"]) == ("closed", 0)
    actual = futures.fetch_order(ended["info"]["actualOrderId"], PERPETUAL)
    assert (actual["status"], actual["filled"]) == ("closed", 0.5)
    assert futures.fetch_positions() == []
    (trade,) = futures.fetch_my_trades(PERPETUAL, params={"orderId": actual["id"]})
    assert (trade["side"], trade["fee"]["currency"]) == ("sell", "USDT")
    assert futures_sandbox.control.audit()["ok"]


def test_funding_reaches_the_history(futures_sandbox, futures):
    futures.create_order(PERPETUAL, "market", "sell", 0.5)
    rows = []
    while not rows:
        rows = futures.fetch_funding_history(PERPETUAL)
    assert rows[0]["amount"] == pytest.approx(0.125)
    assert futures.fetch_funding_rate(PERPETUAL)["fundingRate"] == 0.0001
    assert len(futures.fetch_funding_rate_history(PERPETUAL, limit=3)) == 3


def test_futures_market_data_is_read(futures):
    assert futures.fetch_time() > 1_700_000_000_000
    tickers = futures.fetch_tickers()
    assert tickers[PERPETUAL]["bid"] is None
    assert futures.fetch_bids_asks()[PERPETUAL]["bid"] == 2499.75
    assert len(futures.fetch_ohlcv(PERPETUAL, "1h", limit=3, params={"price": "mark"})) == 3
    assert len(futures.fetch_ohlcv(PERPETUAL, "1h", limit=3, params={"price": "index"})) == 3
    assert futures.fetch_mark_price(PERPETUAL)["markPrice"] == 2500
    tiers = futures.fetch_leverage_tiers()[PERPETUAL]
    assert [tier["maxLeverage"] for tier in tiers] == [125, 100, 50, 20]
    assert futures.fetch_trading_fee(PERPETUAL)["taker"] == 0.0005
    assert futures.market(PERPETUAL)["limits"]["cost"]["min"] == 20
    assert futures.fetch_leverages()[PERPETUAL]["longLeverage"] == 20


@pytest.mark.parametrize(("dialect", "pair"), [("binance", SPOT), ("binance-futures", PERPETUAL)])
def test_the_asynchronous_client_trades_over_tls_as_well(start, dialect, pair):
    sandbox = start(dialect=dialect)
    section = sandbox.freqtrade_exchange()
    config = {"apiKey": section["key"], "secret": section["secret"], **section["ccxt_config"]}
    if dialect == "binance-futures":
        config["options"] = config["options"] | {"defaultType": "swap"}

    async def work():
        client = ccxt.async_support.binance(config)
        try:
            orders = await asyncio.gather(
                *(client.create_order(pair, "limit", "buy", 0.05, 2400) for _ in range(4))
            )
            shown = await asyncio.gather(*(client.fetch_order(o["id"], pair) for o in orders))
            with pytest.raises(ccxt.InsufficientFunds):
                await client.create_order(pair, "limit", "buy", 100, 2400)
            return [each["status"] for each in shown], await client.fetch_balance()
        finally:
            await client.close()

    statuses, balance = asyncio.run(work())
    assert statuses == ["open"] * 4
    assert balance["USDT"]["free"] < 1000


def test_a_certificate_of_another_machine_is_not_trusted(start):
    section = start(dialect="binance").freqtrade_exchange()
    config = section["ccxt_config"]
    untrusting = {name: config[name] for name in config if name != "validateServerSsl"}
    client = ccxt.binance({"apiKey": section["key"], "secret": section["secret"], **untrusting})
    rejects(ccxt.NetworkError, client.fetch_time)
