"""The faults of the other dialects meet the requests of all three prediction markets."""

import asyncio

import ccxt.prediction as ccxt
import pytest

from tests.support.prediction import DIALECTS, EVENT, on


async def buy(client, sandbox):
    params = {"timeInForce": "IOC"}
    return await client.create_order(sandbox.outcome(0), "limit", "buy", 10, 0.50, params)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("how", ["502", "drop", "error"])
def test_a_lost_reply_leaves_an_order_behind(start, dialect, how):
    sandbox = start(dialect)
    sandbox.control.fault("lost_reply", how=how, times=1)

    async def work(client):
        await buy(client, sandbox)

    with pytest.raises(ccxt.NetworkError):
        on(sandbox, work)
    (order,) = sandbox.orders()
    assert order["status"] == "filled"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_page_in_html_with_200_is_an_order_without_id(start, dialect):
    sandbox = start(dialect)
    sandbox.control.fault("html", endpoint="place", times=1)

    async def work(client):
        try:
            return (await buy(client, sandbox))["id"]
        except TypeError:  # ccxt merges Polymarket's reply with the request, and a text it cannot
            return None

    assert on(sandbox, work) is None
    assert sandbox.orders() == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_order_arrives_after_its_sender_has_given_up(start, dialect):
    sandbox = start(dialect)
    sandbox.control.fault("late_arrival", seconds=0.4, how="drop", times=1)

    async def work(client):
        with pytest.raises(ccxt.NetworkError):
            await buy(client, sandbox)
        before = sandbox.orders()
        await asyncio.sleep(0.8)
        return before

    assert on(sandbox, work) == []
    assert len(sandbox.orders()) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_refused_order_is_rejected_and_an_error_of_the_server_is_not(start, dialect):
    sandbox = start(dialect)
    sandbox.control.fault("refuse", times=1)
    sandbox.control.fault("error", endpoint="place", after_calls=1, times=1)

    async def work(client):
        raised = []
        for _ in range(2):
            try:
                await buy(client, sandbox)
            except Exception as error:
                raised.append(type(error))
        return raised

    first, second = on(sandbox, work)
    assert issubclass(first, ccxt.ExchangeError)
    assert issubclass(second, ccxt.NetworkError)
    assert sandbox.orders() == []
    assert len(sandbox.control.rejections()) == 2


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_book_may_stand_still_or_be_crossed(start, dialect):
    sandbox = start(dialect)

    async def work(client):
        frozen = sandbox.control.fault("book_frozen")
        before = await client.fetch_order_book(sandbox.outcome(0))
        sandbox.control.remove_fault(frozen)
        sandbox.control.fault("book_crossed", times=2)
        return before, await client.fetch_order_book(sandbox.outcome(0))

    before, crossed = on(sandbox, work)
    assert before["bids"][0][0] < before["asks"][0][0]
    assert crossed["bids"][0][0] > crossed["asks"][0][0]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_part_of_an_order_fills_and_a_balance_lags(start, dialect):
    sandbox = start(dialect, settle_after_s=0)
    sandbox.control.fault("partial_fill", fraction="0.5", times=1)
    sandbox.control.fault("balance_lag", seconds=60)

    async def work(client):
        await buy(client, sandbox)
        return await client.fetch_balance()

    balance = on(sandbox, work)
    (order,) = sandbox.orders()
    assert order["status"] == "canceled"
    assert 0 < float(order["filled"]) < 20
    assert next(iter(balance["free"].values())) == 1000


@pytest.mark.parametrize("dialect", ["polymarket", "sxbet"])
def test_a_stream_may_be_cut_or_miss_a_message(start, dialect):
    sandbox = start(dialect)

    async def work(client):
        await client.watch_order_book(sandbox.outcome(0))
        sandbox.control.fault("stream_gap", times=1)
        sandbox.control.event_price(EVENT, "0.30")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.watch_order_book(sandbox.outcome(0)), 0.7)
        sandbox.control.fault("stream_disconnect", times=1)
        with pytest.raises(ccxt.NetworkError):
            await asyncio.wait_for(client.watch_order_book(sandbox.outcome(0)), 3)

    on(sandbox, work)
