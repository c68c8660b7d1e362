"""What Binance says of its perpetual contracts: rules, mark prices, funding, brackets."""

from decimal import Decimal

from freqtrade_balance_guard.sandbox.binance.market_data import day_row, one_or_all, wanted
from freqtrade_balance_guard.sandbox.binance.requests import (
    Query,
    market_id,
    milliseconds,
    number_text,
)
from freqtrade_balance_guard.sandbox.core.assets import ZERO
from freqtrade_balance_guard.sandbox.core.markets import Market
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.futures.margin import cumulative
from freqtrade_balance_guard.sandbox.futures.market import FuturesMarket


ORDER_TYPES = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"]
_FOREVER_MS = 4133404800000
_ONBOARDED_MS = 1569398400000


def futures_of(exchange: Exchange) -> FuturesMarket:
    """Raises LookupError on an exchange without contracts."""
    if exchange.futures is None:
        raise LookupError("this exchange trades no contracts")
    return exchange.futures


def exchange_info(query: Query) -> object:
    markets = query.exchange.markets.values()
    coins = sorted({market.rules.symbol.partition(":")[2] for market in markets})
    return {
        "timezone": "UTC",
        "serverTime": milliseconds(query.exchange.now()),
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 2400,
            }
        ],
        "exchangeFilters": [],
        "assets": [
            {"asset": coin, "marginAvailable": True, "autoAssetExchange": "-100"} for coin in coins
        ],
        "symbols": [_symbol(market) for market in markets],
    }


def _symbol(market: Market) -> dict[str, object]:
    rules = market.rules
    step = Decimal(1).scaleb(-rules.amount_decimals)
    smallest = max(rules.amount_min, step)
    lot = {"minQty": f"{smallest:f}", "maxQty": "1000000", "stepSize": f"{step:f}"}
    return {
        "symbol": market_id(rules.symbol),
        "pair": market_id(rules.symbol),
        "contractType": "PERPETUAL",
        "deliveryDate": _FOREVER_MS,
        "onboardDate": _ONBOARDED_MS,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": rules.base,
        "quoteAsset": rules.quote,
        "marginAsset": rules.symbol.partition(":")[2],
        "pricePrecision": rules.price_decimals,
        "quantityPrecision": rules.amount_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": f"{rules.liquidation_fee:f}",
        "marketTakeBound": "0.05",
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": f"{rules.tick_size:f}",
                "maxPrice": "1000000",
                "tickSize": f"{rules.tick_size:f}",
            },
            {"filterType": "LOT_SIZE", **lot},
            {"filterType": "MARKET_LOT_SIZE", **lot},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
            {"filterType": "MIN_NOTIONAL", "notional": f"{rules.cost_min:f}"},
        ],
        "orderTypes": ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def premium_index(query: Query) -> object:
    if query.params.get("symbol"):
        return _premium(query, query.market())
    return [_premium(query, market) for market in query.exchange.markets.values()]


def _premium(query: Query, market: Market) -> dict[str, object]:
    now = query.exchange.now()
    index = market.prices.price(now)
    return {
        "symbol": market_id(market.rules.symbol),
        "markPrice": number_text(market.mark_price(now)),
        "indexPrice": number_text(index),
        "estimatedSettlePrice": number_text(index),
        "lastFundingRate": number_text(market.rules.funding_rate),
        "interestRate": "0.00010000",
        "nextFundingTime": futures_of(query.exchange).upkeep.next_funding(now) * 1000,
        "time": milliseconds(now),
    }


def funding_rates(query: Query) -> object:
    """The rate at every full interval, which is the market's own rate."""
    markets = [query.market()] if query.params.get("symbol") else query.exchange.markets.values()
    interval = futures_of(query.exchange).upkeep.interval_s
    start, end = query.integer("startTime"), query.integer("endTime")
    count = query.page(100)
    until = query.exchange.now() if end is None else min(end / 1000, query.exchange.now())
    last = int(until) // interval
    first = last - count + 1
    if start is not None:
        first = max(-(-start // (interval * 1000)), 0)
        last = min(last, first + count - 1)
    return [
        {
            "symbol": market_id(market.rules.symbol),
            "fundingTime": number * interval * 1000,
            "fundingRate": number_text(market.rules.funding_rate),
            "markPrice": number_text(market.mark_price(float(number * interval))),
        }
        for market in markets
        for number in range(first, last + 1)
    ]


def funding_info(query: Query) -> object:
    """Intervals in whole hours, at least one: Binance knows none that are shorter."""
    hours = max(futures_of(query.exchange).upkeep.interval_s // 3600, 1)
    return [
        {
            "symbol": market_id(market.rules.symbol),
            "adjustedFundingRateCap": "0.02000000",
            "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": hours,
            "disclaimer": False,
        }
        for market in query.exchange.markets.values()
    ]


def day_ticker(query: Query) -> object:
    """Without bid and ask, which only spot has here."""
    rows = [day_row(query, market) for market in wanted(query)]
    absent = ("bidPrice", "bidQty", "askPrice", "askQty", "prevClosePrice")
    shown = [{n: cell for n, cell in row.items() if n not in absent} for row in rows]
    return one_or_all(query, shown)


def brackets(query: Query) -> object:
    markets = [query.market()] if query.params.get("symbol") else query.exchange.markets.values()
    return [_brackets(market) for market in markets]


def _brackets(market: Market) -> dict[str, object]:
    rows, floor = [], ZERO
    for number, bracket in enumerate(market.rules.brackets, start=1):
        rows.append(
            {
                "bracket": number,
                "initialLeverage": bracket.leverage,
                "notionalCap": int(bracket.notional_cap),
                "notionalFloor": int(floor),
                "maintMarginRatio": float(bracket.maintenance_rate),
                "cum": float(cumulative(market.rules, bracket)),
            }
        )
        floor = bracket.notional_cap
    return {"symbol": market_id(market.rules.symbol), "notionalCoef": 1.0, "brackets": rows}
