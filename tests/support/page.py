"""The live page in a browser: what a reader sees, taken apart."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx

from tests.support.browser import Page
from tests.support.receivers import serving
from tests.support.rest import PASSWORD, USER


# The columns of the card "Balances" that `status --json` has as well.
AMOUNTS = ("available", "total", "used", "reserved_own", "reserved_others", "floor")
TABLE = """
(() => [...document.querySelectorAll('[data-card="@CARD@"] tbody tr')]
  .map((row) => [...row.cells].map((cell) => cell.innerText.trim())))()
"""


def open_page(page: Page, url: str) -> None:
    """Open the page, log in where it asks for it, and wait for its figures."""
    page.open(url)
    page.wait_for("document.querySelector('#login') && (!document.querySelector('#login').hidden"
                  " || document.body.dataset.ready == 'yes')")  # fmt: skip
    if not page.run("document.querySelector('#login').hidden"):
        log_in(page, PASSWORD)
    page.wait_for("document.body.dataset.ready == 'yes'", 30)


def log_in(page: Page, password: str) -> None:
    """Fill in the form and send it."""
    page.run(f"document.querySelector('[name=user]').value = '{USER}'")
    page.run(f"document.querySelector('[name=password]').value = '{password}'")
    page.run("document.querySelector('#login').requestSubmit()")


def table(page: Page, card: str) -> list[list[str]]:
    """The cells of a card's table, row by row."""
    rows = page.run(TABLE.replace("@CARD@", card))
    return [[str(cell) for cell in row] for row in rows]


def verdict(page: Page) -> str:
    """The card at the top: is my money safe now?"""
    return str(page.run("document.querySelector('#verdict').innerText"))


def command(folder: Path, *arguments: str) -> Any:
    """The JSON that a command of the console prints."""
    answer = subprocess.run(
        [sys.executable, "-m", "freqtrade_balance_guard", *arguments, "--json",
         "-c", str(folder / "config.json"), "--userdir", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.stdout, answer.stderr
    return json.loads(answer.stdout)


def status_of(folder: Path) -> dict[str, Any]:
    """What ``balance-guard status --json`` prints now."""
    return dict(command(folder, "status"))


def shown_balances(page: Page) -> dict[str, list[str]]:
    """By currency: available, total, used, both reserved, floor, verdict, as the page has them."""
    return {row[0]: [*row[1:7], row[8]] for row in table(page, "Balances")}


def expected_balances(page: Page, status: dict[str, Any]) -> dict[str, list[str]]:
    """The same out of ``status --json``, with the page's own way to write an amount."""
    own = status["balances"][status["account"]]
    found = {}
    for coin, one in own.items():
        texts = [page.run(f"show.amount({json.dumps(one[name])})") for name in AMOUNTS]
        found[coin] = [*texts, str(one["verdict"]).replace("_", " ")]
    return found


def assert_page_is_status(page: Page, folder: Path, seconds: int = 90) -> dict[str, Any]:
    """Wait until the page shows what ``status --json`` prints at that moment; the status."""
    differences: list[Any] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = status_of(folder)
        shown, doing = shown_balances(page), verdict(page)
        # Between the two looks of ours the page had its own: it is one of them.
        for status in (before, status_of(folder)):
            expected = expected_balances(page, status)
            hidden = [row for coin, row in expected.items() if coin not in shown]
            is_nothing = all(row[1] == "0" and row[-1] == "confirmed" for row in hidden)
            is_same = all(expected.get(coin) == row for coin, row in shown.items())
            legs = [f"{one['currency']} on {one['venue']}" for one in status["unhedged"]]
            if is_same and is_nothing and all(words in doing for words in legs):
                return status
            differences.append((shown, expected))
        time.sleep(1)
    raise AssertionError(f"The page never showed the status:\n{differences[-6:]}")


@contextmanager
def below_a_path(port: int, prefix: str) -> Iterator[str]:
    """A reverse proxy that has freqtrade's web server below ``prefix``; the page's address."""

    class Handler(BaseHTTPRequestHandler):
        def forward(self) -> None:
            if not self.path.startswith(prefix + "/"):
                self.send_error(404)
                return
            length = int(self.headers.get("Content-Length") or 0)
            kept = ("Authorization", "Content-Type")
            answer = httpx.request(
                self.command,
                f"http://127.0.0.1:{port}{self.path.removeprefix(prefix)}",
                content=self.rfile.read(length),
                headers={name: self.headers[name] for name in kept if self.headers[name]},
                trust_env=False,
                timeout=30,
            )
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection",
                                        "content-encoding"):  # fmt: skip
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = forward

        def log_message(self, *args: Any) -> None:
            pass

    with serving(Handler) as address:
        yield f"{address.rstrip('/')}{prefix}/guard"
