"""The page and its endpoints in freqtrade's own web server, with a real bot and a real browser."""

import json
import subprocess
import sys
from urllib.parse import urlsplit

import httpx
import pytest

from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.browser import DESKTOP, PHONE, browser
from tests.support.live import all_pairs, running, scenario, settings
from tests.support.rest import PASSWORD, USER, Rest


GETS = ("status", "balances", "history", "reservations", "decisions", "counters", "arbitrages",
        "denials", "messages", "unhedged", "explain/BTC/USDT")  # fmt: skip
POSTS = ("rebalance", "denials", "pause", "resume", "unhedged/1/resolve")
GUARD = {"reserve_balance": {"USDT": 50}, "position_size_percent": 40}


def url(rest, path):
    return f"http://127.0.0.1:{rest.port}{path}"


def cli(folder, *arguments):
    answer = subprocess.run(
        [sys.executable, "-m", "freqtrade_balance_guard", *arguments, "--json",
         "-c", str(folder / "config.json"), "--userdir", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return json.loads(answer.stdout)


def marks(rest, pair):
    chart = rest.ask("GET", f"pair_candles?pair={pair}&timeframe=1m&limit=50").json()
    return {(one["type"], one["label"]) for one in chart["annotations"]}


def test_endpoints_answer_as_the_console_does_and_nothing_without_a_login(tmp_path):
    rest = Rest.on_a_free_port()
    with Sandbox.start(scenario("1000")) as sandbox:
        first, second = all_pairs(sandbox, 2)
        plan = StrategyPlan(signals={first: 1, second: None}, stakes={second: 1.0})
        more = {"way": "mixin", "guard": GUARD, "stake_amount": 100, "config": rest.config}
        with running(settings(sandbox, plan, **more), tmp_path) as bot:
            bot.wait_until(lambda: len(bot.trades()) == 1, 30, "a trade")
            bot.wait_loops(3)
            for path in GETS:
                bare = httpx.get(url(rest, f"/api/v1/guard/{path}"), trust_env=False, timeout=60)
                assert bare.status_code == 401, path
                assert rest.ask("GET", f"guard/{path}").status_code == 200, path
            for path in POSTS:
                bare = httpx.post(url(rest, f"/api/v1/guard/{path}"), trust_env=False, timeout=60)
                assert bare.status_code == 401, path

            told, shown = rest.ask("GET", "guard/status").json(), cli(tmp_path, "status")
            for key in ("account", "bot", "balances", "unhedged", "paused"):
                one, other = told[key], shown[key]
                if key == "balances":
                    for coins in (*one.values(), *other.values()):
                        for coin in coins.values():
                            coin.pop("as_of")
                assert one == other, key
            explained = rest.ask("GET", f"guard/explain/{second}").json()
            assert explained["decisions"][0]["code"] == "stake_below_minimum"
            encoded = rest.ask("GET", f"guard/explain/{second.replace('/', '%2F')}").json()
            assert encoded["pair"] == second
            decisions = rest.ask("GET", "guard/decisions").json()["decisions"]
            assert {(one["pair"], one["outcome"]) for one in decisions} >= {
                (first, "approved"),
                (second, "denied"),
            }
            # The area appears with the second denial that is written down.
            both = {("point", "denied: stake_below_minimum"), ("area", "stake_below_minimum")}
            bot.wait_until(lambda: marks(rest, second) == both, 90, "a point and an area")
            counters = rest.ask("GET", "guard/counters").json()
            assert counters["denials"]["stake_below_minimum"] >= 1
            (day,) = rest.ask("GET", "guard/denials").json()["days"]
            assert day["denials"].keys() == counters["denials"].keys()
            assert cli(tmp_path, "denials")["days"][0]["total"] >= day["total"] >= 1
            asked = rest.ask("POST", "guard/denials").json()
            assert asked["done"], asked
            bot.wait_for(r"so far: \d+ entr.* denied: stake below minimum \d+", 20)
            points = rest.ask("GET", f"guard/history?currency={first.split('/')[0]}").json()
            assert [one["cause"] for one in points["points"]][:1] == ["order"]

            wrong = rest.ask("POST", "guard/unhedged/99/resolve", why="x")
            assert wrong.status_code == 409 and set(wrong.json()) == {"detail", "code"}
            assert rest.ask("POST", "guard/rebalance", action="sell all").status_code == 422
            preview = rest.ask("POST", "guard/rebalance", action="preview").json()
            assert preview["sentences"][0].startswith(preview["available"])

            paused = rest.ask("POST", "guard/pause", why="holiday").json()
            assert paused["done"] and paused["paused"][0]["why"] == "holiday"
            bot.control(Control(signals={second: None}))
            bot.wait_for("No order for .*paused|paused by the user", 15)
            resumed = rest.ask("POST", "guard/resume").json()
            assert resumed["done"] and resumed["paused"] == []
            assert not bot.lines("Traceback")


@pytest.mark.acceptance
def test_the_shell_has_no_data_and_the_page_comes_back_after_every_reload(tmp_path):
    rest = Rest.on_a_free_port()
    with Sandbox.start(scenario("1000")) as sandbox:
        plan = StrategyPlan(signals={all_pairs(sandbox, 1)[0]: 1})
        rest.config["api_server"]["enable_openapi"] = True
        more = {"way": "launcher", "guard": GUARD, "stake_amount": 100, "config": rest.config}
        with running(settings(sandbox, plan, **more), tmp_path) as bot:
            bot.wait_until(lambda: len(bot.trades()) == 1, 30, "a trade")
            for number in range(1, 4):
                shell = httpx.get(url(rest, "/guard"), trust_env=False, timeout=60)
                assert shell.status_code == 200 and "USDT" not in shell.text
                assert "kraken" not in shell.text and bot.trades()[0]["pair"] not in shell.text
                for one in ("show.js", "page.js", "guard.css", "uplot.js", "uplot.css"):
                    static = httpx.get(
                        url(rest, f"/guard/static/{one}"), trust_env=False, timeout=60
                    )
                    assert static.status_code == 200 and len(static.content) > 500
                for wrong in ("nothing.js", "..%2Fshell.py", "%2Fetc%2Fpasswd"):
                    found = httpx.get(
                        url(rest, f"/guard/static/{wrong}"), trust_env=False, timeout=60
                    )
                    assert "def " not in found.text and "root:" not in found.text
                assert rest.ask("GET", "guard/status").status_code == 200
                assert rest.ask("GET", "ping").json() == {"status": "pong"}
                rest.ask("POST", "reload_config")
                bot.wait_for("page is at /guard", 40, count=number + 1)


@pytest.mark.acceptance
def test_the_page_in_a_browser_shows_what_status_shows_and_asks_nobody_else(tmp_path):
    rest = Rest.on_a_free_port()
    with Sandbox.start(scenario("1000")) as sandbox, browser(tmp_path) as page:
        first, second = all_pairs(sandbox, 2)
        plan = StrategyPlan(signals={first: 1, second: None}, stakes={second: 1.0})
        more = {"way": "launcher", "guard": GUARD, "stake_amount": 100, "config": rest.config}
        with running(settings(sandbox, plan, **more), tmp_path) as bot:
            bot.wait_until(lambda: len(bot.trades()) == 1, 30, "a trade")
            bot.wait_loops(3)
            page.size(*DESKTOP)
            page.open(url(rest, "/guard"))
            page.wait_for("!document.querySelector('#login').hidden")
            log_in(page, "wrong")
            page.wait_for("document.querySelector('#login-error').textContent")
            log_in(page, PASSWORD)
            page.wait_for("document.body.dataset.ready == 'yes'")
            own = rest.ask("GET", "guard/status").json()["balances"]["kraken"]["USDT"]
            text = page.text()
            assert f"{float(own['available']):,.2f}".rstrip("0").rstrip(".") in text
            assert "Your money is safe" in text
            assert second in text and "stake_below_minimum" in text
            # Narrow screens scroll down, not sideways.
            for size in (DESKTOP, PHONE):
                page.size(*size)
                page.wait_for(f"document.documentElement.scrollWidth <= {size[0]}")
            page.run("document.querySelector('#pause').click()")
            page.run("document.querySelector('#ask-why').value = 'a test'")
            page.run("document.querySelector('#ask-yes').click()")
            page.wait_for("document.body.innerText.includes('paused by you (a test)')")
            assert cli(tmp_path, "status")["paused"][0]["why"] == "a test"
            page.wait_for("document.querySelector('#pause').textContent == 'Resume entries'")
            page.run("document.querySelector('#pause').click()")
            page.run("document.querySelector('#ask-yes').click()")
            page.wait_for("document.querySelector('#pause').textContent == 'Pause entries'")
            sandbox.control.fault("balance_empty")
            page.wait_for("document.body.innerText.includes('is unreadable')", 60)
            assert "This needs you" in page.text()
        asked = {urlsplit(one).netloc for one in page.requests if one.startswith("http")}
        assert asked == {f"127.0.0.1:{rest.port}"}
        assert page.errors == []


def log_in(page, password):
    page.run(f"document.querySelector('[name=user]').value = '{USER}'")
    page.run(f"document.querySelector('[name=password]').value = '{password}'")
    page.run("document.querySelector('#login').requestSubmit()")
