"""What one market with two outcomes is started with."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from freqtrade_balance_guard.sandbox.script.market import (
    AmountDecimal,
    ConstantPath,
    Model,
    PositiveDecimal,
    PricePath,
)


PredictionDialect = Literal["polymarket", "kalshi", "sxbet"]
Probability = Annotated[Decimal, Field(gt=0, lt=1, allow_inf_nan=False)]
FeeRate = Annotated[Decimal, Field(ge=0, lt=1, allow_inf_nan=False)]


class BinaryMarketScenario(Model):
    """A question with two outcomes; a share of the one that happens pays 1, the other nothing."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    question: str = ""
    outcomes: tuple[str, str] = ("Yes", "No")
    price: Probability  # of the first outcome
    tick: Probability = Decimal("0.01")
    # Kalshi: finer ticks below and above: (start, end, step) of each range; None: one range.
    price_ranges: list[tuple[Decimal, Decimal, Decimal]] | None = None
    spread_ticks: Annotated[int, Field(ge=1)] = 2  # between the best bid and the best ask
    depth: PositiveDecimal = Decimal(1000)  # shares on every level of the book
    levels: Annotated[int, Field(ge=0)] = 20
    price_path: PricePath = ConstantPath()
    min_shares: AmountDecimal = Decimal(1)  # of a resting order
    min_cost: AmountDecimal = Decimal(0)  # of an order that takes
    fee_rate: FeeRate = Decimal(0)
    fee_exponent: Annotated[int, Field(ge=0)] = 1
    maker_fee_rate: FeeRate = Decimal(0)
    delay_s: Annotated[float, Field(ge=0)] = 0.0  # before an order that takes is matched
    neg_risk: bool = False
    neg_risk_augmented: bool = False
    fractional: bool = False  # Kalshi: hundredths of a contract
    closes_after_s: Annotated[float, Field(gt=0)] = 30 * 86_400.0
