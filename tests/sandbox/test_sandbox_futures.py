"""Contracts without HTTP: margin, positions, funding, liquidation, stops, modes."""

from decimal import Decimal

import pytest

from freqtrade_balance_guard.sandbox.core.orders import Reason, Rejected
from freqtrade_balance_guard.sandbox.script.faults import Fault


D = Decimal
ETH = "ETH/USDT:USDT"
ORDER = "POST /fapi/v1/order"
MARGIN_TYPE = "POST /fapi/v1/marginType"
ISOLATED = {"symbol": "ETHUSDT", "marginType": "ISOLATED"}
STOP = "POST /fapi/v1/algoOrder"
BUY = {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
SELL = BUY | {"side": "SELL"}
REST = BUY | {"type": "LIMIT", "timeInForce": "GTC", "price": "2400"}
STOP_SELL = {
    "symbol": "ETHUSDT",
    "side": "SELL",
    "type": "STOP_MARKET",
    "algoType": "CONDITIONAL",
    "quantity": "1",
    "triggerPrice": "2300",
    "reduceOnly": "true",
}


def accounts(**futures):
    return [{"name": "main", "balances": {"USDT": "1000"}, "futures": futures}]


@pytest.fixture
def futures(bench_of):
    """1000 USDT, cross margin, leverage 10; ETH costs 2500 with 0.5 spread, fee 0.05 %."""
    return bench_of(dialect="binance-futures", accounts=accounts(leverage=10))


@pytest.fixture
def isolated(bench_of):
    return bench_of(
        dialect="binance-futures", accounts=accounts(leverage=10, margin_mode="isolated")
    )


def move(bench, price):
    bench.exchange.set_price(ETH, D(price))
    bench.wait(1)


# Margin and profit


def test_a_position_ties_up_its_margin_and_pays_a_fee(futures):
    futures.json(ORDER, **BUY)
    assert futures.position().amount == 1
    assert futures.position().entry_price == D("2500.25")
    view = futures.view()
    assert view.wallet == 1000 - D("1.250125")
    assert (view.unrealized, view.position_initial) == (D("-0.25"), 250)
    assert view.available == view.wallet - D("0.25") - 250


@pytest.mark.parametrize(
    ("opening", "closing", "profit"),
    [(BUY, SELL, "99.5"), (SELL, BUY, "-100.5")],  # the spread costs 0.5
)
def test_profit_reaches_the_wallet_when_the_position_is_closed(futures, opening, closing, profit):
    futures.json(ORDER, **opening)
    move(futures, "2600")
    assert futures.view().wallet > 998
    futures.json(ORDER, **closing)
    kinds = [(income.kind, income.amount) for income in futures.exchange.futures.state.incomes]
    realized = [amount for kind, amount in kinds if kind == "REALIZED_PNL"]
    assert realized == [pytest.approx(D(profit), abs=D("0.1"))]
    assert futures.view().wallet == 1000 + sum(amount for _, amount in kinds)
    assert futures.audit()["ok"]


def test_the_total_of_a_cross_account_is_its_margin_balance_at_mark_price(futures):
    futures.json(ORDER, **BUY)
    move(futures, "2600")
    asset = futures.json("GET /fapi/v3/account")["assets"][0]
    assert D(asset["unrealizedProfit"]) == D("99.75")
    assert D(asset["marginBalance"]) == D(asset["walletBalance"]) + D("99.75")
    assert D(asset["initialMargin"]) == 260


def test_isolated_free_and_used_do_not_make_the_total(isolated):
    isolated.json(ORDER, **BUY)
    move(isolated, "2600")
    asset = isolated.json("GET /fapi/v3/account")["assets"][0]
    free, used = D(asset["availableBalance"]), D(asset["initialMargin"])
    assert free + used != D(asset["marginBalance"])
    assert D(asset["crossWalletBalance"]) == D(asset["walletBalance"]) - D("250.025")


def test_an_order_beyond_the_margin_is_rejected(futures):
    assert futures.error(ORDER, **BUY | {"quantity": "4"}) == (
        400,
        -2019,
        "Margin is insufficient.",
    )
    futures.json(ORDER, **BUY | {"quantity": "3.9"})


def test_resting_orders_count_by_the_larger_side(futures):
    futures.json(ORDER, **REST)
    assert futures.view().order_initial == 240
    futures.json(ORDER, **REST | {"side": "SELL", "price": "2600"})
    assert futures.view().order_initial == 260
    futures.json(ORDER, **REST | {"quantity": "2"})
    assert futures.view().order_initial == 720


def test_an_order_against_the_position_needs_no_margin(futures):
    futures.json(ORDER, **BUY | {"quantity": "3.9"})
    futures.json(ORDER, **REST | {"side": "SELL", "price": "2600", "quantity": "3.9"})
    assert futures.view().order_initial == 0


def test_a_position_turns_round_in_one_order(futures):
    futures.json(ORDER, **BUY)
    futures.json(ORDER, **SELL | {"quantity": "3"})
    assert (futures.position().amount, futures.position().entry_price) == (-2, D("2499.75"))
    assert futures.audit()["ok"]


def test_a_bracket_limits_the_position(bench_of):
    rich = [{"name": "main", "balances": {"USDT": "1000000"}, "futures": {"leverage": 125}}]
    futures = bench_of(dialect="binance-futures", accounts=rich)
    assert futures.error(ORDER, **BUY | {"quantity": "21"})[1] == -2027
    futures.json("POST /fapi/v1/leverage", symbol="ETHUSDT", leverage="100")
    futures.json(ORDER, **BUY | {"quantity": "21"})


# Reduce-only


def test_reduce_only_needs_a_position_and_never_turns_it(futures):
    assert futures.error(ORDER, **SELL, reduceOnly="true")[1:] == (
        -2022,
        "ReduceOnly Order is rejected.",
    )
    futures.json(ORDER, **BUY)
    assert futures.error(ORDER, **BUY, reduceOnly="true")[1] == -2022
    placed = futures.json(ORDER, **SELL | {"quantity": "3"}, reduceOnly="true")
    assert (placed["status"], placed["executedQty"]) == ("EXPIRED", "1.00000000")
    assert futures.position().amount == 0


def test_only_reduce_only_may_be_of_any_worth(futures):
    futures.json(ORDER, **BUY | {"quantity": "0.009"})
    small = SELL | {"quantity": "0.002"}
    assert futures.error(ORDER, **small)[1:] == (
        -4164,
        "Order's notional must be no smaller than 20 (unless you choose reduce only).",
    )
    futures.json(ORDER, **small, reduceOnly="true")


# Funding


def test_funding_is_paid_at_every_full_interval(bench_of):
    futures = bench_of(
        dialect="binance-futures", accounts=accounts(leverage=10), funding_interval_s=60
    )
    futures.wait(60 - futures.clock.now() % 60 + 1)
    futures.json(ORDER, **BUY)
    futures.wait(58)
    assert futures.json("GET /fapi/v1/income", incomeType="FUNDING_FEE") == []
    futures.wait(120)
    paid = futures.json("GET /fapi/v1/income", incomeType="FUNDING_FEE", symbol="ETHUSDT")
    assert [row["income"] for row in paid] == ["-0.25000000"] * 2
    assert [row["time"] % 60_000 for row in paid] == [0, 0]
    upcoming = futures.json("GET /fapi/v1/premiumIndex", symbol="ETHUSDT")["nextFundingTime"]
    assert 0 < upcoming - futures.clock.now() * 1000 <= 60_000
    assert futures.audit()["ok"]


def test_shorts_receive_what_longs_pay(bench_of):
    futures = bench_of(
        dialect="binance-futures", accounts=accounts(leverage=10), funding_interval_s=60
    )
    futures.json(ORDER, **SELL)
    futures.wait(60)
    (paid,) = futures.json("GET /fapi/v1/income", incomeType="FUNDING_FEE")
    assert paid["income"] == "0.25000000"


# Liquidation


def test_an_isolated_position_is_liquidated_and_loses_its_margin_alone(isolated):
    isolated.json(ORDER, **BUY)
    isolated.json(ORDER, **REST | {"price": "2000", "quantity": "0.1"})
    price = isolated.exchange.futures.clearing.margins.liquidation_price(
        isolated.position(), isolated.clock.now()
    )
    assert price == pytest.approx(D("2259.26"), abs=D("0.1"))
    move(isolated, str(round(price + 1, 2)))
    assert isolated.position().amount == 1
    move(isolated, str(round(price - 1, 2)))
    assert (isolated.position().amount, isolated.position().isolated_wallet) == (0, 0)
    lost = 1000 - isolated.view().wallet
    assert D("250") < lost <= D("250.025") + D("1.250125")
    rest, closing = list(isolated.exchange.matching.orders.values())[1:]
    assert (rest.status, rest.reason) == ("canceled", "Liquidation")
    assert closing.request.cl_ord_id.startswith("autoclose-")
    assert isolated.audit()["ok"]


def test_a_gap_below_the_margin_is_the_exchanges_loss(isolated):
    isolated.json(ORDER, **BUY)
    move(isolated, "1000")
    assert isolated.view().wallet == 1000 - D("250.025") - D("1.250125")
    assert isolated.audit()["ok"]


def test_cross_positions_are_liquidated_together_when_the_wallet_is_used_up(futures):
    futures.json(ORDER, **BUY | {"quantity": "3"})
    futures.json(ORDER, **BUY | {"symbol": "SOLUSDT", "quantity": "10"})
    move(futures, "2300")
    assert futures.position().amount == 3
    move(futures, "2100")
    assert futures.exchange.futures.state.positions("main") == []
    assert 0 <= futures.view().wallet < 20
    assert futures.audit()["ok"]


# Stops


def test_a_stop_belongs_to_the_algo_endpoints(futures):
    assert futures.error(ORDER, **SELL | {"type": "STOP_MARKET"}, stopPrice="2300")[1] == -4120


def test_a_stop_triggers_and_names_the_order_that_it_placed(futures):
    futures.json(ORDER, **BUY)
    stop = futures.json(STOP, **STOP_SELL, clientAlgoId="my-stop")
    assert (stop["algoStatus"], stop["actualOrderId"]) == ("NEW", "")
    # It is in the algo lists alone.
    assert futures.json("GET /fapi/v1/openOrders", symbol="ETHUSDT") == []
    assert len(futures.json("GET /fapi/v1/openAlgoOrders", symbol="ETHUSDT")) == 1
    move(futures, "2299")
    ended = futures.json("GET /fapi/v1/algoOrder", clientAlgoId="my-stop")
    assert (ended["algoStatus"], ended["actualOrderId"]) == ("FINISHED", "2")
    placed = futures.json("GET /fapi/v1/order", symbol="ETHUSDT", orderId=ended["actualOrderId"])
    assert (placed["status"], placed["executedQty"]) == ("FILLED", "1.00000000")
    assert placed["clientOrderId"] == "my-stop"
    assert futures.position().amount == 0


def test_a_stop_without_a_position_is_rejected_when_it_triggers(futures):
    futures.json(STOP, **STOP_SELL, clientAlgoId="my-stop")
    move(futures, "2299")
    ended = futures.json("GET /fapi/v1/algoOrder", clientAlgoId="my-stop")
    assert (ended["algoStatus"], ended["actualOrderId"]) == ("REJECTED", "")
    assert futures.exchange.matching.orders == {}


def test_a_stop_that_closes_the_position_takes_its_size_when_it_triggers(futures):
    whole = {
        name: text for name, text in STOP_SELL.items() if name not in ("quantity", "reduceOnly")
    }
    futures.json(STOP, **whole, closePosition="true")
    futures.json(ORDER, **BUY | {"quantity": "2"})
    move(futures, "2299")
    assert futures.position().amount == 0


def test_a_stop_may_wait_for_the_mark_price(futures):
    futures.exchange.change_market(ETH, {"mark_premium": "0.01"})
    futures.json(ORDER, **BUY)
    futures.json(STOP, **STOP_SELL, workingType="MARK_PRICE")
    move(futures, "2290")  # the mark is 2312.9
    assert futures.position().amount == 1
    move(futures, "2270")
    assert futures.position().amount == 0


def test_a_stop_is_cancelled_once(futures):
    stop = futures.json(STOP, **STOP_SELL)
    assert futures.json("DELETE /fapi/v1/algoOrder", algoId=str(stop["algoId"]))["code"] == "200"
    assert futures.error("DELETE /fapi/v1/algoOrder", algoId=str(stop["algoId"]))[1] == -2011
    assert futures.error("GET /fapi/v1/algoOrder", algoId="77")[1] == -2013


def test_a_stop_that_is_already_reached_is_rejected(futures):
    assert futures.error(STOP, **STOP_SELL | {"triggerPrice": "2600"})[1:] == (
        -2021,
        "Order would immediately trigger.",
    )


# Settings


def test_hedge_mode_keeps_a_long_and_a_short_apart(bench_of):
    futures = bench_of(dialect="binance-futures", accounts=accounts(leverage=10, hedge_mode=True))
    assert futures.json("GET /fapi/v1/positionSide/dual") == {"dualSidePosition": True}
    assert futures.error(ORDER, **BUY)[1:] == (
        -4061,
        "Order's position side does not match user's setting.",
    )
    futures.json(ORDER, **BUY, positionSide="LONG")
    futures.json(ORDER, **SELL | {"quantity": "0.5"}, positionSide="SHORT")
    assert futures.position(side="LONG").amount == 1
    assert futures.position(side="SHORT").amount == D("-0.5")
    futures.json(ORDER, **SELL, positionSide="LONG")
    assert futures.position(side="LONG").amount == 0
    assert futures.error(ORDER, **SELL, positionSide="LONG")[1] == -2022
    assert futures.audit()["ok"]


def test_modes_change_only_without_orders_and_positions(futures):
    change = "POST /fapi/v1/positionSide/dual"
    assert futures.error(change, dualSidePosition="false")[1] == -4059
    futures.json(ORDER, **REST)
    assert futures.error(change, dualSidePosition="true")[1] == -4067
    futures.json("DELETE /fapi/v1/allOpenOrders", symbol="ETHUSDT")
    futures.json(ORDER, **BUY)
    assert futures.error(change, dualSidePosition="true")[1] == -4068
    assert (
        futures.error("POST /fapi/v1/marginType", symbol="ETHUSDT", marginType="ISOLATED")[1]
        == -4048
    )
    futures.json(ORDER, **SELL)
    futures.json(change, dualSidePosition="true")
    futures.json("POST /fapi/v1/marginType", symbol="ETHUSDT", marginType="ISOLATED")
    assert futures.error("POST /fapi/v1/marginType", symbol="ETHUSDT", marginType="ISOLATED")[
        1:
    ] == (
        -4046,
        "No need to change margin type.",
    )


def test_leverage_falls_on_an_isolated_position_never(isolated):
    isolated.json(ORDER, **BUY)
    lower = {"symbol": "ETHUSDT", "leverage": "5"}
    assert isolated.error("POST /fapi/v1/leverage", **lower)[1] == -4161
    isolated.json("POST /fapi/v1/leverage", symbol="ETHUSDT", leverage="20")
    assert isolated.error("POST /fapi/v1/leverage", symbol="ETHUSDT", leverage="200")[1] == -4028


def test_a_cross_position_keeps_leverage_that_its_wallet_needs(futures):
    futures.json(ORDER, **BUY | {"quantity": "3"})
    lower = {"symbol": "ETHUSDT", "leverage": "2"}
    assert futures.error("POST /fapi/v1/leverage", **lower)[1] == -2028


def test_an_account_may_be_kept_in_a_proxy_coin(bench_of):
    owner = {
        "name": "main",
        "balances": {"BNFCR": "1000"},
        "futures": {"leverage": 10, "proxy_coin": "BNFCR", "multi_assets": True},
    }
    futures = bench_of(dialect="binance-futures", accounts=[owner])
    assert futures.json("GET /fapi/v1/multiAssetsMargin") == {"multiAssetsMargin": True}
    futures.json(ORDER, **BUY | {"symbol": "ETHUSDC"})
    (asset,) = futures.json("GET /fapi/v3/account")["assets"]
    assert (asset["asset"], asset["positionInitialMargin"]) == ("BNFCR", "250.00000000")
    (trade,) = futures.json("GET /fapi/v1/userTrades", symbol="ETHUSDC")
    assert trade["commissionAsset"] == "BNFCR"


def test_margin_of_an_isolated_position_can_be_added(isolated):
    isolated.json(ORDER, **BUY)
    change = {"symbol": "ETHUSDT", "amount": "100"}
    isolated.json("POST /fapi/v1/positionMargin", **change, type="1")
    assert isolated.position().isolated_wallet == D("350.025")
    assert (
        isolated.error("POST /fapi/v1/positionMargin", **change | {"amount": "900"}, type="1")[1]
        == -4050
    )


# Faults, control


def test_a_lagging_balance_is_the_wallet_of_before(futures):
    futures.exchange.add_fault(Fault(kind="balance_lag", seconds=5))
    futures.wait(10)
    futures.json(ORDER, **BUY)
    assert futures.json("GET /fapi/v3/account")["assets"][0]["availableBalance"] == "1000.00000000"
    futures.wait(5.1)
    assert futures.json("GET /fapi/v3/account")["assets"][0]["availableBalance"].startswith("748.4")


def test_only_what_is_available_can_be_withdrawn(futures):
    futures.json(ORDER, **BUY)
    with pytest.raises(Rejected) as rejected:
        futures.exchange.withdraw("main", "USDT", D(800))
    assert rejected.value.reason is Reason.INSUFFICIENT_FUNDS
    futures.exchange.withdraw("main", "USDT", D(700))
    assert futures.audit()["ok"]


def test_a_planted_position_is_found_by_the_audit(futures):
    futures.json(ORDER, **BUY)
    futures.position().amount += 1
    assert [f["kind"] for f in futures.audit()["findings"]] == ["position_differs_from_its_trades"]
