"""Scenarios: defaults, refusals, and Kraken's names."""

import base64
from decimal import Decimal

import pytest
from pydantic import ValidationError

from freqtrade_balance_guard.sandbox import Scenario
from freqtrade_balance_guard.sandbox.core.assets import NotANumber, asset, number, pair_names, plain


def test_the_default_has_one_account_with_1000_usdt_two_keys_and_many_pairs():
    scenario = Scenario.default().with_keys()
    (account,) = scenario.accounts
    assert (account.name, account.balances) == ("main", {"USDT": Decimal(1000)})
    assert len(account.keys) == 2
    assert sum(market.quote == "USDT" for market in scenario.markets) >= 10


@pytest.mark.parametrize("dialect", ["kraken", "binance", "binance-futures"])
def test_every_dialect_has_markets_of_its_own(dialect):
    scenario = Scenario.default(dialect)
    assert len(scenario.markets) >= 8
    assert {market.is_contract for market in scenario.markets} == {dialect == "binance-futures"}
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


def test_keys_are_base64_and_the_same_for_the_same_seed():
    first, second = Scenario(seed=3).with_keys(), Scenario(seed=3).with_keys()
    assert first == second
    assert first.api_key("main", 0) != first.api_key("main", 1)
    assert first.api_key("main", 0) != Scenario(seed=4).api_key("main", 0)
    assert len(base64.b64decode(first.api_key("main", 0).secret, validate=True)) == 64


def test_a_scenario_survives_json():
    scenario = Scenario.model_validate(
        {
            "accounts": [{"name": "a", "balances": {"BTC": "0.12345678"}}],
            "markets": [{"symbol": "BTC/USDT", "price": "50000", "price_path": "wave"}],
            "faults": [{"kind": "balance_lag", "seconds": 10}],
        }
    ).with_keys()
    assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario


@pytest.mark.parametrize(
    "wrong",
    [
        {"acounts": []},
        {"accounts": []},
        {"accounts": [{"name": "a"}, {"name": "a"}]},
        {"accounts": [{"balances": {"USDT": "-1"}}]},
        {"accounts": [{"balances": {"USDT": "NaN"}}]},
        {"accounts": [{"keys": [{"key": "k", "secret": "not base64!"}]}]},
        {"markets": [{"symbol": "BTCUSDT", "price": "1"}]},
        {"markets": [{"symbol": "BTC/USDT", "price": "0"}]},
        {"markets": [{"symbol": "BTC/USDT", "price": "1"}, {"symbol": "BTC/USDT", "price": "2"}]},
        {"markets": [{"symbol": "BTC/USDT", "price": "1", "price_path": "sideways"}]},
        {"markets": [{"symbol": "A/B", "price": "1", "price_path": [{"at": 1, "price": 1}] * 2}]},
        {"dialect": "coinbase"},
        {"markets": [{"symbol": "BTC/USDT:USDT", "price": "1"}]},
        {"dialect": "binance-futures", "markets": [{"symbol": "BTC/USDT", "price": "1"}]},
        {"accounts": [{"futures": {"leverage": 200}}]},
        {"funding_interval_s": 0},
        {"faults": [{"kind": "late_arrival"}]},
        {"faults": [{"kind": "balance_lag"}]},
        {"faults": [{"kind": "earthquake"}]},
        {"faults": [{"kind": "http_status", "status": 200}]},
    ],
)
def test_a_wrong_scenario_is_refused(wrong):
    with pytest.raises(ValidationError):
        Scenario.model_validate(wrong)


def test_two_accounts_cannot_share_a_key():
    key = {"key": "k", "secret": "c2VjcmV0"}
    scenario = Scenario.model_validate(
        {"accounts": [{"name": "a", "keys": [key]}, {"name": "b", "keys": [key]}]}
    )
    with pytest.raises(ValueError, match="API key 'k'"):
        scenario.with_keys()


@pytest.mark.parametrize(
    ("symbol", "pair_id", "altname", "wsname", "base_id", "quote_id"),
    [
        ("BTC/USD", "XXBTZUSD", "XBTUSD", "XBT/USD", "XXBT", "ZUSD"),
        ("BTC/USDT", "XBTUSDT", "XBTUSDT", "XBT/USDT", "XXBT", "USDT"),
        ("ETH/BTC", "XETHXXBT", "ETHXBT", "ETH/XBT", "XETH", "XXBT"),
        ("DOGE/USDT", "XDGUSDT", "XDGUSDT", "XDG/USDT", "XXDG", "USDT"),
        ("ADA/USD", "ADAUSD", "ADAUSD", "ADA/USD", "ADA", "ZUSD"),
        ("USDT/USD", "USDTZUSD", "USDTUSD", "USDT/USD", "USDT", "ZUSD"),
    ],
)
def test_pairs_have_krakens_names(symbol, pair_id, altname, wsname, base_id, quote_id):
    names = pair_names(symbol)
    assert (names.pair_id, names.altname, names.wsname) == (pair_id, altname, wsname)
    assert (names.base.asset_id, names.quote.asset_id) == (base_id, quote_id)


def test_rewards_are_named_by_the_alternative_name():
    assert (asset("BTC").rewards_id, asset("USDT").rewards_id) == ("XBT.F", "USDT.F")


@pytest.mark.parametrize("text", ["", "abc", "NaN", "Infinity", "1e500", "0x10", "--1"])
def test_text_that_is_no_finite_number_is_refused(text):
    with pytest.raises(NotANumber):
        number(text)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1000", "1000"), ("0.10", "0.1"), ("1E+3", "1000"), ("0E-8", "0"), ("1E-8", "0.00000001")],
)
def test_amounts_are_written_without_exponents(amount, text):
    assert plain(Decimal(amount)) == text
