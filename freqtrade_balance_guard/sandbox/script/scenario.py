"""What a sandbox is started with: accounts, markets, prices and faults; JSON in, JSON out."""

import base64
import hashlib
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from freqtrade_balance_guard.sandbox.script.faults import Fault


PositiveDecimal = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
AmountDecimal = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
Ratio = Annotated[Decimal, Field(ge=0, lt=1, allow_inf_nan=False)]


class Model(BaseModel):
    """Refuses unknown keys, so that a misspelt setting is not silently the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MeterLimits(Model):
    """One tier of Kraken's call meters; intermediate is 20 and 0.5, pro 20 and 1."""

    maximum: float = Field(default=15.0, gt=0)
    decay: float = Field(default=0.33, gt=0)  # per second
    order_maximum: float = Field(default=60.0, gt=0)
    order_decay: float = Field(default=1.0, gt=0)  # per second


class ApiKey(Model):
    """One API key. Left empty, both parts are derived from the scenario's seed."""

    key: str = ""
    secret: str = ""  # base64, as Kraken hands it out

    @field_validator("secret")
    @classmethod
    def _is_base64(cls, secret: str) -> str:
        base64.b64decode(secret, validate=True)
        return secret


class AccountScenario(Model):
    """One customer. Two bots with a key each may share one account; keys belong to one account."""

    name: str = "main"
    keys: list[ApiKey] = [ApiKey(), ApiKey()]
    balances: dict[str, AmountDecimal] = {"USDT": Decimal(1000)}
    rewards: dict[str, AmountDecimal] = {}  # shown as their own entry (USDT.F), spendable
    meter: MeterLimits = MeterLimits()


class ConstantPath(Model):
    """The market's price, for ever."""

    kind: Literal["constant"] = "constant"


class WavePath(Model):
    """A sine around the market's price: price x (1 + amplitude x sin)."""

    kind: Literal["wave"] = "wave"
    amplitude: Ratio = Decimal("0.02")
    period: Annotated[float, Field(gt=0)] = 600.0  # seconds
    phase: float = 0.0  # in periods


class WalkPath(Model):
    """Something that looks like a market: five sines of seeded phase, from minutes to days.

    Deterministic and without drift; `amplitude` bounds the distance from the market's price.
    """

    kind: Literal["walk"] = "walk"
    amplitude: Ratio = Decimal("0.05")
    seed: int = 1


class PricePoint(Model):
    at: float  # seconds since the path began (start, or the request that set it)
    price: PositiveDecimal


class ScriptPath(Model):
    """Prices at given times; before the first one the price that held before."""

    kind: Literal["script"] = "script"
    points: Annotated[list[PricePoint], Field(min_length=1)]
    linear: bool = False  # False: a step at each point; True: straight lines between them

    @field_validator("points")
    @classmethod
    def _sorted(cls, points: list[PricePoint]) -> list[PricePoint]:
        if any(b.at <= a.at for a, b in pairwise(points)):
            raise ValueError("the times of a price script must rise")
        return points


def _spelled_out(path: object) -> object:
    """Accepts the short forms: "wave", and a plain list of points for a script."""
    if isinstance(path, str):
        return {"kind": path}
    if isinstance(path, list):
        return {"kind": "script", "points": path}
    return path


PricePath = Annotated[
    Annotated[ConstantPath | WavePath | WalkPath | ScriptPath, Field(discriminator="kind")],
    BeforeValidator(_spelled_out),
]


class MarketScenario(Model):
    """One pair: its rules, its fees and its book."""

    symbol: Annotated[str, Field(pattern=r"^[A-Z0-9]+/[A-Z0-9]+$")]
    price: PositiveDecimal  # quote per base
    amount_min: AmountDecimal = Decimal(0)  # base; Kraken's ordermin
    cost_min: AmountDecimal = Decimal("0.5")  # quote; Kraken's costmin
    price_decimals: Annotated[int, Field(ge=0, le=10)] = 4
    tick: PositiveDecimal | None = None  # None: one unit of the last price decimal
    amount_decimals: Annotated[int, Field(ge=0, le=10)] = 8
    fee_maker: Ratio = Decimal("0.0025")  # of the cost
    fee_taker: Ratio = Decimal("0.004")  # of the cost
    fee_currency: Literal["quote", "base"] = "quote"  # of a buy; a sell pays in the quote
    spread: Ratio = Decimal("0.0002")  # of the price, between the best bid and the best ask
    depth: PositiveDecimal = Decimal(1_000_000)  # quote, on every level of the book
    price_path: PricePath = ConstantPath()

    @property
    def base(self) -> str:
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        return self.symbol.partition("/")[2]

    @property
    def tick_size(self) -> Decimal:
        return self.tick or Decimal(1).scaleb(-self.price_decimals)


class Scenario(Model):
    """Everything a sandbox needs to start; the same scenario gives the same exchange."""

    seed: int = 1
    accounts: Annotated[list[AccountScenario], Field(min_length=1)] = [AccountScenario()]
    markets: Annotated[list[MarketScenario], Field(min_length=1)] = Field(
        default_factory=lambda: default_markets()
    )
    faults: list[Fault] = []
    meter_enforced: bool = False  # Kraken's call meters refuse only when this is on
    latency_ms: Annotated[float, Field(ge=0)] = 0.0  # of every answer of the exchange
    journal_limit: Annotated[int, Field(gt=0)] = 50_000  # the oldest entries go first

    @classmethod
    def default(cls) -> Self:
        """One account "main" with 1000 USDT and two keys; eleven pairs in USDT, three in USD."""
        return cls()

    @classmethod
    def from_file(cls, path: Path | str) -> Self:
        """Reads a scenario. Raises OSError or pydantic.ValidationError (a ValueError)."""
        return cls.model_validate_json(Path(path).read_text(encoding="utf-8"))

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        _refuse_twins("account", [account.name for account in self.accounts])
        _refuse_twins("market", [market.symbol for market in self.markets])
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


def default_markets() -> list[MarketScenario]:
    """Minimums are worth about 2.5 dollars each, as on Kraken; prices are round numbers."""
    rows = [
        # symbol, price, amount_min, price_decimals
        ("BTC/USDT", "50000", "0.00005", 1),
        ("ETH/USDT", "2500", "0.001", 2),
        ("SOL/USDT", "100", "0.025", 2),
        ("ADA/USDT", "0.5", "5", 6),
        ("XRP/USDT", "0.6", "4", 5),
        ("DOT/USDT", "5", "0.5", 4),
        ("LTC/USDT", "80", "0.03", 2),
        ("LINK/USDT", "15", "0.2", 5),
        ("ATOM/USDT", "8", "0.3", 4),
        ("AVAX/USDT", "25", "0.1", 2),
        ("DOGE/USDT", "0.1", "25", 7),
        ("BTC/USD", "50000", "0.00005", 1),
        ("ETH/USD", "2500", "0.001", 2),
        ("USDT/USD", "1", "5", 4),
    ]
    return [
        MarketScenario(
            symbol=symbol,
            price=Decimal(price),
            amount_min=Decimal(amount_min),
            price_decimals=price_decimals,
        )
        for symbol, price, amount_min, price_decimals in rows
    ]
