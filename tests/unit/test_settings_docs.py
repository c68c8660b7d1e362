"""docs/configuration.md says what the settings do, and nothing else."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from freqtrade.configuration.environment_vars import _flat_vars_to_nested_dict

from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.settings import GuardSettings, load_settings
from freqtrade_balance_guard.settings.schema import IN_EFFECT


ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
PROSE = PAGE.partition("## Reference")[0]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PROSE, re.DOTALL)


def test_the_reference_tables_are_up_to_date() -> None:
    script = ROOT / "scripts" / "generate_configuration_docs.py"
    answer = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout.strip()) == (0, "up to date")


def test_every_key_stands_in_the_reference_with_its_meaning() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
    assert set(GuardSettings.model_fields) <= {row[0] for row in rows}
    assert all(all(cell.strip() for cell in row) for row in rows)


def test_the_examples_are_accepted() -> None:
    examples = [json.loads(f"{{{block}}}") for block in blocks("json")]
    sections = [e["balance_guard"] for e in examples if "balance_guard" in e]
    assert len(sections) == 3
    for section in sections:
        load_settings(section)
    load_settings(next(example for example in examples if "reserve_balance" in example))


def test_the_neutral_example_is_neutral() -> None:
    assert load_settings(json.loads(f"{{{blocks('json')[-2]}}}")["balance_guard"]).is_neutral


@pytest.mark.parametrize(
    "section",
    [
        {"min_ordersize": 5},
        {"position_size_percent": 120},
        {"tiers": [{"up_to": 100}, {"up_to": 50}]},
        {"min_order_size": "5"},
    ],
    ids=str,
)
def test_the_sentences_shown_are_the_real_ones(section: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(section)
    assert str(caught.value) in blocks("text")[0].splitlines()


def test_the_environment_examples_are_accepted() -> None:
    lines = re.findall(r"^(?:export )?(FREQTRADE__\w+)=(.*)$", PROSE, re.MULTILINE)
    assert len(lines) == 7
    environment = dict(lines) | {"FREQTRADE__BALANCE_GUARD__VENUES__SECOND__NAME": "kraken"}
    parsed = _flat_vars_to_nested_dict(environment, "FREQTRADE__")
    settings = load_settings(parsed["balance_guard"])
    assert settings.ledger.account == "kraken-main"
    assert settings.venues["second"].key is not None


def test_the_note_names_exactly_the_keys_that_take_effect() -> None:
    note = PROSE.partition("What takes effect where")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(\w+)`", note)) == IN_EFFECT
