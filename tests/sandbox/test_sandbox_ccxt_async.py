"""ccxt's asynchronous Kraken client over real HTTP: what freqtrade downloads candles with."""

import asyncio

import ccxt.async_support as ccxt
import pytest


def on(sandbox, work, key_index=0):
    """Runs `work` with a client of its own in a fresh event loop."""

    async def run():
        section = sandbox.freqtrade_exchange(key_index=key_index)
        config = {"apiKey": section["key"], "secret": section["secret"], "timeout": 3000}
        async with ccxt.kraken(config | section["ccxt_config"]) as client:
            await client.load_markets()
            return await work(client)

    return asyncio.run(run())


def test_market_data_comes_at_once_for_many_pairs(start):
    async def work(client):
        pairs = [symbol for symbol in client.symbols if symbol.endswith("/USDT")]
        candles = await asyncio.gather(*(client.fetch_ohlcv(pair, "5m") for pair in pairs))
        book = await client.fetch_order_book("ETH/USDT", 10)
        tickers = await client.fetch_tickers(pairs)
        return pairs, candles, book, tickers

    pairs, candles, book, tickers = on(start(), work)
    assert len(pairs) >= 10
    assert {len(rows) for rows in candles} == {720}
    assert len(book["bids"]) == 10
    assert set(tickers) == set(pairs)


def test_an_order_lives_its_life(start):
    sandbox = start()

    async def work(client):
        resting = await client.create_order(
            "ETH/USDT", "limit", "buy", 0.1, 2400, {"clientOrderId": "async-1"}
        )
        (shown,) = await client.fetch_open_orders()
        balance = await client.fetch_balance()
        await client.cancel_order(resting["id"])
        bought = await client.create_order("ETH/USDT", "market", "buy", 0.1)
        stop = await client.create_order(
            "ETH/USDT", "market", "sell", 0.1, None, {"stopLossPrice": 2300}
        )
        return (
            shown,
            balance,
            await client.fetch_order(resting["id"]),
            await client.fetch_order(bought["id"]),
            await client.fetch_order(stop["id"]),
            await client.fetch_my_trades("ETH/USDT"),
            await client.fetch_closed_orders(),
        )

    shown, balance, cancelled, bought, stop, trades, closed = on(sandbox, work)
    assert shown["clientOrderId"] == "async-1"
    assert balance["USDT"]["used"] == 240.96
    assert (cancelled["status"], bought["status"], stop["status"]) == ("canceled", "closed", "open")
    assert stop["stopLossPrice"] == 2300
    assert [trade["amount"] for trade in trades] == [0.1]
    assert len(closed) == 2
    assert sandbox.control.audit()["ok"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "error", "message": "EService:Unavailable"}, ccxt.ExchangeNotAvailable),
        ({"kind": "error", "message": "EAPI:Rate limit exceeded"}, ccxt.DDoSProtection),
        ({"kind": "error", "message": "EGeneral:Internal error"}, ccxt.ExchangeNotAvailable),
        ({"kind": "http_status", "status": 429}, ccxt.RateLimitExceeded),
        ({"kind": "http_status", "status": 502}, ccxt.ExchangeNotAvailable),
        ({"kind": "http_status", "status": 504}, ccxt.RequestTimeout),
        ({"kind": "timeout", "seconds": 5}, ccxt.RequestTimeout),
        ({"kind": "drop"}, ccxt.NetworkError),
    ],
)
def test_trouble_raises_ccxts_class_for_it(start, fault, kind):
    sandbox = start()

    async def work(client):
        client.timeout = 400
        sandbox.control.fault(**fault, endpoint="BalanceEx")
        with pytest.raises(ccxt.BaseError) as trouble:
            await client.fetch_balance()
        return trouble.value

    assert isinstance(on(sandbox, work), kind)


def test_a_thousand_concurrent_requests_are_all_answered(start):
    sandbox = start()

    async def work(client):
        return await asyncio.gather(*(client.public_get_time() for _ in range(1000)))

    assert len(on(sandbox, work)) == 1000
    assert sandbox.control.counters()["endpoints"]["Time"] == 1000
