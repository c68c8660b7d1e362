"""What Binance says of its spot markets, coins and fees."""

import json
from decimal import Decimal

from freqtrade_balance_guard.sandbox.binance.coins import listed_coins
from freqtrade_balance_guard.sandbox.binance.requests import (
    Query,
    find_market,
    market_id,
    milliseconds,
    number_text,
)
from freqtrade_balance_guard.sandbox.core.accounts import Holding
from freqtrade_balance_guard.sandbox.core.markets import Market


ORDER_TYPES = [
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
]


def exchange_info(query: Query) -> object:
    return {
        "timezone": "UTC",
        "serverTime": milliseconds(query.exchange.now()),
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 6000,
            }
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(market) for market in _wanted(query)],
    }


def _wanted(query: Query) -> list[Market]:
    if query.params.get("symbol"):
        return [query.market()]
    names = json.loads(query.params.get("symbols", "[]"))
    if names:
        return [find_market(query.exchange, str(name)) for name in names]
    return list(query.exchange.markets.values())


def _symbol(market: Market) -> dict[str, object]:
    rules = market.rules
    return {
        "symbol": market_id(rules.symbol),
        "status": "TRADING",
        "baseAsset": rules.base,
        "baseAssetPrecision": 8,
        "quoteAsset": rules.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ORDER_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters(market),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


def filters(market: Market) -> list[dict[str, object]]:
    rules = market.rules
    step = Decimal(1).scaleb(-rules.amount_decimals)
    lot = {
        "minQty": number_text(max(rules.amount_min, step)),
        "maxQty": "9000000.00000000",
        "stepSize": number_text(step),
    }
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": number_text(rules.tick_size),
            "maxPrice": "1000000.00000000",
            "tickSize": number_text(rules.tick_size),
        },
        {"filterType": "LOT_SIZE", **lot},
        {"filterType": "MARKET_LOT_SIZE", **lot},
        {
            "filterType": "NOTIONAL",
            "minNotional": number_text(rules.cost_min),
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
    ]


def system_status(query: Query) -> object:
    return {"status": 0, "msg": "normal"}


def coins(query: Query) -> object:
    """The account's coins as the wallet lists them, with one network each."""
    exchange = query.exchange
    held = exchange.account(query.account).holdings()
    codes = dict.fromkeys([*held, *_traded(query), *listed_coins(exchange.scenario.listed_coins)])
    return [_coin(code, held.get(code, Holding())) for code in codes]


def _traded(query: Query) -> list[str]:
    markets = query.exchange.markets.values()
    return [code for market in markets for code in (market.rules.base, market.rules.quote)]


def _coin(code: str, holding: Holding) -> dict[str, object]:
    network = {
        "network": code,
        "coin": code,
        "name": code,
        "isDefault": True,
        "depositEnable": False,
        "withdrawEnable": False,
        "withdrawIntegerMultiple": "0.00000001",
        "withdrawFee": "0",
        "withdrawMin": "0",
        "withdrawMax": "0",
        "minConfirm": 1,
        "unLockConfirm": 0,
    }
    return {
        "coin": code,
        "name": code,
        "depositAllEnable": False,
        "withdrawAllEnable": False,
        "trading": True,
        "isLegalMoney": False,
        "free": number_text(holding.free),
        "locked": number_text(holding.held),
        "freeze": "0",
        "withdrawing": "0",
        "ipoing": "0",
        "ipoable": "0",
        "storage": "0",
        "networkList": [network],
    }


def trade_fees(query: Query) -> object:
    """The fees of all markets, or of one, as sapi's tradeFee lists them."""
    chosen = [query.market()] if query.params.get("symbol") else query.exchange.markets.values()
    return [
        {
            "symbol": market_id(market.rules.symbol),
            "makerCommission": f"{market.rules.fee_maker:f}",
            "takerCommission": f"{market.rules.fee_taker:f}",
        }
        for market in chosen
    ]


def commission(query: Query) -> object:
    market = query.market()
    rates = {
        "maker": number_text(market.rules.fee_maker),
        "taker": number_text(market.rules.fee_taker),
        "buyer": "0.00000000",
        "seller": "0.00000000",
    }
    coin = fee_coin(query)
    none = dict.fromkeys(rates, "0.00000000")
    return {
        "symbol": market_id(market.rules.symbol),
        "standardCommission": rates,
        "specialCommission": none,
        "taxCommission": none,
        "discount": {
            "enabledForAccount": coin is not None,
            "enabledForSymbol": True,
            "discountAsset": coin or "BNB",
            "discount": "0.75000000",
        },
    }


def fee_coin(query: Query) -> str | None:
    accounts = query.exchange.scenario.accounts
    return {account.name: account.fee_coin for account in accounts}[query.account]


def nothing(query: Query) -> object:
    """Margin pairs: the sandbox trades on no margin account."""
    return []
