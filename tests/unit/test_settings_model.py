"""What a right section means: defaults, tiers, neutral settings, what the user wrote."""

import pickle
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from settings_examples import RIGHT

from freqtrade_balance_guard.settings import GuardSettings, load_settings


# The table of the contract (design, "Settings"), typed by hand.
DEFAULTS: dict[str, Any] = {
    "enabled": True,
    "min_order_size_usdt": Decimal("2.5"),
    "min_order_size": None,
    "balance_cache_duration": 60,
    "post_trade_refresh_window": 30,
    "position_size_percent": Decimal(80),
    "position_size_basis": "available",
    "min_balance_threshold": Decimal("2.5"),
    "reserve_balance": {},
    "emergency_rebalance_cooldown": 3600,
    "rebalance": {
        "enabled": False,
        "enough_stake": Decimal("5.0"),
        "target_stake": Decimal("10.0"),
        "min_hours_without_trade": 1.0,
        "order": "most_profitable",
    },
    "tiers": (),
    "ledger": {
        "db_url": None,
        "account": None,
        "reservation_timeout": 60,
        "heartbeat_timeout": 120,
        "keep_days": 90,
        "orphan_orders": "alert",
    },
    "venues": {},
    "events": {},
    "arbitrage": {
        "unhedged_policy": "hold",
        "max_unhedged": Decimal(0),
        "max_slippage_percent": Decimal(1),
        "leg_timeout": 10,
        "stream": True,
        "max_book_age": 1.0,
        "max_in_flight": 1,
        "time_in_force": "IOC",
        "min_inventory": {},
        "currency_haircut_percent": Decimal("0.1"),
        "breaker": {"losses": None, "max_loss": None, "window": None},
    },
    "futures": {"max_margin_usage": Decimal(80)},
    "alerts": {
        "utilization_percent": Decimal(80),
        "discrepancy_percent": Decimal(1),
        "balance_change": True,
    },
    "metrics": {"enabled": False, "listen_ip_address": "127.0.0.1", "listen_port": 9108},
    "debug_validation": False,
}
AMOUNTS = ("min_order_size_usdt", "min_balance_threshold", "position_size_percent")


def test_an_empty_section_has_every_default_of_the_table_in_its_order() -> None:
    shown = load_settings({}).model_dump()
    assert shown == DEFAULTS
    assert list(shown) == list(DEFAULTS)


def test_the_neutral_settings_of_the_users_document_are_recognised() -> None:
    assert load_settings(RIGHT["neutral"]).is_neutral
    assert not load_settings({}).is_neutral


@pytest.mark.parametrize(
    "change",
    [
        {"min_order_size": 1},
        {"min_balance_threshold": 1},
        {"position_size_percent": 99},
        {"balance_cache_duration": 1},
        {"post_trade_refresh_window": 1},
        {"reserve_balance": {"USDT": 1}},
        {"rebalance": {"enabled": True}},
        {"tiers": [{"up_to": 10, "min_balance_threshold": 1}]},
    ],
    ids=str,
)
def test_one_limit_is_enough_to_be_no_longer_neutral(change: dict[str, Any]) -> None:
    assert not load_settings({**RIGHT["neutral"], **change}).is_neutral


def test_limits_that_limit_nothing_keep_neutral_settings_neutral() -> None:
    harmless = {"reserve_balance": {"USDT": 0}, "tiers": [{"up_to": 10}], "min_order_size_usdt": 9}
    assert load_settings({**RIGHT["neutral"], **harmless}).is_neutral


def test_dollars_alone_are_not_neutral_because_only_the_stake_minimum_switches_the_rule_off() -> (
    None
):
    section = {**RIGHT["neutral"], "min_order_size_usdt": 0}
    del section["min_order_size"]
    settings = load_settings(section)
    assert not settings.is_neutral
    assert settings.limits_for_tier(None).room_for_exit


def test_a_minimum_of_zero_stops_asking_for_room_for_the_exit() -> None:
    assert not load_settings({"min_order_size": 0}).limits_for_tier(None).room_for_exit
    assert load_settings({"min_order_size": 0.001}).limits_for_tier(None).room_for_exit
    assert load_settings({}).limits_for_tier(None).room_for_exit


def test_the_target_of_a_rebalance_follows_what_is_enough() -> None:
    assert load_settings({"rebalance": {"enough_stake": 7}}).rebalance.target_stake == 14
    written = load_settings({"rebalance": {"enough_stake": 7, "target_stake": 7}})
    assert written.rebalance.target_stake == 7


