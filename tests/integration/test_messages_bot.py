"""Messages of a real bot through freqtrade's own webhook and Discord modules, to local servers."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.live import all_pairs, running, scenario, settings


SECRET = "hunter22-of-the-ledger"


@contextmanager
def receiver(delay: float = 0.0) -> Iterator[tuple[str, list[str]]]:
    """The address of a server that takes any POST, after ``delay`` seconds, and what it got."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            time.sleep(delay)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", got
    finally:
        server.shutdown()
        server.server_close()


def webhook(url: str) -> dict[str, Any]:
    return {
        "enabled": True, "url": url, "format": "json", "allow_custom_messages": True,
        "webhookstatus": {"status": "{status}"}, "strategy_msg": {"news": "{msg}"},
        "status": {"status": "{status}"},
        "protection_trigger_global": {"lock": "{reason} {lock_end_time}"},
    }  # fmt: skip


def about(got: list[str], words: str) -> list[str]:
    return [one for one in got if words in json.dumps(json.loads(one), ensure_ascii=False)]


def test_one_message_for_each_incident_and_news_and_a_slow_server_holds_up_no_exit(tmp_path):
    with receiver() as (quick, got), receiver(delay=10) as (slow, slow_got):
        more = {
            "webhook": webhook(quick),
            "discord": {"enabled": True, "webhook_url": slow, "warning": [{"Status": "{status}"}]},
        }
        guard = {"post_trade_refresh_window": 3, "balance_cache_duration": 2}
        with Sandbox.start(scenario("1000")) as sandbox:
            first, second = all_pairs(sandbox, 2)
            # Denied in every loop: so the balance is read again and again.
            plan = StrategyPlan(signals={first: 1, second: None}, stakes={second: 1.0})
            bot_settings = settings(
                sandbox, plan, way="launcher", guard=guard, stake_amount=100, config=more
            )
            with running(bot_settings, tmp_path) as bot:
                bot.wait_until(lambda: len(bot.open_trades()) == 1, 30, "a trade")
                sandbox.control.deposit("main", "USDT", "77")
                bot.wait_until(lambda: about(got, "77 beyond own orders"), 90, "the news of 77")
                # The reply is lost, and the exchange cannot say what happened: an incident.
                sandbox.control.fault("lost_reply", endpoint="AddOrder", times=1)
                sandbox.control.fault("error", endpoint="QueryOrders", times=200,
                                      message="EService:Unavailable")  # fmt: skip
                began = time.monotonic()
                bot.control(Control(exits=[first]))
                bot.wait_until(
                    lambda: any(one["side"] == "sell" for one in sandbox.control.orders()),
                    20, "an exit",
                )  # fmt: skip
                assert time.monotonic() - began < 9
                sandbox.control.clear_faults()
                bot.wait_until(lambda: not bot.open_trades(), 60, "all sold")
                bot.wait_loops(5)
                assert len(about(got, "77 beyond own orders")) == 1
                assert not bot.lines("Traceback")
        assert slow_got
        assert not [one for one in [*got, *slow_got] if SECRET in one]
