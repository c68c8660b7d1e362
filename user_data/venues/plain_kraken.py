"""A venue written by hand: Kraken's spot market over plain HTTPS (docs/write-a-venue.md)."""

import base64
import hashlib
import hmac
import time
import urllib.parse
import uuid
from decimal import Decimal

import httpx

from freqtrade_balance_guard.arbitrage import venue as guard


ZERO = Decimal(0)
# Kraken's old names of a few assets.
OLD_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
# These words say that Kraken certainly did not take the order; all else leaves it open.
NOT_TAKEN = ("EOrder:", "EAPI:", "EQuery:", "EGeneral:Permission")


class KrakenError(Exception):
    """Kraken's answer is an error."""


class PlainKraken:
    """Trades with one API key; ``name`` is what legs call it."""

    late_seconds, expiry_seconds = 10.0, None

    def __init__(self, name, account, key, secret, url="https://api.kraken.com"):
        self.name, self.account, self.queue = name, account, key[:8]
        self._key, self._secret, self._url = key, base64.b64decode(secret), url
        self._client, self._nonce = httpx.AsyncClient(timeout=10), 0
        # Read once, before the bot starts: later rules are answered from memory.
        pairs = _result(httpx.get(f"{url}/0/public/AssetPairs", timeout=10))
        self._markets, self._currencies = {}, {}
        for one in pairs.values():
            if "wsname" in one:
                base, quote = (OLD_NAMES.get(name, name) for name in one["wsname"].split("/"))
                self._markets[f"{base}/{quote}"] = one
                self._currencies |= {one["base"]: base, one["quote"]: quote}

    def new_id(self):
        return str(uuid.uuid4())

    def rules(self, pair):
        market = self._markets[pair]  # a KeyError is a LookupError
        return guard.MarketRules(
            amount_step=Decimal(1).scaleb(-int(market["lot_decimals"])),
            price_step=Decimal(1).scaleb(-int(market["pair_decimals"])),
            amount_min=Decimal(str(market.get("ordermin", 0))),
            cost_min=Decimal(str(market.get("costmin", 0))),
            taker_fee=Decimal(str(market["fees"][0][1])) / 100,
        )

    def round_price(self, pair, side, price):
        no_worse = guard.round_down if side == "buy" else guard.round_up
        return no_worse(price, self.rules(pair).price_step)

    def round_amount(self, pair, amount):
        return guard.round_down(amount, self.rules(pair).amount_step)

    def prepare(self, order):
        amount = self.round_amount(order.pair, order.amount)
        price = self.round_price(order.pair, order.side, order.price)
        if (amount, price) != (order.amount, order.price):
            raise guard.OrderRejected(f"{self.name} would make {amount} at {price} of {order}")
        fields = {
            "pair": self._markets[order.pair]["altname"],
            "type": order.side,
            "ordertype": "limit",
            "volume": f"{order.amount:f}",
            "price": f"{order.price:f}",
            "timeinforce": "IOC" if order.time_in_force == "IOC" else "GTC",
            "cl_ord_id": order.client_order_id,
            "oflags": "fciq",
        }
        return guard.PreparedOrder(order.client_order_id, fields)

    # Requests, all in the engine's loop

    async def order_book(self, pair):
        query = {"pair": self._markets[pair]["altname"], "count": 100}
        answer = await self._client.get(f"{self._url}/0/public/Depth", params=query)
        (book,) = _result(answer).values()
        return tuple(
            [(Decimal(price), Decimal(amount)) for price, amount, _ in book[side]]
            for side in ("bids", "asks")
        )

    async def balances(self):
        rows = await self._ask("BalanceEx", {})
        return {
            self._currencies.get(asset, asset): max(
                Decimal(row["balance"]) - Decimal(row.get("hold_trade", 0)), ZERO
            )
            for asset, row in rows.items()
        }

    async def send(self, order, prepared):
        try:
            answer = await self._ask("AddOrder", prepared.payload)
        except KrakenError as error:
            if str(error).startswith(NOT_TAKEN):
                raise guard.OrderRejected(str(error)) from error
            raise
        # Kraken says no more than the id: what has filled is looked up.
        return guard.VenueOrder(answer["txid"][0], is_open=True, filled=ZERO, cost=ZERO)

    async def cancel(self, order, order_id):
        await self._ask("CancelOrder", {"txid": order_id})

    async def look_up(self, order, order_id):
        for method, key in (("OpenOrders", "open"), ("ClosedOrders", "closed")):
            answer = await self._ask(method, {"cl_ord_id": order.client_order_id})
            for txid, row in answer[key].items():
                return guard.VenueOrder(
                    txid,
                    is_open=row["status"] in ("pending", "open"),
                    filled=Decimal(row["vol_exec"]),
                    cost=Decimal(row["cost"]),
                    fees={order.pair.split("/")[1]: Decimal(row["fee"])},
                )
        return guard.NotFound()

    async def close(self):
        await self._client.aclose()

    async def _ask(self, method, fields):
        path = f"/0/private/{method}"
        self._nonce = max(self._nonce + 1, time.time_ns() // 1_000_000)
        body = urllib.parse.urlencode({"nonce": self._nonce, **fields})
        digest = hashlib.sha256(f"{self._nonce}{body}".encode()).digest()
        sign = hmac.new(self._secret, path.encode() + digest, hashlib.sha512).digest()
        headers = {"API-Key": self._key, "API-Sign": base64.b64encode(sign).decode()}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return _result(await self._client.post(self._url + path, content=body, headers=headers))


def _result(answer):
    answer.raise_for_status()
    said = answer.json()
    if said["error"]:
        raise KrakenError(", ".join(said["error"]))
    return said["result"]
