"""Ethereum's keys and addresses, and whose signature a signature is."""

import hashlib

from freqtrade_balance_guard.sandbox.signatures.keccak import keccak256


SIGNATURE_BYTES = 65


def derived_key(seed: int, name: str) -> str:
    """A private key that is the same for a seed and a name."""
    return "0x" + hashlib.sha256(f"{seed}/wallet/{name}".encode()).hexdigest()


def address_of(private_key: str) -> str:
    """The address of a private key, with its checksum.

    Raises ValueError for what is no key.
    """
    # Imported on use: the other dialects start without the library.
    from coincurve import PrivateKey

    key = PrivateKey(bytes.fromhex(private_key.removeprefix("0x")))
    return _address(key.public_key.format(compressed=False))


def derived_address(text: str) -> str:
    """The address of a contract that no key belongs to."""
    return checksummed("0x" + keccak256(text.encode())[-20:].hex())


def checksummed(address: str) -> str:
    """EIP-55: the letters' case is a checksum."""
    plain = address.lower().removeprefix("0x")
    digits = keccak256(plain.encode()).hex()
    return "0x" + "".join(
        letter.upper() if int(digit, 16) >= 8 else letter
        for letter, digit in zip(plain, digits, strict=False)
    )


def signer_of(digest: bytes, signature: bytes) -> str | None:
    """The address whose key has signed; None for what is no signature."""
    from coincurve import PublicKey

    if len(signature) != SIGNATURE_BYTES or signature[64] not in (27, 28):
        return None
    recoverable = signature[:64] + bytes([signature[64] - 27])
    try:
        key = PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except Exception:  # the library raises plain exceptions for what is no signature
        return None
    return _address(key.format(compressed=False))


def sign(digest: bytes, private_key: str) -> bytes:
    """r, s and v, as a wallet writes them."""
    from coincurve import PrivateKey

    key = PrivateKey(bytes.fromhex(private_key.removeprefix("0x")))
    raw = key.sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes([raw[64] + 27])


def _address(point: bytes) -> str:
    return checksummed("0x" + keccak256(point[1:])[-20:].hex())
