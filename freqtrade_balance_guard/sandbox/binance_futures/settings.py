"""What an account can set: leverage, margin type, position mode, asset mode, isolated margin."""

from freqtrade_balance_guard.sandbox.binance.errors import BinanceError
from freqtrade_balance_guard.sandbox.binance.requests import Query, market_id
from freqtrade_balance_guard.sandbox.binance.spot_orders import orders_of
from freqtrade_balance_guard.sandbox.binance_futures.info import futures_of
from freqtrade_balance_guard.sandbox.binance_futures.orders import parse_position_side
from freqtrade_balance_guard.sandbox.core.assets import ZERO, rounded
from freqtrade_balance_guard.sandbox.futures.margin import largest_notional
from freqtrade_balance_guard.sandbox.futures.positions import FuturesState


_OK = {"code": 200, "msg": "success"}
_MARGIN_TYPES = {"ISOLATED": "isolated", "CROSSED": "cross"}


def set_leverage(query: Query) -> object:
    """Raises BinanceError -4028, -4161, or -2028 when the position needs a larger one."""
    market, exchange = query.market(), query.exchange
    symbol, leverage = market.rules.symbol, query.integer("leverage") or 0
    if not 1 <= leverage <= market.rules.brackets[0].leverage:
        raise BinanceError(-4028, f"Leverage {leverage} is not valid")
    futures = futures_of(exchange)
    settings = futures.state.settings(query.account, symbol)
    positions = futures.state.positions(query.account, symbol)
    if positions and leverage < settings.leverage:
        if settings.margin_mode == "isolated":
            raise BinanceError(-4161)
        mark = market.mark_price(exchange.now())
        notional = sum((abs(each.notional(mark)) for each in positions), ZERO)
        more = notional / leverage - notional / settings.leverage
        coin = futures.state.coin(query.account, symbol)
        if more > futures.wallets(query.account, exchange.now())[coin].available:
            raise BinanceError(-2028)
    settings.leverage = leverage
    largest = largest_notional(market.rules, leverage)
    return {
        "symbol": market_id(symbol),
        "leverage": leverage,
        "maxNotionalValue": f"{largest:f}",
    }


def set_margin_type(query: Query) -> object:
    """Raises BinanceError -4046, -4047 with open orders, -4048 with a position."""
    symbol = query.market().rules.symbol
    mode = _MARGIN_TYPES.get(query.text("marginType").upper())
    if mode is None:
        raise BinanceError(-1130, "Data sent for parameter 'marginType' is not valid.")
    state = _state(query)
    settings = state.settings(query.account, symbol)
    if settings.margin_mode == mode:
        raise BinanceError(-4046)
    if _has_open_orders(query, symbol):
        raise BinanceError(-4047)
    if state.positions(query.account, symbol):
        raise BinanceError(-4048)
    settings.margin_mode = "isolated" if mode == "isolated" else "cross"
    return _OK


def position_mode(query: Query) -> object:
    return {"dualSidePosition": _state(query).modes[query.account].hedge_mode}


def set_position_mode(query: Query) -> object:
    """Raises BinanceError -4059, -4067 with open orders, -4068 with a position."""
    wanted = query.text("dualSidePosition").lower() == "true"
    mode = _state(query).modes[query.account]
    if mode.hedge_mode == wanted:
        raise BinanceError(-4059)
    if _has_open_orders(query, None):
        raise BinanceError(-4067)
    if _state(query).positions(query.account):
        raise BinanceError(-4068)
    mode.hedge_mode = wanted
    return _OK


def asset_mode(query: Query) -> object:
    return {"multiAssetsMargin": _state(query).modes[query.account].multi_assets}


def set_asset_mode(query: Query) -> object:
    """Raises BinanceError -4171 when it is set already."""
    wanted = query.text("multiAssetsMargin").lower() == "true"
    mode = _state(query).modes[query.account]
    if mode.multi_assets == wanted:
        raise BinanceError(-4171, "No need to change multi-assets mode.")
    mode.multi_assets = wanted
    return _OK


def account_config(query: Query) -> object:
    mode = _state(query).modes[query.account]
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": mode.hedge_mode,
        "updateTime": 0,
        "multiAssetsMargin": mode.multi_assets,
        "tradeGroupId": -1,
    }


def symbol_config(query: Query) -> object:
    markets = [query.market()] if query.params.get("symbol") else query.exchange.markets.values()
    rows = []
    for market in markets:
        settings = _state(query).settings(query.account, market.rules.symbol)
        largest = largest_notional(market.rules, settings.leverage)
        rows.append(
            {
                "symbol": market_id(market.rules.symbol),
                "marginType": "ISOLATED" if settings.margin_mode == "isolated" else "CROSSED",
                "isAutoAddMargin": False,
                "leverage": settings.leverage,
                "maxNotionalValue": f"{largest:f}",
            }
        )
    return rows


def change_position_margin(query: Query) -> object:
    """Adds (type 1) or takes (type 2) margin of an isolated position."""
    symbol, amount = query.market().rules.symbol, query.decimal("amount")
    kind = query.integer("type")
    futures = futures_of(query.exchange)
    position = futures.state.position(query.account, symbol, parse_position_side(query))
    isolated = futures.state.settings(query.account, symbol).margin_mode == "isolated"
    if not isolated or not position.amount:
        raise BinanceError(-4054, "Cannot add position margin: position is 0.")
    coin = futures.state.coin(query.account, symbol)
    available = futures.wallets(query.account, query.exchange.now())[coin].available
    change = amount if kind == 1 else -amount
    if change > available:
        raise BinanceError(-4050, "Cross balance insufficient.")
    if position.isolated_wallet + change < 0:
        raise BinanceError(-4051, "Isolated balance insufficient.")
    position.isolated_wallet += rounded(change, 8)
    return {
        "amount": float(amount),
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": kind,
    }


def listen_key(query: Query) -> object:
    """What the account's stream is opened with."""
    return {"listenKey": query.exchange.tokens.issue(query.account, query.caller.key)}


def _state(query: Query) -> FuturesState:
    return futures_of(query.exchange).state


def _has_open_orders(query: Query, symbol: str | None) -> bool:
    stops = futures_of(query.exchange).stops.of(query.account)
    return any(order.is_open for order in orders_of(query, symbol)) or any(
        stop.is_open and symbol in (None, stop.request.symbol) for stop in stops
    )
