"""The JSON schema for editors agrees with what the settings accept."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from settings_examples import RIGHT, WRONG, Wrong

from freqtrade_balance_guard.cli.main import parser_of
from freqtrade_balance_guard.settings import load_settings
from freqtrade_balance_guard.settings.schema import (
    FREQTRADE_SCHEMA,
    IN_EFFECT,
    LATER,
    config_schema,
    section_schema,
)


SCHEMA = Draft202012Validator(section_schema())
CONFIG = Draft202012Validator(config_schema(with_freqtrade=False))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(section_schema())
    Draft202012Validator.check_schema(config_schema())


@pytest.mark.parametrize("name", RIGHT)
def test_what_the_settings_accept_passes(name: str) -> None:
    load_settings(RIGHT[name])
    SCHEMA.validate(RIGHT[name])
    CONFIG.validate({"stake_currency": "USDT", "balance_guard": RIGHT[name]})


@pytest.mark.parametrize(
    "wrong", [w for w in WRONG if w.schema], ids=[w.name for w in WRONG if w.schema]
)
def test_what_the_settings_refuse_fails(wrong: Wrong) -> None:
    assert not SCHEMA.is_valid(wrong.section)
    assert not CONFIG.is_valid({"balance_guard": wrong.section})


def test_what_a_schema_cannot_say_is_a_short_list() -> None:
    assert len([wrong for wrong in WRONG if not wrong.schema]) <= 18


def test_every_key_has_a_description_and_says_when_it_does_nothing_yet() -> None:
    schema = section_schema()
    sections = [schema, *schema["$defs"].values()]
    for key, drawn in ((k, d) for section in sections for k, d in section["properties"].items()):
        assert drawn.get("description"), key
    for key, drawn in schema["properties"].items():
        assert (LATER in drawn["description"]) == (key not in IN_EFFECT), key


def test_defaults_in_the_schema_are_the_defaults_of_the_settings() -> None:
    properties = section_schema()["properties"]
    settings = load_settings({})
    seen = 0
    for key, drawn in properties.items():
        if "default" in drawn and key != "tiers":
            assert drawn["default"] == getattr(settings, key)
            assert isinstance(drawn["default"], str) == isinstance(getattr(settings, key), str)
            seen += 1
    assert seen >= 8


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    args = parser_of("show-schema").parse_args(arguments)
    assert args.run(args) == 0
    return json.loads(capsys.readouterr().out)


def test_the_command_prints_a_schema_that_names_freqtrades_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert printed(capsys)["allOf"] == [{"$ref": FREQTRADE_SCHEMA}]
    assert printed(capsys, "--section-only") == section_schema()
    standalone = printed(capsys, "--standalone")
    assert "allOf" not in standalone
    assert not Draft202012Validator(standalone).is_valid({"balance_guard": {"enabled": 1}})
