"""The doctor finds each of the troubles that it knows, and none where there is none."""

import pytest

from freqtrade_balance_guard.console.doctor import examine, file_system_of
from freqtrade_balance_guard.integration.console.config import known_exchanges
from freqtrade_balance_guard.ledger.opening import open_store
from tests.support.console import KEY
from tests.support.ledger import made, order


B = {"key": "bbbbbbbbbbbb", "pairs": ["SOL/USDT"], "pid": 200}


def codes(registry, **more):
    return [finding.code for finding in examine(registry.ledger_view(), **more).findings]


def test_two_bots_that_do_not_get_into_each_others_way_are_healthy(registry):
    registry.bot("one-aaaa")
    registry.bot("two-bbbb", **B)
    diagnosis = examine(registry.ledger_view())
    assert diagnosis.is_healthy and diagnosis.findings == ()
    assert "API keys" in diagnosis.checked


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({**B, "key": "aaaaaaaaaaaa"}, ["one_key_two_bots"]),
        ({**B, "pairs": ["SOL/USDT", "ETH/USDT"]}, ["overlapping_pairs"]),
        ({**B, "trading_mode": "futures"}, ["shared_futures_account"]),
        ({**B, "version": "0.0.1"}, ["versions_differ"]),
        (
            {**B, "account": "other", "key": "aaaaaaaaaaaa"},
            ["one_key_two_bots", "one_key_two_accounts"],
        ),
        ({**B, "account": "other", "pairs": ["ETH/USDT"]}, []),
        ({**B, "key": ""}, []),
        ({**B, "key": "aaaaaaaaaaaa", "silent_for": 500}, []),
    ],
)
def test_what_one_bot_does_to_another(registry, told, found):
    registry.bot("one-aaaa")
    registry.bot("two-bbbb", **told)
    assert codes(registry) == found


def test_a_dry_run_needs_no_key_of_its_own(registry):
    for name in ("one-aaaa", "two-bbbb"):
        registry.bot(name, dry_run=True, pairs=[name])
    assert codes(registry) == []


def test_a_copied_database_is_one_name_alive_in_two_places(registry):
    registry.bot("one-aaaa")
    registry.bot("one-aaaa")
    assert codes(registry) == [], "a restart leaves an older beat of the same place"
    registry.bot("one-aaaa", pid=777)
    (finding,) = examine(registry.ledger_view()).findings
    assert finding.code == "same_bot_twice"
    assert "pid 777" in finding.sentence and "database" in finding.sentence


def test_a_heartbeat_from_the_future_is_a_wrong_clock(registry):
    registry.bot(silent_for=-60)
    (finding,) = examine(registry.ledger_view()).findings
    assert finding.code == "clock_skew" and "60 s in the future" in finding.sentence


def test_what_dead_bots_left_and_that_no_bot_runs(registry):
    bot = registry.bot(silent_for=500)
    made(bot.reserve(order(bot)))
    diagnosis = examine(registry.ledger_view())
    assert [finding.code for finding in diagnosis.findings] == ["left_behind", "no_bot"]
    assert not diagnosis.is_healthy


def test_nothing_stored_is_a_note_and_no_illness(registry):
    diagnosis = examine(registry.ledger_view())
    assert [finding.code for finding in diagnosis.findings] == ["nothing_stored"]
    assert diagnosis.is_healthy
    assert not registry.file.exists()


def test_a_ledger_that_cannot_be_reached_or_read(registry):
    registry.file.write_text("no database " * 200)
    assert codes(registry) == ["ledger_unavailable"]
    registry.url = "postgresql://guard:hidden@127.0.0.1:1/none"
    (finding,) = examine(registry.ledger_view()).findings
    assert finding.code == "ledger_unavailable" and "hidden" not in str(finding)


def test_a_ledger_in_postgres_is_healthy_where_nobody_may_write_to_a_file(registry, postgres):
    registry.url = postgres
    registry.bot("one-aaaa")
    assert codes(registry) == []


