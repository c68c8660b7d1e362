"""Where a server listens; apart from the server, whose library a client does not need."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Addresses:
    """Plain HTTP, and TLS for the protocols that need it."""

    url: str
    tls_url: str | None = None
