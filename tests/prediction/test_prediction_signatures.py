"""The sandbox's own check of signatures agrees with ccxt, which makes them."""

import ccxt.prediction
import pytest

from freqtrade_balance_guard.sandbox.polymarket.auth import is_signed_by, order_hash
from freqtrade_balance_guard.sandbox.signatures.keccak import keccak256
from freqtrade_balance_guard.sandbox.signatures.rsa_keys import Verifier, derived_pem
from freqtrade_balance_guard.sandbox.signatures.wallet import (
    address_of,
    checksummed,
    derived_key,
    sign,
    signer_of,
)


KEY = derived_key(1, "test")
WALLET = "0x1111111111111111111111111111111111111111"


@pytest.mark.parametrize("size", [0, 1, 55, 135, 136, 137, 272, 400])
def test_keccak_agrees_with_ccxt_at_every_border_of_a_block(size):
    data = bytes(number % 251 for number in range(size))
    expected = ccxt.prediction.polymarket().hash(data, "keccak", "hex")
    assert keccak256(data).hex() == expected


def test_the_hash_of_nothing_is_ethereums():
    assert keccak256(b"").hex() == (
        "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    )


def test_an_address_agrees_with_ccxt_and_has_its_checksum():
    client = ccxt.prediction.polymarket()
    expected = client.eth_get_address_from_private_key(KEY)
    assert address_of(KEY).lower() == expected.lower()
    assert address_of(KEY) == client.eth_checksum_address(expected) == checksummed(expected)


def test_a_signature_names_its_signer_and_no_other():
    digest = keccak256(b"message")
    signature = sign(digest, KEY)
    assert signer_of(digest, signature) == address_of(KEY)
    assert signer_of(keccak256(b"other"), signature) != address_of(KEY)
    assert signer_of(digest, signature[:-1]) is None
    assert signer_of(digest, signature[:64] + b"\x05") is None
    assert signer_of(digest, bytes(64) + b"\x1b") is None


@pytest.mark.parametrize(("signature_type", "neg_risk"), [(0, False), (3, False), (3, True)])
def test_an_order_that_ccxt_signed_is_signed_and_any_change_ends_that(signature_type, neg_risk):
    client = ccxt.prediction.polymarket({"privateKey": KEY, "walletAddress": WALLET})
    client.options["builder"] = None
    token = {
        "outcome": "E:YES",
        "outcomeId": "9" * 77,
        "precision": {"price": 0.01},
        "negRisk": neg_risk,
    }
    client.outcomes, client.outcomes_by_id = {"E:YES": token}, {"9" * 77: token}
    built = client.build_clob_order_body(
        "9" * 77, "limit", "buy", 10, 0.4, {"signatureType": signature_type}
    )
    order = built["body"]["order"]
    message = {**order, "side": 0}
    signed = is_signed_by(message, order["signature"], address_of(KEY), neg_risk=neg_risk)
    assert signed
    for change in ({"makerAmount": "4000001"}, {"side": 1}, {"salt": order["salt"] + 1}):
        changed = {**message, **change}
        assert order_hash(changed, neg_risk=neg_risk) != order_hash(message, neg_risk=neg_risk)
        assert not is_signed_by(changed, order["signature"], address_of(KEY), neg_risk=neg_risk)
    assert not is_signed_by(message, order["signature"], address_of(KEY), neg_risk=not neg_risk)
    assert not is_signed_by(message, "0xzz", address_of(KEY), neg_risk=neg_risk)


def test_an_rsa_signature_of_ccxt_is_accepted_and_one_of_another_text_is_not():
    pem = derived_pem(1, "main/0")
    signature = ccxt.prediction.kalshi().rsa("1700000000000GET/x", pem, "sha256", "pss")
    verifier = Verifier(pem)
    assert verifier.is_signed("1700000000000GET/x", signature)
    assert not verifier.is_signed("1700000000000GET/y", signature)
    assert not verifier.is_signed("1700000000000GET/x", "no base64")


def test_a_derived_key_is_the_same_for_a_seed():
    assert derived_pem(1, "main/0") == derived_pem(1, "main/0")
    assert derived_key(1, "a") == derived_key(1, "a") != derived_key(2, "a")
