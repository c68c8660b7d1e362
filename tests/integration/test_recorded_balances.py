"""Balances that exchanges answered with, read by ccxt's and freqtrade's own classes."""

import copy
import json
from decimal import Decimal
from pathlib import Path

import pytest

from freqtrade_balance_guard.balances.margin import MarginSnapshot
from freqtrade_balance_guard.balances.snapshot import Snapshot, Unreadable
from freqtrade_balance_guard.clock import ManualClock, SystemClock
from freqtrade_balance_guard.integration.exchange.balance_reader import BalanceReader
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.futures.margin_reader import MarginReader
from tests.support.exchange import Wire, exchange_behind


DATA = Path(__file__).parents[1] / "data" / "recorded_balances.json"
RECORDED = json.loads(DATA.read_text())
CLOCK = SystemClock()


@pytest.fixture
def wire(monkeypatch):
    return Wire(monkeypatch)


def read(wire, name, body=None, *, needed=None, options=None):
    """The balance of an exchange that answers with a recorded body, or with another one."""
    case = RECORDED[name]
    exchange = exchange_behind(wire, case["exchange"], case["mode"])
    exchange._api.options.update(case.get("options", {}) | (options or {}))
    for part, more in case.get("besides", {}).items():
        wire.answers[part] = json.dumps(more)
    wire.answers[case["path"]] = json.dumps(case["body"] if body is None else body)
    wanted = {case["stake"]} if needed is None else needed
    return BalanceReader(GuardClient(exchange, CLOCK), CLOCK, lambda: wanted).read()


ANSWERS = [
    pytest.param(name, marks=pytest.mark.shows(case["exchange"], case["mode"], "recorded"))
    for name, case in sorted(RECORDED.items())
    if not name.startswith("_")
]


@pytest.mark.parametrize("name", ANSWERS)
def test_every_recorded_answer_is_read(wire, name):
    answer = read(wire, name)
    assert isinstance(answer, Snapshot), answer
    for currency, (free, total) in RECORDED[name]["expected"].items():
        holding = answer.holdings[currency]
        assert (holding.free, holding.total) == (Decimal(free), Decimal(total)), currency


# One odd coin in an account that trades another one


def with_bybit_coin(**fields):
    body = copy.deepcopy(RECORDED["bybit unified 2025"]["body"])
    coins = {coin["coin"]: coin for coin in body["result"]["list"][0]["coin"]}
    coins["ETH"].update(fields)
    return body


def with_okx_coin(**fields):
    body = copy.deepcopy(RECORDED["okx multi currency"]["body"])
    coins = {coin["ccy"]: coin for coin in body["data"][0]["details"]}
    coins["LTC"].update(fields)
    return body


def with_gate_coin(**fields):
    body = copy.deepcopy(RECORDED["gate unified"]["body"])
    body["balances"]["ETH"].update(fields)
    return body


def with_kraken_coin(amount):
    body = copy.deepcopy(RECORDED["kraken with holds"]["body"])
    body["result"]["ZEUR"] = {"balance": amount, "hold_trade": "0"}
    return body


def with_bitget_coin(**fields):
    body = copy.deepcopy(RECORDED["bitget unified"]["body"])
    body["data"]["assets"][1].update(fields)
    return body


ODD = {
    "bybit, a debt": ("bybit unified 2025", with_bybit_coin(walletBalance="-0.06142"), "ETH"),
    "okx, a negative equity": (
        "okx multi currency",
        with_okx_coin(eq="-0.05", cashBal="-0.05", availBal="0", availEq="0"),
        "LTC",
    ),
    "gate, a negative liability": (
        "gate unified",
        with_gate_coin(available="-12.5", freeze="0"),
        "ETH",
    ),
    "kraken, a negative dust": ("kraken with holds", with_kraken_coin("-0.0012"), "EUR"),
}


@pytest.mark.parametrize("case", ODD)
def test_one_odd_coin_is_left_out_where_nothing_depends_on_it(wire, case):
    name, body, coin = ODD[case]
    answer = read(wire, name, body)
    assert isinstance(answer, Snapshot), answer
    assert coin in answer.left_out
    assert coin not in answer.holdings
    stake = RECORDED[name]["stake"]
    assert answer.holdings[stake].total == Decimal(RECORDED[name]["expected"][stake][1])


@pytest.mark.parametrize("case", ODD)
def test_it_makes_the_answer_unreadable_where_the_bot_trades_that_coin(wire, case):
    name, body, coin = ODD[case]
    answer = read(wire, name, body, needed={RECORDED[name]["stake"], coin})
    assert isinstance(answer, Unreadable)
    assert coin in answer.reason


