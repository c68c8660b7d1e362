"""All errors of the package.

    BalanceGuardError
    ├── SettingsError          the user must change the configuration; the start stops
    ├── MoneyError             a number that is no amount of money (NaN, infinity, two currencies)
    └── UnreadableBalance      an account's free amount is not known now; nothing is spent from it

A denial is not in this tree: it is an answer, not an accident, and is returned as a value
(``limits.decision.Denied``).
"""

import re


# What must not be in a sentence: keys and signatures, in URLs and elsewhere.
_QUERY = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]*")
_SECRET = re.compile(
    r"""((?:access_?key_?id|api_?key|key|signature|sign|secret|token|passphrase)["']?\s*[=:]\s*["']?)"""
    r"""[^\s&"',}]+""",
    re.IGNORECASE,
)
# An exchange may answer with a whole web page.
LONGEST_TEXT = 200


class BalanceGuardError(Exception):
    """Base of everything that this package raises on its own account."""


class SettingsError(BalanceGuardError):
    """A setting is wrong. The message is one sentence: the key, the value, what is allowed."""


class MoneyError(BalanceGuardError, ValueError):
    """A number that is no amount of money: NaN, infinity, a float inside, or two currencies."""


class UnreadableBalance(BalanceGuardError):
    """It is not known what an account has free. Before anything is sent."""


def redacted(text: str) -> str:
    """``text`` without what ccxt's messages may have of keys and signatures."""
    return _SECRET.sub(r"\1***", _QUERY.sub(r"\1?***", text))


def words_of(error: BaseException) -> str:
    """What an error says, short and without secrets: for sentences that people read."""
    return redacted(str(error))[:LONGEST_TEXT]


def kind_and_words_of(error: BaseException) -> str:
    """The error's class and what it says, short and without secrets."""
    return redacted(f"{type(error).__name__}: {error}")[:LONGEST_TEXT]
