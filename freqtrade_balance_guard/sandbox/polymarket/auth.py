"""Who is calling on Polymarket: wallets (L1), API keys (L2), and the signatures of orders."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from freqtrade_balance_guard.sandbox.engine.wire import ProtocolError, Request
from freqtrade_balance_guard.sandbox.prediction_exchange.scenario import PredictionScenario
from freqtrade_balance_guard.sandbox.prediction_exchange.translator import error_answer
from freqtrade_balance_guard.sandbox.signatures.eip712 import (
    digest,
    domain_separator,
    struct_hash,
    type_text,
)
from freqtrade_balance_guard.sandbox.signatures.wallet import (
    SIGNATURE_BYTES,
    address_of,
    signer_of,
)


CHAIN_ID = 137
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE = "0xe2222d279d744050d28e00520010520000310F59"
CLOCK_TOLERANCE_S = 60.0

_AUTH_TYPES = {
    "ClobAuth": (
        ("address", "address"),
        ("string", "timestamp"),
        ("uint256", "nonce"),
        ("string", "message"),
    )
}
_ATTESTATION = "This message attests that I control the given wallet"
_ORDER_FIELDS = (
    ("uint256", "salt"),
    ("address", "maker"),
    ("address", "signer"),
    ("uint256", "tokenId"),
    ("uint256", "makerAmount"),
    ("uint256", "takerAmount"),
    ("uint8", "side"),
    ("uint8", "signatureType"),
    ("uint256", "timestamp"),
    ("bytes32", "metadata"),
    ("bytes32", "builder"),
)
ORDER_TYPES = {"Order": _ORDER_FIELDS}
_WRAPPED_TYPES = {
    "TypedDataSign": (
        ("Order", "contents"),
        ("string", "name"),
        ("string", "version"),
        ("uint256", "chainId"),
        ("address", "verifyingContract"),
        ("bytes32", "salt"),
    ),
    "Order": _ORDER_FIELDS,
}
_ZERO_BYTES32 = "0x" + "00" * 32


@dataclass(frozen=True)
class Credentials:
    """An API key of the order book; `secret` is base64 for addresses."""

    api_key: str
    secret: str
    passphrase: str

    def as_json(self) -> dict[str, str]:
        return {"apiKey": self.api_key, "secret": self.secret, "passphrase": self.passphrase}


@dataclass(frozen=True)
class Holder:
    """One wallet's key: its address, and the address that holds its money."""

    account: str
    signer: str
    wallet: str
    signature_type: int
    credentials: Credentials


class KeyRing:
    """All wallets and API keys of one exchange."""

    def __init__(self, scenario: PredictionScenario) -> None:
        self._holders = [
            Holder(
                account.name,
                address_of(key.private_key),
                scenario.wallet(account, number),
                account.signature_type,
                _credentials(scenario.seed, key.key),
            )
            for account in scenario.accounts
            for number, key in enumerate(account.keys)
        ]

    def by_key(self, api_key: str) -> Holder | None:
        return next((h for h in self._holders if h.credentials.api_key == api_key), None)

    def by_account(self, account: str, api_key: str = "") -> Holder:
        return next(
            holder
            for holder in self._holders
            if holder.account == account and api_key in ("", holder.credentials.api_key)
        )

    def by_signer(self, address: str) -> Holder | None:
        return next((h for h in self._holders if h.signer == address), None)

    def by_wallet(self, address: str) -> Holder | None:
        found = address.lower()
        return next((h for h in self._holders if h.wallet.lower() == found), None)

    def authenticate_l1(self, request: Mapping[str, str]) -> Holder:
        """The wallet that has signed the attestation. Raises ProtocolError."""
        address, timestamp = request.get("poly_address", ""), request.get("poly_timestamp", "")
        message = {
            "address": address,
            "timestamp": timestamp,
            "nonce": request.get("poly_nonce", "0"),
            "message": _ATTESTATION,
        }
        domain = {"name": "ClobAuthDomain", "version": "1", "chainId": CHAIN_ID}
        try:
            hashed = digest(domain, _AUTH_TYPES, "ClobAuth", message)
            signature = bytes.fromhex(request.get("poly_signature", "").removeprefix("0x"))
        except ValueError:
            raise unauthorized("Invalid L1 Request headers") from None
        holder = self.by_signer(address)
        if holder is None or signer_of(hashed, signature) != address:
            raise unauthorized("Invalid L1 Request headers")
        return holder

    def authenticate_l2(self, request: Request, now: float) -> Holder:
        """The holder of the API key that has signed the request. Raises ProtocolError."""
        headers = request.headers
        holder = self.by_key(headers.get("poly_api_key", ""))
        timestamp = headers.get("poly_timestamp", "")
        if holder is None or not timestamp.isdecimal():
            raise unauthorized()
        path = "/" + request.path.removeprefix("/clob/")
        text = timestamp + request.method + path + request.body.decode("utf-8", "replace")
        given = holder.credentials
        is_right = (
            hmac.compare_digest(sign_l2(given.secret, text), headers.get("poly_signature", ""))
            and headers.get("poly_passphrase") == given.passphrase
            and headers.get("poly_address") == holder.signer
            and abs(now - int(timestamp)) <= CLOCK_TOLERANCE_S
        )
        if not is_right:
            raise unauthorized()
        return holder


def unauthorized(message: str = "Unauthorized/Invalid api key") -> ProtocolError:
    return error_answer({"error": message}, 401, message)


def sign_l2(secret: str, text: str) -> str:
    key = base64.urlsafe_b64decode(secret)
    return base64.urlsafe_b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()


def order_hash(message: Mapping[str, Any], *, neg_risk: bool) -> bytes:
    """What the exchange knows an order by."""
    return digest(_domain(neg_risk), ORDER_TYPES, "Order", message)


def is_signed_by(
    message: Mapping[str, Any], signature: str, signer: str, *, neg_risk: bool
) -> bool:
    """Whether the key of `signer` has signed an order, for itself or for its deposit wallet."""
    try:
        raw = bytes.fromhex(signature.removeprefix("0x"))
    except ValueError:
        return False
    if int(message["signatureType"]) != 3:
        return signer_of(order_hash(message, neg_risk=neg_risk), raw) == signer
    domain = _domain(neg_risk)
    kind = type_text(ORDER_TYPES, "Order").encode()
    tail = domain_separator(domain) + struct_hash(ORDER_TYPES, "Order", message) + kind
    tail += len(kind).to_bytes(2, "big")
    if raw[SIGNATURE_BYTES:] != tail:
        return False
    wrapped = {
        "contents": message,
        "name": "DepositWallet",
        "version": "1",
        "chainId": CHAIN_ID,
        "verifyingContract": message["signer"],
        "salt": _ZERO_BYTES32,
    }
    hashed = digest(domain, _WRAPPED_TYPES, "TypedDataSign", wrapped)
    return signer_of(hashed, raw[:SIGNATURE_BYTES]) == signer


def _domain(neg_risk: bool) -> dict[str, Any]:
    return {
        "name": "Polymarket CTF Exchange",
        "version": "2",
        "chainId": CHAIN_ID,
        "verifyingContract": NEG_RISK_EXCHANGE if neg_risk else EXCHANGE,
    }


def _credentials(seed: int, key: str) -> Credentials:
    secret = hashlib.sha256(f"{seed}/secret/{key}".encode()).digest()
    passphrase = hashlib.sha256(f"{seed}/passphrase/{key}".encode()).hexdigest()
    return Credentials(key, base64.urlsafe_b64encode(secret).decode(), passphrase)
