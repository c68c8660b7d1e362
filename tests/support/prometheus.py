"""Prometheus, started on a free port, and promtool."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

from tests.support import programs


def promtool(*arguments: str, stdin: str | None = None) -> str:
    """Run promtool; what it wrote.

    :raises AssertionError: it found something
    """
    answer = subprocess.run(
        [programs.prometheus("promtool"), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout + answer.stderr


@dataclass(frozen=True)
class Prometheus:
    """A server that scrapes one address once per second."""

    url: str

    def ask(self, route: str, **query: Any) -> Any:
        """``data`` of the API's answer."""
        address = f"{self.url}/api/v1/{route}?{urlencode(query)}"
        with urlopen(address, timeout=10) as answer:
            told = json.loads(answer.read())
        assert told["status"] == "success", told
        return told["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression now."""
        return list(self.ask("query", query=expression)["result"])

    def wait_for(self, expression: str, seconds: float = 30) -> list[dict[str, Any]]:
        """The same, as soon as there are any."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := self.query(expression):
                return found
            time.sleep(0.3)
        raise AssertionError(f"Nothing for {expression} within {seconds:g} s.")


@contextmanager
def running_prometheus(target: str, rules: Path, folder: Path) -> Iterator[Prometheus]:
    """A server that scrapes the metrics address ``target`` and evaluates ``rules``."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [
            {"job_name": "balance_guard",
             "static_configs": [{"targets": [urlsplit(target).netloc]}]}
        ],
    }  # fmt: skip
    (folder / "prometheus.json").write_text(json.dumps(config))  # JSON is YAML
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [programs.prometheus("prometheus"), f"--config.file={folder / 'prometheus.json'}",
             f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}"],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        server = Prometheus(f"http://127.0.0.1:{port}")
        end = time.monotonic() + 30
        while True:
            try:
                server.wait_for("up == 1", 30)
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > end:
                    raise AssertionError((folder / "prometheus.log").read_text()) from None
                time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=20)
