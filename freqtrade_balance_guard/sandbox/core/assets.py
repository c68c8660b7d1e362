"""Kraken's names for currencies and pairs, and the rounding of amounts.

A currency has three names on Kraken: the unified one that ccxt shows ("BTC"), the alternative one
("XBT") and, for the oldest ones, an id with a prefix ("XXBT", "ZUSD"). The sandbox speaks unified
names everywhere inside and turns them into Kraken's at the edge.
"""

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal, InvalidOperation


ZERO = Decimal(0)
ONE = Decimal(1)

_ALTERNATIVE_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
_PREFIXED_CRYPTO = frozenset(
    {"XBT", "ETH", "LTC", "XRP", "XDG", "XLM", "XMR", "ZEC", "ETC", "MLN", "REP"}
)
_PREFIXED_FIAT = frozenset({"USD", "EUR", "GBP", "CAD", "JPY", "AUD"})
_DECIMALS = {"BTC": 10, "ETH": 10, "LTC": 10, "XMR": 10, "ETC": 10, "ZEC": 10}


class NotANumber(ValueError):
    """The text is not a finite decimal number."""


@dataclass(frozen=True)
class Asset:
    """One currency under all its names; `decimals` is what Kraken keeps of it."""

    code: str
    altname: str
    asset_id: str
    decimals: int

    @property
    def rewards_id(self) -> str:
        """The name of the balance that earns rewards ("XBT.F"): its own entry in BalanceEx."""
        return f"{self.altname}.F"

    def rounded(self, amount: Decimal) -> Decimal:
        """The amount as Kraken books it."""
        return rounded(amount, self.decimals)

    def text(self, amount: Decimal) -> str:
        """The amount as Kraken prints it."""
        return f"{amount:.{self.decimals}f}"


def asset(code: str) -> Asset:
    """The asset for a unified currency code such as "BTC"."""
    altname = _ALTERNATIVE_NAMES.get(code, code)
    if altname in _PREFIXED_CRYPTO:
        asset_id = f"X{altname}"
    elif altname in _PREFIXED_FIAT:
        asset_id = f"Z{altname}"
    else:
        asset_id = altname
    decimals = 4 if altname in _PREFIXED_FIAT else _DECIMALS.get(code, 8)
    return Asset(code, altname, asset_id, decimals)


@dataclass(frozen=True)
class PairNames:
    """A pair's names: `pair_id` keys Kraken's answers, `altname` stands in order descriptions."""

    symbol: str
    base: Asset
    quote: Asset
    pair_id: str
    altname: str
    wsname: str


def split_symbol(symbol: str) -> tuple[str, str]:
    """Base and quote of "BTC/USDT" and of the contract "BTC/USDT:USDT"."""
    base, _, rest = symbol.partition("/")
    return base, rest.partition(":")[0]


def pair_names(symbol: str) -> PairNames:
    """Kraken's names for a unified symbol such as "BTC/USDT".

    Two prefixed currencies make a prefixed id (XXBTZUSD), and so does USDT against US dollars
    (USDTZUSD); every other pair's id is its altname (XBTUSDT, ADAUSD).
    """
    base_code, quote_code = split_symbol(symbol)
    base, quote = asset(base_code), asset(quote_code)
    altname = base.altname + quote.altname
    both_prefixed = base.asset_id != base.altname and quote.asset_id != quote.altname
    if both_prefixed or symbol == "USDT/USD":
        pair_id = base.asset_id + quote.asset_id
    else:
        pair_id = altname
    return PairNames(symbol, base, quote, pair_id, altname, f"{base.altname}/{quote.altname}")


def number(text: object) -> Decimal:
    """A finite decimal number from a request.

    Raises NotANumber for anything else, also for NaN, infinity and absurd exponents.
    """
    try:
        value = Decimal(str(text).strip())
    except InvalidOperation as error:
        raise NotANumber(f"{text!r} is not a number") from error
    if not value.is_finite() or abs(value.adjusted()) > 20:
        raise NotANumber(f"{text!r} is not a usable number")
    return value


def rounded(amount: Decimal, decimals: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def rounded_down(amount: Decimal, decimals: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_DOWN)


def rounded_up(amount: Decimal, decimals: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_UP)


def plain(amount: Decimal) -> str:
    """A Decimal as people write it: no exponent and no trailing zeros. For the control API."""
    text = f"{amount:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
