"""The page through troubles: what it shows is what `status --json` prints at that moment.

With BALANCE_GUARD_PICTURES=docs/images the pictures of the documentation are taken on the way.
"""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox
from tests.support.browser import DESKTOP, PHONE, browser
from tests.support.legs_bot import exchanges, legs_bot
from tests.support.live import all_pairs, running, scenario, settings
from tests.support.outages import folder_gone
from tests.support.page import (
    assert_page_is_status,
    below_a_path,
    command,
    open_page,
    shown_balances,
    table,
    verdict,
)
from tests.support.rest import Rest


pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]

GUARD = {
    "reserve_balance": {"USDT": 50},
    "position_size_percent": 40,
    "post_trade_refresh_window": 120,
    "balance_cache_duration": 5,
}

# How the page writes that there is no number.
NOTHING = "\N{EN DASH}"


def take_pictures(page, name):
    """On a wide screen and on a phone."""
    folder = os.environ.get("BALANCE_GUARD_PICTURES")
    for size, device in ((PHONE, "phone"), (DESKTOP, "desktop")):
        page.size(*size)
        page.wait_for(f"document.documentElement.scrollWidth <= {size[0]}")
        if folder:
            page.picture(Path(folder) / f"{name}-{device}.png")


def assert_edge_in_report(page, folder):
    """What was quoted and what its fills came to, as `arbitrages list` has them."""
    file = folder / "report.html"
    (of_bot,) = command(folder, "report", "--html", str(file))["bots"]
    (newest,) = of_bot["arbitrages"]
    result = command(folder, "arbitrages", "list")[0]["result"]
    assert newest["state"] == "unhedged"
    assert newest["quoted_profit"] == result["quoted_profit"] != newest["profit"]
    assert newest["profit"] == result["profit"]
    page.open(file.as_uri())
    page.wait_for("document.body && document.body.dataset.ready == 'yes'")
    row = table(page, "Arbitrages")[0]
    # What one leg has cost is no result.
    assert (row[2], row[4], row[5]) == ("unhedged", NOTHING, NOTHING)
    assert page.run(f"show.amount('{newest['quoted_profit']}')") in row[3]
    take_pictures(page, "report-arbitrages")


def headline(page):
    return verdict(page).split("\n")[0]


class Troubles:
    """A bot, its page, and the troubles that come over it."""

    def __init__(self, bot, sandbox, page, folder, small):
        self.bot, self.exchange, self.page, self.folder = bot, sandbox.control, page, folder
        self.small = small

    def signal(self, *pairs):
        """Beside one that is denied in every loop: so the balance is read again."""
        self.bot.control(Control(signals={**dict.fromkeys(pairs, 1), self.small: None}))

    def shows(self, words, seconds=90):
        found = f"document.querySelector('#verdict').innerText.includes({json.dumps(words)})"
        self.page.wait_for(found, seconds)

    def is_status(self):
        return assert_page_is_status(self.page, self.folder)

    def lag(self, pair):
        self.exchange.fault("balance_lag", seconds=100)
        self.signal(pair)
        self.shows("has not caught up with own orders")
        assert headline(self.page) == "Your money is safe"
        self.is_status()
        take_pictures(self.page, "page-lag")
        self.exchange.clear_faults()
        self.page.wait_for(
            "!document.querySelector('#verdict').innerText.includes('caught up')", 90
        )
        self.is_status()

    def denial(self, pair):
        """Why did it not buy? By the page alone."""
        (row,) = [row for row in table(self.page, "Why did it not buy?") if row[0] == pair]
        assert row[1] == "denied" and "smallest order that can be closed again" in row[2]
        saved = self.page.run(
            "document.querySelector('[data-card=\"What did it save me?\"]').innerText"
        )
        assert "positions too small to be taken" in saved

    def lost_reply(self, pair):
        self.exchange.fault("lost_reply", endpoint="AddOrder", side="buy", times=1)
        for endpoint in ("QueryOrders", "ClosedOrders"):
            self.exchange.fault("error", endpoint=endpoint, message="EService:Unavailable")
        self.signal(pair)
        self.shows(f"The outcome of an order of {pair} is unknown")
        assert headline(self.page) == "This needs you"
        self.is_status()
        take_pictures(self.page, "page-unknown")
        self.exchange.clear_faults()
        self.page.wait_for("!document.querySelector('#verdict').innerText.includes('unknown;')", 90)
        assert any(pair in row[0] for row in table(self.page, "Why did it not buy?"))
        self.is_status()

    def ledger_away(self, ledger):
        before = shown_balances(self.page)
        with folder_gone(ledger):
            self.shows("The ledger cannot be used")
            assert headline(self.page) == "This needs you"
            shown = shown_balances(self.page)
            assert shown.keys() == before.keys()
        self.page.wait_for("!document.querySelector('#verdict').innerText.includes('ledger')", 60)
        self.is_status()


