"""Which databases the ledger may live in."""

import re
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic.json_schema import JsonSchemaValue

from freqtrade_balance_guard.settings.redaction import redact_database_address
from freqtrade_balance_guard.settings.values import Rule, wrong_value


POSTGRES_SCHEMES = frozenset({"postgresql", "postgresql+psycopg"})


class DatabaseAddress(Rule):
    """``sqlite:///<file>`` or ``postgresql://...``; held as a secret, for it may hold a password.

    A database in memory is not allowed: it would forget reservations at a restart, and two bots
    could not share it.
    """

    allowed = (
        '"sqlite:///<file>" (on disk) or "postgresql://<user>:<password>@<host>/<database>" '
        "(special characters of the password percent-encoded)"
    )

    def read(self, value: object) -> SecretStr:
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        if isinstance(value, str) and _is_usable(value):
            return SecretStr(value)
        shown = redact_database_address(value)
        raise wrong_value(self.allowed, shown=shown if isinstance(shown, str) else None)

    def json_schema(self) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": r"^(sqlite:///(?!:memory:).+|postgresql(\+psycopg)?://[^#]*/[^/#@]+)$",
        }


def _is_usable(address: str) -> bool:
    if re.search(r"\s", address.strip()) and not address.startswith("sqlite:"):
        return False
    if not address.isprintable():
        return False
    if address.startswith("sqlite:///"):
        file = address.removeprefix("sqlite:///").strip()
        return bool(file.split("?")[0]) and ":memory:" not in file and "mode=memory" not in file
    return _is_usable_postgres(address)


def _is_usable_postgres(address: str) -> bool:
    try:
        parts = urlsplit(address)
        _ = parts.port, parts.hostname  # both are read late and raise ValueError
    except ValueError:
        return False
    # An unescaped "/", "?" or "#" in a password ends the host part early and leaves "@" behind it.
    misread = "@" in parts.path + parts.query or bool(parts.fragment)
    return parts.scheme in POSTGRES_SCHEMES and bool(parts.path.strip("/")) and not misread
