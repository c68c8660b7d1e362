"""The markets of an exchange for the sandbox: read by the real ccxt, and traded again."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import ccxt
import pytest

from freqtrade_balance_guard.console.bot_source import NotPossible
from freqtrade_balance_guard.integration.console.markets import _rows, fetch_markets
from freqtrade_balance_guard.sandbox import Sandbox
from freqtrade_balance_guard.sandbox.script.markets_file import MarketsFile
from freqtrade_balance_guard.sandbox.script.scenario import Scenario


NOW = datetime(2026, 12, 1, tzinfo=UTC)
RULES = ("price_decimals", "amount_decimals", "cost_min", "fee_maker", "fee_taker", "fee_currency")


@pytest.mark.parametrize(
    ("dialect", "name", "more"),
    [
        ("kraken", "kraken", []),
        ("binance", "binance", []),
        ("binance-futures", "binance", ["--futures"]),
    ],
)
def test_markets_that_were_fetched_are_the_exchanges_own(dialect, name, more, tmp_path):
    config = tmp_path / "config.json"
    with Sandbox.start(dialect=dialect) as exchange:
        config.write_text(json.dumps({"exchange": exchange.freqtrade_exchange()}))
        command = [sys.executable, "-m", "freqtrade_balance_guard", "sandbox"]
        options = ["--fetch-markets", name, "--quote", "usdt", "-c", str(config), *more]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    file = tmp_path / "markets.json"
    file.write_text(done.stdout)

    fetched = MarketsFile.from_file(file).scenario()

    own = {market.symbol: market for market in Scenario.default(dialect).markets}
    assert fetched.dialect == dialect
    assert {market.symbol for market in fetched.markets} == {
        symbol for symbol, market in own.items() if market.quote == "USDT"
    }
    for market in fetched.markets:
        known = own[market.symbol]
        assert [getattr(market, rule) for rule in RULES] == [getattr(known, rule) for rule in RULES]
        assert (market.price, market.tick_size) == (known.price, known.tick_size)
        # An order below one step is below the minimum too.
        step = Decimal(1).scaleb(-known.amount_decimals)
        assert market.amount_min == max(known.amount_min, step)


def _market(**more):
    market = {
        "symbol": "ABC/USDT",
        "contract": False,
        "precision": {"amount": 0.1, "price": 0.01},
        "limits": {"amount": {"min": 0.5}, "cost": {"min": 5}},
        "maker": 0.001,
        "taker": 0.002,
    }
    return {**market, **more}


def test_contracts_of_several_coins_are_traded_in_coins():
    contract = _market(symbol="ABC/USDT:USDT", contract=True, contractSize=0.01)

    (row,) = _rows(ccxt.okx(), contract, Decimal("12.345"))
    assert (row["amount_min"], row["amount_decimals"]) == ("0.005", 3)
    assert (row["price"], row["tick"]) == ("12.34", "0.01")


def test_an_exchange_that_counts_decimals_is_read_as_such():
    exchange = ccxt.okx()
    exchange.precisionMode = ccxt.DECIMAL_PLACES

    (row,) = _rows(exchange, _market(precision={"amount": 3, "price": 1}), Decimal("12.345"))
    assert (row["amount_decimals"], row["tick"], row["price"]) == (3, "0.1", "12.3")


@pytest.mark.parametrize(
    ("change", "price"),
    [
        ({}, None),
        ({"precision": {"amount": 100, "price": 0.01}}, Decimal(1)),
        ({"precision": {"amount": None, "price": 0.01}}, Decimal(1)),
        ({"precision": {"amount": 1, "price": 1e-12}}, Decimal(1)),
        ({"symbol": "币安/USDT"}, Decimal(1)),
        ({"symbol": "kPEPE/USDT"}, Decimal(1)),
    ],
)
def test_a_market_that_the_sandbox_cannot_show_truly_is_left_out(change, price):
    assert list(_rows(ccxt.okx(), _market(**change), price)) == []


def test_a_step_between_two_decimals_is_never_made_finer():
    (row,) = _rows(ccxt.okx(), _market(precision={"amount": 0.5, "price": 0.5}), Decimal(9))

    assert (row["amount_decimals"], row["tick"]) == (0, "0.5")


def test_an_exchange_that_ccxt_does_not_know_or_that_does_not_answer_is_a_sentence():
    with pytest.raises(NotPossible, match="ccxt knows no exchange 'moon'"):
        fetch_markets("moon", {}, None, futures=False, now=NOW)
    nowhere = {"urls": {"api": {"public": "http://127.0.0.1:9", "private": "http://127.0.0.1:9"}}}
    with pytest.raises(NotPossible, match="kraken did not answer"):
        fetch_markets("kraken", nowhere, None, futures=False, now=NOW)


def test_options_of_fetching_alone_are_wrong_use(capsys):
    from freqtrade_balance_guard.cli.main import main

    with pytest.raises(SystemExit) as ended:
        main(["sandbox", "--quote", "USDT"])
    assert ended.value.code == 2
    assert "go with --fetch-markets" in capsys.readouterr().err
