"""Headless Chromium, driven over its debugging protocol."""

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from websockets.sync.client import ClientConnection, connect

from tests.support.programs import chromium


FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
DESKTOP, PHONE = (1280, 900), (390, 844)


class Page:
    """One tab. ``requests`` are the addresses that it has asked for."""

    def __init__(self, link: ClientConnection) -> None:
        self._link = link
        self._number = 0
        self.requests: list[str] = []
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its result."""
        self._number += 1
        self._link.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self._link.recv(timeout=30))
            self._note(told)
            if told.get("id") == self._number:
                assert "error" not in told, told
                return dict(told["result"])

    def _note(self, told: dict[str, Any]) -> None:
        if told.get("method") == "Network.requestWillBeSent":
            self.requests.append(told["params"]["request"]["url"])
        elif told.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(told["params"]["exceptionDetails"])[:500])

    def size(self, width: int, height: int) -> None:
        """As on a screen of that size; a narrow one is a phone."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip

    def prefers(self, scheme: str) -> None:
        """ "dark" or "light"."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def open(self, url: str) -> None:
        """Go there."""
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def wait_for(self, script: str, seconds: float = 20) -> Any:
        """The value of an expression as soon as it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # While a page loads, what a script looks for may not be there.
            told = self.call("Runtime.evaluate", expression=script, returnByValue=True)
            if found := told["result"].get("value"):
                return found
            time.sleep(0.1)
        raise AssertionError(f"Not within {seconds:g} s: {script}\n{self.errors}\n{self.text()}")

    def text(self) -> str:
        """What a reader sees."""
        return str(self.run("document.body.innerText"))

    def picture(self, path: Path, scale: float = 1) -> None:
        """All of the page as a PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": scale}
        told = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(told["data"]))


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Chromium with an empty profile."""
    profile = folder / "chromium"
    process = subprocess.Popen(
        [chromium(), *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        address = _debugger(profile, process)
        with connect(address, max_size=None, ping_interval=None) as link:
            yield Page(link)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _debugger(profile: Path, process: "subprocess.Popen[bytes]") -> str:
    told = profile / "DevToolsActivePort"
    end = time.monotonic() + 60
    while not (told.exists() and told.read_text().count("\n")):
        assert process.poll() is None and time.monotonic() < end, "Chromium did not start"
        time.sleep(0.1)
    port = told.read_text().split("\n")[0]
    while True:
        with urlopen(Request(f"http://127.0.0.1:{port}/json/list"), timeout=10) as answer:
            pages = [one for one in json.loads(answer.read()) if one["type"] == "page"]
        if pages:
            return str(pages[0]["webSocketDebuggerUrl"])
        assert time.monotonic() < end, "Chromium has no page"
        time.sleep(0.1)
