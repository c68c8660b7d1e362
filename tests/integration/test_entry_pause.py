"""A pause of entries with a real bot on the sandbox: entries wait, exits go on."""

import json

from tests.support.balances import A, B, rehearsal
from tests.support.stuck import console


def test_entries_wait_until_they_are_resumed_and_exits_go_on(tmp_path):
    with rehearsal(tmp_path, "launcher", stake_amount=50, max_open_trades=3) as rehearsed:
        rehearsed.bot.wait_loops(1)
        rehearsed.signal(A)
        rehearsed.wait_bought(1)
        paused = console(rehearsed, "pause", "--why", "maintenance")
        assert paused.returncode == 0 and "exits go on" in paused.stderr
        rehearsed.signal(B, times=None, sell=(A,))
        rehearsed.bot.wait_until(lambda: not rehearsed.bot.open_trades(), 20, "the exit")
        rehearsed.bot.wait_loops(2)
        assert len(rehearsed.orders("buy")) == 1
        assert "(maintenance). [paused]" in rehearsed.bot.log()
        status = json.loads(console(rehearsed, "status", "--json").stdout)
        assert [pause["why"] for pause in status["paused"]] == ["maintenance"]
        assert console(rehearsed, "resume").returncode == 0
        rehearsed.wait_bought(1)
        assert len(rehearsed.orders("buy")) == 2
