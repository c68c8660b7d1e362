"""A client of the control API, for tests, demos and scripts."""

from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx


_TIMEOUT_S = 10.0


class SandboxError(Exception):
    """The sandbox rejected a control request; the message is its reason."""


class SandboxClient:
    """One method per route of the control API. Amounts may be Decimal, str or int; never floats.

    All methods raise SandboxError for what it rejects, httpx.HTTPError when it is not there.
    """

    def __init__(self, url: str) -> None:
        # Never through a proxy: the sandbox is on this machine.
        self._http = httpx.Client(base_url=f"{url}/sandbox/", timeout=_TIMEOUT_S, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Looking

    def state(self) -> dict[str, Any]:
        """Time, true balances of all accounts, open orders, prices and market rules."""
        return self._dict("GET", "state")

    def orders(self) -> list[dict[str, Any]]:
        """All orders ever, oldest first."""
        return self._list("GET", "orders")

    def positions(self) -> list[dict[str, Any]]:
        """All open positions of a futures exchange."""
        return self._list("GET", "positions")

    def stops(self) -> list[dict[str, Any]]:
        """All conditional orders of a futures exchange; spot stops are among the orders."""
        return self._list("GET", "stops")

    def incomes(self) -> list[dict[str, Any]]:
        """Every profit, fee, funding and liquidation charge of a futures exchange."""
        return self._list("GET", "incomes")

    def rejections(self) -> list[dict[str, Any]]:
        """Every rejected private request; `fault` names the fault that rejected it, if one did."""
        return self._list("GET", "rejections")

    def journal(self, after: int = 0) -> list[dict[str, Any]]:
        """The timeline, from the entry after `after` (a `seq`) on."""
        return self._list("GET", f"journal?after={after}")

    def counters(self) -> dict[str, Any]:
        """Calls since the start or the last reset: totals, `endpoints`, and `calls` per key."""
        return self._dict("GET", "counters")

    def reset_counters(self) -> None:
        self._dict("POST", "counters/reset")

    def audit(self) -> dict[str, Any]:
        """`ok`, and `findings` when the books are wrong."""
        return self._dict("GET", "audit")

    # Trouble

    def fault(self, kind: str, **parameters: object) -> str:
        """Begins a fault (see faults.Fault) and returns its id."""
        return str(self._dict("POST", "fault", {"kind": kind, **parameters})["id"])

    def faults(self) -> list[dict[str, Any]]:
        return self._list("GET", "faults")

    def remove_fault(self, fault_id: str) -> None:
        self._dict("DELETE", f"fault/{fault_id}")

    def clear_faults(self) -> None:
        self._dict("POST", "faults/clear")

    # The world

    def price(
        self,
        symbol: str,
        price: Decimal | str | int | None = None,
        path: object = None,
    ) -> None:
        """From now on a constant price, or a path around it (or around the price as it is)."""
        payload: dict[str, object] = {"symbol": symbol}
        if price is not None:
            payload["price"] = price
        if path is not None:
            payload["path"] = path
        self._dict("POST", "price", payload)

    def market(self, symbol: str, **changes: object) -> dict[str, Any]:
        """Changes a pair's rules (amount_min, cost_min, fee_taker, spread ...)."""
        return self._dict("POST", "market", {"symbol": symbol, **changes})

    def deposit(self, account: str, currency: str, amount: Decimal | str | int) -> dict[str, Any]:
        return self._dict("POST", "deposit", _money(account, currency, amount))

    def withdraw(self, account: str, currency: str, amount: Decimal | str | int) -> dict[str, Any]:
        return self._dict("POST", "withdraw", _money(account, currency, amount))

    def reward(self, account: str, currency: str, amount: Decimal | str | int) -> dict[str, Any]:
        """Pays into the rewards balance (USDT.F)."""
        return self._dict("POST", "reward", _money(account, currency, amount))

    def fill(
        self,
        order_id: str,
        amount: Decimal | str | int | None = None,
        symbol: str | None = None,
    ) -> dict[str, Any]:
        """Fills a resting order, or `amount` of it; returns the order.

        Binance's order ids are numbers of one symbol, which must be named then.
        """
        payload: dict[str, object] = {"order_id": order_id, "symbol": symbol}
        if amount is not None:
            payload["amount"] = amount
        return self._dict("POST", "fill", payload)

    def cancel(self, order_id: str, symbol: str | None = None) -> dict[str, Any]:
        """Cancels an order on the exchange's side; returns the order. `symbol` as for `fill`."""
        return self._dict("POST", "cancel", {"order_id": order_id, "symbol": symbol})

    # Prediction markets

    def payments(self) -> list[dict[str, Any]]:
        """What was paid for shares of markets that have ended."""
        return self._list("GET", "payments")

    def event_price(self, market: str, price: Decimal | str) -> None:
        """From now on a constant price of a market's first outcome; ends a book that was set."""
        self._dict("POST", "price", {"market": market, "price": price})

    def event_book(self, market: str, **sides: object) -> None:
        """`bids` and `asks` (pairs of price and shares) of a market's first outcome."""
        self._dict("POST", "book", {"market": market, **sides})

    def halt(self, market: str, *, trading: bool = False) -> None:
        """Stops a market's trading, or lets it go on."""
        self._dict("POST", "halt", {"market": market, "trading": trading})

    def resolve(self, market: str, result: str) -> list[dict[str, Any]]:
        """Ends a market: "first", "second" or "void"; returns all payments."""
        answer = self._request("POST", "resolve", {"market": market, "result": result})
        return list(answer)

    def redeem(self, market: str, account: str = "main") -> str:
        """Takes an account's winnings on chain, and returns them (Polymarket)."""
        return str(self._dict("POST", "redeem", {"market": market, "account": account})["paid"])

    def fail_match(self, match_id: str) -> None:
        """Lets a match fail that is not final yet."""
        self._dict("POST", "fail_match", {"match_id": match_id})

    def shutdown(self) -> None:
        self._dict("POST", "shutdown")

    def _dict(
        self, method: str, route: str, payload: dict[str, object] | None = None
    ) -> dict[str, Any]:
        answer = self._request(method, route, payload)
        if not isinstance(answer, dict):
            raise SandboxError(f"{method} {route} answered no object")
        return answer

    def _list(self, method: str, route: str) -> list[dict[str, Any]]:
        answer = self._request(method, route, None)
        if not isinstance(answer, list):
            raise SandboxError(f"{method} {route} answered no list")
        return answer

    def _request(self, method: str, route: str, payload: dict[str, object] | None) -> Any:
        content = None if payload is None else _plain(payload)
        response = self._http.request(method, route, json=content)
        try:
            answer = response.json()
        except ValueError as error:
            raise SandboxError(f"{method} {route}: HTTP {response.status_code}") from error
        if response.status_code != 200:
            raise SandboxError(str(answer.get("error", answer)))
        return answer


def _money(account: str, currency: str, amount: Decimal | str | int) -> dict[str, object]:
    return {"account": account, "currency": currency, "amount": amount}


def _plain(value: object) -> object:
    """Decimals become text, so that no amount passes through a float."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
