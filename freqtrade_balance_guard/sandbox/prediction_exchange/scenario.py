"""What a prediction market's sandbox is started with: accounts, markets and faults."""

import hashlib
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from freqtrade_balance_guard.sandbox.core.assets import ONE
from freqtrade_balance_guard.sandbox.prediction.market_rules import (
    BinaryMarketScenario,
    PredictionDialect,
)
from freqtrade_balance_guard.sandbox.prediction_exchange.default_markets import default_markets
from freqtrade_balance_guard.sandbox.script.faults import Fault
from freqtrade_balance_guard.sandbox.script.market import AmountDecimal, Model, Ratio
from freqtrade_balance_guard.sandbox.signatures.wallet import (
    address_of,
    derived_address,
    derived_key,
)


CURRENCIES: dict[PredictionDialect, str] = {"polymarket": "USDC", "kalshi": "USD", "sxbet": "USDC"}


class PredictionKey(Model):
    """One key of an account. What is left empty is derived from the scenario's seed."""

    key: str = ""  # Kalshi's key id, SX's API key; Polymarket derives its own from the wallet
    private_key: str = ""  # a wallet's in hex; on Kalshi an RSA key as PEM


class PredictionAccount(Model):
    """One customer."""

    name: str = "main"
    keys: Annotated[list[PredictionKey], Field(min_length=1)] = [PredictionKey()]
    balance: AmountDecimal = Decimal(1000)  # of the dialect's currency
    # Polymarket: 3 is a deposit wallet, which is another address than the key's; 0 is the key's.
    signature_type: Literal[0, 3] = 3
    profit_fee: Ratio = Decimal(0)  # SX: of what a bet wins, taken when it is settled


class PredictionScenario(Model):
    """Everything such a sandbox needs to start; the same scenario gives the same exchange."""

    dialect: PredictionDialect
    seed: int = 1
    accounts: Annotated[list[PredictionAccount], Field(min_length=1)] = [PredictionAccount()]
    markets: list[BinaryMarketScenario] = []  # left out: the dialect's own
    faults: list[Fault] = []
    latency_ms: Annotated[float, Field(ge=0)] = 0.0
    journal_limit: Annotated[int, Field(gt=0)] = 50_000
    settle_after_s: Annotated[float, Field(ge=0)] = 0.5  # from the match to its being final

    @classmethod
    def default(cls, dialect: PredictionDialect) -> Self:
        """One account "main" with 1000 of the dialect's currency and its own markets."""
        return cls.model_validate({"dialect": dialect})

    @property
    def currency(self) -> str:
        return CURRENCIES[self.dialect]

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        for what, names in (
            ("account", [each.name for each in self.accounts]),
            ("market", [each.name for each in self.markets]),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"two of one name among the {what} names {names}")
        for market in self.markets:
            if market.price % market.tick or not market.tick <= market.price < ONE:
                raise ValueError(f"the price of {market.name} is no multiple of its tick below 1")
        return self

    def with_keys(self) -> Self:
        """The same scenario with every empty key filled in, and with the dialect's markets."""
        accounts = [
            account.model_copy(
                update={
                    "keys": [
                        PredictionKey(
                            key=key.key or self._derived(account.name, number),
                            private_key=key.private_key or self._private(account.name, number),
                        )
                        for number, key in enumerate(account.keys)
                    ]
                }
            )
            for account in self.accounts
        ]
        markets = self.markets or default_markets(self.dialect)
        return self.model_copy(update={"accounts": accounts, "markets": markets})

    def account(self, name: str) -> PredictionAccount:
        """Raises LookupError."""
        for account in self.accounts:
            if account.name == name:
                return account
        raise LookupError(f"the scenario has no account {name!r}")

    def wallet(self, account: PredictionAccount, key_index: int = 0) -> str:
        """The address that holds an account's money."""
        signer = address_of(account.keys[key_index].private_key)
        if self.dialect == "polymarket" and account.signature_type == 3:
            return derived_address(f"{self.seed}/deposit/{account.name}")
        return signer

    def _private(self, account: str, number: int) -> str:
        name = f"{account}/{number}"
        if self.dialect == "kalshi":
            # Imported on use: the other dialects start without the library.
            from freqtrade_balance_guard.sandbox.signatures.rsa_keys import derived_pem

            return derived_pem(self.seed, name)
        return derived_key(self.seed, name)

    def _derived(self, account: str, number: int) -> str:
        digest = hashlib.sha256(f"{self.seed}/key/{account}/{number}".encode()).hexdigest()
        parts = [digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]]
        return "-".join(parts)
