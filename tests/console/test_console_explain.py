"""Explain says in plain sentences why a pair was, or was not, bought."""

from decimal import Decimal

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.console.explain import Lock, ago, explain, full_pair
from freqtrade_balance_guard.events import EntryApproved, OrderDenied
from freqtrade_balance_guard.monitoring.commands import ControlAnswer
from freqtrade_balance_guard.monitoring.decisions import LastDecisions
from tests.support.ledger import made, order


D = Decimal
PAIR = "BTC/USDT"


def told(registry, pair=PAIR, **more):
    return "\n".join(explain(registry.ledger_view(), pair, **more).sentences)


def decisions(registry, bot="freqtrade-aaaa", seconds_ago=30.0):
    clock = ManualClock(registry.clock.wall())
    listener = LastDecisions(registry.file, "main", bot, clock)
    registry.opened.append(listener)
    registry.clock.advance(seconds_ago)
    return listener, clock


def test_a_refusal_is_told_with_its_numbers_how_often_and_since_when(registry):
    registry.bot(silent_for=-30)
    listener, clock = decisions(registry)
    denied = OrderDenied(PAIR, "below_threshold", "1.2 USDT is below 2.5", {"available": D("1.20")})
    since = clock.wall()
    for _ in range(3):
        listener(denied)
        clock.advance(10)
    assert (
        f"Denied 10 s ago (3 times since {since:%Y-%m-%d %H:%M:%S} UTC): "
        "1.2 USDT is below 2.5. [below_threshold: available=1.2]"
    ) in told(registry)


def test_the_newest_decision_stands_first_and_other_pairs_are_not_mentioned(registry):
    registry.bot()
    listener, clock = decisions(registry)
    listener(OrderDenied(PAIR, "balance_lagging", "wait", {}))
    clock.advance(1)
    listener(EntryApproved(PAIR, D(40)))
    listener(OrderDenied("ETH/USDT", "guard_error", "something else", {}))
    text = told(registry)
    assert text.index("Approved 29 s ago: a stake of 40") < text.index("Denied 30 s")
    assert "something else" not in text


def test_without_a_decision_it_says_that_freqtrade_did_not_ask(registry):
    registry.bot()
    assert "freqtrade did not ask" in told(registry)


def test_pairs_that_the_bot_does_not_trade_or_has_open_are_told(registry):
    registry.bot(open_pairs=["ETH/USDT"])
    assert "XRP/USDT is not among the 2 pairs" in told(registry, "XRP/USDT")
    assert "has an open trade on ETH/USDT" in told(registry, "ETH/USDT")
    assert "open trade" not in told(registry) and "not among" not in told(registry)


def test_a_bot_that_does_not_run_is_the_first_thing_to_know(registry):
    registry.bot(silent_for=7200)
    assert told(registry).startswith(
        "No bot is running on main; its last sign of life was 2 hours ago."
    )


def test_money_that_is_promised_on_the_pair_is_told_and_what_ended_lately(registry):
    bot = registry.bot()
    ended = made(bot.reserve(order(bot, "7", pair=PAIR)))
    bot.release(ended.client_order_id, "refused")
    made(bot.reserve(order(bot, "20", pair=PAIR)))
    made(bot.reserve(order(bot, "3", pair="ETH/USDT")))
    registry.believe(USDT="100")
    text = told(registry)
    assert "Reserved now: 20 USDT for a buy of BTC/USDT (reserved, by freqtrade-aaaa)" in text
    assert "Ended before: buy of 7 USDT by freqtrade-aaaa" in text and "released" in text
    assert "ETH/USDT" not in text
    assert "Promised and not in it yet: 23 by this bot, 0 by others; never spent: 5." in text
    assert "Available: 72 USDT." in text


def test_the_balance_is_told_with_its_age_and_what_its_verdict_means(registry):
    registry.bot()
    registry.believe(USDT="6", verdict="lagging", age=90)
    registry.guard = {"min_balance_threshold": 2.5}
    text = told(registry)
    assert "Balance: 6 USDT free of 6, asked 90 s ago, verdict lagging." in text
    assert "Own money is still under way" in text
    assert "That is below min_balance_threshold (2.5): no new entry now." in text


def test_locks_of_freqtrade_are_told(registry):
    registry.bot()
    until = registry.clock.wall()
    locks = [Lock("*", "*", until, "Stoploss streak"), Lock(PAIR, "long", until, "")]
    text = told(registry, locks=locks)
    at = f"{until:%Y-%m-%d %H:%M:%S}"
    assert f"All pairs are locked in freqtrade until {at} UTC (Stoploss streak)." in text
    assert f"It is locked in freqtrade until {at} UTC." in text


def test_limits_are_told_in_the_unit_in_which_they_hold(registry):
    registry.guard = {
        "min_order_size": 11,
        "reserve_balance": {"BNB": 0.5},
        "position_size_percent": 50,
    }
    assert explain(registry.ledger_view(), PAIR).limits == (
        "Smallest entry: 11 USDT.",
        "One entry takes at most 50 % of available.",
        "No entry while less than 2.5 US dollars is available.",
        "0.5 BNB is never spent.",
    )
    registry.guard["tiers"] = [{"up_to": 100}]
    assert explain(registry.ledger_view(), PAIR).limits[0].startswith("There are 1 tiers")


def test_of_two_bots_the_one_that_is_meant_is_explained(registry):
    registry.bot("one-aaaa", bot_name="one", pairs=[PAIR])
    registry.bot("two-bbbb", bot_name="two", pairs=["ETH/USDT"])
    for name in ("one-aaaa", "two-bbbb"):
        listener, _ = decisions(registry, name, 0)
        listener(OrderDenied(PAIR, "guard_error", f"said {name}", {}))
    text = told(registry, bot="two-bbbb")
    assert "said two-bbbb" in text and "said one-aaaa" not in text
    assert "not among the 1 pairs" in text


def test_a_pair_may_be_written_short():
    assert full_pair("btc", "USDT") == full_pair(" BTC/usdt", "EUR") == "BTC/USDT"


def test_ages_are_in_the_unit_that_people_use():
    assert [ago(s) for s in (-3, 0, 119, 120, 7200, 200000)] == [
        *("0 s ago", "0 s ago", "119 s ago", "2 minutes ago", "2 hours ago", "2 days ago"),
    ]


def test_the_entry_controls_of_a_running_bot_are_listed_in_the_order_in_which_they_are_asked(
    registry,
):
    registry.bot()
    controls = (
        ControlAnswer("paused", "", "", {}),
        ControlAnswer("sold_lately", "rebalance_cooldown", "it was sold.", {"seconds": "60"}),
    )
    explanation = explain(registry.ledger_view(), PAIR, controls=controls)
    text = "\n".join(explanation.sentences)
    assert "1. paused: passes." in text
    assert "2. sold lately: denies: it was sold. [rebalance_cooldown]" in text
    assert explanation.as_json()["controls"] == [
        {"control": "paused", "code": "", "sentence": "", "numbers": {}},
        {
            "control": "sold_lately",
            "code": "rebalance_cooldown",
            "sentence": "it was sold.",
            "numbers": {"seconds": "60"},
        },
    ]


def test_without_a_running_bot_no_control_is_listed(registry):
    registry.bot()
    explanation = explain(registry.ledger_view(), PAIR)
    assert "Asked in this order" not in "\n".join(explanation.sentences)
    assert explanation.as_json()["controls"] is None
