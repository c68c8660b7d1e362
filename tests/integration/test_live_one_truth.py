"""However an order ends, bot, ledger and exchange show the same free amount a loop later."""

from contextlib import contextmanager
from decimal import Decimal

import pytest

from freqtrade_balance_guard.demo.strategy import StrategyPlan
from tests.support.balances import A, rehearsal
from tests.support.orders import FAR_BELOW, FAR_PRICES, WITH_TAG, eventually, reservations
from tests.support.rest import Rest


RESTING = {
    "plan": StrategyPlan(order_type="limit"),
    "extra": WITH_TAG + FAR_BELOW,
    "stake_amount": 600,
}


@contextmanager
def resting_entry(tmp_path):
    """A bot with an entry that rests, its REST API, and the order."""
    rest = Rest.on_a_free_port()
    with rehearsal(tmp_path, "mixin", config={**FAR_PRICES, **rest.config}, **RESTING) as rehearsed:
        rehearsed.signal(A)
        rehearsed.wait_orders("buy", 1)
        rehearsed.signal()
        (order,) = rehearsed.orders("buy")
        eventually(rehearsed, lambda: [] if shown(rest) < 500 else ["not held yet"])
        yield rehearsed, rest, order


def shown(rest):
    """Free stake currency, as the bot shows it."""
    currencies = rest.get("balance")["currencies"]
    return next(one["free"] for one in currencies if one["currency"] == "USDT")


def differences(rehearsed, rest):
    """Where the three do not show the same free amount."""
    (row,) = reservations(rehearsed)
    free, bot = rehearsed.free(), shown(rest)
    wrong = [] if abs(free - bot) < 1e-6 else [f"the exchange has {free} free, the bot {bot}"]
    if row.unfinished or row.amount != Decimal(0):
        wrong.append(f"the ledger holds {row.amount} ({row.state})")
    return wrong


def delete(rehearsed, rest, order):
    (trade,) = rehearsed.bot.open_trades()
    rest.delete(f"trades/{trade['id']}")


def cancel_by_hand(rehearsed, rest, order):
    rehearsed.exchange.cancel(order["id"])


def recover(rehearsed, rest, order):
    # While the bot is stopped its loop asks for no order: only the recovery sees it.
    rest.post("stop")
    rehearsed.bot.wait_for("STOPPED", 10)
    rehearsed.exchange.cancel(order["id"])
    (trade,) = rehearsed.bot.open_trades()
    # The answer is an error: the trade is gone with its only order.
    rest.ask("POST", f"trades/{trade['id']}/reload")


@pytest.mark.parametrize(
    "end", [delete, pytest.param(cancel_by_hand, marks=pytest.mark.acceptance), recover]
)
def test_an_entry_that_ends_without_a_fill_is_free_everywhere(tmp_path, end):
    with resting_entry(tmp_path) as (rehearsed, rest, order):
        end(rehearsed, rest, order)
        rehearsed.bot.wait_until(
            lambda: rehearsed.orders("buy")[0]["status"] == "canceled", 10, "the end of the order"
        )
        eventually(rehearsed, lambda: differences(rehearsed, rest), timeout=5)
        assert rehearsed.free() == 1000
