"""Kraken's public endpoints as functions from parameters to the `result` of the answer."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import NotANumber, asset, number
from freqtrade_balance_guard.sandbox.core.markets import BOOK_LEVELS, Market
from freqtrade_balance_guard.sandbox.engine.book import shown_book
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.kraken.words import KrakenError
from freqtrade_balance_guard.sandbox.script.faults import Call


Params = Mapping[str, str]
Handler = Callable[[Exchange, Params], object]

_OHLC_INTERVALS = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)  # minutes
_OHLC_ROWS = 720
_DAY = 86_400
_SECONDS_PER_PUBLIC_TRADE = 6
_PUBLIC_TRADES = 50


def server_time(exchange: Exchange, params: Params) -> object:
    now = exchange.now()
    text = datetime.fromtimestamp(now, UTC).strftime("%a, %d %b %y %H:%M:%S +0000")
    return {"unixtime": int(now), "rfc1123": text}


def system_status(exchange: Exchange, params: Params) -> object:
    text = datetime.fromtimestamp(exchange.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"status": "online", "timestamp": text}


def assets(exchange: Exchange, params: Params) -> object:
    codes = {code for symbol in exchange.markets for code in symbol.split("/")}
    for account in exchange.books.accounts.values():
        codes |= set(account.holdings())
    wanted = set(filter(None, params.get("asset", "").split(",")))
    known = {asset(code).asset_id: asset(code) for code in sorted(codes)}
    if wanted:
        known = {
            asset_id: entry
            for asset_id, entry in known.items()
            if asset_id in wanted or entry.altname in wanted
        }
        if not known:
            raise KrakenError("EQuery:Unknown asset")
    return {
        asset_id: {
            "aclass": "currency",
            "altname": entry.altname,
            "decimals": entry.decimals,
            "display_decimals": min(entry.decimals, 5),
            "status": "enabled",
        }
        for asset_id, entry in known.items()
    }


def asset_pairs(exchange: Exchange, params: Params) -> object:
    return {market.names.pair_id: _pair(market) for market in _wanted_markets(exchange, params)}


def _pair(market: Market) -> dict[str, object]:
    rules, names = market.rules, market.names
    return {
        "altname": names.altname,
        "wsname": names.wsname,
        "aclass_base": "currency",
        "base": names.base.asset_id,
        "aclass_quote": "currency",
        "quote": names.quote.asset_id,
        "lot": "unit",
        "cost_decimals": names.quote.decimals,
        "pair_decimals": rules.price_decimals,
        "lot_decimals": rules.amount_decimals,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, float(rules.fee_taker * 100)]],
        "fees_maker": [[0, float(rules.fee_maker * 100)]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": f"{rules.amount_min:f}",
        "costmin": f"{rules.cost_min:f}",
        "tick_size": f"{rules.tick_size:f}",
        "status": "online",
    }


def ticker(exchange: Exchange, params: Params) -> object:
    now = exchange.now()
    answer = {}
    for market in _wanted_markets(exchange, params):
        quote = market.prices.quote(now)
        day = market.prices.candle(int(now) // 60 * 60 - _DAY, _DAY + 60, now)
        ask = next(market.levels("buy", quote))
        bid = next(market.levels("sell", quote))
        answer[market.names.pair_id] = {
            "a": [_price(market, ask.price), str(int(ask.amount)), f"{ask.amount:.3f}"],
            "b": [_price(market, bid.price), str(int(bid.amount)), f"{bid.amount:.3f}"],
            "c": [_price(market, quote.last), "0.01000000"],
            "v": [f"{day.volume:.8f}", f"{day.volume:.8f}"],
            "p": [_price(market, quote.last), _price(market, quote.last)],
            "t": [day.count, day.count],
            "l": [_price(market, day.low), _price(market, day.low)],
            "h": [_price(market, day.high), _price(market, day.high)],
            "o": _price(market, day.open),
        }
    return answer


def depth(exchange: Exchange, params: Params) -> object:
    market = _the_market(exchange, params)
    count = min(_integer(params, "count", 100), BOOK_LEVELS)
    now = exchange.now()
    lot = market.rules.amount_decimals
    call = Call("Depth", False, symbol=market.names.symbol, role="book")
    book = shown_book(exchange, market, call, count)
    sides = {"asks": book.asks, "bids": book.bids}
    return {
        market.names.pair_id: {
            name: [
                [_price(market, level.price), f"{level.amount:.{lot}f}", int(now)]
                for level in levels
            ]
            for name, levels in sides.items()
        }
    }


def ohlc(exchange: Exchange, params: Params) -> object:
    """Up to 720 candles, the last one still running; `since` leaves out what is not newer."""
    market = _the_market(exchange, params)
    interval = _integer(params, "interval", 1)
    if interval not in _OHLC_INTERVALS:
        raise KrakenError("EGeneral:Invalid arguments:interval")
    since = _integer(params, "since", -1)
    rows = []
    candles = market.prices.candles(interval * 60, _OHLC_ROWS, exchange.now())
    for candle in candles:
        if candle.begins <= since:
            continue
        middle = (candle.high + candle.low) / 2
        rows.append(
            [
                candle.begins,
                _price(market, candle.open),
                _price(market, candle.high),
                _price(market, candle.low),
                _price(market, candle.close),
                _price(market, middle),
                f"{candle.volume:.8f}",
                candle.count,
            ]
        )
    last = candles[-2].begins if len(candles) > 1 else candles[-1].begins
    return {market.names.pair_id: rows, "last": last}


def trades(exchange: Exchange, params: Params) -> object:
    """Invented trades on the market's own price path, one every six seconds."""
    market = _the_market(exchange, params)
    now = exchange.now()
    step = _SECONDS_PER_PUBLIC_TRADE
    newest = int(now) // step * step
    oldest = newest - (min(_integer(params, "count", _PUBLIC_TRADES), 1000) - 1) * step
    since = params.get("since", "")
    if since.isdecimal():
        # Kraken counts in nanoseconds; ccxt sends seconds.
        seconds = int(since) // 1_000_000_000 if len(since) > 12 else int(since)
        oldest = max(oldest, seconds // step * step + step)
    rows = []
    for at in range(oldest, newest + 1, step):
        digest = hashlib.sha256(f"{market.names.symbol}/{at}".encode()).digest()
        amount = Decimal(1 + digest[0]) / 1000
        side = "b" if digest[1] % 2 else "s"
        price = _price(market, market.prices.price(at))
        rows.append([price, f"{amount:.8f}", float(at), side, "m", "", at // step])
    last = rows[-1][2] if rows else float(newest)
    return {market.names.pair_id: rows, "last": f"{int(float(str(last)))}000000000"}


def spread(exchange: Exchange, params: Params) -> object:
    market = _the_market(exchange, params)
    now = int(exchange.now())
    rows = []
    for at in range(now - 50, now + 1):
        quote = market.prices.quote(at)
        rows.append([at, _price(market, quote.bid), _price(market, quote.ask)])
    return {market.names.pair_id: rows, "last": now}


ENDPOINTS: dict[str, Handler] = {
    "Time": server_time,
    "SystemStatus": system_status,
    "Assets": assets,
    "AssetPairs": asset_pairs,
    "Ticker": ticker,
    "Depth": depth,
    "OHLC": ohlc,
    "Trades": trades,
    "Spread": spread,
}


def find_market(exchange: Exchange, name: str) -> Market:
    """A market by any of its Kraken names. Raises KrakenError."""
    for market in exchange.markets.values():
        names = market.names
        if name in (names.pair_id, names.altname, names.wsname, names.symbol):
            return market
    raise KrakenError("EQuery:Unknown asset pair")


def _wanted_markets(exchange: Exchange, params: Params) -> list[Market]:
    wanted = params.get("pair", "")
    if not wanted:
        return list(exchange.markets.values())
    return [find_market(exchange, name) for name in wanted.split(",")]


def _the_market(exchange: Exchange, params: Params) -> Market:
    return find_market(exchange, params.get("pair", ""))


def _price(market: Market, price: Decimal) -> str:
    return f"{price:.{market.rules.price_decimals}f}"


def _integer(params: Params, name: str, default: int) -> int:
    text = params.get(name)
    if text is None:
        return default
    try:
        return int(number(text))
    except NotANumber as error:
        raise KrakenError(f"EGeneral:Invalid arguments:{name}") from error
