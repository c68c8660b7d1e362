"""/forceenter, /forceexit and /unlock of a trader, while pairs are locked and while it is sold."""

from dataclasses import replace

import pytest

from freqtrade_balance_guard.rebalance.attempt import Outcome
from tests.support.balances import GUARDED
from tests.support.orders import FAR_ABOVE, FAR_PRICES, settled_books
from tests.support.rest import Rest
from tests.support.stuck import ADA, DOT, LTC, PLAN, XRP, attempts, guard, locks, stuck


pytestmark = pytest.mark.acceptance

BELOW = "available stake is below min_balance_threshold"
SOLD = "sold by the emergency rebalance"


def unlock(rest, reason):
    """What /unlock does: by the lock's number, as /locks shows it."""
    (lock,) = [lock for lock in rest.get("locks")["locks"] if lock["reason"] == reason]
    assert lock["active"]
    return rest.delete(f"locks/{lock['id']}")


def trade_of(rehearsed, pair):
    return next(trade for trade in rehearsed.bot.open_trades() if trade["pair"] == pair)


@pytest.mark.parametrize("way", GUARDED)
def test_below_the_threshold_only_forceexit_does_something(tmp_path, way):
    rest = Rest.on_a_free_port()
    settings = guard(min_balance_threshold=5, rebalance={"enabled": False})
    # freqtrade itself refuses a fixed stake that is not there; the plan's three are bought as ever.
    scene = {"way": way, "settings": settings, "config": rest.config, "stake_amount": "unlimited"}
    with stuck(tmp_path, **scene) as rehearsed:
        bot = rehearsed.bot
        bot.wait_for("All pairs are locked", 20)

        # A stake of its own takes another way through freqtrade than the config's.
        for more in ({}, {"stakeamount": 2.6}):
            answer = rest.ask("POST", "forceenter", pair=LTC, **more)
            assert answer.status_code == 502, answer.text
            told = answer.json()["error"]
            assert "No order for LTC/USDT: " in told
            assert "below min_balance_threshold 5 USDT. [below_threshold: available=2.86" in told, (
                told
            )

        unlock(rest, BELOW)
        bot.wait_for("All pairs stay locked: 2.86.* is available, below min_balance_thr", 10)
        assert locks(rehearsed, BELOW) == {"*"}
        rehearsed.signal(LTC, times=9)
        bot.wait_loops(3)
        assert len(rehearsed.orders()) == 3
        # It is set again once, and told once.
        assert len(bot.lines("All pairs stay locked")) == 1

        rest.post("forceexit", tradeid=str(trade_of(rehearsed, DOT)["id"]))
        rehearsed.wait_orders("sell", 1)
        bot.wait_for("All pairs are unlocked", 20)
        assert not locks(rehearsed, BELOW)
        rehearsed.wait_bought(3)
        assert {trade["pair"] for trade in bot.open_trades()} == {ADA, XRP, LTC}
        assert not bot.lines("Traceback|The guard failed")


def test_what_was_sold_is_not_forced_in_again_and_its_lock_comes_back(tmp_path):
    rest = Rest.on_a_free_port()
    settings = guard(rebalance={"order": "oldest", "target_stake": 14})
    with stuck(tmp_path, settings=settings, config=rest.config) as rehearsed:
        bot = rehearsed.bot
        bot.wait_until(lambda: any(one.ended_at for one in attempts(rehearsed)), 40, "an attempt")
        bot.wait_until(lambda: ADA not in {t["pair"] for t in bot.open_trades()}, 20, "a sale")
        answer = rest.ask("POST", "forceenter", pair=ADA)
        assert answer.status_code == 502 and "[rebalance_cooldown" in answer.text
        # Another pair may be bought by hand.
        before = locks(rehearsed, SOLD)
        assert ADA in before
        for lock in rest.get("locks")["locks"]:
            if lock["reason"] == SOLD:
                rest.delete(f"locks/{lock['id']}")
        bot.wait_for(f"{ADA} stays locked: {SOLD}", 10)
        assert locks(rehearsed, SOLD) == before
        rest.post("forceenter", pair=LTC)
        rehearsed.signal(ADA, times=9)
        bot.wait_loops(3)
        assert {o["pair"] for o in rehearsed.orders("buy")[3:]} == {LTC}
        assert len(attempts(rehearsed)) == 1


def test_forceexit_takes_over_a_sale_that_rests(tmp_path):
    rest = Rest.on_a_free_port()
    plan = replace(PLAN, order_type="limit")
    config = {**rest.config, **FAR_PRICES}
    with stuck(tmp_path, plan=plan, extra=FAR_ABOVE, config=config) as rehearsed:
        bot = rehearsed.bot
        bot.wait_until(lambda: any(one.ended_at for one in attempts(rehearsed)), 40, "an attempt")
        (attempt,) = attempts(rehearsed)
        (sale,) = attempt.sales
        assert (sale.pair, sale.outcome) == (ADA, Outcome.ORDERED)
        rest.post("forceexit", tradeid=str(trade_of(rehearsed, ADA)["id"]), ordertype="market")
        bot.wait_until(lambda: ADA not in {t["pair"] for t in bot.open_trades()}, 20, "its end")
        bot.wait_loops(3)
        resting, by_hand = rehearsed.orders("sell")
        assert (resting["status"], by_hand["status"]) == ("canceled", "closed")
        # All of it was sold, once; what the rebalance had ordered came to nothing.
        assert float(by_hand["filled"]) == pytest.approx(
            float(rehearsed.orders("buy")[0]["filled"])
        )
        (attempt,) = attempts(rehearsed)
        assert attempt.sales[0].outcome is Outcome.FAILED
        settled_books(rehearsed)
