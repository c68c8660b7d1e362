"""The rows of the baseline about money and orders: plain freqtrade, measured on the sandbox.

Each row is a function that runs one or two real bots and says what it saw, and whether that is the
kind of trouble that freqtrade is known for.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from baseline_rig import (
    CLOCK,
    FUNDS,
    PAIRS,
    A,
    B,
    C,
    D,
    Row,
    Seen,
    bought,
    buys,
    costs,
    refused,
    rehearsal,
    scenario,
    sells,
    signals,
    started,
)

from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox


# Signals without funds


def no_funds_limiter() -> Seen:
    settings = {"plan": signals(*PAIRS, times=None), "max_open_trades": 10}
    with rehearsal(settings, on=scenario("1"), ccxt={"enableRateLimit": True}) as (exchange, bot):
        bot.wait_loops(1, timeout=120)
        before = exchange.counters()["private"]
        bot.wait_loops(1, timeout=240)
        calls = exchange.counters()["private"] - before
        loop = max(bot.loops()[:-1])
    return Seen(
        f"{loop:.0f} s per loop, {calls} private calls",
        loop > 30 and calls >= 15,
        {"loop_s": loop, "private_calls": calls},
    )


def no_funds_meter() -> Seen:
    settings = {"plan": signals(*PAIRS, times=None), "max_open_trades": 10}
    with rehearsal(settings, on=scenario("1", meter_enforced=True)) as (exchange, bot):
        exchange.reset_counters()
        bot.wait_until(lambda: max(bot.loops(), default=0) > 10, 90, "a loop of more than 10 s")
        number = len(bot.loops())
        bot.wait_until(lambda: len(bot.loops()) > number, 120, "the end of the long loop")
        loop = max(bot.loops()[:-1])
        limited = refused(exchange)["EAPI:Rate limit exceeded"]
        calls = exchange.counters()["private"]
    return Seen(
        f"{loop:.0f} s per loop, {calls} private calls, {limited} x EAPI:Rate limit exceeded",
        loop > 10 and limited >= 5,
        {"loop_s": loop, "private_calls": calls, "rate_limited": limited},
    )


def four_of_ten_fit() -> Seen:
    settings = {
        "plan": signals(*PAIRS, times=None),
        "stake_amount": 240,
        "max_open_trades": 10,
    }
    with rehearsal(settings) as (exchange, bot):
        bought(exchange, bot, count=4)
        exchange.reset_counters()
        bot.wait_loops(6)
        calls = exchange.counters()["private"] / 6
    return Seen(
        f"{calls:.1f} private calls per loop, for ever",
        9 <= calls <= 15,
        {"private_calls_per_loop": calls},
    )


def between_minimums() -> Seen:
    rich = [
        {"symbol": symbol, "price": "1", "amount_min": "3", "cost_min": "0.5"} for symbol in PAIRS
    ]
    settings = {"plan": signals(*PAIRS, times=None), "max_open_trades": 1}
    with rehearsal(settings, on=scenario("3.13", markets=rich)) as (exchange, bot):
        bot.wait_loops(2)
        exchange.reset_counters()
        before = len(bot.lines("Minimum stake amount > available"))
        bot.wait_loops(5)
        warnings = (len(bot.lines("Minimum stake amount > available")) - before) / 5
        calls = exchange.counters()["private"] / 5
    return Seen(
        f"{warnings:.0f} warnings and {calls:.0f} private calls per loop for 10 pairs",
        warnings >= 8 and calls >= 16,
        {"warnings_per_loop": warnings, "private_calls_per_loop": calls},
    )


# Balances that lag behind


def lag_after_sell_unlimited() -> Seen:
    settings = {"plan": signals(A), "max_open_trades": 1}
    with rehearsal(settings) as (exchange, bot):
        bought(exchange, bot)
        exchange.fault(kind="balance_lag", seconds=10, side="sell")
        bot.control(Control(signals={B: 1}, exits=[A]))
        bot.wait_until(lambda: len(buys(exchange)) >= 2, 60, "a second entry")
        sold = float(sells(exchange)[0]["cost"])
        second = float(buys(exchange)[1]["cost"])
        refusals = sum(refused(exchange).values())
    return Seen(
        f"opens the next position with {second:.2f} instead of about {sold * 0.99:.0f} USDT",
        second < sold * 0.1 and refusals == 0,
        {"stake": second, "owned": sold},
    )


def lag_after_sell_fixed() -> Seen:
    settings = {"plan": signals(A), "max_open_trades": 1, "stake_amount": 900}
    with rehearsal(settings) as (exchange, bot):
        bought(exchange, bot)
        exchange.fault(kind="balance_lag", seconds=10, side="sell")
        bot.control(Control(signals={B: 1}, exits=[A]))
        bot.wait_until(lambda: len(buys(exchange)) >= 2, 60, "a second entry")
        idle = buys(exchange)[1]["created_at"] - sells(exchange)[0]["closed_at"]
        lines = len(bot.lines("is lower than stake amount"))
    return Seen(
        f"refuses for {idle:.0f} s, {lines} warnings",
        8 <= idle <= 20 and lines >= 3,
        {"idle_s": idle, "warnings": lines},
    )


def _lag_after_buy(settings: Mapping[str, Any]) -> tuple[int, int, list[float], int]:
    lag = [{"kind": "balance_lag", "seconds": 10, "side": "buy"}]
    with rehearsal(settings, on=scenario(faults=lag)) as (exchange, bot):
        bot.wait_until(lambda: bool(buys(exchange)), 40, "a first entry")
        bot.wait_loops(12, timeout=90)
        recoveries = len(bot.lines("Trying to recover|Not enough .* in wallet"))
        calls = exchange.counters()["private"]
        return refused(exchange)[FUNDS], recoveries, costs(buys(exchange)), calls


def lag_after_buy_fixed() -> Seen:
    plan = replace(signals(A, B, times=None), exit_after_s=3)
    settings = {"plan": plan, "max_open_trades": 2, "stake_amount": 600}
    insufficient, recoveries, _, calls = _lag_after_buy(settings)
    return Seen(
        f"{insufficient} x Insufficient funds, {recoveries} needless recovery attempts",
        insufficient >= 5 and recoveries >= 3,
        {"insufficient": insufficient, "recoveries": recoveries, "private_calls": calls},
    )


def lag_after_buy_unlimited() -> Seen:
    plan = replace(signals(A, B, C, times=None), exit_after_s=3)
    settings = {"plan": plan, "max_open_trades": 3}
    insufficient, recoveries, stakes, calls = _lag_after_buy(settings)
    return Seen(
        f"stakes {stakes}, {insufficient} x Insufficient funds, {recoveries} recovery attempts",
        insufficient >= 5,
        {"insufficient": insufficient, "stakes": stakes, "private_calls": calls},
    )


# Minimums


def minimum_raised() -> Seen:
    settings = {"plan": StrategyPlan(), "stake_amount": 10, "max_open_trades": 1}
    with rehearsal(settings) as (exchange, bot):
        bot.wait_loops(1)
        exchange.market(A, cost_min="20")
        bot.control(Control(signals={A: 1}))
        bot.wait_until(lambda: bool(refused(exchange)), 30, "a refusal")
        began = CLOCK.monotonic()
        before = sum(refused(exchange).values())
        bot.wait_loops(8)
        errors = refused(exchange)
        seconds = CLOCK.monotonic() - began
    times = sum(errors.values()) - before
    return Seen(
        f"the same order again in every loop: {times} x {min(errors)} in {seconds:.0f} s",
        times >= 6,
        {"refusals": times, "seconds": seconds},
    )


def under_the_minimum() -> Seen:
    settings = {"plan": signals(A), "stake_amount": 10, "max_open_trades": 1}
    with rehearsal(settings) as (exchange, bot):
        bought(exchange, bot)
        exchange.market(A, cost_min="20")
        bot.control(Control(exits=[A]))
        bot.wait_until(lambda: bool(refused(exchange)), 30, "a refusal")
        exchange.reset_counters()
        began = CLOCK.monotonic()
        before = sum(refused(exchange).values())
        bot.wait_loops(8)
        seconds = CLOCK.monotonic() - began
        times = sum(refused(exchange).values()) - before
        refreshes = exchange.counters()["endpoints"].get("BalanceEx", 0)
        immortal = len(bot.open_trades()) == 1
    return Seen(
        f"{times} refused sales in {seconds:.0f} s, {refreshes} balance refreshes, the trade stays",
        times >= 6 and refreshes >= 6 and immortal,
        {"refusals": times, "seconds": seconds, "refreshes": refreshes},
    )


# Replies that are lost


def lost_entry(how: str) -> Callable[[], Seen]:
    def run() -> Seen:
        settings = {"plan": signals(A, B), "stake_amount": 200, "max_open_trades": 1}
        lost = [{"kind": "lost_reply", "how": how, "times": 1}]
        with rehearsal(settings, on=scenario(faults=lost)) as (exchange, bot):
            bot.wait_until(lambda: len(buys(exchange)) >= 2, 60, "a second entry")
            bot.wait_loops(3)
            known = {order["order_id"] for order in bot.orders()}
            unknown = [order for order in buys(exchange) if order["id"] not in known]
            gap = buys(exchange)[1]["created_at"] - buys(exchange)[0]["created_at"]
        return Seen(
            f"{len(unknown)} order unknown to the bot, {len(known)} known; the next pair was "
            f"bought {gap:.2f} s later",
            len(unknown) == 1 and len(known) == 1,
            {"unknown": len(unknown), "next_buy_s": gap},
        )

    return run


def lost_entry_three() -> Seen:
    settings = {"plan": signals(A, B, C, D), "stake_amount": 200, "max_open_trades": 1}
    lost = [{"kind": "lost_reply", "how": "error", "times": 3}]
    with rehearsal(settings, on=scenario(faults=lost)) as (exchange, bot):
        bot.wait_until(lambda: len(buys(exchange)) >= 4, 60, "four entries")
        bot.wait_loops(2)
        orders = buys(exchange)
        known = len(bot.orders())
    exposure = sum(costs(orders)) / 200
    span = orders[3]["created_at"] - orders[0]["created_at"]
    return Seen(
        f"{exposure:.1f} times the exposure in {span:.2f} s, {known} of {len(orders)} known",
        exposure > 3.5 and known == 1,
        {"exposure": exposure, "seconds": span},
    )


def lost_exit() -> Seen:
    settings = {"plan": signals(A), "stake_amount": 200, "max_open_trades": 1}
    with rehearsal(settings) as (exchange, bot):
        bought(exchange, bot)
        exchange.fault(kind="lost_reply", how="error", side="sell", times=1)
        bot.control(Control(exits=[A]))
        bot.wait_until(lambda: bool(sells(exchange)), 30, "a sale")
        sold = CLOCK.monotonic()
        bot.wait_until(lambda: not bot.open_trades(), 30, "the trade's end")
        took = CLOCK.monotonic() - sold
    return Seen(f"recovers alone in {took:.1f} s", took < 15, {"seconds": took})


# Two bots


def two_bots_own_keys() -> Seen:
    plan = StrategyPlan(signals=dict.fromkeys(PAIRS), exit_after_s=4)
    settings = {"plan": plan, "max_open_trades": 3}
    trouble = {"latency_ms": 150, "faults": [{"kind": "balance_lag", "seconds": 3}]}
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox.start(scenario(**trouble)))
        bots = [
            stack.enter_context(started(sandbox, settings, key_index=index)) for index in (0, 1)
        ]
        for bot in bots:
            bot.wait_running(timeout=120)
        bots[0].wait_until(lambda: refused(sandbox.control)[FUNDS] >= 2, 60, "Insufficient funds")
        bots[0].wait_loops(10, timeout=90)
        insufficient = refused(sandbox.control)[FUNDS]
        stakes = costs(buys(sandbox.control))
    return Seen(
        f"{insufficient} x Insufficient funds, stakes from {max(stakes):.0f} down to "
        f"{min(stakes):.0f}",
        insufficient >= 2 and min(stakes) < max(stakes) / 2,
        {"insufficient": insufficient, "stakes": stakes},
    )


def two_bots_one_key() -> Seen:
    """Requests overtake each other on their way; here those for balances are the slow ones."""
    settings = {"plan": signals(*PAIRS, times=None), "max_open_trades": 10}
    slow = [{"kind": "latency", "endpoint": "BalanceEx", "ms": 150}]
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox.start(scenario("1", faults=slow)))
        bots = [stack.enter_context(started(sandbox, settings)) for _ in range(2)]
        bots[0].wait_until(
            lambda: refused(sandbox.control)["EAPI:Invalid nonce"] >= 1, 120, "Invalid nonce"
        )
        nonces = refused(sandbox.control)["EAPI:Invalid nonce"]
    return Seen(f"{nonces} x EAPI:Invalid nonce", nonces >= 1, {"invalid_nonce": nonces})


ROWS: list[Row] = [
    Row(
        "no-funds-limiter",
        "10 pairs signal in every loop, no funds, ccxt's limiter on",
        "20 private calls and 82 s per loop",
        no_funds_limiter,
    ),
    Row(
        "no-funds-meter",
        "same, limiter off, Kraken's call meter enforced",
        "33 private calls, 36 s per loop, 15 x EAPI:Rate limit exceeded",
        no_funds_meter,
    ),
    Row(
        "four-of-ten-fit",
        "fixed stake, 4 of 10 pairs fit",
        "the 6 others cost 12 private calls in every loop",
        four_of_ten_fit,
    ),
    Row(
        "lag-sell-unlimited",
        "balance lags 10 s after a sell, unlimited stake, 1 slot",
        "opens the next position with 7.35 instead of 984.7, no warning",
        lag_after_sell_unlimited,
    ),
    Row(
        "lag-sell-fixed",
        "balance lags 10 s after a sell, fixed stake",
        "refuses for 11 s",
        lag_after_sell_fixed,
    ),
    Row(
        "lag-buy-fixed",
        "balance lags 10 s after a buy, fixed 600 of 1000, 2 slots",
        "10 x Insufficient funds, 9 needless recovery attempts",
        lag_after_buy_fixed,
    ),
    Row(
        "lag-buy-unlimited",
        "same, unlimited, 3 slots",
        "over-sizes (330, 439, 219), 32 x Insufficient funds, 29 recovery attempts",
        lag_after_buy_unlimited,
    ),
    Row(
        "minimum-raised",
        "exchange raises a minimum after start",
        "the same order again in every loop: 70 refusals in 70 s",
        minimum_raised,
    ),
    Row(
        "under-minimum",
        "position fell under the minimum",
        "66 refused sales in 66 s, each with a balance refresh; the trade is immortal",
        under_the_minimum,
    ),
    Row(
        "between-minimums",
        "free between Kraken's minimum and freqtrade's (3.00 - 3.15)",
        "a warning and a balance refresh per pair in every loop",
        between_minimums,
    ),
    *(
        Row(
            f"lost-entry-{how}",
            f"reply to an entry lost ({how})",
            "the order exists, freqtrade never learns of it, the next pair is bought",
            lost_entry(how),
        )
        for how in ("error", "502", "timeout", "drop")
    ),
    Row(
        "lost-entry-three",
        "three replies to entries lost",
        "four times the exposure in 2.6 s",
        lost_entry_three,
    ),
    Row("lost-exit", "reply to an exit lost", "recovers alone in about 2 s", lost_exit),
    Row(
        "two-bots",
        "two bots, one account, both unlimited (150 ms latency, 3 s lag)",
        "25-26 x Insufficient funds in 60 s; stakes from 330 down to 4",
        two_bots_own_keys,
        bots=2,
    ),
    Row(
        "two-bots-one-key",
        "two bots with one API key",
        "EAPI:Invalid nonce",
        two_bots_one_key,
        bots=2,
    ),
]
