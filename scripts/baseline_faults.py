"""The rows of the baseline about the balance endpoint: what plain freqtrade makes of it."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from baseline_rig import (
    CLOCK,
    A,
    B,
    Row,
    Seen,
    bought,
    buys,
    rehearsal,
    scenario,
    sells,
    signals,
)

from freqtrade_balance_guard.demo.strategy import Control


_WORDS = re.compile(
    "Not enough amount to exit trade|Could not get balance due to [A-Za-z]+|"
    "EAPI:Rate limit exceeded"
)


def garbage() -> Seen:
    """ccxt raises a bare ValueError, which freqtrade does not expect."""
    settings = {"plan": signals(A), "stake_amount": 200, "max_open_trades": 1}
    with rehearsal(settings) as (exchange, bot):
        bought(exchange, bot)
        exchange.fault(kind="balance_garbage", endpoint="BalanceEx")
        bot.control(Control(exits=[A]))
        bot.wait_until(lambda: bot.exit_code() is not None, 40, "the end of the process")
        error = bot.lines("ValueError|InvalidOperation|Fatal exception")
        left_alone = len(bot.open_trades())
    last = error[-1].strip()[:60] if error else "no error in the log"
    return Seen(
        f"the process dies ({last}), {left_alone} open trade left alone",
        bool(error) and left_alone == 1,
        {"exit_code": bot.exit_code()},
    )


def exit_blocked(
    fault: Mapping[str, Any], *, wanted_log: str, watched: float = 10.0
) -> Callable[[], Seen]:
    """A trade is open, the fault begins, the strategy wants to sell; looked at for some seconds."""

    def run() -> Seen:
        settings = {"plan": signals(A), "stake_amount": 200, "max_open_trades": 1}
        with rehearsal(settings) as (exchange, bot):
            bought(exchange, bot)
            exchange.reset_counters()
            began = CLOCK.monotonic()
            fault_id = exchange.fault(**{"endpoint": "BalanceEx", **fault})
            bot.control(Control(exits=[A]))
            bot.wait_for(wanted_log, 60)
            until = began + watched
            bot.wait_until(lambda: CLOCK.monotonic() > until, watched + 90, "time passing")
            blocked = not sells(exchange)
            tries = exchange.counters()["endpoints"].get("BalanceEx", 0)
            pause = len(bot.lines("retrying in 30 seconds"))
            slowest = max(bot.loops())
            exchange.remove_fault(fault_id)
            # After a temporary error freqtrade sleeps 30 s before the next loop.
            bot.wait_until(lambda: bool(sells(exchange)), 75, "the sale after the fault")
            words = _WORDS.search(bot.log())
        sentence = f"exit blocked until it ends, {tries} tries in {watched:.0f} s"
        if slowest > 5:
            sentence += f", a loop takes {slowest:.0f} s or more"
        if pause:
            sentence += ", the whole bot pauses 30 s"
        return Seen(
            f"{sentence} ({words.group(0) if words else 'no such line in the log'})",
            blocked,
            {"tries": tries, "pauses": pause, "slowest_loop_s": slowest},
        )

    return run


def null_amounts() -> Seen:
    """An answer whose amounts are null: ccxt passes None on, and freqtrade subtracts from it."""
    settings = {"plan": signals(A), "stake_amount": 200, "max_open_trades": 1}
    with rehearsal(settings) as (exchange, bot):
        bought(exchange, bot)
        exchange.fault(kind="balance_null", endpoint="BalanceEx")
        bot.control(Control(exits=[A]))
        bot.wait_until(lambda: bot.exit_code() is not None, 40, "the end of the process")
        error = bot.lines("^TypeError")
        left_alone = len(bot.open_trades())
        blocked = not sells(exchange)
    return Seen(
        f"worse: the process dies ({(error or ['no error'])[-1][:60]}), {left_alone} open trade",
        blocked and left_alone == 1,
        {"exit_code": bot.exit_code()},
    )


def ten_times() -> Seen:
    settings = {"plan": signals(A), "max_open_trades": 2}
    wrong = [{"kind": "balance_factor", "factor": "10", "endpoint": "BalanceEx"}]
    with rehearsal(settings, on=scenario("1000", faults=wrong)) as (exchange, bot):
        line = bot.wait_for("about create a new trade", 40)
        bot.wait_loops(2)
        refusals = len(exchange.rejections())
        entries = len(buys(exchange))
    found = re.search(r"stake_amount: ([0-9.]+)", line)
    stake = float(found.group(1)) if found else 0.0
    return Seen(
        f"believed: wants {stake:.0f} of 1000 USDT, {refusals} refused, {entries} entries",
        stake > 1000,
        {"stake": stake, "refused": refusals},
    )


def start_unavailable() -> Seen:
    down = [{"kind": "error", "message": "EService:Unavailable", "endpoint": "BalanceEx"}]
    settings = {"plan": signals(A)}
    with rehearsal(settings, on=scenario(faults=down), wait=False) as (exchange, bot):
        bot.wait_until(lambda: bot.exit_code() is not None, 90, "the end of the process")
        tries = exchange.counters()["endpoints"].get("BalanceEx", 0)
        code = bot.exit_code()
    return Seen(f"dies after {tries} tries (code {code})", tries == 5, {"tries": tries})


def start_empty() -> Seen:
    empty = [{"kind": "balance_empty", "endpoint": "BalanceEx"}]
    settings = {"plan": signals(A, B)}
    with rehearsal(settings, on=scenario(faults=empty)) as (exchange, bot):
        bot.wait_loops(3)
        entries = len(buys(exchange))
        running = bot.exit_code() is None
    return Seen(f"starts with 0, {entries} entries", running and entries == 0, {"entries": entries})


_EMPTY = "read as 'account empty': exits blocked until it ends"
_TRIES = "five immediate tries per refresh, exits blocked"
_NOT_ENOUGH = "Not enough amount to exit|Not enough .* in wallet"
_ERROR = "retrying in|Could not get balance|returned exception"

ROWS: list[Row] = [
    Row(
        "balance-garbage",
        "balance endpoint: a garbage number",
        "the process dies (ValueError), open trades left alone",
        garbage,
    ),
    *(
        Row(
            f"balance-{name}",
            f"balance endpoint: {name}",
            _EMPTY,
            exit_blocked({"kind": kind}, wanted_log=_NOT_ENOUGH),
        )
        for name, kind in (
            ("empty", "balance_empty"),
            ("zero", "balance_zero"),
            ("html", "html"),
        )
    ),
    Row(
        "balance-null",
        "balance endpoint: amounts that are null",
        "a null answer is " + _EMPTY,
        null_amounts,
    ),
    Row(
        "balance-502",
        "balance endpoint: 502",
        _TRIES,
        exit_blocked({"kind": "http_status", "status": 502}, wanted_log=_ERROR),
    ),
    Row(
        "balance-429",
        "balance endpoint: 429",
        _TRIES,
        exit_blocked({"kind": "http_status", "status": 429}, wanted_log=_ERROR),
    ),
    Row(
        "balance-rate-limit",
        "balance endpoint: EAPI:Rate limit exceeded",
        "blocks the whole bot about 8 s",
        exit_blocked(
            {"kind": "error", "message": "EAPI:Rate limit exceeded"},
            wanted_log=_ERROR,
            watched=20.0,
        ),
    ),
    Row(
        "balance-unavailable",
        "balance endpoint: EService:Unavailable",
        _TRIES,
        exit_blocked({"kind": "error", "message": "EService:Unavailable"}, wanted_log=_ERROR),
    ),
    Row(
        "balance-timeout",
        "balance endpoint: time-out",
        "10 s per try",
        exit_blocked({"kind": "timeout", "seconds": 30}, wanted_log=_ERROR, watched=25.0),
    ),
    Row("balance-ten-times", "balance 10 times too high", "believed", ten_times),
    Row("start-unavailable", "at start: unavailable", "dies after 5 tries", start_unavailable),
    Row("start-empty", "at start: empty", "starts with 0", start_empty),
]
