"""Which file and which account a bot uses: the one place that bot and console share."""

from pathlib import Path
from typing import Any

import pytest

from freqtrade_balance_guard.settings import load_settings
from freqtrade_balance_guard.settings.state_paths import (
    key_fingerprint,
    ledger_account,
    ledger_url,
    local_file,
)


def config(dry_run: bool, folder: str | Path = "/data") -> dict[str, Any]:
    return {"dry_run": dry_run, "user_data_dir": folder, "exchange": {"name": "Kraken"}}


@pytest.mark.parametrize(
    ("dry_run", "file", "account"),
    [
        (False, "/data/balance_guard.sqlite", "kraken"),
        (True, "/data/balance_guard.dryrun.sqlite", "kraken-dry"),
    ],
)
def test_without_a_word_from_the_user_it_is_a_file_in_the_user_data_directory(
    dry_run: bool, file: str, account: str
) -> None:
    settings = load_settings({})
    assert local_file(config(dry_run)) == Path(file)
    assert ledger_url(config(dry_run), settings) == f"sqlite:///{file}"
    assert ledger_account(config(dry_run), settings) == account


def test_what_the_user_wrote_holds_and_dry_run_still_has_an_account_of_its_own() -> None:
    address = "postgresql://guard:word@db.example/ledger"
    settings = load_settings({"ledger": {"db_url": address, "account": "main"}})
    assert ledger_url(config(True), settings) == ledger_url(config(False), settings) == address
    assert ledger_account(config(False), settings) == "main"
    assert ledger_account(config(True), settings) == "main-dry"
    assert local_file(config(True)) == Path("/data/balance_guard.dryrun.sqlite")


def test_a_config_that_does_not_say_live_is_a_dry_run() -> None:
    silent = {"user_data_dir": "/data", "exchange": {"name": "kraken"}}
    assert ledger_account(silent, load_settings({})) == "kraken-dry"


def test_a_relative_user_data_directory_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = config(False, "user_data")
    assert local_file(found) == tmp_path / "user_data" / "balance_guard.sqlite"
    assert ledger_url(found, load_settings({})) == f"sqlite:///{local_file(found)}"


def test_one_key_has_one_fingerprint_that_does_not_show_it() -> None:
    key = "Xq81kkPpTr5oooWm"
    prints = {key_fingerprint({"exchange": {name: key}}) for name in ("key", "apiKey", "api_key")}
    (fingerprint,) = prints
    assert len(fingerprint) == 12 and int(fingerprint, 16) and key not in fingerprint
    assert key_fingerprint({"exchange": {"key": key + "x"}}) != fingerprint
    assert key_fingerprint({"exchange": {"key": ""}}) == key_fingerprint({"exchange": {}}) == ""
