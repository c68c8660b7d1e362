"""How SX Bet's orders are signed, and what the exchange knows one by."""

from collections.abc import Mapping
from typing import Any

from freqtrade_balance_guard.sandbox.signatures.eip712 import digest
from freqtrade_balance_guard.sandbox.signatures.wallet import derived_address, signer_of


CHAIN_ID = 4162
BASE_TOKEN = derived_address("sxbet/usdc")
EXECUTOR = derived_address("sxbet/executor")
DOMAIN = {
    "name": "SX Bet",
    "version": "6.0",
    "chainId": CHAIN_ID,
    "verifyingContract": derived_address("sxbet/exchange"),
}
ORDER_TYPES = {
    "Order": (
        ("bytes32", "marketHash"),
        ("address", "baseToken"),
        ("uint256", "totalBetSize"),
        ("uint256", "percentageOdds"),
        ("uint256", "salt"),
        ("uint256", "expiry"),
        ("address", "maker"),
        ("bool", "isMakerBettingOutcomeOne"),
    )
}


def order_hash(order: Mapping[str, Any]) -> bytes:
    """Raises KeyError or ValueError for what is no order."""
    message = {name: order[name] for _, name in ORDER_TYPES["Order"]}
    message["salt"] = int(str(order["salt"]), 16)
    return digest(DOMAIN, ORDER_TYPES, "Order", message)


def is_signed_by(order: Mapping[str, Any], signer: str) -> bool:
    try:
        signature = bytes.fromhex(str(order["orderSignature"]).removeprefix("0x"))
        return signer_of(order_hash(order), signature) == signer
    except (KeyError, ValueError, OverflowError):
        return False
