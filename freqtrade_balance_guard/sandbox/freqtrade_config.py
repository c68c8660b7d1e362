"""freqtrade's `exchange` section for a sandbox: for users to paste and for tests."""

from typing import Any

from freqtrade_balance_guard.sandbox.script.scenario import Scenario


def exchange_section(
    scenario: Scenario, url: str, account: str = "main", key_index: int = 0
) -> dict[str, Any]:
    """A complete `exchange` section. Raises LookupError for an unknown account or key.

    `enable_ws` is off because the sandbox speaks REST only; ccxt's own rate limiter is off because
    nothing here needs it (with it one loop takes minutes).
    """
    api_key = scenario.api_key(account, key_index)
    return {
        "name": "kraken",
        "key": api_key.key,
        "secret": api_key.secret,
        "enable_ws": False,
        "ccxt_config": {
            "enableRateLimit": False,
            "urls": {"api": {"public": url, "private": url}},
        },
        "pair_whitelist": [market.symbol for market in scenario.markets],
        "pair_blacklist": [],
    }
