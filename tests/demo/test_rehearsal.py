"""A rehearsal: nothing of the user's config leads to real money, and what it claims is counted."""

import json
from decimal import Decimal

import pytest

from freqtrade_balance_guard.cli.main import main, parser_of
from freqtrade_balance_guard.demo.rehearsal import troubles
from freqtrade_balance_guard.demo.rehearsal.own_config import (
    NotRehearsable,
    chosen_pairs,
    dialect_of,
    money_of,
    pairs_left_out,
    rehearsal_config,
    rehearsal_section,
)
from freqtrade_balance_guard.demo.rehearsal.play import loop_lengths, unknown_orders, with_waves
from freqtrade_balance_guard.sandbox import Scenario
from freqtrade_balance_guard.sandbox.script.faults import Fault
from freqtrade_balance_guard.settings import load_settings


SECTION = {
    "position_size_percent": 40,
    "ledger": {"db_url": "postgresql://me:REAL@db/ledger", "account": "mine"},
    "venues": {"other": {"name": "kraken", "key": "REAL-KEY", "secret": "REAL-SECRET"}},
    "metrics": {"listen_port": 9101},
}
CONFIG = {
    "stake_currency": "USDT",
    "stake_amount": 50,
    "max_open_trades": 4,
    "timeframe": "1h",
    "dry_run": True,
    "dry_run_wallet": 500,
    "db_url": "sqlite:///real.sqlite",
    "telegram": {"enabled": True, "token": "REAL-TOKEN"},
    "webhook": {"enabled": True, "url": "https://real.example"},
    "api_server": {"enabled": True, "listen_port": 8080},
    "exchange": {
        "name": "okx",
        "key": "REAL-KEY",
        "secret": "REAL-SECRET",
        "pair_whitelist": ["ETH/USDT", "PEPE/USDT"],
    },
    "pairlists": [{"method": "VolumePairList", "number_assets": 5}],
    "balance_guard": SECTION,
}


def test_no_key_no_channel_and_no_file_of_the_real_bot_is_in_a_rehearsals_config():
    config = rehearsal_config(CONFIG, ["ETH/USDT"])

    assert "REAL" not in json.dumps(config).upper().replace("UNREALIZED", "")
    assert not {"exchange", "telegram", "webhook", "api_server", "db_url"} & set(config)
    assert (config["stake_amount"], config["max_open_trades"]) == (50, 4)
    assert (config["dry_run"], config["timeframe"]) == (False, "1m")


def test_the_guarded_side_has_the_users_limits_and_neither_venues_nor_the_real_ledger():
    section = rehearsal_section(SECTION, "guarded")

    assert section == {"position_size_percent": 40, "enabled": True}
    load_settings(section)


def test_the_plain_side_is_plain_also_where_the_strategy_has_the_mixin():
    assert rehearsal_section(SECTION, "plain") == {"enabled": False}


def test_the_config_itself_is_not_changed():
    before = json.dumps(CONFIG)
    rehearsal_config(CONFIG, [])["pairlists"][0]["method"] = "other"

    assert json.dumps(CONFIG) == before


def test_pairs_are_those_of_the_whitelist_that_the_sandbox_knows():
    there = Scenario.default("binance")

    assert chosen_pairs(CONFIG, there) == ["ETH/USDT"]
    assert pairs_left_out(CONFIG, ["ETH/USDT"]) == ["PEPE/USDT"]


def test_a_whitelist_of_which_nothing_is_known_gives_way_to_the_sandboxs_pairs():
    config = {**CONFIG, "exchange": {"name": "okx", "pair_whitelist": [".*/USDT"]}}

    chosen = chosen_pairs(config, Scenario.default("binance"))
    assert len(chosen) == 9 and all(pair.endswith("/USDT") for pair in chosen)


def test_a_stake_currency_without_markets_is_a_sentence_with_the_way_out():
    with pytest.raises(NotRehearsable, match=r"no market in EUR.*--fetch-markets"):
        chosen_pairs({**CONFIG, "stake_currency": "EUR"}, Scenario.default("binance"))


@pytest.mark.parametrize(
    ("more", "money"),
    [
        ({}, "500"),
        ({"available_capital": 300}, "300"),
        ({"dry_run_wallet": {"USDT": 70, "BTC": 1}}, "70"),
        ({"dry_run_wallet": {"BTC": 1}}, "1000"),
    ],
)
def test_the_account_has_what_the_config_plays_with(more, money):
    assert money_of({**CONFIG, **more}) == money


