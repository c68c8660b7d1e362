"""One market's minimums, read from freqtrade's exchange object. Floats end here."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ccxt import DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE
from freqtrade.constants import DEFAULT_AMOUNT_RESERVE_PERCENT
from freqtrade.enums import TRADE_MODES
from freqtrade.exchange import Exchange

from freqtrade_balance_guard.exchanges.names import protocol_of
from freqtrade_balance_guard.limits.market import AmountPrecision, MarketRules, PrecisionMode
from freqtrade_balance_guard.money import ONE, ZERO, to_decimal


PRECISION_MODES = {
    TICK_SIZE: PrecisionMode.TICK_SIZE,
    DECIMAL_PLACES: PrecisionMode.DECIMAL_PLACES,
    SIGNIFICANT_DIGITS: PrecisionMode.SIGNIFICANT_DIGITS,
}


# Where an order that only reduces a position may be worth less than the minimum: Binance's -4164
# says so ("unless you choose reduce only"), Hyperliquid's documentation of its minimum of 10 too.
REDUCE_ONLY_IS_EXEMPT = frozenset({"binance", "hyperliquid"})


class MarketReader:
    """Turns ccxt's market into ``MarketRules``; each market is read again when it was reloaded."""

    def __init__(self, exchange: Exchange, config: Mapping[str, Any]) -> None:
        self._exchange = exchange
        self._config = config
        # Asked now: hyperopt takes the connection away, and with it this answer.
        self._mode = PRECISION_MODES.get(exchange.precisionMode, PrecisionMode.TICK_SIZE)
        self._read: dict[str, tuple[Mapping[str, Any], MarketRules]] = {}

    def __call__(self, pair: str) -> MarketRules:
        """The rules of ``pair``.

        :raises KeyError: the exchange does not know the pair
        """
        market = self._exchange.markets[pair]
        known = self._read.get(pair)
        # reload_markets() builds new dicts: another object is the cheapest sign of new rules.
        if known is None or known[0] is not market:
            known = (market, self._rules(market))
            self._read[pair] = known
        return known[1]

    def _rules(self, market: Mapping[str, Any]) -> MarketRules:
        contract_size = ONE
        is_contract = self._config.get("trading_mode", "spot") != "spot"
        if is_contract:
            contract_size = _optional(market.get("contractSize")) or ONE
        limits = market["limits"]
        amount_min = _optional(limits["amount"]["min"])
        cost_min = _optional(limits["cost"]["min"])
        return MarketRules(
            amount_min=None if amount_min is None else amount_min * contract_size,
            # freqtrade multiplies the minimum cost by the contract size as well; a contract of
            # less than one coin must not make the exchange's minimum smaller.
            cost_min=None if cost_min is None else cost_min * max(contract_size, ONE),
            precision=self._precision(market, contract_size),
            fee=self._fee(market),
            reserve=to_decimal(
                self._config.get("amount_reserve_percent", DEFAULT_AMOUNT_RESERVE_PERCENT)
            ),
            is_contract=is_contract,
            exits_have_cost_min=not (is_contract and self._is_exempt()),
        )

    def _is_exempt(self) -> bool:
        return protocol_of(str(self._exchange.id)) in REDUCE_ONLY_IS_EXEMPT

    def _precision(self, market: Mapping[str, Any], contract_size: Decimal) -> AmountPrecision:
        mode = self._mode
        value = _optional(market.get("precision", {}).get("amount"))
        if value is not None and contract_size != ONE:
            # Contracts are counted in steps of their own; as base currency a step is that many.
            if mode is PrecisionMode.DECIMAL_PLACES:
                mode, value = PrecisionMode.TICK_SIZE, ONE.scaleb(-int(value))
            if mode is PrecisionMode.TICK_SIZE:
                value *= contract_size
        return AmountPrecision(mode, value)

    def _fee(self, market: Mapping[str, Any]) -> Decimal:
        """The fee of an entry as a ratio; live, the user's own ``fee`` setting means nothing."""
        simulated = self._config.get("dry_run") or self._config.get("runmode") not in TRADE_MODES
        fee = _optional(self._config.get("fee")) if simulated else None
        if fee is None:
            fee = _optional(market.get("taker"))
        return fee if fee is not None and ZERO <= fee < ONE else ZERO


def _optional(value: object) -> Decimal | None:
    return None if value is None else to_decimal(value)


def reload_markets_soon(exchange: Exchange) -> None:
    """Let freqtrade load the market data at the begin of its next loop instead of within the hour.

    For when the exchange rejected what the data that we have allow.
    """
    if hasattr(exchange, "_last_markets_refresh"):
        # Not 0: that is freqtrade's word for "never loaded".
        exchange._last_markets_refresh = 1
