"""The markets of a scenario that names none: the same three questions on every venue.

The prices differ, so that a complement is to be had from the start: the first outcome is cheap on
Polymarket, the second one on Kalshi.
"""

from decimal import Decimal

from freqtrade_balance_guard.sandbox.prediction.market_rules import (
    BinaryMarketScenario,
    PredictionDialect,
)


_QUESTIONS = {
    "fed-cut-december": "Will the Fed cut rates in December?",
    "rain-in-paris": "Will it rain in Paris on the last day of the year?",
    "cup-final": "Will the home team win the cup final?",
}
_PRICES: dict[PredictionDialect, tuple[str, str, str]] = {
    "polymarket": ("0.40", "0.61", "0.50"),
    "kalshi": ("0.47", "0.55", "0.50"),
    "sxbet": ("0.44", "0.50", "0.55"),
}


def default_markets(dialect: PredictionDialect) -> list[BinaryMarketScenario]:
    """Three markets with the dialect's own steps, minimums and fees."""
    return [
        BinaryMarketScenario.model_validate(
            {"name": name, "question": question, "price": price, **rules_of(dialect)}
        )
        for (name, question), price in zip(_QUESTIONS.items(), _PRICES[dialect], strict=True)
    ]


def rules_of(dialect: PredictionDialect) -> dict[str, object]:
    """What a dialect's markets have in common."""
    if dialect == "polymarket":
        return {
            "min_shares": Decimal(5),
            "min_cost": Decimal(1),
            "fee_rate": Decimal("0.04"),
        }
    if dialect == "kalshi":
        return {"fee_rate": Decimal("0.07")}
    return {"tick": Decimal("0.00125"), "spread_ticks": 8, "min_cost": Decimal(1)}
