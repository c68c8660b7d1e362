"""What a market is started with: its rules, its prices over time, and a contract's brackets."""

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator


PositiveDecimal = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
AmountDecimal = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
Ratio = Annotated[Decimal, Field(ge=0, lt=1, allow_inf_nan=False)]


class Model(BaseModel):
    """Rejects unknown keys, so that a misspelt setting is not silently the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class Bracket(Model):
    """Up to which value of a position a leverage is allowed, and its maintenance margin."""

    notional_cap: PositiveDecimal  # quote
    leverage: Annotated[int, Field(ge=1, le=125)]
    maintenance_rate: Ratio


class MarketScenario(Model):
    """One pair: its rules, its fees and its book."""

    symbol: Annotated[str, Field(pattern=r"^[A-Z0-9]+/[A-Z0-9]+(:[A-Z0-9]+)?$")]
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
    # Contracts only.
    mark_premium: Annotated[Decimal, Field(gt=-1, lt=1)] = Decimal(0)  # mark over last price
    funding_rate: Annotated[Decimal, Field(gt=-1, lt=1)] = Decimal("0.0001")  # longs pay if above 0
    liquidation_fee: Ratio = Decimal("0.0125")
    brackets: Annotated[list[Bracket], Field(min_length=1)] = Field(
        default_factory=lambda: default_brackets()
    )

    @property
    def base(self) -> str:
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        return self.symbol.partition("/")[2].partition(":")[0]

    @property
    def is_contract(self) -> bool:
        return ":" in self.symbol

    @property
    def tick_size(self) -> Decimal:
        return self.tick or Decimal(1).scaleb(-self.price_decimals)


def default_brackets() -> list[Bracket]:
    """Four brackets as a large contract has them."""
    rows = [("50000", 125, "0.004"), ("250000", 100, "0.005"), ("1000000", 50, "0.01")]
    return [
        Bracket(notional_cap=Decimal(cap), leverage=leverage, maintenance_rate=Decimal(rate))
        for cap, leverage, rate in [*rows, ("50000000", 20, "0.025")]
    ]
