"""RSA keys that are the same for a seed, and the check of Kalshi's signatures (RSA-PSS)."""

import base64
import binascii
import functools
import hashlib
from collections.abc import Iterator

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


_BITS = 1024  # of each of the two primes
_EXPONENT = 65537
_SMALL_PRIMES = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]
_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19)


@functools.cache
def derived_pem(seed: int, name: str) -> str:
    """A private key as PEM. For a rehearsal only: whoever knows the seed knows the key."""
    primes = _primes(f"{seed}/rsa/{name}")
    p = next(primes)
    q = next(prime for prime in primes if prime != p)
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=d % (p - 1),
        dmq1=d % (q - 1),
        iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(_EXPONENT, p * q),
    )
    return (
        numbers.private_key()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


class Verifier:
    """Checks signatures of one private key's owner."""

    def __init__(self, pem: str) -> None:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("the private key is no RSA key")
        self._key = key.public_key()

    def is_signed(self, text: str, signature: str) -> bool:
        """Whether the base64 signature is one of the text."""
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
        try:
            raw = base64.b64decode(signature, validate=True)
            self._key.verify(raw, text.encode(), scheme, hashes.SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def _primes(seed: str) -> Iterator[int]:
    number = 0
    while True:
        stream = hashlib.shake_256(f"{seed}/{number}".encode()).digest(_BITS // 8)
        number += 1
        # The two highest bits are set so that the product has its full length.
        first = int.from_bytes(stream, "big") | (3 << (_BITS - 2)) | 1
        prime = next(each for each in _unsieved(first) if _is_prime(each))
        if prime % _EXPONENT != 1:
            yield prime


def _unsieved(first: int) -> Iterator[int]:
    """Every second number from an odd one on that no small prime divides."""
    rests = [(small, first % small) for small in _SMALL_PRIMES]
    distance = 0
    while True:
        if all((rest + distance) % small for small, rest in rests):
            yield first + distance
        distance += 2


def _is_prime(number: int) -> bool:
    odd = number - 1
    twos = (odd & -odd).bit_length() - 1
    odd >>= twos
    for witness in _WITNESSES:
        power = pow(witness, odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True
