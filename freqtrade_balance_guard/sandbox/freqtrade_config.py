"""freqtrade's `exchange` section for a sandbox: for users to paste and for tests."""

from typing import Any
from urllib.parse import urlsplit

from freqtrade_balance_guard.sandbox.script.scenario import Scenario


TLS_PORT_DISTANCE = 1000  # of the TLS port from the plain one, unless another is asked for


def exchange_section(
    scenario: Scenario,
    url: str,
    account: str = "main",
    key_index: int = 0,
    tls_url: str | None = None,
    *,
    streams: bool = False,
) -> dict[str, Any]:
    """A complete `exchange` section. Raises LookupError for an unknown account or key.

    `streams` adds the addresses of the web sockets and lets freqtrade use them. ccxt's own rate
    limiter is off because nothing here needs it (with it one loop takes minutes).
    """
    api_key = scenario.api_key(account, key_index)
    is_kraken = scenario.dialect == "kraken"
    addresses = _kraken(url) if is_kraken else _binance(scenario, tls_url or _tls_url(url))
    if streams:
        addresses["urls"]["api"]["ws"] = _streams(scenario, url.replace("http", "ws", 1))
    return {
        "name": "kraken" if is_kraken else "binance",
        "key": api_key.key,
        "secret": api_key.secret,
        "enable_ws": streams,
        "ccxt_config": {"enableRateLimit": False, **addresses},
        "pair_whitelist": [market.symbol for market in scenario.markets],
        "pair_blacklist": [],
    }


def _kraken(url: str) -> dict[str, Any]:
    return {"urls": {"api": {"public": url, "private": url}}}


def _binance(scenario: Scenario, tls_url: str) -> dict[str, Any]:
    """ccxt chooses Binance's table of errors by how the address begins.

    Its demo hosts are `https://demo-api...` (spot) and `https://demo-fapi...` (futures): as a user
    name before this machine's address these words lead ccxt to the same tables, and so to the same
    error classes as on the real hosts. Hence TLS, and the certificate that both of ccxt's HTTP
    clients shall trust (`cafile` the asynchronous one, `validateServerSsl` the other one).
    """
    # Imported on use: Kraken's sandbox starts without the library for certificates.
    from freqtrade_balance_guard.sandbox.certificate import certificate_path

    host = urlsplit(tls_url).netloc
    spot, futures = f"https://demo-api@{host}", f"https://demo-fapi@{host}"
    api = {"sapi": f"{spot}/sapi/v1"}
    if scenario.dialect == "binance":
        api |= {"public": f"{spot}/api/v3", "private": f"{spot}/api/v3", "v1": f"{spot}/api/v1"}
    else:
        for access in ("Public", "Private"):
            api[f"fapi{access}"] = f"{futures}/fapi/v1"
            api[f"fapi{access}V2"] = f"{futures}/fapi/v2"
            api[f"fapi{access}V3"] = f"{futures}/fapi/v3"
    certificate = str(certificate_path())
    kind = "spot" if scenario.dialect == "binance" else "linear"
    return {
        "cafile": certificate,
        "validateServerSsl": certificate,
        "urls": {"api": api},
        "options": {"fetchMarkets": {"types": [kind]}},
    }


def _streams(scenario: Scenario, url: str) -> dict[str, Any]:
    """ccxt knows Binance's spot streams by "/stream" in the address."""
    if scenario.dialect == "kraken":
        return {
            "public": f"{url}/ws",
            "private": f"{url}/ws-auth",
            "publicV2": f"{url}/ws/v2",
            "privateV2": f"{url}/ws-auth/v2",
        }
    if scenario.dialect == "binance":
        return {"spot": f"{url}/stream/ws", "ws-api": {"spot": f"{url}/ws-api/v3"}}
    return {"linear": f"{url}/fstream/ws"}


def _tls_url(url: str) -> str:
    address = urlsplit(url)
    return f"https://{address.hostname}:{(address.port or 0) + TLS_PORT_DISTANCE}"
