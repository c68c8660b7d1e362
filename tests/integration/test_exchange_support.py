"""The support table says what the tests show, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from freqtrade_balance_guard.exchanges.support import Evidence, evidence, in_words, is_untested


def test_the_table_the_page_and_the_readme_are_the_ones_that_the_tests_write():
    script = Path(__file__).parents[2] / "scripts" / "generate_exchange_support.py"
    answer = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout.strip()) == (0, "up to date"), answer.stderr


@pytest.mark.parametrize("mode", [("kraken", "spot"), ("binance", "spot"), ("binance", "futures")])
def test_the_protocols_of_the_sandbox_are_traded(mode):
    assert evidence(*mode)[0] is Evidence.TRADED
    assert "guarded bots traded" in in_words(*mode)


def test_an_exchange_without_evidence_is_untested():
    assert is_untested("whitebit", "spot") and in_words("whitebit", "spot") == ""
    assert not is_untested("okx", "spot") and Evidence.TRADED not in evidence("okx", "spot")
