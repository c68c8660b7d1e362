"""The commands beside a real bot that trades: what they say is so, and the bot goes on."""

import json
from decimal import Decimal

import pytest

from freqtrade_balance_guard.cli.main import main
from freqtrade_balance_guard.ledger import open_ledger
from tests.support.balances import A, B, rehearsal, usdt
from tests.support.ledger import order


pytestmark = pytest.mark.acceptance

D = Decimal


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A guarded bot on a sandbox that has bought one pair."""
    folder = tmp_path_factory.mktemp("bot")
    with rehearsal(folder, "launcher", on=usdt("1000")) as running:
        running.signal(A)
        running.wait_bought(1)
        yield running


@pytest.fixture
def typed(running, capsys, monkeypatch):
    """Type a command beside the bot; exit code and output."""
    home = running.bot.user_dir
    monkeypatch.chdir(home)

    def typed(*words):
        with pytest.raises(SystemExit) as end:
            main([*words, "-c", str(home / "config.json"), "--userdir", str(home)])
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out + printed.err

    return typed


def status(typed):
    return json.loads(typed("status", "--json")[1])


def test_the_balance_in_status_is_what_the_exchange_has(running, typed):
    def is_so():
        shown = status(typed)["balances"]["kraken"].get("USDT", {})
        free = D(str(running.free()))
        return bool(shown) and D(shown["free"]) == D(shown["available"]) == free

    running.bot.wait_until(is_so, 30, "the balance after the purchase in status")
    (bot,) = status(typed)["bots"]
    assert bot["alive"] and A in bot["pairs"]


def test_the_purchase_stands_in_the_list_under_the_exchanges_number(running, typed):
    (row,) = json.loads(typed("reservations", "list", "--json")[1])
    (bought,) = running.orders("buy")
    assert (row["pair"], row["state"], row["order_id"]) == (A, "committed", bought["id"])
    assert row["amount"] == "0" and D(row["committed"]) >= D(bought["cost"])
    code, text = typed("reservations", "show", row["client_order_id"])
    assert code == 0 and "commit" in text


def test_explain_says_what_was_decided(typed):
    code, text = typed("explain", A)
    assert code == 0 and "Approved" in text and "Ended before: buy of" in text
    code, text = typed("explain", B)
    assert code == 0 and "The guard has decided nothing about it" in text


def test_the_doctor_and_reconcile_have_nothing_to_say(typed):
    code, text = typed("doctor")
    assert code == 0, text
    code, text = typed("reconcile")
    assert code == 0, text


def test_the_exchange_is_left_to_the_bot(typed):
    code, text = typed("reconcile", "--exchange")
    assert code == 1 and "is running with the same API key" in text


def test_a_release_is_carried_out_by_the_bot_after_it_asked_the_exchange(running, typed):
    (bot,) = {one["bot"] for one in status(typed)["bots"]}
    file = running.bot.user_dir / "balance_guard.sqlite"
    ledger = open_ledger(f"sqlite:///{file}", bot=bot, account="kraken")
    lost = order(ledger, 5, pair=B, client_order_id="bg0000aaaaaaaaaaaa", funds=None)
    ledger.reserve(lost)
    ledger.send(lost.client_order_id)
    code, text = typed("reservations", "release", lost.client_order_id, "--yes")
    assert code == 0, text
    assert not ledger.find(lost.client_order_id).unfinished
    ledger.close()
    assert [one["alive"] for one in status(typed)["bots"]] == [True]
