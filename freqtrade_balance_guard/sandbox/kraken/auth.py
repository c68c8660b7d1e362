"""Who is calling, and until when: Kraken's key, signature, nonce and deadline."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from freqtrade_balance_guard.sandbox.kraken.meter import Meter
from freqtrade_balance_guard.sandbox.kraken.words import KrakenError
from freqtrade_balance_guard.sandbox.script.scenario import Scenario


_LONGEST_DEADLINE_S = 60.0


@dataclass
class KeyHolder:
    """One API key with its state on the exchange."""

    key: str
    secret: bytes
    account: str
    calls: Meter
    last_nonce: int = 0


class KeyRing:
    """All API keys of one exchange."""

    def __init__(self, scenario: Scenario) -> None:
        self._holders = {
            api_key.key: KeyHolder(
                api_key.key,
                base64.b64decode(api_key.secret),
                account.name,
                Meter(account.meter.maximum, account.meter.decay),
            )
            for account in scenario.with_keys().accounts
            for api_key in account.keys
        }

    def account_of(self, key: str) -> str | None:
        """Whose key this is, whether or not the caller can prove to hold it."""
        holder = self._holders.get(key)
        return None if holder is None else holder.account

    def authenticate(
        self, key: str, signature: str, path: str, body: bytes, nonce: str
    ) -> KeyHolder:
        """The key's holder, with the nonce used up.

        Raises KrakenError: EAPI:Invalid key, EAPI:Invalid signature, or EAPI:Invalid nonce when the
        nonce is not above every earlier one of this key.
        """
        holder = self._holders.get(key)
        if holder is None:
            raise KrakenError("EAPI:Invalid key")
        if not hmac.compare_digest(sign(holder.secret, path, body, nonce), signature):
            raise KrakenError("EAPI:Invalid signature")
        if not nonce.isdecimal() or int(nonce) <= holder.last_nonce:
            raise KrakenError("EAPI:Invalid nonce")
        holder.last_nonce = int(nonce)
        return holder


def sign(secret: bytes, path: str, body: bytes, nonce: str) -> str:
    """API-Sign: HMAC-SHA512 of the path and SHA256(nonce + body), in base64."""
    message = path.encode() + hashlib.sha256(nonce.encode() + body).digest()
    return base64.b64encode(hmac.new(secret, message, hashlib.sha512).digest()).decode()


def check_deadline(deadline: str | None, now: float) -> None:
    """Raises KrakenError when an order's deadline is over, unreadable or too far ahead."""
    if not deadline:
        return
    try:
        left = datetime.fromisoformat(deadline).timestamp() - now
    except ValueError:
        raise KrakenError("EGeneral:Invalid arguments:deadline") from None
    if left > _LONGEST_DEADLINE_S:
        raise KrakenError("EGeneral:Invalid arguments:deadline")
    if left <= 0:
        raise KrakenError("EService:Deadline elapsed")
