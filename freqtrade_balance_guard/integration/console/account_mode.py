"""Asks an exchange what kind of account a futures config has, over a ccxt object of its own.

freqtrade's exchange object cannot be used: in the wrong mode it does not start.
"""

from typing import Any

import ccxt

from freqtrade_balance_guard.console.accounts.account_mode import (
    findings,
    is_known,
    questions,
    read_mode,
)
from freqtrade_balance_guard.console.config_check import Finding, Level
from freqtrade_balance_guard.errors import kind_and_words_of


# ccxt's name of a credential -> the names that freqtrade's config has for it.
CREDENTIALS = {
    "apiKey": ("api_key", "apiKey", "key"),
    "secret": ("secret",),
    "password": ("password",),
    "uid": ("uid",),
    "walletAddress": ("wallet_address", "walletAddress"),
    "privateKey": ("private_key", "privateKey"),
}
TIMEOUT_MILLISECONDS = 10_000


def account_findings(config: dict[str, Any]) -> list[Finding]:
    """What a futures bot has to know of its account; a spot bot has one kind of account."""
    section = config["exchange"]
    name = str(section["name"]).lower()
    if str(config.get("trading_mode", "spot")) != "futures":
        return []
    if not is_known(name):
        note = f"The account's mode on {name} cannot be asked for."
        return [Finding(Level.NOTE, "account_mode_unknown", note, "look at it on the exchange")]
    address = _credential(section, "walletAddress")
    answers: dict[str, Any] = {}
    found: list[Finding] = []
    api = _api(section)
    for question in questions(name, address or ""):
        try:
            answers[question.name] = getattr(api, question.method)(dict(question.params))
        except Exception as error:
            # Each answer stands for itself, and a key may lack a right.
            found.append(
                Finding(
                    Level.NOTE,
                    "account_mode_unknown",
                    f"{name} did not answer about {question.name.replace('_', ' ')} "
                    f"({kind_and_words_of(error)}).",
                    "look at it on the exchange",
                )
            )
    mode = read_mode(name, answers)
    wanted = str(config.get("margin_mode") or "")
    wallet = (address or "") if name == "hyperliquid" else None
    return [*findings(name, mode, margin_mode=wanted, wallet_address=wallet), *found]


def _credential(section: dict[str, Any], name: str) -> str | None:
    return next((section[one] for one in CREDENTIALS[name] if section.get(one)), None)


def _api(section: dict[str, Any]) -> Any:
    settings = {name: _credential(section, name) for name in CREDENTIALS}
    more = section.get("ccxt_config") or {}
    made = getattr(ccxt, str(section["name"]).lower())(
        {"enableRateLimit": True, "timeout": TIMEOUT_MILLISECONDS, **settings, **more}
    )
    return made
