"""What a sandbox is started with: accounts, markets, prices and faults; JSON in, JSON out."""

import base64
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from freqtrade_balance_guard.sandbox.script.default_markets import Dialect, default_markets
from freqtrade_balance_guard.sandbox.script.faults import Fault
from freqtrade_balance_guard.sandbox.script.market import (
    AmountDecimal,
    MarketScenario,
    Model,
)


class MeterLimits(Model):
    """One tier of Kraken's call meters; intermediate is 20 and 0.5, pro 20 and 1."""

    maximum: float = Field(default=15.0, gt=0)
    decay: float = Field(default=0.33, gt=0)  # per second
    order_maximum: float = Field(default=60.0, gt=0)
    order_decay: float = Field(default=1.0, gt=0)  # per second


class ApiKey(Model):
    """One API key. Left empty, both parts are derived from the scenario's seed."""

    key: str = ""
    secret: str = ""  # base64, as Kraken hands it out; Binance takes it as a text

    @field_validator("secret")
    @classmethod
    def _is_base64(cls, secret: str) -> str:
        base64.b64decode(secret, validate=True)
        return secret


class FuturesAccount(Model):
    """How an account trades contracts."""

    hedge_mode: bool = False  # a long and a short position of one contract beside each other
    multi_assets: bool = False
    margin_mode: Literal["cross", "isolated"] = "cross"  # until an order sets another
    leverage: Annotated[int, Field(ge=1, le=125)] = 20  # until an order sets another
    # The coin that the account is kept in, in place of the contracts' own (BNFCR for USDC).
    proxy_coin: str | None = None


class AccountScenario(Model):
    """One customer. Two bots with a key each may share one account; keys belong to one account."""

    name: str = "main"
    keys: list[ApiKey] = [ApiKey(), ApiKey()]
    balances: dict[str, AmountDecimal] = {"USDT": Decimal(1000)}
    rewards: dict[str, AmountDecimal] = {}  # shown as their own entry (USDT.F), spendable
    meter: MeterLimits = MeterLimits()
    fee_coin: str | None = None  # pays spot fees in this coin (BNB) with a discount of a quarter
    futures: FuturesAccount = FuturesAccount()


class Scenario(Model):
    """Everything a sandbox needs to start; the same scenario gives the same exchange."""

    dialect: Dialect = "kraken"
    seed: int = 1
    accounts: Annotated[list[AccountScenario], Field(min_length=1)] = [AccountScenario()]
    markets: Annotated[list[MarketScenario], Field(min_length=1)]  # left out: the dialect's own
    faults: list[Fault] = []
    meter_enforced: bool = False  # Kraken's call meters reject only when this is on
    latency_ms: Annotated[float, Field(ge=0)] = 0.0  # of every answer of the exchange
    journal_limit: Annotated[int, Field(gt=0)] = 50_000  # the oldest entries go first
    listed_coins: Annotated[int, Field(ge=0)] = 500  # Binance's balances list coins at zero
    funding_interval_s: Annotated[int, Field(gt=0)] = 28_800  # contracts: 8 h, or less for a test

    @classmethod
    def default(cls, dialect: Dialect = "kraken") -> Self:
        """One account "main" with 1000 USDT and two keys, and the dialect's own markets."""
        return cls.model_validate({"dialect": dialect})

    @classmethod
    def from_file(cls, path: Path | str, dialect: Dialect | None = None) -> Self:
        """Reads a scenario, for `dialect` if one is given.

        Raises OSError or pydantic.ValidationError (a ValueError).
        """
        text = Path(path).read_text(encoding="utf-8")
        if dialect is None:
            return cls.model_validate_json(text)
        return cls.model_validate(json.loads(text) | {"dialect": dialect})

    @model_validator(mode="before")
    @classmethod
    def _with_markets(cls, given: Any) -> Any:
        if isinstance(given, dict) and "markets" not in given:
            return given | {"markets": default_markets(given.get("dialect", "kraken"))}
        return given

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        _refuse_twins("account", [account.name for account in self.accounts])
        _refuse_twins("market", [market.symbol for market in self.markets])
        return self

    @model_validator(mode="after")
    def _markets_fit_the_dialect(self) -> Self:
        for market in self.markets:
            if market.is_contract != (self.dialect == "binance-futures"):
                wanted = "contracts (BTC/USDT:USDT)" if not market.is_contract else "spot markets"
                raise ValueError(f"{self.dialect} trades {wanted}, not {market.symbol}")
        return self

    def with_keys(self) -> Self:
        """The same scenario with every empty key and secret filled in from the seed."""
        accounts = [
            account.model_copy(
                update={
                    "keys": [
                        ApiKey(
                            key=key.key or self._derived("key", account.name, index, 42),
                            secret=key.secret or self._derived("secret", account.name, index, 64),
                        )
                        for index, key in enumerate(account.keys)
                    ]
                }
            )
            for account in self.accounts
        ]
        _refuse_twins("API key", [key.key for account in accounts for key in account.keys])
        return self.model_copy(update={"accounts": accounts})

    def api_key(self, account: str, index: int) -> ApiKey:
        """The key number `index` of an account. Raises LookupError when there is none."""
        for candidate in self.with_keys().accounts:
            if candidate.name == account:
                return candidate.keys[index]
        raise LookupError(f"the scenario has no account {account!r}")

    def _derived(self, purpose: str, account: str, index: int, length: int) -> str:
        material = f"{self.seed}/{purpose}/{account}/{index}".encode()
        return base64.b64encode(hashlib.sha512(material).digest()[:length]).decode()


def _refuse_twins(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{what} {name!r} is listed more than once")
