"""freqtrade's REST API of a real bot: what /pause, /forceenter, /unlock and FreqUI come down to."""

import random
import socket
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import httpx


USER, PASSWORD = "someone", "rehearsal"
TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Rest:
    """The API on a free port of its own; ``config`` goes into the bot's."""

    port: int

    @classmethod
    def on_a_free_port(cls) -> "Rest":
        # Below the ports that outgoing connections get: freqtrade, which takes it seconds later,
        # waits for ever if it is taken by then.
        for port in random.sample(range(20_000, 32_000), 100):
            with closing(socket.socket()) as one, suppress(OSError):
                one.bind(("127.0.0.1", port))
                return cls(port)
        raise OSError("No port is free.")

    @property
    def config(self) -> dict[str, Any]:
        return {
            "api_server": {
                "enabled": True,
                "listen_ip_address": "127.0.0.1",
                "listen_port": self.port,
                "verbosity": "error",
                "username": USER,
                "password": PASSWORD,
                "jwt_secret_key": "of-this-rehearsal-and-of-no-other-one",
            },
            "force_entry_enable": True,
        }

    def ask(self, method: str, path: str, **payload: Any) -> httpx.Response:
        """One request; ``payload`` is sent as JSON."""
        return httpx.request(
            method,
            f"http://127.0.0.1:{self.port}/api/v1/{path}",
            json=payload or None,
            auth=(USER, PASSWORD),
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    def ask_with(self, method: str, path: str, payload: object) -> httpx.Response:
        """One request whose JSON is no object."""
        return httpx.request(
            method,
            f"http://127.0.0.1:{self.port}/api/v1/{path}",
            json=payload,
            auth=(USER, PASSWORD),
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    def post(self, path: str, **payload: Any) -> dict[str, Any]:
        """A request that has to be answered well."""
        return self._well(self.ask("POST", path, **payload))

    def get(self, path: str) -> dict[str, Any]:
        return self._well(self.ask("GET", path))

    def delete(self, path: str) -> dict[str, Any]:
        return self._well(self.ask("DELETE", path))

    @staticmethod
    def _well(answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        return dict(answer.json())