def test_lag_denial_lost_reply_and_a_ledger_that_is_away_below_a_path_after_reloads(tmp_path):
    rest = Rest.on_a_free_port()
    ledger = tmp_path / "disk" / "ledger.sqlite"
    ledger.parent.mkdir()
    guard = {**GUARD, "ledger": {"db_url": f"sqlite:///{ledger}"}}
    with (
        Sandbox.start(scenario("1000")) as sandbox,
        browser(tmp_path) as page,
        below_a_path(rest.port, "/bots/one") as url,
    ):
        first, second, third, small = all_pairs(sandbox, 4)
        plan = StrategyPlan(signals={first: 1, small: None}, stakes={small: 1.0})
        more = {"way": "launcher", "guard": guard, "stake_amount": 100, "config": rest.config}
        with running(settings(sandbox, plan, max_open_trades=5, **more), tmp_path) as bot:
            bot.wait_until(lambda: len(bot.trades()) == 1, 30, "a trade")
            for number in range(1, 4):
                rest.ask("POST", "reload_config")
                bot.wait_for("page is at /guard", 40, count=number + 1)
            bot.wait_loops(3)
            page.size(*DESKTOP)
            open_page(page, url)
            troubles = Troubles(bot, sandbox, page, tmp_path, small)
            troubles.is_status()
            troubles.denial(small)
            take_pictures(page, "page")
            troubles.lag(second)
            troubles.lost_reply(third)
            troubles.ledger_away(ledger)
        # The bot has ended: what was true then is no answer.
        troubles.shows("Not known: the bot cannot be reached", 60)
        assert "is safe" not in verdict(page)
        asked = {urlsplit(one).netloc for one in page.requests if one.startswith("http")}
        assert asked == {urlsplit(url).netloc}
        assert page.errors == []


def test_an_unhedged_leg_and_its_end_by_hand(tmp_path):
    rest = Rest.on_a_free_port()
    with (
        exchanges() as (here, there),
        browser(tmp_path) as page,
        legs_bot(tmp_path, (here, there), arbitrage={"max_unhedged": 10_000}, **rest.config) as bot,
    ):
        url = f"http://127.0.0.1:{rest.port}/guard"
        page.size(*DESKTOP)
        open_page(page, url)
        there.control.fault("refuse", endpoint="AddOrder", message="EOrder:Insufficient funds")
        bot.offer()
        page.wait_for("document.querySelector('#verdict').innerText.includes('Unhedged:')", 90)
        assert headline(page) == "This needs you"
        status = assert_page_is_status(page, tmp_path)
        (one,) = status["unhedged"]
        (row,) = table(page, "Unhedged")
        assert row[0].startswith("0.1 ETH") and one["venue"] in row[1]
        take_pictures(page, "page-unhedged")
        page.run("document.querySelector('[data-card=Unhedged] button').click()")
        page.run("document.querySelector('#ask-why').value = 'sold by hand'")
        page.run("document.querySelector('#ask-yes').click()")
        page.wait_for("!document.querySelector('[data-card=Unhedged]')", 60)
        assert assert_page_is_status(page, tmp_path)["unhedged"] == []
        # The page has written the file only: the bot has noticed, and its message is on the page.
        page.wait_for("document.body.innerText.includes('closed by hand: sold by hand')", 60)
        assert_edge_in_report(page, tmp_path)
        assert (
            httpx.get(f"{url}/../api/v1/guard/unhedged", trust_env=False, timeout=60).status_code
            == 401
        )
        assert page.errors == []
