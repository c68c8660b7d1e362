"""What was shown to work on which exchange, as the project's own tests say.

`support.json` is written by scripts/generate_exchange_support.py from the marks of the
tests (``@pytest.mark.shows``); nothing is claimed here that no test checks.
"""

import json
from enum import StrEnum
from functools import cache
from importlib.resources import files


class Evidence(StrEnum):
    """How a claim was shown, the strongest first."""

    TRADED = "traded"  # a guarded bot traded live on a local exchange that speaks this protocol
    RECORDED = "recorded"  # real answers of this exchange were read
    REQUESTS = "requests"  # the orders and look-ups that ccxt sends were checked on the wire


IN_WORDS = {
    Evidence.TRADED: "guarded bots traded on a local exchange that speaks its protocol",
    Evidence.RECORDED: "real recorded answers were read",
    Evidence.REQUESTS: "the requests on the wire were checked",
}


def evidence(exchange: str, trading_mode: str) -> tuple[Evidence, ...]:
    """What was shown for an exchange, the strongest first; empty if nothing was.

    :param exchange: ccxt's id
    :param trading_mode: freqtrade's: spot, margin or futures
    """
    return _table().get(f"{exchange} {trading_mode}", ())


def is_untested(exchange: str, trading_mode: str) -> bool:
    """Whether nothing at all was shown for this exchange and mode."""
    return not evidence(exchange, trading_mode)


def in_words(exchange: str, trading_mode: str) -> str:
    """What was shown, as the end of a sentence; empty if nothing was."""
    return "; ".join(IN_WORDS[shown] for shown in evidence(exchange, trading_mode))


@cache
def _table() -> dict[str, tuple[Evidence, ...]]:
    text = files(__package__).joinpath("support.json").read_text(encoding="utf-8")
    return {row: tuple(map(Evidence, shown)) for row, shown in json.loads(text).items()}