@pytest.mark.parametrize(
    ("fields", "total"),
    [
        ({"equity": "2.5", "available": "1.0", "locked": "0.15582129"}, "1.15582129"),
        ({"equity": "1.0", "available": "1.15582129", "locked": "0"}, "1"),
    ],
    ids=["a bonus or an open position", "a loss"],
)
def test_where_total_is_equity_the_smaller_amount_is_believed(wire, fields, total):
    answer = read(wire, "bitget unified", with_bitget_coin(**fields), needed={"BGB", "USDT"})
    assert isinstance(answer, Snapshot), answer
    assert answer.holdings["BGB"].total <= Decimal(total)
    assert answer.holdings["BGB"].free <= Decimal(fields["available"])


def test_on_binance_futures_the_margin_balance_is_read_although_it_is_not_the_sum(wire):
    body = copy.deepcopy(RECORDED["binance futures v3"]["body"])
    usdt = next(asset for asset in body["assets"] if asset["asset"] == "USDT")
    usdt |= {"marginBalance": "998.96", "initialMargin": "580.0", "availableBalance": "419.13"}
    body["assets"] = [usdt]
    answer = read(wire, "binance futures v3", body)
    assert isinstance(answer, Snapshot), answer
    assert answer.holdings["USDT"].total == Decimal("998.96")
    assert answer.holdings["USDT"].free == Decimal("418.96")


@pytest.mark.parametrize("name", ["okx", "bybit unified", "gate spot", "bitget spot", "kucoin"])
def test_a_web_page_with_status_200_is_no_balance(wire, name):
    exchange = exchange_behind(wire, RECORDED[name]["exchange"])
    exchange._api.options.update(RECORDED[name].get("options", {}))
    wire.answers[RECORDED[name]["path"]] = "<html>maintenance</html>"
    client = GuardClient(exchange, CLOCK)
    answer = BalanceReader(client, CLOCK, lambda: {"USDT"}).read()
    assert isinstance(answer, Unreadable) or not answer.holdings