def test_what_the_user_wrote_is_told_from_a_default_with_the_same_value() -> None:
    settings = load_settings(
        {
            "min_balance_threshold": 2.5,
            "rebalance": {"enough_stake": 5},
            "reserve_balance": {"usdt": 1},
            "venues": {"Second": {"name": "kraken", "apiKey": "k"}},
            "tiers": [{"up_to": 5}],
        }
    )
    for key in (
        "min_balance_threshold",
        "rebalance",
        "rebalance.enough_stake",
        "reserve_balance.USDT",
        "reserve_balance.usdt",
        "venues.second.key",
        "venues.SECOND.name",
        "tiers",
    ):
        assert settings.is_written(key), key
    for key in (
        "min_order_size_usdt",
        "rebalance.target_stake",
        "reserve_balance.BTC",
        "ledger.db_url",
        "venues.second.secret",
        "venues.third.key",
        "min_balance_threshold.x",
        "nonsense",
    ):
        assert not settings.is_written(key), key


TIERED = {
    "min_order_size": 4,
    "min_balance_threshold": 6,
    "reserve_balance": {"USDT": 5, "BNB": 0.5},
    "rebalance": {"enabled": True, "enough_stake": 10},
    "tiers": [
        {
            "up_to": 50,
            "position_size_percent": 95,
            "reserve_balance": {"usdt": 1, "eur": 2},
            "rebalance": {"enough_stake": 3},
        },
        {"up_to": 500, "min_order_size_usdt": 9, "emergency_rebalance_cooldown": 60},
        {},
    ],
}


def test_a_tier_overrides_what_it_writes_and_keeps_the_rest() -> None:
    limits = load_settings(TIERED).limits_for_tier(0)
    assert limits.tier == 0
    assert limits.position_size_percent == 95
    assert limits.min_order_size == 4
    assert limits.min_balance_threshold == 6
    assert limits.reserve_balance == {
        "USDT": Decimal(1),
        "BNB": Decimal("0.5"),
        "EUR": Decimal(2),
    }
    assert limits.rebalance.enabled
    assert limits.rebalance.enough_stake == 3
    assert limits.rebalance.target_stake == 6  # twice the tier's own
    assert limits.emergency_rebalance_cooldown == 3600


def test_a_tiers_dollar_minimum_replaces_the_sections_stake_minimum() -> None:
    # The section's min_order_size would otherwise win over the tier without a word.
    limits = load_settings(TIERED).limits_for_tier(1)
    assert limits.min_order_size is None
    assert limits.min_order_size_usdt == 9
    assert limits.is_written("min_order_size_usdt")
    assert not limits.is_written("min_order_size")


def test_an_empty_last_tier_is_the_section_itself() -> None:
    settings = load_settings(TIERED)
    last, base = settings.limits_for_tier(2), settings.limits_for_tier(None)
    for name in ("min_order_size", "position_size_percent", "reserve_balance", "rebalance"):
        assert getattr(last, name) == getattr(base, name)


def test_a_limit_that_only_a_tier_wrote_counts_as_written_in_that_tier_alone() -> None:
    settings = load_settings({"tiers": [{"up_to": 1, "min_balance_threshold": 1}, {}]})
    assert settings.limits_for_tier(0).is_written("min_balance_threshold")
    assert not settings.limits_for_tier(1).is_written("min_balance_threshold")
    assert not settings.limits_for_tier(None).is_written("min_balance_threshold")


@given(st.floats(min_value=0, max_value=1e15), st.integers(min_value=0, max_value=10**15))
def test_amounts_arrive_as_the_decimal_that_was_written(amount: float, whole: int) -> None:
    settings = load_settings({"min_order_size": amount, "reserve_balance": {"x": whole}})
    assert settings.min_order_size == Decimal(repr(amount))
    assert settings.reserve_balance == {"X": Decimal(whole)}


def test_a_minus_zero_is_a_plain_zero() -> None:
    assert str(load_settings({"min_order_size": -0.0}).min_order_size) in {"0", "0.0"}


@pytest.mark.parametrize("name", RIGHT)
def test_right_settings_are_frozen_and_survive_pickling(name: str) -> None:
    settings = load_settings(RIGHT[name])
    with pytest.raises(ValidationError):
        settings.enabled = False  # type: ignore[misc]
    copy = pickle.loads(pickle.dumps(settings))
    assert copy == settings
    assert copy.is_written("tiers") == settings.is_written("tiers")
    assert isinstance(copy, GuardSettings)


def test_reading_a_section_leaves_it_as_it_was() -> None:
    section = {"venues": {"A": {"name": "kraken", "ccxt_config": {"apikey": "k"}}}}
    load_settings(section)
    assert section == {"venues": {"A": {"name": "kraken", "ccxt_config": {"apikey": "k"}}}}


def test_importing_the_settings_imports_neither_freqtrade_nor_other_heavy_parts() -> None:
    program = (
        "import sys, freqtrade_balance_guard.settings, freqtrade_balance_guard.settings.schema;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(answer.stdout.split())
    assert "pydantic" in loaded
    assert not loaded & {"freqtrade", "ccxt", "rich", "plotly", "pandas", "sqlalchemy", "aiohttp"}
