"""Secrets out of a section: for logs, reports and the copies that freqtrade exports.

``scrub`` must work on sections that were never validated, so it goes by names and errs on the side
of hiding: inside a venue only what is known to be harmless stays readable.
"""

import re
from decimal import Decimal
from typing import Any


REDACTED = "REDACTED"

# Compared after fold(): lower case without "_", "-" and spaces.
_SECRET_NAMES = frozenset(
    {"key", "keys", "uid", "auth", "login", "otp", "pass", "pin", "pwd", "totp", "twofa"}
)
_SECRET_PARTS = tuple(
    """
    accesskey accountid apikey authorization cookie credential mnemonic passphrase passwd
    password privatekey secret seedphrase signature token walletaddress
    """.split()
)
# The part of ccxt's configuration where every value may be a login.
_HIDE_ALL_NAMES = frozenset({"headers", "cookies"})
# Amounts by currency: KEY, PASS and TOKEN are names of coins as well.
_BY_CURRENCY = frozenset({"reservebalance", "dryrunwallet"})
_HARMLESS_IN_A_VENUE = frozenset(
    """
    account ccxtasyncconfig ccxtconfig ccxtsyncconfig dryrunwallet enablews logresponses
    marketsrefreshinterval name outdatedoffset pairblacklist pairwhitelist
    skippairvalidation unknownfeerate
    """.split()
)

_SECRET_PARAMETER = re.compile(
    r"([?&;][^=&;?]*(?:pass|pwd|secret|token|key)[^=&;?]*=).*", re.S | re.I
)
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*://)(?P<rest>.*)", re.S)
_HOST_AND_PATH = re.compile(r"[^:@]*(:\d{1,5})?([/?#].*)?", re.S)


def fold(name: object) -> str:
    """A key without case, underscores, dashes and spaces: how two spellings are compared."""
    return re.sub(r"[\s_-]", "", str(name)).lower()


def redact_address(text: str) -> str:
    """An address with its password replaced, also when it is not well-formed.

    A password may hold "@", "/" or "?" that should have been escaped, so everything between the
    user's name and the last "@" is hidden.
    """
    text = _SECRET_PARAMETER.sub(rf"\1{REDACTED}", text)
    found = _ADDRESS.search(text)
    if found is None:
        return text
    start, rest = text[: found.end("scheme")], found["rest"]
    login, at, place = rest.rpartition("@")
    if at:
        user, colon, _ = login.partition(":")
        kept = f"{user}:{REDACTED}" if colon else (REDACTED if re.search(r"[/?#]", user) else user)
        return f"{start}{kept}@{place}"
    # Without "@" a colon may only introduce a port; "scheme://user:password" is a forgotten host.
    # A SQLite address has no host: its colon belongs to a Windows drive.
    harmless = found["scheme"].startswith("sqlite") or _HOST_AND_PATH.fullmatch(rest)
    return text if harmless else f"{start}{REDACTED}"


def redact_database_address(value: object) -> object:
    """A ``db_url`` fit to be shown; text that is no address at all is hidden as a whole."""
    if not isinstance(value, str):
        return _scrubbed(value, path=())
    if "://" in value:
        return redact_address(value)
    # A plain file name, written without "sqlite:///", is the likely mistake and may be shown.
    return value if re.fullmatch(r"[\w./\\ -]*", value) else REDACTED


def scrub(section: Any) -> Any:
    """A deep copy of a ``balance_guard`` section without secrets, right or wrong as it may be.

    Replaced by "REDACTED": credentials of venues (also inside ``ccxt_config`` and ``headers``, and
    every key of a venue that is not known to be harmless) and passwords in addresses. A right
    section stays right, so that settings can be read again from what is left in a config.
    """
    return _scrubbed(section, path=())


def _scrubbed(value: object, path: tuple[int, ...]) -> object:
    if value is None or isinstance(value, bool | int | float | Decimal):
        return value
    if isinstance(value, str):
        return redact_address(value)
    if id(value) in path or len(path) > 50:  # a loop, or far deeper than any section
        return REDACTED
    path = (*path, id(value))
    if isinstance(value, dict):
        return {key: _scrubbed_entry(key, item, path) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrubbed(item, path) for item in value]
    return REDACTED  # nothing that a configuration can hold


def _scrubbed_entry(key: object, value: object, path: tuple[int, ...]) -> object:
    name = fold(key)
    if name in _SECRET_NAMES or any(part in name for part in _SECRET_PARTS):
        return REDACTED
    if name in _HIDE_ALL_NAMES:
        return _all_hidden(value, path)
    if name in _BY_CURRENCY and isinstance(value, dict):
        return {
            currency: amount if isinstance(amount, int | float | Decimal) else REDACTED
            for currency, amount in value.items()
        }
    if name == "venues":
        return _scrubbed_venues(value, path)
    if name == "dburl":
        return redact_database_address(value)
    return _scrubbed(value, path)


def _scrubbed_venues(value: object, path: tuple[int, ...]) -> object:
    """Names of venues and, of each, the keys that are known to be harmless."""
    if not isinstance(value, dict) or id(value) in path:
        return REDACTED
    path = (*path, id(value))
    return {name: _scrubbed_venue(venue, path) for name, venue in value.items()}


def _scrubbed_venue(venue: object, path: tuple[int, ...]) -> object:
    if not isinstance(venue, dict) or id(venue) in path:
        return REDACTED
    path = (*path, id(venue))
    return {
        key: _scrubbed_entry(key, item, path) if fold(key) in _HARMLESS_IN_A_VENUE else REDACTED
        for key, item in venue.items()
    }


def _all_hidden(value: object, path: tuple[int, ...]) -> object:
    if isinstance(value, dict) and id(value) not in path:
        return {key: _all_hidden(item, (*path, id(value))) for key, item in value.items()}
    return REDACTED