EMPTY = {
    "okx": {"code": "0", "data": [{"details": [], "uTime": "1705474164160"}], "msg": ""},
    "gate spot": [],
    "bitget spot": {"code": "00000", "msg": "success", "data": []},
    "kucoin": {"code": "200000", "data": []},
    "kraken with holds": {"error": [], "result": {}},
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_new_account_that_lists_nothing_is_an_answer(wire, name):
    answer = read(wire, name, EMPTY[name])
    assert isinstance(answer, Snapshot), answer
    assert answer.holdings == {}


# Futures: the wallet balance, and positions

BINANCE = "binance futures v3"
OPEN_POSITION = [
    {
        "symbol": "BTCUSDT",
        "positionSide": "BOTH",
        "positionAmt": "-0.100",
        "entryPrice": "2500.0",
        "breakEvenPrice": "2500.0",
        "markPrice": "2510.0",
        "unRealizedProfit": "-20.0",
        "liquidationPrice": "3000",
        "isolatedMargin": "0",
        "notional": "-5020.0",
        "marginAsset": "USDT",
        "isolatedWallet": "0",
        "initialMargin": "502.0",
        "maintMargin": "20",
        "positionInitialMargin": "502.0",
        "openOrderInitialMargin": "0",
        "adl": 2,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": 1720736417660,
    }
]


def read_margin(wire, name, body=None, *, coin=None, positions=None, open_pairs=()):
    """The futures account of an exchange, as a live bot reads it."""
    case = RECORDED[name]
    exchange = exchange_behind(wire, case["exchange"], case["mode"])
    exchange._api.options.update(case.get("options", {}))
    for part, more in case.get("besides", {}).items():
        wire.answers[part] = json.dumps(more)
    wire.answers[case["path"]] = json.dumps(case["body"] if body is None else body)
    if positions is None:
        exchange.fetch_positions = lambda *_, **__: []
    else:
        wire.answers["positionRisk"] = json.dumps(positions)
        exchange._api.options["leverageBrackets"] = {"BTC/USDT:USDT": [["0", "0.005"]]}
    reader = MarginReader(
        GuardClient(exchange, CLOCK), CLOCK, coin or case["stake"], lambda: set(open_pairs)
    )
    return reader.read()


def binance_asset(coin="USDT", **fields):
    asset = {
        "walletBalance": "1000",
        "unrealizedProfit": "-20",
        "marginBalance": "980",
        "initialMargin": "502",
        "availableBalance": "478",
        "maintMargin": "20",
    }
    return {"assets": [{"asset": coin, **asset, **fields}], "positions": []}


FUTURES = [name for name, case in RECORDED.items() if name[0] != "_" and case["mode"] == "futures"]


@pytest.mark.parametrize("name", sorted(FUTURES))
def test_every_recorded_futures_account_is_read(wire, name):
    answer = read_margin(wire, name)
    assert isinstance(answer, MarginSnapshot), answer
    for currency, (free, _) in RECORDED[name]["expected"].items():
        if currency == answer.coin:
            holding = answer.holdings[currency]
            seen = holding.total - holding.used
            assert seen == pytest.approx(Decimal(free), rel=Decimal("1e-12"))


def test_okx_keeps_isolated_margin_in_the_wallet_and_unrealised_loss_out_of_it(wire):
    answer = read_margin(wire, "okx isolated position")
    assert answer.holdings["USDT"].total == pytest.approx(
        Decimal("99.92199657"), abs=Decimal("1e-8")
    )


def test_binance_says_the_wallet_balance_itself_and_positions_beside_it(wire):
    answer = read_margin(wire, BINANCE, binance_asset(), positions=OPEN_POSITION)
    assert isinstance(answer, MarginSnapshot), answer
    holding = answer.holdings["USDT"]
    assert (holding.total, holding.total - holding.used) == (1000, 478)
    assert (answer.used, answer.noise, answer.margin_balance) == (502, 0, 980)
    (position,) = answer.positions
    assert (position.pair, position.side, position.amount) == (
        "BTC/USDT:USDT",
        "short",
        Decimal("0.1"),
    )
    assert (position.margin, position.notional, position.unrealised) == (502, 5020, -20)


def test_a_credit_coin_below_zero_with_free_margin_is_read(wire):
    body = binance_asset(
        "BNFCR", walletBalance="-3", marginBalance="-23", availableBalance="900", initialMargin="77"
    )
    body["assets"].append({**body["assets"][0], "asset": "USDC", "walletBalance": "1000"})
    answer = read_margin(wire, BINANCE, body, coin="BNFCR")
    assert isinstance(answer, MarginSnapshot), answer
    holding = answer.holdings["BNFCR"]
    assert (holding.total, holding.total - holding.used, answer.used) == (-3, 900, 77)


@pytest.mark.parametrize("where", ["a position", "a trade"])
@pytest.mark.parametrize("body", ["zero", "missing", "garbage"])
def test_no_stake_with_something_open_is_unreadable(wire, body, where):
    zeros = dict.fromkeys(
        ("walletBalance", "marginBalance", "availableBalance", "initialMargin"), "0"
    )
    bodies = {
        "zero": binance_asset(**zeros),
        "missing": binance_asset("BNB", **zeros),
        "garbage": binance_asset(availableBalance="x", walletBalance="y", marginBalance="nan"),
    }
    positions = OPEN_POSITION if where == "a position" else []
    pairs = () if where == "a position" else ("BTC/USDT:USDT",)
    answer = read_margin(wire, BINANCE, bodies[body], positions=positions, open_pairs=pairs)
    assert isinstance(answer, Unreadable)


def test_a_new_futures_account_is_empty(wire):
    answer = read_margin(wire, BINANCE, {"assets": [], "positions": []}, positions=[])
    assert isinstance(answer, MarginSnapshot), answer
    assert answer.holdings == {}
    assert answer.margin_balance == 0


def test_an_odd_coin_beside_the_stake_is_left_out(wire):
    body = binance_asset()
    body["assets"].append(
        {**body["assets"][0], "asset": "BNB", "marginBalance": "-5", "initialMargin": "0"}
    )
    answer = read_margin(wire, BINANCE, body, positions=[])
    assert isinstance(answer, MarginSnapshot), answer
    assert "BNB" not in answer.holdings


@pytest.mark.parametrize("listed", ["<html>busy</html>", [None], [["ETH/USDT:USDT"]], 7, None])
def test_positions_that_are_none_make_the_answer_unreadable(listed):
    reader = MarginReader(None, ManualClock(), "USDT", set)
    balances = {"USDT": {"free": 5.0, "used": 1.0, "total": 6.0}}
    answer = (None, balances, None, listed)
    assert isinstance(reader._snapshot(answer, 0.0, ManualClock().wall()), Unreadable)