def test_a_folder_that_is_not_there(registry, tmp_path):
    registry.url = f"sqlite:///{tmp_path / 'gone' / 'ledger.sqlite'}"
    assert "no_folder" in codes(registry)


def test_a_file_or_folder_that_this_user_may_not_write(registry):
    registry.bot()
    may_not = {registry.userdir, registry.file}
    findings = examine(
        registry.ledger_view(), may_write=lambda place: place not in may_not
    ).findings
    assert [finding.code for finding in findings] == ["not_writable"] * 2
    assert [
        str(place) in finding.sentence
        for place, finding in zip((registry.userdir, registry.file), findings, strict=True)
    ] == [True, True]


@pytest.mark.parametrize(
    ("kind", "is_network"),
    [("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("9p", True), ("ext4", False)],
)
def test_a_network_file_system_is_told_by_the_table_of_mounts(registry, tmp_path, kind, is_network):
    registry.bot()
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"/dev/a / ext4 rw 0 0\nserver:/x {tmp_path} {kind} rw 0 0\nproc /proc proc rw\n"
    )
    assert ("network_file_system" in codes(registry, mounts=mounts)) is is_network
    assert file_system_of(registry.userdir, mounts) == kind


def test_the_nearest_mount_counts_also_with_a_space_in_its_name(tmp_path):
    inner = tmp_path / "my data"
    inner.mkdir()
    escaped = str(inner).replace(" ", "\\040")
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/x {tmp_path} nfs rw 0 0\n/dev/b {escaped} ext4 rw 0 0\n")
    assert file_system_of(inner, mounts) == "ext4"


def test_a_freqtrade_that_differs_is_an_error(registry):
    registry.bot()
    diagnosis = examine(
        registry.ledger_view(), freqtrade=["freqtrade differs from what we rely on: x"]
    )
    assert [finding.code for finding in diagnosis.findings] == ["freqtrade_differs"]


def test_a_heartbeat_that_says_nonsense_stops_nobody(registry):
    store = open_store(f"sqlite:///{registry.file}")
    bot = registry.bot()
    bot.heartbeat("no json")
    bot.heartbeat('["a list"]')
    store.close()
    assert codes(registry) == []


# Venues of two legs


def venue(registry, **more):
    registry.bot()
    second = {"name": "binance", "account": "second", "key": "K2", "secret": "S2", **more}
    registry.guard = {"venues": {"second": {k: v for k, v in second.items() if v is not None}}}


def test_a_venue_with_a_key_and_an_account_of_its_own_is_healthy(registry):
    venue(registry)
    diagnosis = examine(registry.ledger_view(), exchanges={"binance", "kraken"})
    assert diagnosis.findings == () and "venues" in diagnosis.checked


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"name": "binnance"}, ["unknown_exchange"]),
        ({"key": None}, ["venue_without_key"]),
        ({"key": KEY}, ["venue_has_bots_key", "one_key_two_accounts"]),
        ({"account": "main"}, ["one_account_two_exchanges"]),
        ({"account": "main", "name": "kraken"}, ["venue_is_own_account"]),
        ({"name": "kraken"}, []),
    ],
)
def test_what_is_wrong_with_a_venue(registry, told, found):
    venue(registry, **told)
    assert codes(registry, exchanges={"binance", "kraken"}) == found


def test_two_venues_with_one_key_count_the_same_money_twice(registry):
    venue(registry)
    registry.guard["venues"]["third"] = {"name": "binance", "key": "K2", "secret": "S2"}
    assert codes(registry) == ["one_key_two_accounts"]


def test_in_dry_run_a_venue_needs_money_and_no_key(registry):
    venue(registry, key=None, secret=None)
    registry.config = {"dry_run": True}
    assert "venue_without_money" in codes(registry)
    registry.guard["venues"]["second"]["dry_run_wallet"] = {"USDT": 10, "BTC": 0.1}
    assert not [code for code in codes(registry) if code.startswith("venue")]


def test_the_exchanges_that_the_doctor_knows_are_those_of_ccxt():
    assert {"kraken", "binance", "okx"} <= known_exchanges()
    assert "sandbox" not in known_exchanges()
