"""Status: the numbers add up, and nobody is said to be alive who is not."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from freqtrade_balance_guard.arbitrage.positions import Position
from freqtrade_balance_guard.arbitrage.store import ArbitrageStore
from freqtrade_balance_guard.console.explain import explain
from freqtrade_balance_guard.console.printing import console, show_status
from freqtrade_balance_guard.console.status import status_of
from tests.support.console import SECRET
from tests.support.ledger import made, order


D = Decimal


def usdt(status):
    return status.as_json()["balances"]["main"]["USDT"]


def test_available_is_free_less_floor_less_what_all_bots_have_reserved(registry):
    own, other = registry.bot("one-aaaa", bot_name="one"), registry.bot("two-bbbb", bot_name="two")
    registry.believe(USDT="100.50", used="10")
    made(own.reserve(order(own, "20.10")))
    made(other.reserve(order(other, "7")))
    status = status_of(registry.ledger_view(bot_name="one"))
    assert status.bot == "one-aaaa"
    shown = usdt(status)
    assert shown == {
        "total": "100.50",
        "free": "90.50",
        "used": "10",
        "reserved_own": "20.10",
        "reserved_others": "7",
        "floor": "5",
        "available": "58.40",
        "verdict": "confirmed",
        "as_of": shown["as_of"],
    }


def test_the_same_books_in_postgres_tell_the_same(registry, postgres):
    registry.url = postgres
    own, other = registry.bot("one-aaaa", bot_name="one"), registry.bot("two-bbbb", bot_name="two")
    registry.believe(USDT="100")
    made(own.reserve(order(own, "20")))
    made(other.reserve(order(other, "7")))
    shown = usdt(status_of(registry.ledger_view(bot_name="one")))
    assert [D(shown[key]) for key in ("reserved_own", "reserved_others", "available")] == [
        20,
        7,
        68,
    ]


def free_and_promised(registry, **more):
    shown = usdt(status_of(registry.ledger_view(), bot="one-aaaa", **more))
    names = ("free", "reserved_own", "reserved_others", "available")
    return [int(D(shown[name])) for name in names]


def test_an_order_is_subtracted_once_at_every_step_of_its_life(registry):
    bot = registry.bot("one-aaaa")
    registry.believe(USDT="100", mark=bot.mark())
    row = made(bot.reserve(order(bot, "20")))
    assert free_and_promised(registry) == [100, 20, 0, 75]
    bot.send(row.client_order_id)
    assert free_and_promised(registry) == [100, 20, 0, 75]
    registry.believe(USDT="100", mark=bot.mark())
    assert free_and_promised(registry) == [100, 20, 0, 75], (
        "the book follows it from its acceptance on"
    )
    bot.bind(row.client_order_id, "X1")
    assert free_and_promised(registry) == [100, 20, 0, 75]
    registry.believe(USDT="100", used="20", mark=bot.mark())
    assert free_and_promised(registry) == [80, 0, 0, 75]
    bot.commit(row.client_order_id, D(20))
    assert free_and_promised(registry) == [80, 0, 0, 75]
    registry.believe(USDT="80", mark=bot.mark())
    assert free_and_promised(registry) == [80, 0, 0, 75]


def test_what_was_spent_since_the_balance_was_written_is_still_subtracted(registry):
    bot = registry.bot("one-aaaa")
    registry.believe(USDT="100", mark=bot.mark())
    row = made(bot.reserve(order(bot, "20")))
    bot.send(row.client_order_id)
    bot.commit(row.client_order_id, D(18), order_id="X1")
    assert free_and_promised(registry) == [100, 18, 0, 77]
    gone = made(bot.reserve(order(bot, "9")))
    bot.release(gone.client_order_id, "refused")
    assert free_and_promised(registry) == [100, 18, 0, 77]


def test_what_other_bots_reserved_before_is_in_the_balance_and_what_came_later_is_not(registry):
    bot, other = registry.bot("one-aaaa"), registry.bot("two-bbbb")
    made(other.reserve(order(other, "7")))
    # The bot's book holds back what its siblings have reserved.
    registry.believe(USDT="100", used="7", mark=bot.mark())
    made(other.reserve(order(other, "3")))
    assert free_and_promised(registry) == [93, 0, 3, 85]


def test_a_balance_of_an_earlier_version_has_no_mark(registry):
    bot = registry.bot("one-aaaa")
    bot.send(made(bot.reserve(order(bot, "20"))).client_order_id)
    opened = made(bot.reserve(order(bot, "10")))
    bot.bind(opened.client_order_id, "X1")
    registry.believe(USDT="100", used="10", mark=None)
    assert free_and_promised(registry) == [90, 20, 0, 65]


def test_available_is_never_negative_and_nothing_while_unreadable(registry):
    bot = registry.bot(floor={"USDT": "30"})
    registry.believe(USDT="20")
    assert usdt(status_of(registry.ledger_view()))["available"] == "0"
    registry.believe(USDT="200", verdict="unreadable")
    assert usdt(status_of(registry.ledger_view()))["available"] == "0"
    assert bot.bot == "freqtrade-aaaa"


def test_a_currency_that_is_promised_and_was_never_read_has_no_balance(registry):
    bot = registry.bot()
    made(bot.reserve(order(bot, "3", currency="BTC", pair="BTC/USDT", side="sell")))
    (shown,) = [b for b in status_of(registry.ledger_view()).balances if b.currency == "BTC"]
    assert shown.as_json()["reserved_own"] == "3"
    assert shown.as_json()["total"] is shown.as_json()["available"] is None


def test_alive_is_who_spoke_within_the_heartbeat_timeout(registry):
    registry.bot("one-aaaa", silent_for=119)
    registry.bot("two-bbbb", silent_for=121)
    bots = {b["bot"]: b for b in status_of(registry.ledger_view()).as_json()["bots"]}
    assert (bots["one-aaaa"]["alive"], bots["two-bbbb"]["alive"]) == (True, False)
    assert bots["two-bbbb"]["heartbeat_age"] == 121


def test_two_bots_of_one_name_are_not_guessed_between(registry):
    one = registry.bot("freqtrade-aaaa")
    registry.bot("freqtrade-bbbb")
    registry.believe(USDT="100")
    made(one.reserve(order(one, "20")))
    status = status_of(registry.ledger_view())
    assert status.bot is None
    assert usdt(status)["reserved_others"] == "20"
    assert "say which one is meant with --bot" in status.notes[0]
    assert usdt(status_of(registry.ledger_view(), bot="freqtrade-aaaa"))["reserved_own"] == "20"


def test_a_dead_namesake_does_not_hide_the_living_bot(registry):
    registry.bot("freqtrade-aaaa", silent_for=9000)
    registry.bot("freqtrade-bbbb")
    assert status_of(registry.ledger_view()).bot == "freqtrade-bbbb"


def test_other_accounts_and_the_dry_run_are_not_mixed_in(registry):
    registry.bot("one-aaaa")
    dry = registry.bot("dry-bbbb", account="main-dry")
    made(dry.reserve(order(dry, "20")))
    registry.believe(USDT="100")
    status = status_of(registry.ledger_view())
    assert [b.bot for b in status.bots] == ["one-aaaa"]
    assert set(status.as_json()["balances"]) == {"main"}
    assert usdt(status)["reserved_others"] == "0"


def test_a_ledger_that_cannot_be_read_is_told_and_not_taken_for_an_empty_one(registry):
    registry.believe(USDT="100")
    registry.url = "postgresql://guard:hidden@127.0.0.1:1/none"
    status = status_of(registry.ledger_view())
    assert "cannot be used" in status.ledger_error and "hidden" not in status.ledger_error
    assert usdt(status)["reserved_own"] is usdt(status)["available"] is None
    assert usdt(status)["total"] == "100"


def test_nothing_secret_is_in_it(registry):
    registry.bot()
    registry.believe(USDT="1")
    ledger = registry.ledger_view()
    assert SECRET not in json.dumps(status_of(ledger).as_json()) + repr(ledger.source)


def test_an_open_pair_is_shown_with_both_legs_and_a_closed_one_is_not(registry, capsys):
    registry.bot()
    open_since = registry.clock.wall() - timedelta(seconds=90)
    position = Position(
        *(3, "freqtrade-aaaa", 7, "BTC/USDT", D("0.5"), D("0.5"), D("0.5"), D("0.4")),
        *("second", "second-account", "BTC/USD", D("50700"), open_since),
    )
    store = ArbitrageStore(registry.file)
    store.follow(position, [])
    status = status_of(registry.ledger_view())
    (shown,) = status.as_json()["arbitrages"]
    # A copy for scripts of release 0.1.
    assert status.as_json()["pairs"] == [shown]
    assert shown == {
        "arbitrage_id": 3,
        "pair_number": 3,
        "bot": "freqtrade-aaaa",
        "trade_id": 7,
        "pair": "BTC/USDT",
        "amount": "0.5",
        "sold_on": "second",
        "sold_pair": "BTC/USD",
        "sold_amount": "0.4",
        "age_seconds": 90.0,
    }
    show_status(console(), status)
    row = next(line for line in capsys.readouterr().out.splitlines() if "second" in line)
    assert "0.5 BTC/USDT" in row and "second (BTC/USD)" in row and "50700" in row
    told = " ".join(explain(registry.ledger_view(), "BTC/USDT").sentences)
    assert (
        "Trade 7 of freqtrade-aaaa is a leg of arbitrage 3: 0.4 was sold as BTC/USD on second"
        in told
    )
    store.follow(replace(position, closed_at=registry.clock.wall()), [])
    assert status_of(registry.ledger_view()).as_json()["arbitrages"] == []


def test_orders_without_a_known_outcome_are_shown_with_what_that_means(registry):
    own = registry.bot("one-aaaa", bot_name="one")
    registry.believe(USDT="100")
    for purpose in ("entry", "exit"):
        sent = made(own.reserve(order(own, "20"), why=f"{purpose} of 1 at 20"))
        own.send(sent.client_order_id)
    assert status_of(registry.ledger_view(bot_name="one")).unresolved == ()
    registry.clock.advance(10)
    status = status_of(registry.ledger_view(bot_name="one"))
    assert [(one.code, one.purpose) for one in status.unresolved] == [
        ("order_unresolved", "entry"), ("exit_unresolved", "exit"),
    ]  # fmt: skip
    assert status.as_json()["unresolved"][1]["age_seconds"] >= 10
    assert "the next exit goes out all the same" in status.unresolved[1].sentence


def test_a_ledger_that_is_not_there_is_an_error_where_the_bot_runs(registry):
    stopped = status_of(registry.ledger_view(), bot="one-aaaa")
    assert stopped.ledger_error is None and "Nothing is stored yet" in stopped.notes[0]
    running = status_of(registry.ledger_view(), bot="one-aaaa", is_running=True)
    assert "is not there any more" in running.ledger_error and running.notes == ()
