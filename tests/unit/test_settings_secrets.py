"""Secrets stay out of everything that is shown, stored or passed to a worker."""

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from settings_examples import RIGHT

from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.settings import REDACTED, load_settings, scrub


MARK = "s3ntinel"
CREDENTIALS = (
    "key", "api_key", "apiKey", "secret", "password", "uid", "account_id", "accountId",
    "wallet_address", "walletAddress", "private_key", "privateKey", "token",
)  # fmt: skip
# What ccxt and HTTP know as logins, and what a user may add to a venue by mistake.
CCXT_SECRETS = (
    "apiKey", "apikey", "secret", "password", "uid", "login", "privateKey", "walletAddress",
    "token", "twofa", "accountId", "X-API-KEY", "Authorization", "Cookie", "passphrase",
)  # fmt: skip
ADDRESSES = (
    f"http://user:{MARK}@proxy:8080",
    f"socks5h://user:{MARK}/{MARK}@proxy",
    f"https://host/path?api_key={MARK}&x=1",
)

secret_value = st.sampled_from([MARK, [MARK], {"a": MARK}, {"b": [MARK, 1]}, 5])
harmless = st.none() | st.booleans() | st.integers() | st.sampled_from(["kraken", "BTC/USDT", ""])
harmless_key = st.sampled_from(["urls", "options", "rateLimit", "timeout", "enableRateLimit"])
ccxt_section = st.recursive(
    st.dictionaries(st.sampled_from(CCXT_SECRETS), secret_value, max_size=3)
    | st.dictionaries(harmless_key, harmless | st.sampled_from(ADDRESSES), max_size=3)
    | st.fixed_dictionaries({"headers": st.dictionaries(st.text(max_size=5), secret_value)}),
    lambda inner: st.dictionaries(harmless_key, inner | st.lists(inner, max_size=2), max_size=3),
    max_leaves=6,
)
venue = st.fixed_dictionaries(
    {},
    optional={
        "name": harmless,
        "account": harmless,
        "dry_run_wallet": st.dictionaries(st.sampled_from(["USDT", "BTC"]), harmless),
        "secert": secret_value,  # misspelt: nothing tells that it is a secret
        "whatever": secret_value,
        **dict.fromkeys(CREDENTIALS, secret_value),
        "ccxt_config": ccxt_section,
        "ccxt_sync_config": ccxt_section,
        "ccxt_async_config": ccxt_section,
    },
)
password = st.text("ab:@/?#%&=;. ", max_size=4).map(lambda noise: f"{noise}{MARK}{noise}")
database = password.map(lambda secret: f"postgresql://bot:{secret}@host:5432/guard") | (
    st.sampled_from([f"postgresql://bot:{MARK}", f"postgresql:///g?user=b&password={MARK}&x=1",
                     f"host=h password={MARK}", f"bot:{MARK}@host/guard", f"mysql://b:{MARK}@h/d"])
)  # fmt: skip
section = st.fixed_dictionaries(
    {},
    optional={
        "enabled": harmless,
        "min_order_size": harmless,
        "ledger": st.fixed_dictionaries({}, optional={"db_url": database, "account": harmless}),
        "venues": st.dictionaries(st.sampled_from(["a", "B", "key"]), venue, max_size=2)
        | st.lists(st.sampled_from([MARK, 1]), max_size=2)
        | st.fixed_dictionaries({"key": st.just(MARK), "secret": st.just(MARK)}),
        "venue": st.dictionaries(st.sampled_from(["a"]), st.dictionaries(
            st.sampled_from(CREDENTIALS), secret_value, max_size=3)),
        "db_url": database,
        "proxy": st.sampled_from(ADDRESSES),
    },
)  # fmt: skip


@given(section)
def test_a_scrubbed_section_holds_no_secret_and_the_original_is_untouched(
    section: dict[str, Any],
) -> None:
    before = copy.deepcopy(section)
    scrubbed = scrub(section)
    assert MARK not in json.dumps(scrubbed)
    assert section == before


@pytest.mark.parametrize("name", sorted({*CREDENTIALS, *CCXT_SECRETS}))
def test_every_name_of_a_credential_is_known(name: str) -> None:
    assert MARK not in json.dumps(scrub({"venues": {"a": {name: MARK}}}))
    assert MARK not in json.dumps(scrub({"venues": {"a": {"ccxt_config": {"b": {name: MARK}}}}}))
    assert MARK not in json.dumps(scrub({"venus": {"a": {name: MARK}}}))


@given(section)
def test_neither_a_sentence_nor_the_settings_show_a_secret(section: dict[str, Any]) -> None:
    try:
        settings = load_settings(section)
    except SettingsError as error:
        assert MARK not in str(error)
        return
    for shown in (repr(settings), str(settings), repr(settings.model_dump())):
        assert MARK not in shown
    assert MARK not in settings.model_dump_json()
    assert MARK.encode() not in pickle.dumps(settings.without_secrets())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
        max_leaves=15,
    )
)
def test_any_object_can_be_scrubbed(anything: Any) -> None:
    scrub(anything)
    scrub({"venues": anything, "ledger": {"db_url": anything}})


