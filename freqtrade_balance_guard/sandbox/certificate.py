"""The certificate by which ccxt trusts a sandbox over TLS; good for this machine alone.

It is made once per user and month and lies in the temporary directory, so that a configuration can
name it before the sandbox runs. Nothing but a configuration that names it trusts it.
"""

import datetime
import getpass
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_VALID = datetime.timedelta(days=30)
_RENEW_BEFORE = datetime.timedelta(days=7)


def certificate_path() -> Path:
    """The certificate's file, which exists and is valid for a week at least."""
    folder = Path(tempfile.gettempdir()) / f"balance-guard-sandbox-{_user()}"
    path = folder / "loopback.pem"
    if not _is_usable(path):
        folder.mkdir(mode=0o700, exist_ok=True)
        with _locked(folder):
            if not _is_usable(path):  # of sandboxes that start at once the first one makes it
                _make(path)
    return path


def server_context() -> ssl.SSLContext:
    """TLS with the certificate, for a server."""
    path = certificate_path()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return str(os.getuid())


def _is_usable(path: Path) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return False
    now = datetime.datetime.now(datetime.UTC)
    return certificate.not_valid_after_utc - now > _RENEW_BEFORE


def _make(path: Path) -> None:
    """Writes key and certificate into one file, which is there whole or not at all."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "balance-guard sandbox")])
    now = datetime.datetime.now(datetime.UTC)
    hosts = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    handle, name_of_draft = tempfile.mkstemp(dir=path.parent)
    draft = Path(name_of_draft)
    with os.fdopen(handle, "wb") as file:
        file.write(text)
    draft.replace(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait until no other sandbox is here (where the system has such locks)."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
