"""All errors of the package.

    BalanceGuardError
    ├── SettingsError          the user must change the configuration; the start stops
    ├── MoneyError             a number that is no amount of money (NaN, infinity, two currencies)
    ├── UnreadableBalance      an account's free amount is not known now; nothing is spent from it
    └── ContractError          freqtrade differs from what we rely on; entries stop, exits go on

A denial is not in this tree: it is an answer, not an accident, and is returned as a value
(``limits.decision.Denied``).
"""


class BalanceGuardError(Exception):
    """Base of everything that this package raises on its own account."""


class SettingsError(BalanceGuardError):
    """A setting is wrong. The message is one sentence: the key, the value, what is allowed."""


class MoneyError(BalanceGuardError, ValueError):
    """A number that is no amount of money: NaN, infinity, a float inside, or two currencies."""


class UnreadableBalance(BalanceGuardError):
    """It is not known what an account has free. Before anything is sent."""


class ContractError(BalanceGuardError):
    """A freqtrade function that we rely on differs from the one we were tested with."""
