"""MinimumBalanceFilter with real commands: test-pairlist, the web server, and a live bot."""

import json
import subprocess
import sys
import time

import pytest

from tests.support.rest import Rest
from tests.support.stuck import ADA, DOT, HELD, LTC, XRP, guard, stuck


pytestmark = pytest.mark.acceptance

STATIC, OURS = {"method": "StaticPairList"}, {"method": "MinimumBalanceFilter"}
NOW = {**OURS, "compare_with": "available"}
SHUFFLE, OFFSET = {"method": "ShuffleFilter", "seed": 3}, {"method": "OffsetFilter", "offset": 1}
VOLUME = {"method": "VolumePairList", "number_assets": 20, "sort_key": "quoteVolume"}

# What 2.65 USDT are too little for; the others cost a little less to buy and to sell again.
SMALL, LARGE = 2.65, 280


def listed(workspace, chain, wallet):
    workspace.write_config({"min_order_size": 1}, dry_run_wallet=wallet, pairlists=chain)
    done = workspace.run("test-pairlist", "--print-json", launcher=True)
    return done, json.loads(done.stdout.strip().splitlines()[-1]) if not done.returncode else None


@pytest.mark.parametrize(
    "chain",
    [
        [STATIC, OURS],
        [STATIC, NOW],
        [STATIC, OURS, SHUFFLE],
        [STATIC, SHUFFLE, OURS],
        [STATIC, OURS, NOW],
        [VOLUME, OURS],
    ],
    ids=["last", "last, available", "before another", "behind another", "twice", "by volume"],
)
def test_the_filter_does_the_same_at_every_place_behind_a_generator(workspace, chain):
    done, few = listed(workspace, chain, SMALL)
    assert done.returncode == 0, done.stderr[-2000:]
    _, all_ = listed(workspace, chain, LARGE)
    assert 0 < len(few) < len(all_) and set(few) < set(all_)
    # What is dropped is said, and the order is the others' business.
    dropped = set(all_) - set(few)
    said = done.stdout + done.stderr
    assert all(f"Removed {pair} from whitelist" in said for pair in dropped)
    if SHUFFLE not in chain:
        assert few == [pair for pair in all_ if pair in few]


def test_what_stands_behind_it_counts_only_what_it_has_left(workspace):
    _, few = listed(workspace, [STATIC, OURS], SMALL)
    _, fewer = listed(workspace, [STATIC, OURS, OFFSET], SMALL)
    assert fewer == few[1:]


@pytest.mark.parametrize(
    ("chain", "sentence"),
    [
        ([OURS, STATIC], "first position"),
        ([STATIC, {**OURS, "compare_with": "all"}], "compare_with is 'all'"),
    ],
    ids=["first", "a wrong word"],
)
def test_a_wrong_place_or_word_ends_the_command_with_a_sentence(workspace, chain, sentence):
    done, _ = listed(workspace, chain, LARGE)
    assert done.returncode != 0
    assert sentence in done.stdout + done.stderr


def test_frequi_is_told_of_it_with_its_parameter(workspace):
    rest = Rest.on_a_free_port()
    path = workspace.write_config({"min_order_size": 1}, pairlists=[STATIC, OURS], **rest.config)
    words = ["webserver", "--config", str(path), "--userdir", str(workspace.folder)]
    with subprocess.Popen(
        [sys.executable, "-m", "freqtrade_balance_guard", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as server:
        try:
            found = {one["name"]: one for one in available(rest)["pairlists"]}
        finally:
            server.terminate()
            server.communicate(timeout=30)
    ours = found["MinimumBalanceFilter"]
    assert not ours["is_pairlist_generator"]
    assert ours["params"]["compare_with"]["options"] == ["whole_account", "available"]


def available(rest, seconds=40):
    """What FreqUI asks; the server needs some seconds to come up."""
    end = time.monotonic() + seconds
    while True:
        try:
            return rest.get("pairlists/available")
        except OSError as error:
            raise AssertionError(error) from error
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


# Exits by signal, which freqtrade takes from analysed candles, and nothing else.
BY_SIGNAL = """

def populate_exit_trend(self, dataframe, metadata):
    dataframe["exit_long"] = int(metadata["pair"] in self.exits)
    return dataframe


Rehearsal.populate_exit_trend = populate_exit_trend
Rehearsal.custom_exit = lambda self, *args, **kwargs: None
"""


@pytest.mark.parametrize("way", ["launcher", "mixin"])
def test_a_fully_invested_bot_keeps_its_pairs_and_its_exits_by_signal(tmp_path, way):
    """With compare_with "available", the setting that could empty the list."""
    rest = Rest.on_a_free_port()
    settings = guard(min_order_size=7, balance_cache_duration=1, rebalance={"enabled": False})
    config = {**rest.config, "pairlists": [STATIC, NOW]}
    scene = {"way": way, "settings": settings, "config": config, "extra": BY_SIGNAL}
    with stuck(tmp_path, **scene) as rehearsed:
        bot = rehearsed.bot

        def whitelist():
            return set(rest.get("whitelist")["whitelist"])

        # 2.86 is left, 7 is the smallest entry: LTC goes, what is held stays.
        bot.wait_until(lambda: whitelist() == set(HELD), 20, "a list without LTC")
        bot.wait_loops(3)
        assert whitelist() == set(HELD)
        rehearsed.signal(sell=(ADA,))
        rehearsed.wait_orders("sell", 1)
        bot.wait_until(lambda: len(bot.open_trades()) == 2, 20, "a closed trade")
        (closed,) = [trade for trade in bot.trades() if not trade["is_open"]]
        assert (closed["pair"], closed["exit_reason"]) == (ADA, "exit_signal")
        # 12.8 are there again, so LTC is, too.
        bot.wait_until(lambda: whitelist() == {ADA, XRP, DOT, LTC}, 20, "LTC in the list")


def test_an_account_that_is_too_small_for_anything_keeps_its_list(tmp_path):
    rest = Rest.on_a_free_port()
    settings = guard(min_order_size=50, rebalance={"enabled": False})
    config = {**rest.config, "pairlists": [STATIC, OURS]}
    plan_none = {"plan": None}
    with stuck(tmp_path, settings=settings, config=config, bought=0, **plan_none) as rehearsed:
        rehearsed.bot.wait_for("No pair fits into", 20)
        rehearsed.bot.wait_loops(2)
        assert set(rest.get("whitelist")["whitelist"]) == {ADA, XRP, DOT, LTC}
        assert not rehearsed.orders()
