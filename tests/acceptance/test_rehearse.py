"""Rehearsals of strategies that are not ours: freqtrade's own sample, and one with everything."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import freqtrade.templates
import pytest

from freqtrade_balance_guard.sandbox import Sandbox


pytestmark = pytest.mark.acceptance

TEMPLATES = Path(freqtrade.templates.__file__).parent
DATA = Path(__file__).parents[1] / "data" / "strategies"
STRATEGIES = {
    "SampleStrategy": TEMPLATES / "sample_strategy.py",
    "DcaWithEverything": DATA / "dca_with_everything.py",
}
CONFIG = {
    "max_open_trades": 4,
    "stake_currency": "USDT",
    "stake_amount": "unlimited",
    "dry_run": True,
    "dry_run_wallet": 1000,
    "entry_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1},
    "exit_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1},
    "pairlists": [{"method": "VolumePairList", "number_assets": 20}],
    "telegram": {"enabled": True, "token": "nothing", "chat_id": "1"},
    "balance_guard": {"position_size_percent": 40, "reserve_balance": {"USDT": 50}},
}


def balance_guard(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "freqtrade_balance_guard", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)


@pytest.mark.timeout(1000)
@pytest.mark.parametrize("exchange", ["kraken", "binance"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_rehearsal_of_a_foreign_strategy_keeps_every_claim(
    strategy: str, exchange: str, tmp_path: Path
) -> None:
    strategies = tmp_path / "strategies"
    strategies.mkdir()
    shutil.copy(STRATEGIES[strategy], strategies)
    with Sandbox.start(dialect=exchange) as public:
        section = public.freqtrade_exchange()
        config = tmp_path / "config.json"
        config.write_text(json.dumps({**CONFIG, "exchange": section}))
        fetched = balance_guard("sandbox", "--fetch-markets", exchange, "-c", str(config))
    assert fetched.returncode == 0, fetched.stderr
    markets = tmp_path / "markets.json"
    markets.write_text(fetched.stdout)
    output = tmp_path / "output"

    done = balance_guard(
        *("rehearse", "-c", str(config), "--userdir", str(tmp_path), "--strategy", strategy),
        *("--minutes", "5", "--markets", str(markets), "--output", str(output), "--json"),
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    results = json.loads(done.stdout)
    scene = results["scenes"][0]
    assert scene["guarded"]["orders"] > 0
    # The same trouble is one for plain freqtrade: a lost reply is an order that it does not know.
    met = {fault["kind"]: fault["applied"] for fault in results["troubles"]["plain"]}
    assert not met["lost_reply"] or scene["plain"]["unknown_orders"]
    assert (output / "report.html").stat().st_size > 10_000
    assert "report.html" in done.stderr
