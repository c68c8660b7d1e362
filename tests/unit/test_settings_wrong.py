"""Every mistake in the section: one sentence with the key, the value and what is allowed."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from settings_examples import WRONG, Wrong

from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.settings import load_settings, misspelt_section
from freqtrade_balance_guard.settings.schema import section_schema


def sentence_for(section: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(section)
    # Nothing that holds the raw values travels with the error into a log or a report.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize("wrong", WRONG, ids=[wrong.name for wrong in WRONG])
def test_a_wrong_section_gives_its_one_sentence(wrong: Wrong) -> None:
    assert sentence_for(wrong.section) == wrong.sentence


@pytest.mark.parametrize("wrong", WRONG, ids=[wrong.name for wrong in WRONG])
def test_no_sentence_shows_a_secret_or_spans_lines(wrong: Wrong) -> None:
    sentence = sentence_for(wrong.section)
    assert "SENTINEL" not in sentence
    assert "TINEL" not in sentence
    assert sentence.isprintable()
    assert sentence.startswith("balance_guard")
    assert sentence.endswith((".", "?"))


def test_the_table_covers_more_than_sixty_mistakes_without_repeating_one() -> None:
    assert len(WRONG) >= 60
    assert len({wrong.sentence for wrong in WRONG}) == len(WRONG)


def test_the_first_mistake_in_the_order_of_the_documentation_is_named() -> None:
    section = {"debug_validation": 1, "metrics": {"listen_port": -1}, "min_order_size_usdt": -1}
    assert sentence_for(section).startswith("balance_guard.min_order_size_usdt is -1;")


def test_a_long_value_is_shortened() -> None:
    sentence = sentence_for({"min_order_size": "9" * 10_000 + "x"})
    assert sentence.startswith('balance_guard.min_order_size is "999')
    assert "..." in sentence
    assert len(sentence) < 200


def numeric_keys() -> list[tuple[str, ...]]:
    """Every key of the section that holds a number, as a path; read from the schema."""
    schema = section_schema()

    def walk(node: dict[str, Any], path: tuple[str, ...]) -> list[tuple[str, ...]]:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        if node.get("type") in ("number", "integer"):
            return [path]
        found: list[tuple[str, ...]] = []
        for key, inner in node.get("properties", {}).items():
            found += walk(inner, (*path, key))
        for inner in node.get("patternProperties", {}).values():
            found += walk(inner, (*path, "x"))
        if "items" in node:
            found += walk(node["items"], (*path, "[]"))
        for inner in node.get("oneOf", []):
            found += walk(inner, path)
        return found

    return walk(schema, ())


def section_with(path: tuple[str, ...], value: Any) -> Any:
    section = value
    for depth in reversed(range(len(path))):
        section = [section] if path[depth] == "[]" else {path[depth]: section}
        if depth == 2 and path[0] == "venues":
            section["name"] = "kraken"
    return section


def full_key(path: tuple[str, ...]) -> str:
    return "balance_guard" + "".join("[0]" if key == "[]" else f".{key}" for key in path)


NUMERIC = numeric_keys()


def test_the_numeric_keys_are_really_found() -> None:
    found = {".".join(path) for path in NUMERIC}
    assert len(found) >= 30
    assert {
        "min_order_size",
        "reserve_balance.x",
        "tiers.[].up_to",
        "tiers.[].rebalance.target_stake",
        "ledger.heartbeat_timeout",
        "venues.x.dry_run_wallet",
        "venues.x.dry_run_wallet.x",
        "metrics.listen_port",
    } <= found


@pytest.mark.parametrize("path", NUMERIC, ids=[".".join(path) for path in NUMERIC])
@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        Decimal("NaN"),
        Decimal("sNaN"),
        -1,
        -1e-9,
        -(10**400),
        10**400,
        True,
        False,
        None,
        "5",
        "nan",
        [],
        [5],
        b"5",
        5j,
    ],
    ids=repr,
)
def test_no_numeric_key_takes_what_is_no_number_of_its_range(
    path: tuple[str, ...], value: Any
) -> None:
    sentence = sentence_for(section_with(path, value))
    assert sentence.startswith(full_key(path) + " ")
    assert "; it must be " in sentence
    assert sentence.isprintable()


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.decimals()
        | st.text(max_size=8)
        | st.binary(max_size=4)
        | st.dates(),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["enabled", "tiers", "ledger", "db_url", "venues", "reserve_balance", "rebalance",
                 "name", "key", "ccxt_config", "dry_run_wallet", "up_to", "metrics"]
            )
            | st.text(max_size=6)
            | st.integers(),
            inner,
            max_size=4,
        ),
        max_leaves=12,
    )
)  # fmt: skip
def test_any_object_at_all_gives_settings_or_one_sentence(section: Any) -> None:
    try:
        settings = load_settings(section)
    except SettingsError as error:
        assert str(error).isprintable()
        assert str(error).startswith("balance_guard")
    else:
        assert settings.limits_for_tier(None) is not None


@pytest.mark.parametrize(
    "key",
    ["balance_gaurd", "balanceguard", "balance-guard", "BalanceGuard", "balance_guards",
     "ballance_guard", "BALANCE_GUARD", "balanace_guard", "blance_guard"],
)  # fmt: skip
def test_a_misspelt_section_is_found(key: str) -> None:
    assert misspelt_section(["exchange", key, "stake_currency"]) == key


def test_a_section_that_was_put_aside_or_stands_beside_the_real_one_is_no_misspelling() -> None:
    assert misspelt_section(["_balance_guard", "//balance_guard", "#balance_guard"]) is None
    assert misspelt_section(["balance_guard", "balance_guard_old"]) is None
    assert misspelt_section([]) is None


def test_no_key_of_freqtrade_is_taken_for_a_misspelt_section() -> None:
    from freqtrade.config_schema import CONF_SCHEMA

    assert len(CONF_SCHEMA["properties"]) > 50
    assert misspelt_section(CONF_SCHEMA["properties"]) is None