@pytest.mark.parametrize(
    ("config", "dialect"),
    [
        ({"exchange": {"name": "Kraken"}}, "kraken"),
        ({"exchange": {"name": "okx"}}, "binance"),
        ({"exchange": {"name": "bybit"}, "trading_mode": "futures"}, "binance-futures"),
    ],
)
def test_the_protocol_is_the_nearest_one(config, dialect):
    assert dialect_of(config) == dialect


@pytest.mark.parametrize("minutes", [troubles.LEAST_MINUTES, 10, 60])
def test_all_troubles_are_faults_that_are_over_before_the_quiet_end(minutes):
    seconds = minutes * 60
    for trouble in troubles.TROUBLES:
        fault = Fault.model_validate(trouble.scheduled(seconds))
        assert fault.start_after_s + fault.duration_s <= seconds - troubles.QUIET_END_S + 0.2
    fall_ends = (troubles.FALL_BEGINS + troubles.FALL_LASTS) * (seconds - troubles.QUIET_END_S)
    assert fall_ends < seconds


def test_prices_of_a_rehearsal_move_and_their_lows_do_not_fall_together():
    pairs = ["BTC/USDT", "ETH/USDT", "SOL/USDT"]
    exchange = with_waves(Scenario.default("binance"), pairs, "200", "USDT", 600)

    assert [market.symbol for market in exchange.markets] == pairs
    assert len({market.price_path.phase for market in exchange.markets}) == 3
    assert exchange.accounts[0].balances == {"USDT": Decimal(200)}
    # Binance's own rules are kept.
    assert exchange.markets[0].fee_currency == "base"


def test_a_path_that_begins_later_goes_on_where_it_was():
    first = troubles.wave(1, 3, 600)
    later = troubles.wave(1, 3, 600, elapsed=450)

    assert (later["phase"] - first["phase"]) % 1 == pytest.approx(450 / 1800)


def _order(**more):
    order = {"id": "OABC", "number": 7, "pair": "ETH/USDT", "side": "buy", "amount": "1"}
    return {**order, "filled": "1", "status": "closed", **more}


@pytest.mark.parametrize(
    ("order", "is_unknown"),
    [
        (_order(), True),
        (_order(id="O1"), False),
        (_order(number=5), False),
        (_order(number=5, pair="BTC/USDT"), True),
        (_order(filled="0", status="open"), True),
        (_order(filled="0", status="canceled"), False),
    ],
)
def test_an_order_with_an_effect_that_has_no_row_is_unknown(order, is_unknown):
    rows = [
        {"ft_pair": "ETH/USDT", "order_id": "O1"},
        {"ft_pair": "ETH/USDT", "order_id": "5"},
    ]

    assert bool(unknown_orders([order], rows)) == is_unknown


def test_the_length_of_loops_is_read_from_heartbeats():
    seconds = ("01,000", "02,250", "05,750")
    log = "\n".join(
        f"2026-11-30 10:00:{second} - freqtrade.worker - INFO - Bot heartbeat. PID=1"
        for second in seconds
    )

    assert loop_lengths(log) == [1.25, 3.5]


def test_trouble_that_met_nothing_is_named():
    faults = [{"applied": 1}, {"applied": 0}, {"applied": 2}, {"applied": 9}]

    assert troubles.not_met(faults) == ["two orders are rejected"]


@pytest.mark.parametrize("minutes", ["1", "2000"])
def test_a_rehearsal_is_neither_too_short_nor_endless(minutes, capsys):
    with pytest.raises(SystemExit):
        parser_of("rehearse").parse_args(["--minutes", minutes])
    assert "between 3 and 1440 minutes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"balance_guard": None}, "has no balance_guard section"),
        ({"stake_currency": "EUR"}, "no market in EUR"),
        ({"exchange": {}}, "exchange.name is missing"),
    ],
)
def test_what_cannot_be_rehearsed_is_one_sentence_and_code_2(change, sentence, tmp_path, capsys):
    config = {key: value for key, value in {**CONFIG, **change}.items() if value is not None}
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    (tmp_path / "strategies").mkdir()

    with pytest.raises(SystemExit) as ended:
        main(["rehearse", "-c", str(file), "--userdir", str(tmp_path), "--strategy", "Mine"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert sentence in error and len(error.splitlines()) == 1
