"""As much of Binance's spot protocol as one leg needs, on loopback: a second exchange for tests.

Unlike Kraken it tells fills in the answer to an order, takes a buy's fee in the bought coin, asks
for one order by its client order id, and tells fees only with trades.
"""

import hashlib
import hmac
import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


D, ZERO = Decimal, Decimal(0)
KEY, SECRET = "a" * 64, "b" * 64
FEE = D("0.001")
SYMBOLS = {"BTCUSDT": ("BTC", "USDT"), "ETHUSDT": ("ETH", "USDT")}


class Error(Exception):
    """A refusal in Binance's words."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


@dataclass
class Placed:
    number: int
    client_id: str
    symbol: str
    side: str
    amount: Decimal
    price: Decimal
    at: int
    status: str = "NEW"
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    trades: list[dict[str, Any]] = field(default_factory=list)


class Binance:
    """The exchange. ``share``: how much of the next orders fills at once.

    ``reply``: "" answers; "lost" takes the order and breaks the line; "never" breaks it before;
    "timeout" takes it and answers -1007; "down" answers 502 to everything.
    """

    def __init__(
        self, prices: dict[str, str], money: dict[str, str], now: Callable[[], int]
    ) -> None:
        self.prices = {symbol: D(price) for symbol, price in prices.items()}
        self.money = {currency: D(amount) for currency, amount in money.items()}
        self.now = now
        self.orders: dict[int, Placed] = {}
        self.share = D(1)
        self.reply = ""
        self.refuse = ""
        self.trades = itertools.count(1)
        self.lock = threading.Lock()
        exchange = self

        class Handler(_Handler):
            server_exchange = exchange

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def section(self) -> dict[str, Any]:
        """freqtrade's ``exchange`` section for it."""
        urls = dict.fromkeys(("public", "private", "v1"), f"{self.url}/api/v3")
        return {
            "name": "binance",
            "key": KEY,
            "secret": SECRET,
            "enable_ws": False,
            "pair_whitelist": [],
            "ccxt_config": {
                "enableRateLimit": False,
                "urls": {"api": urls},
                "options": {
                    "fetchMarkets": {"types": ["spot"]},
                    "fetchMargins": False,
                    "fetchCurrencies": False,
                },
            },
        }

    # What it is asked

    def answer(self, method: str, path: str, asked: dict[str, str]) -> Any:
        route = {
            ("GET", "exchangeInfo"): self.info,
            ("GET", "depth"): self.depth,
            ("GET", "time"): lambda asked: {"serverTime": self.now()},
            ("GET", "account"): self.account,
            ("POST", "order"): self.place,
            ("GET", "order"): self.find,
            ("DELETE", "order"): self.cancel,
            ("GET", "myTrades"): self.my_trades,
        }.get((method, path))
        if route is None:
            raise Error(-1101, f"no route {method} {path}", 404)
        with self.lock:
            return route(asked)

    def info(self, asked: dict[str, str]) -> Any:
        return {
            "timezone": "UTC",
            "serverTime": self.now(),
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [self._symbol(name) for name in SYMBOLS],
        }

    def _symbol(self, name: str) -> dict[str, Any]:
        base, quote = SYMBOLS[name]
        lot = {
            "filterType": "LOT_SIZE",
            "minQty": "0.00010",
            "maxQty": "9000",
            "stepSize": "0.00010",
        }
        price = {
            "filterType": "PRICE_FILTER",
            "minPrice": "0.01",
            "maxPrice": "1000000",
            "tickSize": "0.01",
        }
        cost = {"filterType": "NOTIONAL", "minNotional": "5.00", "applyMinToMarket": True}
        return {
            "symbol": name,
            "status": "TRADING",
            "baseAsset": base,
            "baseAssetPrecision": 8,
            "quoteAsset": quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "MARKET"],
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [price, lot, cost],
            "permissions": ["SPOT"],
        }

    def depth(self, asked: dict[str, str]) -> Any:
        price = self.prices[asked["symbol"]]
        level = [[f"{price:.2f}", "50.0"]]
        return {"lastUpdateId": 1, "bids": level, "asks": level}

    def account(self, asked: dict[str, str]) -> Any:
        locked: dict[str, Decimal] = {}
        for order in self.orders.values():
            if order.status in ("NEW", "PARTIALLY_FILLED"):
                base, quote = SYMBOLS[order.symbol]
                left = order.amount - order.filled
                name, amount = (base, left) if order.side == "SELL" else (quote, left * order.price)
                locked[name] = locked.get(name, D(0)) + amount
        balances = [
            {
                "asset": name,
                "free": f"{amount - locked.get(name, D(0)):.8f}",
                "locked": f"{locked.get(name, D(0)):.8f}",
            }
            for name, amount in self.money.items()
        ]
        return {"accountType": "SPOT", "canTrade": True, "balances": balances}

    def place(self, asked: dict[str, str]) -> Any:
        if self.reply == "never":
            raise ConnectionAbortedError
        if self.refuse:
            raise Error(-1013, self.refuse)
        order = Placed(
            len(self.orders) + 1,
            asked["newClientOrderId"],
            asked["symbol"],
            asked["side"],
            D(asked["quantity"]),
            D(asked["price"]),
            self.now(),
        )
        assert asked["type"] == "LIMIT"
        if any(one.client_id == order.client_id for one in self.orders.values()):
            raise Error(-2010, "Duplicate order sent.")
        base, quote = SYMBOLS[order.symbol]
        free = {one["asset"]: D(one["free"]) for one in self.account({})["balances"]}
        needed = (
            (base, order.amount) if order.side == "SELL" else (quote, order.amount * order.price)
        )
        if free.get(needed[0], D(0)) < needed[1]:
            raise Error(-2010, "Account has insufficient balance for requested action.")
        self.orders[order.number] = order
        self.fill(order, self.share)
        if self.reply == "lost":
            raise ConnectionAbortedError
        if self.reply == "timeout":
            message = "Timeout waiting for response from backend server. Status unknown."
            raise Error(-1007, message, 408)
        fills = [
            {
                "price": trade["price"],
                "qty": trade["qty"],
                "commission": trade["commission"],
                "commissionAsset": trade["commissionAsset"],
                "tradeId": trade["id"],
            }
            for trade in order.trades
        ]
        return {**self._shown(order), "transactTime": order.at, "fills": fills}

    def fill(self, order: Placed, share: Decimal) -> None:
        """Fill so much of it."""
        price = self.prices[order.symbol]
        amount = min(order.amount * share, order.amount - order.filled)
        crosses = order.price >= price if order.side == "BUY" else order.price <= price
        if amount <= 0 or not crosses:
            return
        base, quote = SYMBOLS[order.symbol]
        cost = amount * price
        is_buy = order.side == "BUY"
        sign = 1 if is_buy else -1
        fee, coin = (amount * FEE, base) if is_buy else (cost * FEE, quote)
        self.money[base] = self.money.get(base, D(0)) + sign * amount
        self.money[quote] = self.money.get(quote, D(0)) - sign * cost
        self.money[coin] -= fee
        order.filled += amount
        order.cost += cost
        order.status = "FILLED" if order.filled == order.amount else "PARTIALLY_FILLED"
        order.trades.append(
            {
                "symbol": order.symbol,
                "id": next(self.trades),
                "orderId": order.number,
                "price": f"{price:.2f}",
                "qty": f"{amount:.8f}",
                "quoteQty": f"{cost:.8f}",
                "commission": f"{fee:.10f}",
                "commissionAsset": coin,
                "time": self.now(),
                "isBuyer": is_buy,
                "isMaker": False,
                "isBestMatch": True,
            }
        )

    def find(self, asked: dict[str, str]) -> Any:
        return self._shown(self._found(asked))

    def cancel(self, asked: dict[str, str]) -> Any:
        order = self._found(asked)
        if order.status not in ("NEW", "PARTIALLY_FILLED"):
            raise Error(-2011, "Unknown order sent.")
        order.status = "CANCELED"
        return self._shown(order)

    def my_trades(self, asked: dict[str, str]) -> Any:
        return [
            trade
            for order in self.orders.values()
            for trade in order.trades
            if order.symbol == asked["symbol"]
        ]

    def _found(self, asked: dict[str, str]) -> Placed:
        for order in self.orders.values():
            if asked.get("orderId") == str(order.number) or (
                asked.get("origClientOrderId") == order.client_id
            ):
                return order
        raise Error(-2013, "Order does not exist.")

    @staticmethod
    def _shown(order: Placed) -> dict[str, Any]:
        return {
            "symbol": order.symbol,
            "orderId": order.number,
            "orderListId": -1,
            "clientOrderId": order.client_id,
            "price": f"{order.price:.8f}",
            "origQty": f"{order.amount:.8f}",
            "executedQty": f"{order.filled:.8f}",
            "cummulativeQuoteQty": f"{order.cost:.8f}",
            "status": order.status,
            "timeInForce": "GTC",
            "type": "LIMIT",
            "side": order.side,
            "time": order.at,
            "updateTime": order.at,
            "isWorking": True,
        }


class _Handler(BaseHTTPRequestHandler):
    server_exchange: Binance
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        address = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        text = "&".join(filter(None, (address.query, body)))
        asked = {name: values[0] for name, values in parse_qs(text).items()}
        try:
            if self.server_exchange.reply == "down":
                raise Error(-1000, "down", 502)
            if "signature" in asked:
                signed = text.rpartition("&signature=")[0]
                made = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
                if made != asked["signature"] or self.headers.get("X-MBX-APIKEY") != KEY:
                    raise Error(-1022, "Signature for this request is not valid.")
            told = self.server_exchange.answer(self.command, address.path.rpartition("/")[2], asked)
            status = 200
        except ConnectionAbortedError:
            self.close_connection = True
            return
        except Error as error:
            told, status = {"code": error.code, "msg": str(error)}, error.status
        content = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _serve

    def log_message(self, *args: object) -> None:
        """Nothing."""
