"""Web sockets as ccxt.pro uses them: books, orders, balances, gaps and broken lines."""

import asyncio

import ccxt
import ccxt.pro
import pytest


SPOT, PERPETUAL = "ETH/USDT", "ETH/USDT:USDT"
PAIRS = {"kraken": SPOT, "binance": SPOT, "binance-futures": PERPETUAL}
PATIENCE_S = 60


class Watched:
    """One sandbox with ccxt.pro's client for it."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.dialect = sandbox.scenario.dialect
        self.pair = PAIRS[self.dialect]
        section = sandbox.freqtrade_exchange(streams=True)
        self._config = {
            "apiKey": section["key"],
            "secret": section["secret"],
            "timeout": 20000,
            **section["ccxt_config"],
        }
        if self.dialect == "binance-futures":
            self._config["options"] = self._config["options"] | {"defaultType": "swap"}
        self._name = section["name"]

    def run(self, work):
        """Runs `work(client, sandbox's control)` and closes the client."""

        async def whole():
            client = getattr(ccxt.pro, self._name)(self._config)
            try:
                return await asyncio.wait_for(work(client, self.sandbox.control), PATIENCE_S)
            finally:
                await client.close()

        return asyncio.run(whole())

    async def order(self, client, side="buy", amount=0.1, price=2600):
        return await client.create_order(self.pair, "limit", side, amount, price)


@pytest.fixture(params=PAIRS)
def watched(request, start):
    return Watched(start(dialect=request.param))


async def change(control, pair, price):
    await asyncio.to_thread(control.price, pair, price)


async def subscribed(control, *channels):
    """Returns when the sandbox sends one of the channels."""
    for _ in range(PATIENCE_S * 20):
        entries = await asyncio.to_thread(control.journal)
        if any(e["event"] == "stream_subscribed" and e["channel"] in channels for e in entries):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"no subscription of {channels}")


async def private(control):
    await subscribed(control, "executions", "balances", "account")


async def until(watch, wanted):
    """Watches until the answer is as wanted; returns it."""
    while True:
        seen = await watch()
        if wanted(seen):
            return seen


def test_a_book_follows_the_price(watched):
    async def work(client, control):
        moving = asyncio.create_task(moves(control))
        book = await until(
            lambda: client.watch_order_book(watched.pair), lambda b: b["asks"][0][0] > 2700
        )
        await moving
        return [book["bids"][0][0], book["asks"][0][0]]

    async def moves(control):
        await subscribed(control, "book")
        for price in ("2600", "2700", "2800"):
            await asyncio.sleep(0.4)
            await change(control, watched.pair, price)

    bid, ask = watched.run(work)
    assert 2690 < bid < ask < 2810


def test_a_frozen_book_stays_as_it_was_while_the_price_moves(watched):
    async def work(client, control):
        first = await asyncio.to_thread(control.fault, "book_frozen")
        assert first
        await change(control, watched.pair, "2600")
        await asyncio.sleep(0.2)
        frozen = await client.fetch_order_book(watched.pair)
        assert frozen["asks"][0][0] == 2500.25
        task = asyncio.create_task(
            until(lambda: client.watch_order_book(watched.pair), lambda b: b["asks"][0][0] > 2550)
        )
        await subscribed(control, "book")
        await asyncio.sleep(0.5)
        assert not task.done()
        await asyncio.to_thread(control.clear_faults)
        await task

    watched.run(work)


def test_a_crossed_book_is_seen_crossed(watched):
    async def work(client, control):
        await asyncio.to_thread(control.fault, "book_crossed", amount="0.01")
        fetched = await client.fetch_order_book(watched.pair)
        assert fetched["bids"][0][0] > fetched["asks"][0][0]
        moving = asyncio.create_task(moves(control))
        seen = await client.watch_order_book(watched.pair)
        await moving
        return seen["bids"][0][0], seen["asks"][0][0]

    async def moves(control):
        for price in ("2501", "2502", "2503"):
            await asyncio.sleep(0.3)
            await change(control, watched.pair, price)

    bid, ask = watched.run(work)
    assert bid > ask


def test_a_gap_in_binances_book_is_noticed_by_the_client(start):
    for dialect in ("binance", "binance-futures"):
        watched = Watched(start(dialect=dialect))

        async def work(client, control, watched=watched):
            async def moves():
                for number in range(40):
                    if number == 5:
                        await asyncio.to_thread(control.fault, "stream_gap", times=1)
                    await asyncio.sleep(0.15)
                    await change(control, watched.pair, str(2500 + number))

            moving = asyncio.create_task(moves())
            try:
                with pytest.raises(ccxt.ChecksumError):
                    while True:
                        await client.watch_order_book(watched.pair)
                # Watching again begins with a new snapshot.
                book = await client.watch_order_book(watched.pair)
                assert book["bids"][0][0] < book["asks"][0][0]
            finally:
                moving.cancel()

        watched.run(work)


def test_a_broken_line_is_an_error_and_can_be_opened_again(watched):
    async def work(client, control):
        async def moves():
            for number in range(60):
                await asyncio.sleep(0.15)
                await change(control, watched.pair, str(2500 + number))

        moving = asyncio.create_task(moves())
        try:
            await client.watch_order_book(watched.pair)
            await asyncio.to_thread(control.fault, "stream_disconnect", times=1)
            with pytest.raises(ccxt.NetworkError):
                while True:
                    await client.watch_order_book(watched.pair)
            await client.watch_order_book(watched.pair)
        finally:
            moving.cancel()

    watched.run(work)


def test_orders_are_reported_as_they_live(watched):
    async def work(client, control):
        watching = asyncio.create_task(client.watch_orders(watched.pair))
        await private(control)
        resting = await watched.order(client, price=2400)
        first = (await watching)[-1]
        assert (first["id"], first["status"]) == (resting["id"], "open")
        await client.cancel_order(resting["id"], watched.pair)
        ended = await until(
            lambda: client.watch_orders(watched.pair), lambda o: o[-1]["status"] == "canceled"
        )
        assert ended[-1]["id"] == resting["id"]
        taking = await watched.order(client)
        filled = await until(
            lambda: client.watch_orders(watched.pair), lambda o: o[-1]["status"] == "closed"
        )
        return taking["id"], filled[-1]

    order_id, filled = watched.run(work)
    assert (filled["id"], filled["filled"]) == (order_id, 0.1)


def test_own_trades_are_reported_with_their_fee(watched):
    async def work(client, control):
        watching = asyncio.create_task(client.watch_my_trades(watched.pair))
        await private(control)
        await watched.order(client)
        return (await watching)[-1]

    trade = watched.run(work)
    assert (trade["amount"], trade["price"]) == (0.1, 2500.25)
    assert trade["fee"]["cost"] > 0


def test_balances_are_reported_when_they_change(watched):
    async def work(client, control):
        watching = asyncio.create_task(client.watch_balance())
        await private(control)
        await watched.order(client)
        balance = await watching
        if watched.dialect == "kraken":  # begins with a snapshot
            balance = await until(client.watch_balance, lambda b: "ETH" in b)
        return balance

    balance = watched.run(work)
    coin = "ETH" if watched.dialect == "kraken" else "USDT"
    assert 0 < balance[coin]["total"] < 1000


def test_a_gap_swallows_one_report_of_an_order(watched):
    async def work(client, control):
        watching = asyncio.create_task(client.watch_orders(watched.pair))
        await private(control)
        await asyncio.to_thread(control.fault, "stream_gap", endpoint="stream executions", times=1)
        swallowed = await watched.order(client, price=2400)
        await asyncio.sleep(0.3)
        assert not watching.done()
        seen = await watched.order(client, price=2300)
        orders = await watching
        return swallowed["id"], seen["id"], [each["id"] for each in orders]

    swallowed, seen, reported = watched.run(work)
    assert (seen in reported, swallowed in reported) == (True, False)


def test_a_stop_of_a_contract_is_reported(start):
    watched = Watched(start(dialect="binance-futures"))

    async def work(client, control):
        await watched.order(client)
        watching = asyncio.create_task(client.watch_orders(PERPETUAL))
        await private(control)
        params = {"stopPrice": 2300, "reduceOnly": True}
        stop = await client.create_order(PERPETUAL, "market", "sell", 0.1, None, params)
        assert (await watching)[-1]["id"] == stop["id"]
        await change(control, PERPETUAL, "2290")
        await until(
            lambda: client.watch_orders(PERPETUAL),
            lambda orders: any(o["id"] == stop["id"] and o["status"] == "closed" for o in orders),
        )

    watched.run(work)


def test_positions_are_reported(start):
    watched = Watched(start(dialect="binance-futures"))

    async def work(client, control):
        watching = asyncio.create_task(until(lambda: client.watch_positions([PERPETUAL]), bool))
        await private(control)
        await watched.order(client)
        return await watching

    (position,) = watched.run(work)
    assert (position["side"], position["contracts"]) == ("long", 0.1)


def test_candles_are_reported(watched):
    async def work(client, control):
        moving = asyncio.create_task(moves(control))
        candles = await until(
            lambda: client.watch_ohlcv(watched.pair, "1m"), lambda rows: rows[-1][4] > 2550
        )
        await moving
        return candles[-1]

    async def moves(control):
        await subscribed(control, "ohlc", "kline")
        await change(control, watched.pair, "2600")

    assert watched.run(work)[4] == 2600
