"""ccxt's own clients trade on all three sandboxes over HTTP."""

import asyncio
import time

import ccxt.prediction as ccxt
import pytest

from tests.support.prediction import DIALECTS, EVENT, on


TIGHT = [{"name": EVENT, "price": "0.40", "min_cost": "1"}]


def book(sandbox, bids=(), asks=(("0.40", "1000"),)):
    sandbox.control.event_book(EVENT, bids=list(bids), asks=list(asks))


async def buy(client, sandbox, outcome, amount, price, **params):
    """A fill-and-kill order as each venue calls it; `amount` is shares, on SX the stake."""
    return await client.create_order(
        sandbox.outcome(outcome), "limit", "buy", amount, price, {"timeInForce": "IOC", **params}
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_both_outcomes_have_one_book_seen_from_two_sides(start, dialect):
    sandbox = start(dialect)

    async def work(client):
        return [await client.fetch_order_book(sandbox.outcome(i)) for i in (0, 1)]

    first, second = on(sandbox, work)
    assert first["bids"][0][0] + second["asks"][0][0] == pytest.approx(1)
    assert first["asks"][0][0] + second["bids"][0][0] == pytest.approx(1)
    assert len(first["bids"]) == len(second["asks"]) == 20


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_order_rests_is_found_and_is_canceled(start, dialect):
    sandbox = start(dialect)

    async def work(client):
        made = await client.create_order(sandbox.outcome(0), "limit", "buy", 10, 0.10)
        shown = await client.fetch_open_orders()
        found = await client.fetch_order(made["id"])
        await client.cancel_order(made["id"])
        return made, shown, found, await client.fetch_order(made["id"])

    made, shown, found, canceled = on(sandbox, work)
    assert (made["status"], [order["id"] for order in shown]) == ("open", [made["id"]])
    assert (found["status"], found["filled"], found["price"]) == ("open", 0, 0.1)
    assert canceled["status"] == "canceled"
    assert sandbox.control.audit()["ok"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_wrong_signature_moves_nothing(start, dialect):
    sandbox, other = start(dialect), start(dialect, seed=2)

    async def work(client):
        client.privateKey = other.section()["private_key"]
        await buy(client, sandbox, 0, 10, 0.45)

    expected = {
        "polymarket": ccxt.AuthenticationError,
        "kalshi": ccxt.ExchangeError,
        "sxbet": ccxt.InvalidOrder,
    }[dialect]
    with pytest.raises((expected, ccxt.NetworkError)):
        on(sandbox, work)
    assert sandbox.orders() == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_closed_market_is_rejected_between_the_look_and_the_order(start, dialect):
    sandbox = start(dialect)

    async def work(client):
        await client.fetch_order_book(sandbox.outcome(0))
        sandbox.control.halt(EVENT)
        await buy(client, sandbox, 0, 10, 0.45)

    with pytest.raises((ccxt.ExchangeError, ccxt.NetworkError)):
        on(sandbox, work)
    assert sandbox.orders() == []


def test_polymarket_spends_money_and_fills_better_than_asked(start):
    sandbox = start("polymarket", markets=TIGHT, settle_after_s=0.2)
    book(sandbox)

    async def work(client):
        made = await buy(client, sandbox, 0, 100, 0.45, timeInForce="FOK")
        early = await client.fetch_order_trades(made["id"])
        while_matched = await client.fetch_balance()
        await asyncio.sleep(0.6)
        late = await client.fetch_order_trades(made["id"])
        return made, early, while_matched, late, await client.fetch_balance()

    made, early, while_matched, late, after = on(sandbox, work)
    assert made["info"]["takingAmount"] == "112.5"
    assert early[0]["info"]["status"] == "MATCHED"
    assert while_matched["USDC"]["free"] == 1000
    assert late[0]["info"]["status"] == "CONFIRMED"
    assert after["USDC"]["free"] == 955


def test_polymarkets_order_id_is_known_before_it_is_sent(start):
    sandbox = start("polymarket")

    async def work(client):
        await client.load_api_credentials()
        await client.load_outcome(sandbox.outcome(0))
        pinned = {"salt": "12345", "timestamp": "1700000000000", "tickSize": "0.01"}
        built = client.build_clob_order_body(
            sandbox.outcome(0), "limit", "buy", 10, 0.10, {**pinned, "negRisk": False}
        )
        reply = await client.clobPrivatePostOrder(built["body"])
        with pytest.raises(ccxt.NetworkError, match="Duplicated"):
            await client.clobPrivatePostOrder(built["body"])
        return built["body"]["order"], reply

    order, reply = on(sandbox, work)
    from freqtrade_balance_guard.sandbox.polymarket.auth import order_hash

    known = "0x" + order_hash({**order, "side": 0}, neg_risk=False).hex()
    assert reply["orderID"] == known
    assert len(sandbox.orders()) == 1


@pytest.mark.parametrize(
    ("amount", "price", "kind", "said"),
    [
        (100, 0.45, "FOK", "couldn't be fully filled"),
        (1, 0.40, "FOK", "min size"),
        (3, 0.10, "GTC", "Size lower than the minimum"),
        (5000, 0.90, "GTC", "not enough balance"),
        (7.77, 0.41, "FOK", "accuracy of 2 decimals"),
    ],
)
def test_polymarket_rejects_in_its_own_words(start, amount, price, kind, said):
    sandbox = start("polymarket", markets=[{**TIGHT[0], "min_shares": "5"}])
    book(sandbox, asks=[("0.40", "50")])

    async def work(client):
        await buy(client, sandbox, 0, amount, price, timeInForce=kind)

    with pytest.raises((ccxt.ExchangeError, ccxt.NetworkError), match=said):
        on(sandbox, work)
    assert sandbox.orders() == []


def test_a_wallet_of_another_kind_reads_a_balance_of_nothing(start):
    sandbox = start("polymarket")

    async def work(client):
        client.options["signatureType"] = 0
        return await client.fetch_balance()

    assert on(sandbox, work)["USDC"]["free"] == 0


def test_a_key_of_the_wallet_itself_trades_too(start):
    accounts = [{"name": "main", "signature_type": 0}]
    sandbox = start("polymarket", accounts=accounts)

    async def work(client):
        return await buy(client, sandbox, 0, 100, 0.45, timeInForce="FOK")

    assert on(sandbox, work)["info"]["status"] == "matched"


def test_kalshi_knows_a_client_id_once(start):
    sandbox = start("kalshi")

    async def work(client):
        await buy(client, sandbox, 1, 10, 0.54, client_order_id="mine")
        with pytest.raises(ccxt.NetworkError, match="order_already_exists"):
            await buy(client, sandbox, 1, 10, 0.54, client_order_id="mine")
        return await client.fetch_orders(), await client.fetch_my_trades()

    orders, trades = on(sandbox, work)
    assert [order["clientOrderId"] for order in orders] == ["mine"]
    # A NO order reads as YES at the complement.
    assert (orders[0]["side"], orders[0]["price"], trades[0]["price"]) == ("sell", 0.46, 0.46)
    assert trades[0]["fee"]["cost"] == 0.18


def test_kalshis_codes_arrive_as_ccxt_names_them(start):
    sandbox = start("kalshi")
    book(sandbox, asks=[("0.40", "5")])

    async def work(client):
        raised = []
        for amount, price, params in (
            (10_000, 0.40, {"timeInForce": "GTC"}),
            (10, 0.40, {"timeInForce": "FOK"}),
            (1.5, 0.40, {}),
        ):
            try:
                await buy(client, sandbox, 0, amount, price, **params)
            except Exception as error:
                raised.append((type(error), str(error)))
        try:
            await client.fetch_order("unknown")
        except Exception as error:
            raised.append((type(error), ""))
        nothing = await buy(client, sandbox, 0, 10, 0.39)
        return raised, nothing

    raised, nothing = on(sandbox, work)
    kinds = [kind for kind, _ in raised]
    assert kinds == [ccxt.BadRequest, ccxt.OrderNotFillable, ccxt.BadRequest, ccxt.BadSymbol]
    assert "insufficient_balance" in raised[0][1]
    assert (nothing["status"], nothing["filled"]) == ("closed", 0)


def test_sx_stakes_money_and_answers_a_killed_order_without_an_error(start):
    sandbox = start("sxbet")
    book(sandbox, asks=[("0.40", "50")])

    async def work(client):
        killed = await buy(client, sandbox, 0, 45, 0.45, timeInForce="FOK", clientOrderId="one")
        filled = await buy(client, sandbox, 0, 10, 0.45, clientOrderId="two")
        partly = await buy(client, sandbox, 0, 40, 0.45, clientOrderId="three")
        return killed, filled, partly, await client.fetch_orders(), await client.fetch_my_trades()

    killed, filled, partly, listed, trades = on(sandbox, work)
    assert (killed["status"], killed["filled"]) == ("canceled", 0)
    assert (filled["status"], filled["filled"]) == ("closed", 10)
    assert (partly["status"], partly["filled"]) == ("canceled", 20)
    assert listed == []  # active ones only
    assert {trade["order"] for trade in trades} == {filled["id"], partly["id"]}
    returned = {trade["order"]: trade["info"]["returnAmount"] for trade in trades}
    assert returned == {filled["id"]: "25000000", partly["id"]: "50000000"}


def test_sx_knows_an_identical_signed_order_once(start):
    sandbox = start("sxbet")

    async def work(client):
        expiry = int(time.time()) + 60
        pinned = {"salt": "77", "expiry": expiry}
        await client.create_order(sandbox.outcome(0), "limit", "buy", 5, 0.10, dict(pinned))
        await client.create_order(sandbox.outcome(0), "limit", "buy", 5, 0.10, dict(pinned))

    with pytest.raises(ccxt.DuplicateOrderId):
        on(sandbox, work)
    assert len(sandbox.orders()) == 1


def test_sx_order_in_delay_is_unknown_to_its_reply(start):
    sandbox = start("sxbet", markets=[{**TIGHT[0], "tick": "0.00125", "delay_s": 0.3}])

    async def work(client):
        made = await buy(client, sandbox, 0, 45, 0.45)
        await asyncio.sleep(0.7)
        return made, await client.fetch_order(made["id"])

    made, later = on(sandbox, work)
    assert made["status"] is None
    assert (later["status"], later["filled"]) == ("closed", 45)


def test_polymarkets_delayed_order_is_in_flight(start):
    sandbox = start("polymarket", markets=[{**TIGHT[0], "delay_s": 0.3}])
    book(sandbox)

    async def work(client):
        made = await buy(client, sandbox, 0, 100, 0.45, timeInForce="FOK")
        await asyncio.sleep(0.7)
        return made, await client.fetch_order(made["id"])

    made, later = on(sandbox, work)
    assert (made["info"]["status"], made["status"]) == ("delayed", "open")
    assert (later["status"], later["filled"]) == ("closed", 112.5)


@pytest.mark.parametrize("dialect", ["kalshi", "sxbet"])
def test_settlements_show_what_was_paid(start, dialect):
    sandbox = start(dialect, settle_after_s=0)
    book(sandbox)

    async def work(client):
        await buy(client, sandbox, 0, 100 if dialect == "kalshi" else 40, 0.40)
        sandbox.control.resolve(EVENT, "first")
        return await client.fetch_settlements()

    (settlement,) = on(sandbox, work)
    assert (settlement["won"], settlement["payout"], settlement["cost"]) == (True, 100, 40)


@pytest.mark.parametrize("dialect", ["polymarket", "sxbet"])
def test_a_book_is_streamed_and_changes_at_once(start, dialect):
    sandbox = start(dialect)

    async def work(client):
        first = await client.watch_order_book(sandbox.outcome(1))
        best = first["asks"][0][0]
        book(sandbox, bids=[("0.50", "100")], asks=[("0.55", "100")])
        changed = await asyncio.wait_for(client.watch_order_book(sandbox.outcome(1)), 30)
        return best, changed["bids"][0][0], changed["asks"][0][0]

    best, bid, ask = on(sandbox, work)
    assert best > ask
    assert (bid, ask) == (0.45, 0.5)


@pytest.mark.parametrize("dialect", ["polymarket", "sxbet"])
def test_orders_and_fills_are_streamed(start, dialect):
    sandbox = start(dialect)

    async def work(client):
        watching = asyncio.ensure_future(client.watch_my_trades())
        orders = asyncio.ensure_future(client.watch_orders())
        made = []
        # What is sent before a stream has begun is not on it.
        while not (watching.done() and orders.done()) and len(made) < 40:
            made.append((await buy(client, sandbox, 0, 5, 0.45))["id"])
            await asyncio.sleep(0.2)
        return made, await watching, await orders

    made, trades, seen = on(sandbox, work)
    assert trades[-1]["order"] in made
    assert seen[-1]["id"] in made


def test_polymarkets_trades_fail_after_they_were_matched(start):
    sandbox = start("polymarket", settle_after_s=0.2)
    sandbox.control.fault("settlement_failed", times=1)

    async def work(client):
        made = await buy(client, sandbox, 0, 100, 0.45, timeInForce="FOK")
        await asyncio.sleep(0.6)
        trades = await client.fetch_order_trades(made["id"])
        return await client.fetch_order(made["id"]), trades, await client.fetch_balance()

    order, trades, balance = on(sandbox, work)
    assert (order["status"], order["filled"]) == ("closed", 109.756097)
    assert trades[0]["info"]["status"] == "FAILED"
    assert balance["USDC"]["free"] == 1000


def test_makers_fills_on_polymarket_show_the_takers_side(start):
    accounts = [{"name": "main"}, {"name": "other"}]
    market = {**TIGHT[0], "levels": 0}
    sandbox = start("polymarket", accounts=accounts, markets=[market])

    async def rest(client):
        return await client.create_order(sandbox.outcome(0), "limit", "buy", 50, 0.45)

    async def take(client):
        await buy(client, sandbox, 1, 50, 0.60)

    made = on(sandbox, rest)
    on(sandbox, take, "other")

    async def look(client):
        return await client.fetch_order_trades(made["id"])

    (trade,) = on(sandbox, look)
    assert trade["outcomeId"] == sandbox.outcome(1)
    (own,) = trade["info"]["maker_orders"]
    assert (own["asset_id"], own["price"], own["side"]) == (sandbox.outcome(0), "0.45", "BUY")


def test_load_markets_of_polymarket_crashes_on_a_full_page(start):
    markets = [{"name": f"event-{number}", "price": "0.5"} for number in range(100)]
    sandbox = start("polymarket", markets=markets)

    async def work(client):
        with pytest.raises(UnboundLocalError):
            await client.load_markets()
        client.options["eventsPageSize"] = 101
        return await client.load_markets(True)

    assert len(on(sandbox, work)) == 100
