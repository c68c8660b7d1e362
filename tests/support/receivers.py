"""Local servers in the place of Telegram, Discord and a webhook, and the config that names them."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


TOKEN = "123456:telegram-token-planted"
CHAT = "4711"
# Put behind the rehearsal strategy: freqtrade's own Telegram module, with another server.
OWN_TELEGRAM_SERVER = """

from freqtrade.rpc.telegram import Application, Telegram


def _own_server(self):
    token = self._config["telegram"]["token"]
    return Application.builder().token(token).base_url("@URL@bot").build()


Telegram._init_telegram_app = _own_server
"""


def serving(handler: type[BaseHTTPRequestHandler]) -> Any:
    """A server with this handler on a free port, until the context ends; its address."""

    @contextmanager
    def run() -> Iterator[str]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        server.handle_error = lambda *args: None  # type: ignore[method-assign]  # a bot went away
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            server.server_close()

    return run()


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

    with serving(Handler) as url:
        yield url, got


@dataclass
class TelegramServer:
    """``sent``: texts that a user would see; ``rejected``: those whose markup has no end."""

    url: str = ""
    sent: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)

    @property
    def extra(self) -> str:
        """What goes behind the strategy."""
        return OWN_TELEGRAM_SERVER.replace("@URL@", self.url)


@contextmanager
def telegram() -> Iterator[TelegramServer]:
    """As much of Telegram's Bot API as freqtrade uses, strict about markup as the real one."""
    state = TelegramServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            method = self.path.rsplit("/", 1)[1]
            form = {key: values[0] for key, values in parse_qs(body).items()}
            if method == "getMe":
                self.answer({"id": 1, "is_bot": True, "first_name": "Bot", "username": "a_bot"})
            elif method == "getUpdates":
                time.sleep(1)
                self.answer([])
            elif method == "sendMessage":
                self.take(form)
            else:
                self.answer(True)

        def take(self, form: dict[str, str]) -> None:
            text = form["text"]
            if form.get("parse_mode") == "Markdown" and not is_whole_markdown(text):
                state.rejected.append(text)
                self.answer(None, 400, "Bad Request: can't parse entities")
                return
            state.sent.append(text)
            chat = {"id": int(form["chat_id"]), "type": "private"}
            self.answer({"message_id": 1, "date": 1, "chat": chat, "text": text})

        def answer(self, result: object, status: int = 200, description: str = "") -> None:
            content = {"ok": status == 200, "result": result}
            if description:
                content = {"ok": False, "error_code": status, "description": description}
            payload = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args: Any) -> None:
            pass

    with serving(Handler) as url:
        state.url = url
        yield state


def is_whole_markdown(text: str) -> bool:
    """Whether every mark of Telegram's (legacy) Markdown has its end.

    Brackets without an address behind them are text, as in freqtrade's own first message.
    """
    text = re.sub(r"\\.", "", text)
    for pattern in (r"```.*?```", r"`[^`]*`", r"\*[^*]*\*", r"_[^_]*_", r"\[[^\]]*\](\([^)]*\))?"):
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    return not any(mark in text for mark in "`*_[")


def telegram_config() -> dict[str, Any]:
    """freqtrade's ``telegram`` section as most users have it; news need one key more."""
    return {"enabled": True, "token": TOKEN, "chat_id": CHAT, "allow_custom_messages": True}


def webhook(url: str) -> dict[str, Any]:
    """freqtrade's ``webhook`` section with everything that the guard sends."""
    return {
        "enabled": True, "url": url, "format": "json", "allow_custom_messages": True,
        "webhookstatus": {"status": "{status}"}, "strategy_msg": {"news": "{msg}"},
        "status": {"status": "{status}"},
        "protection_trigger": {"lock": "{pair}: {reason} {lock_end_time}"},
        "protection_trigger_global": {"lock": "{reason} {lock_end_time}"},
    }  # fmt: skip


def discord(url: str) -> dict[str, Any]:
    """freqtrade's ``discord`` section with warnings only: the others are sent in the bot's loop."""
    others = {name: [] for name in ("entry", "entry_fill", "exit", "exit_fill", "status")}
    return {"enabled": True, "webhook_url": url, **others, "warning": [{"Warning": "{status}"}]}


def about(got: list[str], words: str) -> list[str]:
    """The JSON texts of ``got`` in which ``words`` occur."""
    return [one for one in got if words in json.dumps(json.loads(one), ensure_ascii=False)]
