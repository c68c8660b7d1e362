"""The default account of a futures bot, and its rows of an earlier release that move to it."""

from decimal import Decimal
from pathlib import Path

import pytest
from freqtrade.exceptions import OperationalException

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.events import OrderDenied
from freqtrade_balance_guard.integration.bot.account_move import move_earlier_account
from freqtrade_balance_guard.ledger import Funds, Request, Reserved, open_ledger
from freqtrade_balance_guard.monitoring.decisions import LastDecisions, read_decisions
from freqtrade_balance_guard.monitoring.entry_pause import EntryPause, read_pauses
from freqtrade_balance_guard.settings import load_settings
from freqtrade_balance_guard.settings.state_paths import earlier_account, ledger_account


PAIR = "BTC/USDT:USDT"


def config(folder: Path | str = "/data", exchange: str = "binance", **more: object):
    return {
        "exchange": {"name": exchange},
        "trading_mode": "futures",
        "dry_run": False,
        "user_data_dir": str(folder),
        **more,
    }


@pytest.mark.parametrize(
    ("exchange", "mode", "dry_run", "account", "earlier"),
    [
        ("Binance", "spot", False, "binance", None),
        ("binance", "futures", False, "binance-futures", "binance"),
        ("gate", "futures", True, "gate-futures-dry", "gate-dry"),
        ("bybit", "futures", False, "bybit", None),
        ("okx", "futures", True, "okx-dry", None),
    ],
)
def test_futures_have_an_account_of_their_own_unless_the_exchange_has_one_for_both(
    exchange, mode, dry_run, account, earlier
):
    found = config(exchange=exchange, trading_mode=mode, dry_run=dry_run)
    assert ledger_account(found, load_settings({})) == account
    assert earlier_account(found, load_settings({})) == earlier


def test_a_written_account_is_taken_as_it_is():
    settings = load_settings({"ledger": {"account": "binance"}})
    assert ledger_account(config(), settings) == "binance"
    assert earlier_account(config(), settings) is None


def ledger_of(folder: Path, account: str, bot: str = "mine"):
    url = f"sqlite:///{folder / 'balance_guard.sqlite'}"
    return open_ledger(url, bot=bot, account=account, clock=ManualClock())


def reserve(ledger, name: str):
    funds = Funds(Decimal(100), Decimal(0), 0)
    request = Request(name, ledger.account, PAIR, "buy", "USDT", Decimal(20), funds)
    assert isinstance(ledger.reserve(request), Reserved)


def test_the_first_start_after_an_upgrade_moves_the_bots_rows(tmp_path):
    old, new = ledger_of(tmp_path, "binance"), ledger_of(tmp_path, "binance-futures")
    reserve(old, "one")
    file = tmp_path / "balance_guard.sqlite"
    decisions = LastDecisions(file, "binance", "mine", ManualClock())
    decisions(OrderDenied(PAIR, "below_threshold", "x", {}))
    decisions.close()
    EntryPause(file, "binance", "mine", ManualClock()).pause("x")
    EntryPause(file, "binance", "spot-bot", ManualClock()).pause("y")
    move_earlier_account(new, config(tmp_path), load_settings({}))
    assert new.find("one").account == "binance-futures"
    assert [one.code for one in read_decisions(file, "binance-futures", PAIR)] == [
        "below_threshold"
    ]
    assert [pause.bot for pause in read_pauses(file, "binance-futures")] == ["mine"]
    assert [pause.bot for pause in read_pauses(file, "binance")] == ["spot-bot"]
    move_earlier_account(new, config(tmp_path), load_settings({}))
    assert new.audit() == []


def test_other_bots_with_futures_orders_on_it_stop_the_start(tmp_path):
    other = ledger_of(tmp_path, "binance", bot="other")
    reserve(other, "two")
    new = ledger_of(tmp_path, "binance-futures")
    with pytest.raises(
        OperationalException, match=r"other still has futures orders.*ledger\.account"
    ):
        move_earlier_account(new, config(tmp_path), load_settings({}))


def test_a_ledger_out_of_reach_stops_no_start(tmp_path, caplog):
    url = "postgresql://guard@127.0.0.1:1/none"
    new = open_ledger(url, bot="mine", account="binance-futures", clock=ManualClock())
    move_earlier_account(new, config(tmp_path), load_settings({}))
    assert "are moved at the next start" in caplog.text
