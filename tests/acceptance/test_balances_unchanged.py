"""Where believed balances have no say: neutral settings and dry-run trade as plain freqtrade."""

import pytest

from freqtrade_balance_guard.demo.strategy import StrategyPlan
from tests.support.balances import GUARDED, WHOLE, A, B, C, figure, rehearsal, side_by_side


pytestmark = pytest.mark.acceptance

NEUTRAL = {
    "min_order_size": 0,
    "min_balance_threshold": 0,
    "position_size_percent": 100,
    "balance_cache_duration": 0,
    "post_trade_refresh_window": 0,
}
THREE_ROUND_TRIPS = StrategyPlan(signals={A: 1, B: 1, C: 1}, exit_after_s=4)


def booked(rehearsed):
    keys = ("pair", "stake_amount", "amount", "open_rate", "close_rate", "exit_reason")
    return [tuple(trade[key] for key in keys) for trade in rehearsed.bot.trades()]


def round_trips(folder, way, guard, **settings):
    settings = {"plan": THREE_ROUND_TRIPS, "guard": guard, "stake_amount": 200, **settings}
    with rehearsal(folder, way, **settings) as rehearsed:
        rehearsed.bot.wait_until(
            lambda: sum(not trade["is_open"] for trade in rehearsed.bot.trades()) == 3, 60, "exits"
        )
        rehearsed.bot.wait_loops(1)
        sent = [(o["pair"], o["side"], o["type"], o["amount"]) for o in rehearsed.orders()]
        return booked(rehearsed), sent, rehearsed.balance_reads()


@pytest.mark.parametrize("way", GUARDED)
def test_with_neutral_settings_orders_and_balance_reads_are_those_of_plain(tmp_path, way):
    seen = side_by_side(lambda one: round_trips(tmp_path, one, NEUTRAL), "plain", way)
    figure("neutral, reads of the balance", {one: reads for one, (_, _, reads) in seen.items()})
    assert seen[way] == seen["plain"]


@pytest.mark.parametrize("way", GUARDED)
def test_a_dry_run_asks_for_no_balance_and_trades_as_plain_but_for_the_limits(tmp_path, way):
    seen = side_by_side(lambda one: round_trips(tmp_path, one, WHOLE, dry_run=True), "plain", way)
    assert seen[way] == seen["plain"]
    assert seen[way][2] == 0
