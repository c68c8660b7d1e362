"""The doctor finds each of the troubles that it knows, and none where there is none."""

import pytest

from freqtrade_balance_guard.console.doctor import examine, file_system_of
from freqtrade_balance_guard.integration.console import known_exchanges
from freqtrade_balance_guard.ledger.opening import open_store
from tests.support.console import KEY
from tests.support.ledger import made, order


B = {"key": "bbbbbbbbbbbb", "pairs": ["SOL/USDT"], "pid": 200}


def codes(desk, **more):
    return [finding.code for finding in examine(desk.books(), **more).findings]


def test_two_bots_that_do_not_get_into_each_others_way_are_healthy(desk):
    desk.bot("one-aaaa")
    desk.bot("two-bbbb", **B)
    diagnosis = examine(desk.books())
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
def test_what_one_bot_does_to_another(desk, told, found):
    desk.bot("one-aaaa")
    desk.bot("two-bbbb", **told)
    assert codes(desk) == found


def test_a_dry_run_needs_no_key_of_its_own(desk):
    for name in ("one-aaaa", "two-bbbb"):
        desk.bot(name, dry_run=True, pairs=[name])
    assert codes(desk) == []


def test_a_copied_database_is_one_name_alive_in_two_places(desk):
    desk.bot("one-aaaa")
    desk.bot("one-aaaa")
    assert codes(desk) == [], "a restart leaves an older beat of the same place"
    desk.bot("one-aaaa", pid=777)
    (finding,) = examine(desk.books()).findings
    assert finding.code == "same_bot_twice"
    assert "pid 777" in finding.sentence and "database" in finding.sentence


def test_a_heartbeat_from_the_future_is_a_wrong_clock(desk):
    desk.bot(silent_for=-60)
    (finding,) = examine(desk.books()).findings
    assert finding.code == "clock_skew" and "60 s in the future" in finding.sentence


def test_what_dead_bots_left_and_that_no_bot_runs(desk):
    bot = desk.bot(silent_for=500)
    made(bot.reserve(order(bot)))
    diagnosis = examine(desk.books())
    assert [finding.code for finding in diagnosis.findings] == ["left_behind", "no_bot"]
    assert not diagnosis.is_healthy


def test_nothing_stored_is_a_note_and_no_illness(desk):
    diagnosis = examine(desk.books())
    assert [finding.code for finding in diagnosis.findings] == ["nothing_stored"]
    assert diagnosis.is_healthy
    assert not desk.file.exists()


def test_a_ledger_that_cannot_be_reached_or_read(desk):
    desk.file.write_text("no database " * 200)
    assert codes(desk) == ["ledger_unavailable"]
    desk.url = "postgresql://guard:hidden@127.0.0.1:1/none"
    (finding,) = examine(desk.books()).findings
    assert finding.code == "ledger_unavailable" and "hidden" not in str(finding)


def test_a_ledger_in_postgres_is_healthy_where_nobody_may_write_to_a_file(desk, postgres):
    desk.url = postgres
    desk.bot("one-aaaa")
    assert codes(desk) == []


def test_a_folder_that_is_not_there(desk, tmp_path):
    desk.url = f"sqlite:///{tmp_path / 'gone' / 'ledger.sqlite'}"
    assert "no_folder" in codes(desk)


def test_a_file_or_folder_that_this_user_may_not_write(desk):
    desk.bot()
    may_not = {desk.userdir, desk.file}
    findings = examine(desk.books(), may_write=lambda place: place not in may_not).findings
    assert [finding.code for finding in findings] == ["not_writable"] * 2
    assert [
        str(place) in finding.sentence
        for place, finding in zip((desk.userdir, desk.file), findings, strict=True)
    ] == [True, True]


@pytest.mark.parametrize(
    ("kind", "is_network"),
    [("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("9p", True), ("ext4", False)],
)
def test_a_network_file_system_is_told_by_the_table_of_mounts(desk, tmp_path, kind, is_network):
    desk.bot()
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"/dev/a / ext4 rw 0 0\nserver:/x {tmp_path} {kind} rw 0 0\nproc /proc proc rw\n"
    )
    assert ("network_file_system" in codes(desk, mounts=mounts)) is is_network
    assert file_system_of(desk.userdir, mounts) == kind


def test_the_nearest_mount_counts_also_with_a_space_in_its_name(tmp_path):
    inner = tmp_path / "my data"
    inner.mkdir()
    escaped = str(inner).replace(" ", "\\040")
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/x {tmp_path} nfs rw 0 0\n/dev/b {escaped} ext4 rw 0 0\n")
    assert file_system_of(inner, mounts) == "ext4"


def test_a_freqtrade_that_differs_is_an_error(desk):
    desk.bot()
    diagnosis = examine(desk.books(), freqtrade=["freqtrade differs from what we rely on: x"])
    assert [finding.code for finding in diagnosis.findings] == ["freqtrade_differs"]


def test_a_heartbeat_that_says_nonsense_stops_nobody(desk):
    store = open_store(f"sqlite:///{desk.file}")
    bot = desk.bot()
    bot.heartbeat("no json")
    bot.heartbeat('["a list"]')
    store.close()
    assert codes(desk) == []


# Venues of two legs


def venue(desk, **more):
    desk.bot()
    second = {"name": "binance", "account": "second", "key": "K2", "secret": "S2", **more}
    desk.guard = {"venues": {"second": {k: v for k, v in second.items() if v is not None}}}


def test_a_venue_with_a_key_and_an_account_of_its_own_is_healthy(desk):
    venue(desk)
    diagnosis = examine(desk.books(), exchanges={"binance", "kraken"})
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
def test_what_is_wrong_with_a_venue(desk, told, found):
    venue(desk, **told)
    assert codes(desk, exchanges={"binance", "kraken"}) == found


def test_two_venues_with_one_key_count_the_same_money_twice(desk):
    venue(desk)
    desk.guard["venues"]["third"] = {"name": "binance", "key": "K2", "secret": "S2"}
    assert codes(desk) == ["one_key_two_accounts"]


def test_in_dry_run_a_venue_needs_money_and_no_key(desk):
    venue(desk, key=None, secret=None)
    desk.config = {"dry_run": True}
    assert "venue_without_money" in codes(desk)
    desk.guard["venues"]["second"]["dry_run_wallet"] = {"USDT": 10, "BTC": 0.1}
    assert not [code for code in codes(desk) if code.startswith("venue")]


def test_the_exchanges_that_the_doctor_knows_are_those_of_ccxt():
    assert {"kraken", "binance", "okx"} <= known_exchanges()
    assert "sandbox" not in known_exchanges()
