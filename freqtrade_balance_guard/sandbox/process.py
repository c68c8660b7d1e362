"""A sandbox in a process of its own, started and ended by whoever needs one."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from types import TracebackType
from typing import Any, Self

from freqtrade_balance_guard.sandbox.any_exchange import AnyDialect, AnyScenario, default_scenario
from freqtrade_balance_guard.sandbox.client import SandboxClient
from freqtrade_balance_guard.sandbox.freqtrade_config import exchange_section
from freqtrade_balance_guard.sandbox.prediction_exchange.scenario import PredictionScenario
from freqtrade_balance_guard.sandbox.prediction_exchange.venue_config import venue_section
from freqtrade_balance_guard.sandbox.script.scenario import Scenario
from freqtrade_balance_guard.sandbox.server_addresses import Addresses


_START_TIMEOUT_S = 60.0  # a machine may be busy
_STOP_TIMEOUT_S = 5.0


class SandboxDidNotStart(Exception):
    """The sandbox's process ended, or did not answer in time; the message holds its last words."""


class Sandbox:
    """A running sandbox. Use as a context manager, or call `stop`.

    It ends with its parent: its standard input is a pipe from the parent, and it also looks at who
    its parent is, so not even `kill -9` leaves it behind.
    """

    def __init__(
        self, scenario: AnyScenario, addresses: Addresses, process: "subprocess.Popen[bytes]"
    ) -> None:
        self.scenario = scenario
        self.url = url = addresses.url
        self.tls_url = addresses.tls_url
        self._process = process
        self.control = SandboxClient(url)

    @classmethod
    def start(
        cls, scenario: AnyScenario | None = None, port: int = 0, *, dialect: AnyDialect = "kraken"
    ) -> Self:
        """Returns when connections are accepted. Raises SandboxDidNotStart.

        A scenario names its dialect itself; `dialect` is that of the default scenario.
        """
        chosen = (scenario or default_scenario(dialect)).with_keys()
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    __package__,
                    "--child-of",
                    str(os.getpid()),
                    "--listen-port",
                    str(port),
                    "--listen-port-tls",
                    "0",
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
            addresses = _handshake(process, chosen)
            if addresses is None:
                process.kill()
                process.wait()
                errors.seek(0)
                last_words = errors.read().decode(errors="replace").strip()
                raise SandboxDidNotStart(
                    f"the sandbox did not start (exit code {process.returncode}): "
                    f"{last_words or 'it said nothing'}"
                )
        return cls(chosen, addresses, process)

    @property
    def pid(self) -> int:
        return self._process.pid

    def freqtrade_exchange(
        self, account: str = "main", key_index: int = 0, *, streams: bool = False
    ) -> dict[str, Any]:
        """A complete freqtrade `exchange` section for one of the accounts' keys.

        Raises TypeError for a prediction market: freqtrade does not trade on one.
        """
        if not isinstance(self.scenario, Scenario):
            raise TypeError(f"{self.scenario.dialect} is no exchange of freqtrade: venue_section")
        return exchange_section(
            self.scenario, self.url, account, key_index, self.tls_url, streams=streams
        )

    def venue_section(self, account: str = "main", key_index: int = 0) -> dict[str, Any]:
        """A complete `venues` section for one of the accounts' keys of a prediction market.

        Raises TypeError for an exchange of coins.
        """
        if not isinstance(self.scenario, PredictionScenario):
            raise TypeError(f"{self.scenario.dialect} is no prediction market: freqtrade_exchange")
        return venue_section(self.scenario, self.url, account, key_index)

    def stop(self) -> int:
        """Ends the process and returns its exit code; may be called again."""
        self.control.close()
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                pass  # it was already gone
        try:
            code = self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _handshake(process: "subprocess.Popen[bytes]", scenario: AnyScenario) -> Addresses | None:
    """Sends the scenario (secrets never stand in the arguments) and waits for the addresses."""
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        return None
    watchdog = threading.Timer(_START_TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        stdin.write(scenario.model_dump_json().encode() + b"\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            return None
        answer = json.loads(line)
        return Addresses(answer["url"], answer["tls_url"])
    except (BrokenPipeError, ValueError):
        return None
    finally:
        watchdog.cancel()
