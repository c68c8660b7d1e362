"""A name for each bot that stays the same over restarts and is another one for every bot."""

import secrets

from freqtrade.persistence import KeyValueStore


KEY = "balance_guard_bot"


def bot_identity(bot_name: str) -> str:
    """The name under which this bot's reservations are kept.

    It is made once and lives in the bot's own freqtrade database: two bots have two databases, and
    a bot that is given a new ``bot_name`` is still the same bot. With a new database it is another
    bot; what the old one left without an end is looked up as a dead bot's.
    """
    known = KeyValueStore.get_string_value(KEY)
    if known is None:
        known = f"{bot_name[:40]}-{secrets.token_hex(2)}"
        KeyValueStore.store_value(KEY, known)
    return known
