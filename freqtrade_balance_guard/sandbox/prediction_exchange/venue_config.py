"""A `venues` section for a prediction market's sandbox: for users to paste and for tests."""

from typing import Any

from freqtrade_balance_guard.sandbox.prediction_exchange.scenario import PredictionScenario


def venue_section(
    scenario: PredictionScenario, url: str, account: str = "main", key_index: int = 0
) -> dict[str, Any]:
    """The section of one account's key. Raises LookupError for an unknown account or key."""
    scenario = scenario.with_keys()
    owner = scenario.account(account)
    if not 0 <= key_index < len(owner.keys):
        raise LookupError(f"account {account!r} has no key {key_index}")
    key = owner.keys[key_index]
    section: dict[str, Any] = {
        "name": scenario.dialect,
        "kind": "prediction",
        "private_key": key.private_key,
    }
    options: dict[str, Any] = {}
    if scenario.dialect == "polymarket":
        # The code that ccxt attaches to orders by default, for its own statistics, is off.
        options = {"signatureType": owner.signature_type, "builder": None}
    else:
        section["key"] = key.key
    if scenario.dialect != "kalshi":
        section["wallet_address"] = scenario.wallet(owner, key_index)
    return section | {
        "ccxt_config": {
            "enableRateLimit": False,
            "urls": {"api": addresses(scenario, url)},
            **({"options": options} if options else {}),
        }
    }


def addresses(scenario: PredictionScenario, url: str) -> dict[str, str]:
    """What takes the place of ccxt's `urls.api`."""
    socket = url.replace("http", "ws", 1)
    if scenario.dialect == "polymarket":
        return {
            "gamma": f"{url}/gamma",
            "clob": f"{url}/clob",
            "data": f"{url}/data",
            "ws": f"{socket}/ws/market",
            "wsUser": f"{socket}/ws/user",
        }
    if scenario.dialect == "kalshi":
        return {"kalshi": f"{url}/trade-api/v2", "elections": f"{url}/elections/v1"}
    return {"sxbet": url, "ws": f"{socket}/connection/websocket"}
