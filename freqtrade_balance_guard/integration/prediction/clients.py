"""ccxt's clients of prediction markets as the guard uses them. They are asynchronous only.

A client belongs to one event loop. Orders go by a client of their own without ccxt's throttler,
which delays every second call.
"""

import base64
import logging
from typing import Any

import ccxt.prediction
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from freqtrade_balance_guard.settings import VenueSettings


DIALECTS = ("polymarket", "kalshi", "sxbet")
TIMEOUT_MS = 10_000
# One more than a full page: ccxt 4.5.90 crashes on a full one.
EVENTS_PAGE = 101
# ccxt's names of credentials, by the settings'.
_CREDENTIALS = {"key": "apiKey", "private_key": "privateKey", "wallet_address": "walletAddress"}
_OWN_OPTIONS: dict[str, dict[str, Any]] = {
    # The code that ccxt attaches to every order for its own statistics is off.
    "polymarket": {"builder": None, "eventsPageSize": EVENTS_PAGE},
    "kalshi": {},
    "sxbet": {},
}


# At level DEBUG ccxt logs every request with its headers, and the answer that has a new API key.
_QUIET = logging.getLogger("ccxt.prediction.guarded")
_QUIET.setLevel(logging.WARNING)


class KalshiClient(ccxt.prediction.kalshi):
    """Signs with a key that was read once: ccxt reads the PEM for every request, for 60 ms."""

    _own_key: tuple[str, rsa.RSAPrivateKey] | None = None

    def rsa(
        self, request: str, secret: str, alg: str = "sha256", padding_alg: str = "pkcs1"
    ) -> str:
        """Return the signature in base64; RSA-PSS with SHA-256, as the venue wants it."""
        if self._own_key is None or self._own_key[0] != secret:
            key = serialization.load_pem_private_key(secret.encode(), password=None)
            if not isinstance(key, rsa.RSAPrivateKey):
                raise ccxt.AuthenticationError("kalshi: the private key is no RSA key")
            self._own_key = (secret, key)
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        signature = self._own_key[1].sign(request.encode(), scheme, hashes.SHA256())
        return base64.b64encode(signature).decode()


def make_client(settings: VenueSettings) -> Any:
    """Return ccxt's client of a venue's settings; no request.

    :raises ValueError: it is none of the three prediction markets
    """
    if settings.name not in DIALECTS:
        raise ValueError(
            f"{settings.name} is no prediction market that the guard knows: {', '.join(DIALECTS)}"
        )
    section = settings.exchange_section()
    config: dict[str, Any] = {"timeout": TIMEOUT_MS, "enableRateLimit": False}
    config |= section.get("ccxt_config", {}) | section.get("ccxt_async_config", {})
    config["options"] = {**_OWN_OPTIONS[settings.name], **config.get("options", {})}
    for ours, theirs in _CREDENTIALS.items():
        if section.get(ours):
            config[theirs] = section[ours]
    kind = KalshiClient if settings.name == "kalshi" else getattr(ccxt.prediction, settings.name)
    client = kind(config)
    client.logger = _QUIET
    return client
