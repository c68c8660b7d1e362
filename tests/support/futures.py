"""A futures exchange that only tells its markets: enough for backtests of perpetual swaps.

Binance's words for one linear contract, on loopback; candles, marks and funding are files.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd


PAIR = "BTC/USDT:USDT"
PRICE = 1000.0
BEGIN = pd.Timestamp("2026-06-01", tz="UTC")
# USDT; the smallest order.
SMALLEST = 20

CONTRACT = {
    "symbol": "BTCUSDT",
    "pair": "BTCUSDT",
    "contractType": "PERPETUAL",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "pricePrecision": 2,
    "quantityPrecision": 3,
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "underlyingType": "COIN",
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "1000000", "tickSize": "0.1"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        {"filterType": "MIN_NOTIONAL", "notional": str(SMALLEST)},
    ],
    "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET"],
    "timeInForce": ["GTC"],
}


class _Markets(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        told = {"symbols": [CONTRACT]} if "exchangeInfo" in self.path else {}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        pass


@contextmanager
def futures_exchange() -> Iterator[dict[str, Any]]:
    """freqtrade's ``exchange`` section for it, while it listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Markets)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/fapi/v1"
    try:
        yield {
            "name": "binance",
            "key": "",
            "secret": "",
            "pair_whitelist": [PAIR],
            "ccxt_config": {
                "urls": {"api": {"fapiPublic": url, "fapiPrivate": url}},
                "options": {"fetchMarkets": {"types": ["linear"]}},
            },
        }
    finally:
        server.shutdown()
        server.server_close()


def write_candles(folder: Path, hours: int = 48) -> None:
    """A price that stands still, its marks, and no funding."""
    data = folder / "data" / "binance" / "futures"
    data.mkdir(parents=True)
    for name, step, price in (
        ("5m-futures", "5min", PRICE),
        ("1h-mark", "1h", PRICE),
        ("1h-futures", "1h", PRICE),
        ("1h-funding_rate", "1h", 0.0),
        ("8h-mark", "8h", PRICE),
        ("8h-funding_rate", "8h", 0.0),
    ):
        dates = pd.date_range(BEGIN, BEGIN + pd.Timedelta(hours=hours), freq=step)
        spread = {"high": price * 1.0001, "low": price * 0.9999}
        frame = pd.DataFrame({"date": dates, "open": price, **spread, "close": price})
        frame["volume"] = 5.0
        frame.to_feather(data / f"BTC_USDT_USDT-{name}.feather", compression="lz4")
