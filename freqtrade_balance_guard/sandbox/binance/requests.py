"""What every endpoint of Binance is built from: routes, arguments, symbols, times."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.sandbox.binance.errors import BinanceError, missing
from freqtrade_balance_guard.sandbox.core.assets import NotANumber, number, split_symbol
from freqtrade_balance_guard.sandbox.core.markets import Market
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.engine.wire import Caller
from freqtrade_balance_guard.sandbox.script.faults import Call, Role


_LARGEST_PAGE = 1000


@dataclass(frozen=True)
class Query:
    """One request to an endpoint, with what it needs to be answered."""

    exchange: Exchange
    params: Mapping[str, str]
    call: Call
    caller: Caller

    @property
    def account(self) -> str:
        return self.caller.account

    def text(self, name: str) -> str:
        """Raises BinanceError when it is missing."""
        text = self.params.get(name)
        if not text:
            raise missing(name)
        return text

    def decimal(self, name: str) -> Decimal:
        try:
            return number(self.text(name))
        except NotANumber as error:
            raise missing(name) from error

    def integer(self, name: str) -> int | None:
        text = self.params.get(name)
        if not text:
            return None
        try:
            return int(text)
        except ValueError as error:
            raise missing(name) from error

    def is_true(self, name: str) -> bool:
        return self.params.get(name, "").lower() == "true"

    def page(self, usual: int = 500, largest: int = _LARGEST_PAGE) -> int:
        return min(self.integer("limit") or usual, largest)

    def market(self) -> Market:
        return find_market(self.exchange, self.text("symbol"))


Handler = Callable[[Query], object]


@dataclass(frozen=True)
class Route:
    """Who answers an endpoint, what the request is for, and whether it needs a key or more."""

    handler: Handler
    role: Role | None = None
    private: bool = True
    signed: bool = True  # a private one without a signature needs the key alone


Routes = Mapping[tuple[str, str], Route]  # of method and path


def public(handler: Handler, role: Role | None = None) -> Route:
    return Route(handler, role, private=False)


def market_id(symbol: str) -> str:
    """Binance's name of "BTC/USDT" and of the contract "BTC/USDT:USDT": BTCUSDT."""
    return "".join(split_symbol(symbol))


def find_market(exchange: Exchange, name: str) -> Market:
    for market in exchange.markets.values():
        if market_id(market.rules.symbol) == name:
            return market
    raise BinanceError(-1121)


def milliseconds(at: float) -> int:
    return round(at * 1000)


def number_text(amount: Decimal, decimals: int = 8) -> str:
    return f"{amount:.{decimals}f}"