def test_a_section_that_contains_itself_can_be_scrubbed() -> None:
    loop: dict[str, Any] = {"enabled": True}
    loop["venues"] = {"a": {"ccxt_config": loop}}
    loop["again"] = loop
    assert scrub(loop)["again"] == REDACTED


def test_what_is_no_secret_stays_readable() -> None:
    section = {
        "min_order_size": 5,
        "tiers": [{"up_to": 50.5}],
        "reserve_balance": {"KEY": 0, "TOKEN": 2.5, "USDT": 1},  # two of them are coins
        "ledger": {"db_url": "sqlite:///C:/data/guard.sqlite", "account": "main"},
        "venues": {
            "second": {
                "name": "kraken",
                "account": "two",
                "dry_run_wallet": {"USDT": 1000},
                "ccxt_config": {"urls": {"api": {"private": "http://127.0.0.1:8080"}}},
            }
        },
        "metrics": {"listen_ip_address": "::1"},
    }
    assert scrub(section) == section


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_section_stays_right_when_its_secrets_are_gone(name: str) -> None:
    # A worker of hyperopt reads its settings from the config that was scrubbed before.
    scrubbed = scrub(RIGHT[name])
    assert scrub(scrubbed) == scrubbed
    again, before = load_settings(scrubbed), load_settings(RIGHT[name])
    hidden = {"venues", "ledger"}
    assert again.model_dump(exclude=hidden) == before.model_dump(exclude=hidden)
    assert again.ledger.account == before.ledger.account
    assert again.ledger.shown_db_url() == before.ledger.shown_db_url()
    assert again.venues.keys() == before.venues.keys()
    assert [v.dry_run_wallet for v in again.venues.values()] == [
        v.dry_run_wallet for v in before.venues.values()
    ]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://bot:pw@host:5432/guard", "postgresql://bot:REDACTED@host:5432/guard"),
        ("postgresql://bot@host/guard", "postgresql://bot@host/guard"),
        ("postgresql://host:5432/guard", "postgresql://host:5432/guard"),
        ("postgresql://bot:a@b/c@host/guard", "postgresql://bot:REDACTED@host/guard"),
        ("postgresql:///guard?password=a&b", "postgresql:///guard?password=REDACTED"),
        ("postgresql://bot:pw", "postgresql://REDACTED"),
        ("sqlite:////var/lib/guard.sqlite", "sqlite:////var/lib/guard.sqlite"),
        ("guard.sqlite", "guard.sqlite"),
        ("dbname=guard password=pw", "REDACTED"),
    ],
)
def test_a_database_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert scrub({"ledger": {"db_url": address}}) == {"ledger": {"db_url": shown}}


def venue_settings(**keys: Any) -> Any:
    return load_settings({"venues": {"second": {"name": "kraken", **keys}}}).venues["second"]


def test_the_one_door_for_secrets_gives_a_section_as_freqtrade_wants_it() -> None:
    held = venue_settings(
        key=MARK,
        secret=12345,
        walletAddress="w",
        ccxt_config={"apikey": MARK, "enableratelimit": False, "urls": {"api": "u"}},
        log_responses=True,
        unknown_fee_rate=0.5,
        dry_run_wallet={"usdt": 1000},
    )
    section = held.exchange_section()
    assert section == {
        "name": "kraken",
        "key": MARK,
        "secret": "12345",
        "wallet_address": "w",
        "ccxt_config": {"apiKey": MARK, "enableRateLimit": False, "urls": {"api": "u"}},
        "log_responses": True,
        "unknown_fee_rate": 0.5,
    }
    section["ccxt_config"]["urls"]["api"] = "changed"
    assert held.exchange_section()["ccxt_config"]["urls"] == {"api": "u"}
    assert held.dry_run_amounts("EUR") == {"USDT": 1000.0}
    assert venue_settings(dry_run_wallet=5).dry_run_amounts("EUR") == {"EUR": 5.0}


def test_a_copy_without_secrets_keeps_everything_else() -> None:
    settings = load_settings(
        {
            "min_order_size": 3,
            "ledger": {"db_url": f"postgresql://bot:{MARK}@host/guard", "account": "main"},
            "venues": {
                "second": {"name": "kraken", "key": MARK, "ccxt_config": {"secret": MARK, "a": 1}}
            },
        }
    )
    bare = settings.without_secrets()
    assert bare.min_order_size == 3
    assert bare.is_written("min_order_size")
    assert bare.ledger.account == "main"
    assert bare.ledger.shown_db_url() == "postgresql://bot:REDACTED@host/guard"
    assert bare.venues["second"].exchange_section() == {
        "name": "kraken",
        "ccxt_config": {"secret": REDACTED, "a": 1},
    }
    # The original still has them.
    assert settings.venues["second"].exchange_section()["key"] == MARK
    assert load_settings({}).without_secrets() == load_settings({})
