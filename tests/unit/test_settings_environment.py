"""The environment form, through freqtrade's own parser and its own way of merging."""

from decimal import Decimal
from typing import Any

import pytest
import rapidjson
from freqtrade.configuration.environment_vars import _flat_vars_to_nested_dict
from freqtrade.misc import deep_merge_dicts

from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.settings import GuardSettings, load_settings


PREFIX = "FREQTRADE__"


def section_from(file: str = "{}", **variables: str) -> Any:
    """What freqtrade makes of a file and of variables named below FREQTRADE__BALANCE_GUARD__."""
    environment = {f"{PREFIX}BALANCE_GUARD__{key}": value for key, value in variables.items()}
    parsed = _flat_vars_to_nested_dict(environment, PREFIX)
    return deep_merge_dicts(parsed, {"balance_guard": rapidjson.loads(file)})["balance_guard"]


def settings_from(file: str = "{}", **variables: str) -> GuardSettings:
    return load_settings(section_from(file, **variables))


def sentence_from(file: str = "{}", **variables: str) -> str:
    with pytest.raises(SettingsError) as caught:
        settings_from(file, **variables)
    return str(caught.value)


def test_every_kind_of_value_can_come_from_the_environment() -> None:
    settings = settings_from(
        ENABLED="false",
        DEBUG_VALIDATION="t",
        MIN_ORDER_SIZE="12",
        MIN_BALANCE_THRESHOLD="2.75",
        BALANCE_CACHE_DURATION="1e1",
        REBALANCE__ORDER="oldest",
        REBALANCE__ENOUGH_STAKE="7",
        LEDGER__DB_URL="postgresql://bot:pw@host/guard",
        LEDGER__ACCOUNT="4711",
        METRICS__LISTEN_IP_ADDRESS="0.0.0.0",
        METRICS__LISTEN_PORT="9999",
        RESERVE_BALANCE__USDT="5",
        TIERS='[{"up_to": 50, "position_size_percent": 95}, {}]',
    )
    assert not settings.enabled
    assert settings.debug_validation
    assert settings.min_order_size == 12
    assert settings.min_balance_threshold == Decimal("2.75")
    assert settings.balance_cache_duration == 10
    assert settings.rebalance.order == "oldest"
    assert settings.rebalance.target_stake == 14
    assert settings.ledger.db_url is not None
    assert settings.ledger.db_url.get_secret_value() == "postgresql://bot:pw@host/guard"
    assert settings.ledger.account == "4711"
    assert settings.metrics.listen_ip_address == "0.0.0.0"
    assert settings.metrics.listen_port == 9999
    assert settings.reserve_balance == {"USDT": Decimal(5)}
    assert settings.limits_for_tier(0).position_size_percent == 95


def test_the_environment_overrides_a_file() -> None:
    settings = settings_from('{"min_order_size": 3, "rebalance": {"order": "oldest"}}',
                             MIN_ORDER_SIZE="4")  # fmt: skip
    assert settings.min_order_size == 4
    assert settings.rebalance.order == "oldest"


def test_a_venue_of_the_file_takes_its_secrets_from_the_environment_whatever_its_case() -> None:
    settings = settings_from(
        '{"venues": {"Kraken2": {"name": "kraken", "account": "two"}}}',
        VENUES__KRAKEN2__KEY="123456",
        VENUES__KRAKEN2__SECRET="abc+/=",
        VENUES__KRAKEN2__PASSWORD="007",  # freqtrade leaves what is called PASSWORD as it is
        VENUES__KRAKEN2__WALLETADDRESS="0xabc",
        VENUES__KRAKEN2__CCXT_CONFIG__ENABLERATELIMIT="false",
    )
    assert settings.venues["kraken2"].exchange_section() == {
        "name": "kraken",
        "key": "123456",
        "secret": "abc+/=",
        "password": "007",
        "wallet_address": "0xabc",
        "ccxt_config": {"enableRateLimit": False},
    }
    assert settings.venues["kraken2"].account == "two"


def test_a_currency_in_two_spellings_says_how_to_write_it() -> None:
    assert sentence_from('{"reserve_balance": {"USDT": 5}}', RESERVE_BALANCE__USDT="9") == (
        'balance_guard.reserve_balance.USDT is given twice, as "USDT" (5) and "usdt" (9); it must '
        "be written once, in lower case where the environment is to override it."
    )
    agreed = settings_from('{"reserve_balance": {"USDT": 5}}', RESERVE_BALANCE__USDT="5")
    assert agreed.reserve_balance == {"USDT": Decimal(5)}
    lower = settings_from('{"reserve_balance": {"usdt": 5}}', RESERVE_BALANCE__USDT="9")
    assert lower.reserve_balance == {"USDT": Decimal(9)}


@pytest.mark.parametrize(
    ("key", "text", "start"),
    [
        ("MIN_ORDER_SIZE", "nan", "balance_guard.min_order_size is NaN; it must be a number"),
        ("MIN_ORDER_SIZE", "inf", "balance_guard.min_order_size is Infinity; it must be a number"),
        ("MIN_ORDER_SIZE", "-1", "balance_guard.min_order_size is -1; it must be a number"),
        ("MIN_ORDER_SIZE", "true", "balance_guard.min_order_size is true; it must be a number"),
        ("MIN_ORDER_SIZE", "", 'balance_guard.min_order_size is ""; it must be a number'),
        ("MIN_ORDER_SIZE", "five", 'balance_guard.min_order_size is "five"; it must be a number'),
        ("MIN_ORDER_SIZE", "2,5", 'balance_guard.min_order_size is "2,5"; it must be a number'),
        ("ENABLED", "1", "balance_guard.enabled is 1; it must be true or false"),
        ("ENABLED", "on", 'balance_guard.enabled is "on"; it must be true or false'),
        ("LEDGER", "x", 'balance_guard.ledger is "x"; it must be an object'),
        ("TIERS", "[1]", "balance_guard.tiers[0] is 1; it must be an object"),
        ("TIERS", "[NaN]", "balance_guard.tiers[0] is NaN; it must be an object"),
        ("TIERS", "{}", 'balance_guard.tiers is "{}"; it must be a list'),
        ("MIN_ORDERSIZE", "1", "balance_guard.min_ordersize is not a known setting; did you mean"),
        ("VENUES__BOT__NAME", "kraken", 'balance_guard.venues.bot has the name "bot"; it must'),
        ("VENUES__A__SECRET", "12e5", "balance_guard.venues.a.name is missing; it must be"),
    ],
)
def test_a_wrong_variable_gives_its_sentence(key: str, text: str, start: str) -> None:
    assert sentence_from(**{key: text}).startswith(start)


def test_a_secret_that_the_parser_turned_into_a_float_is_refused_without_being_shown() -> None:
    sentence = sentence_from(VENUES__A__NAME="kraken", VENUES__A__SECRET="12e5")
    assert sentence.startswith("balance_guard.venues.a.secret has a wrong kind of value")
    assert "1200000" not in sentence


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_freqtrades_json_accepts_and_money_does_not_are_refused(text: str) -> None:
    try:
        section = section_from(f'{{"min_order_size": {text}}}')
    except rapidjson.JSONDecodeError:
        assert text == "1e999"  # refused before us
        return
    with pytest.raises(SettingsError, match=r"^balance_guard\.min_order_size is -?(NaN|Infinity);"):
        load_settings(section)
