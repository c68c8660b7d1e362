"""The early warning of a real bot: its line in `status`, one message, and nothing else."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from freqtrade_balance_guard.demo.strategy import Control
from tests.support.balances import GUARDED, PAIRS, figure, rehearsal, usdt
from tests.support.stuck import attempts, console, guard, preview


pytestmark = pytest.mark.acceptance

# An hour is ten seconds.
SCALED = """

from functools import partial

from freqtrade_balance_guard.monitoring import rebalance_view
from freqtrade_balance_guard.rebalance.early_warning import EarlyWarning

rebalance_view.EarlyWarning = partial(EarlyWarning, window=20.0, horizon=10.0)
"""


@contextmanager
def webhook() -> Iterator[tuple[dict, list[str]]]:
    """Somebody who gets the bot's messages: the config for it, and what came."""
    came: list[str] = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append(json.loads(body)["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "webhook": {
            "enabled": True,
            "url": f"http://127.0.0.1:{server.server_port}/",
            "format": "json",
            "allow_custom_messages": True,
            "strategy_msg": {"text": "{msg}"},
        }
    }
    try:
        yield config, came
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("way", GUARDED)
def test_it_is_told_once_shown_in_status_and_stands_in_nobodys_way(tmp_path, way):
    with webhook() as (config, came):
        scene = {
            "on": usdt("100"),
            "extra": SCALED,
            "guard": guard(),
            "stake_amount": 10,
            "max_open_trades": 10,
            "config": {"tradable_balance_ratio": 1.0, **config},
        }
        with rehearsal(tmp_path, way, **scene) as rehearsed:
            bot = rehearsed.bot
            bot.wait_loops(3)
            # One purchase every other second: nine of them leave 9.64, far above the threshold.
            for count in range(1, 10):
                bot.control(Control(signals=dict.fromkeys(PAIRS[:count], 1)))
                rehearsed.wait_bought(count)
            warnings = [text for text in came if "Early warning" in text]
            assert len(warnings) == 1, came
            figure("early warning", {way: warnings[0]})
            assert "USDT available; at " in warnings[0]
            assert "per hour it is below 2.5 USDT in about " in warnings[0]
            # Neither did it hold an entry back, nor did it sell or lock anything.
            assert len(rehearsed.orders("buy")) == 9
            assert 9 < rehearsed.free() < 10

            shown = []

            def is_shown():
                shown[:] = [preview(rehearsed).get("early_warning") or ""]
                return shown[0].startswith("9.6") and "is below 2.5 USDT in about" in shown[0]

            bot.wait_until(is_shown, 15, "the line")
            status = console(rehearsed, "status")
            assert status.returncode == 0, status.stderr
            assert "is below 2.5 USDT in about" in " ".join(status.stdout.split())

            # Nothing is bought any more; the warning is not repeated.
            bot.wait_loops(8)
            assert len([text for text in came if "Early warning" in text]) == 1
            assert not rehearsed.orders("sell") and not attempts(rehearsed)
            assert not bot.lines("are locked|No order for")
