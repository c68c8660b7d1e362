"""Sections that 0.1 showed in its examples and its reference mean the same after an upgrade."""

import json
from pathlib import Path

import pytest

from freqtrade_balance_guard.settings import load_settings


SECTIONS = json.loads((Path(__file__).parents[1] / "data" / "settings_0_1.json").read_text())


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_of_0_1_is_accepted_and_keeps_what_it_says(name: str) -> None:
    section = SECTIONS[name]
    settings = load_settings(section)
    for key in ("position_size_percent", "min_balance_threshold", "min_order_size_usdt"):
        if key in section:
            assert getattr(settings, key) == pytest.approx(section[key])
    floors = {str(name): float(amount) for name, amount in settings.reserve_balance.items()}
    assert floors == pytest.approx(section.get("reserve_balance", {}))
    assert len(settings.tiers) == len(section.get("tiers", []))
    # 0.1 divided what is available; the basis is new.
    assert settings.position_size_basis == "available"
