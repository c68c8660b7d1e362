"""Who is calling: Binance's key, signature, timestamp and receive window."""

import hashlib
import hmac

from freqtrade_balance_guard.sandbox.binance.errors import BinanceError, missing
from freqtrade_balance_guard.sandbox.engine.wire import Asked, Caller
from freqtrade_balance_guard.sandbox.script.scenario import Scenario


_RECV_WINDOW_MS = 5000
_LARGEST_RECV_WINDOW_MS = 60_000
_AHEAD_MS = 1000


class SignedKeys:
    """All API keys of one exchange."""

    def __init__(self, scenario: Scenario) -> None:
        self._keys = {
            api_key.key: (account.name, api_key.secret.encode())
            for account in scenario.with_keys().accounts
            for api_key in account.keys
        }

    def account_of(self, key: str) -> str | None:
        """Whose key this is, whether or not the caller can prove to hold it."""
        known = self._keys.get(key)
        return None if known is None else known[0]

    def holder(self, asked: Asked) -> Caller:
        """The caller by the key alone. Raises BinanceError: -2014 or -2015."""
        key = asked.call.key
        if not key:
            raise BinanceError(-2014)
        known = self._keys.get(key)
        if known is None:
            raise BinanceError(-2015)
        return Caller(known[0], key)

    def authenticate(self, asked: Asked, now: float) -> Caller:
        """Raises BinanceError: -2014, -2015, -1102, -1022, or -1021 for a wrong time."""
        caller = self.holder(asked)
        secret = self._keys[caller.key][1]
        signature = asked.params.get("signature")
        if not signature:
            raise missing("signature")
        check_time(asked, now)
        if not hmac.compare_digest(sign(secret, signed_text(asked)), signature):
            raise BinanceError(-1022)
        return caller


def check_time(asked: Asked, now: float) -> None:
    """Raises BinanceError unless `now` lies within the request's receive window."""
    timestamp = asked.params.get("timestamp", "")
    window = asked.params.get("recvWindow", str(_RECV_WINDOW_MS))
    if not timestamp.isdecimal():
        raise missing("timestamp")
    if not window.isdecimal() or int(window) > _LARGEST_RECV_WINDOW_MS:
        raise BinanceError(-1131, "recvWindow must be less than 60000")
    server_ms = int(now * 1000)
    if int(timestamp) >= server_ms + _AHEAD_MS:
        raise BinanceError(
            -1021, "Timestamp for this request was 1000ms ahead of the server's time."
        )
    if server_ms - int(timestamp) > int(window):
        raise BinanceError(-1021)


def signed_text(asked: Asked) -> str:
    """Query and body as they were sent, without the signature."""
    sent = asked.request.query + asked.request.body.decode("utf-8", errors="replace")
    return "&".join(part for part in sent.split("&") if not part.startswith("signature="))


def sign(secret: bytes, text: str) -> str:
    """HMAC-SHA256 of the parameters, in hexadecimal digits."""
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
