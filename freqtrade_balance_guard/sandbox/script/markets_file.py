"""A file with the markets of a real exchange, so that what is rehearsed is that exchange.

    {"exchange": "kraken", "dialect": "kraken", "fetched_at": "...", "markets": [{"symbol": ...}]}

`balance-guard sandbox --fetch-markets EXCHANGE` writes it; it may also be written by hand.
"""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field

from freqtrade_balance_guard.sandbox.script.default_markets import Dialect
from freqtrade_balance_guard.sandbox.script.market import MarketScenario, Model
from freqtrade_balance_guard.sandbox.script.scenario import Scenario


class MarketsFile(Model):
    """Pairs, fees, minimums, precision and last prices, and the protocol that fits them best."""

    exchange: str
    dialect: Dialect = "kraken"
    fetched_at: str = ""
    markets: Annotated[list[MarketScenario], Field(min_length=1)]

    @classmethod
    def from_file(cls, path: Path | str) -> Self:
        """Raises OSError or pydantic.ValidationError (a ValueError)."""
        return cls.model_validate_json(Path(path).read_text(encoding="utf-8"))

    def scenario(self, dialect: Dialect | None = None) -> Scenario:
        """An exchange with these markets. Raises pydantic.ValidationError (a ValueError)."""
        content = {"dialect": dialect or self.dialect, "markets": self.markets}
        return Scenario.model_validate(content)
