"""Binance's private streams: orders, balances and positions of one account."""

import hmac
from dataclasses import replace
from urllib.parse import parse_qsl

from freqtrade_balance_guard.sandbox.binance.auth import sign
from freqtrade_balance_guard.sandbox.binance.requests import market_id, milliseconds, number_text
from freqtrade_balance_guard.sandbox.binance.spot_orders import client_id_of, status_of, type_of
from freqtrade_balance_guard.sandbox.core.accounts import Holding
from freqtrade_balance_guard.sandbox.core.assets import ZERO
from freqtrade_balance_guard.sandbox.core.orders import Order, PositionSide, Trade
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.futures.market import FuturesMarket
from freqtrade_balance_guard.sandbox.futures.positions import Position
from freqtrade_balance_guard.sandbox.futures.stops import StopOrder
from freqtrade_balance_guard.sandbox.streams.session import Message, Session


_EXECUTIONS = {
    "order_placed": "NEW",
    "order_filled": "TRADE",
    "order_cancelled": "CANCELED",
    "order_expired": "EXPIRED",
}
_STOP_NAMES = {
    "stop-loss": "STOP_MARKET",
    "stop-loss-limit": "STOP",
    "take-profit": "TAKE_PROFIT_MARKET",
    "take-profit-limit": "TAKE_PROFIT",
}


class SpotUserSession(Session):
    """A connection to the web socket API, which becomes private by a signed request."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self._owner: tuple[str, str] | None = None
        self._secrets = {
            api_key.key: (account.name, api_key.secret)
            for account in exchange.scenario.accounts
            for api_key in account.keys
        }

    def owner(self) -> tuple[str | None, str | None]:
        return self._owner or (None, None)

    def asked(self, content: Message) -> None:
        request_id = content.get("id")
        if content.get("method") != "userDataStream.subscribe.signature":
            self._refuse(request_id, -1000, "Unknown method.")
            return
        params = {str(name): str(value) for name, value in (content.get("params") or {}).items()}
        account, secret = self._secrets.get(params.get("apiKey", ""), ("", ""))
        text = "&".join(f"{n}={params[n]}" for n in sorted(params) if n != "signature")
        signature = params.get("signature", "")
        if not account or not hmac.compare_digest(sign(secret.encode(), text), signature):
            self._refuse(request_id, -1022, "Signature for this request is not valid.")
            return
        self._owner = (account, params["apiKey"])
        self.subscribed("account")
        self.reply({"id": request_id, "status": 200, "result": {"subscriptionId": 0}})

    def order_changed(self, event: str, order: Order, trade: Trade | None) -> None:
        if self._is_mine(order.account) and event in _EXECUTIONS:
            report = self._execution(_EXECUTIONS[event], order, trade)
            self.send({"subscriptionId": 0, "event": report}, "executions", order.symbol)

    def balance_changed(self, account: str, currency: str, holding: Holding) -> None:
        if self._is_mine(account):
            at = milliseconds(self.exchange.now())
            changed = {
                "a": currency,
                "f": number_text(holding.free),
                "l": number_text(holding.held),
            }
            event = {"e": "outboundAccountPosition", "E": at, "u": at, "B": [changed]}
            self.send({"subscriptionId": 0, "event": event}, "balances")

    def _is_mine(self, account: str) -> bool:
        return self._owner is not None and self._owner[0] == account

    def _refuse(self, request_id: object, code: int, text: str) -> None:
        self.reply({"id": request_id, "status": 400, "error": {"code": code, "msg": text}})

    def _execution(self, kind: str, order: Order, trade: Trade | None) -> Message:
        request, at = order.request, milliseconds(order.updated_at)
        return {
            "e": "executionReport",
            "E": at,
            "s": market_id(order.symbol),
            "c": client_id_of(order),
            "S": order.side.upper(),
            "o": type_of(order),
            "f": request.time_in_force,
            "q": number_text(order.amount),
            "p": number_text(request.price or ZERO),
            "P": number_text(request.trigger or ZERO),
            "C": "",
            "x": kind,
            "X": _status(order),
            "r": "NONE",
            "i": order.symbol_number,
            "l": number_text(trade.amount if trade else ZERO),
            "z": number_text(order.filled),
            "L": number_text(trade.price if trade else ZERO),
            "n": number_text(trade.fee if trade else ZERO),
            "N": trade.fee_currency if trade else None,
            "T": at,
            "t": trade.symbol_number if trade else -1,
            "w": order.is_open,
            "m": trade.maker if trade else False,
            "O": milliseconds(order.created_at),
            "Z": number_text(order.cost),
            "Y": number_text(trade.cost if trade else ZERO),
            "Q": number_text(request.amount if request.in_quote else ZERO),
        }


class FuturesUserSession(Session):
    """A connection with a listen key."""

    def __init__(self, exchange: Exchange, futures: FuturesMarket, owner: tuple[str, str]) -> None:
        super().__init__(exchange)
        self._futures = futures
        self._owner = owner
        self._shown = self._account()
        self.subscribed("account")

    def owner(self) -> tuple[str | None, str | None]:
        return self._owner

    def due(self) -> None:
        """Wallets and positions, when an order or a funding has changed them."""
        now_shown = self._account()
        if now_shown == self._shown:
            return
        balances, positions = now_shown
        old_balances, old_positions = self._shown
        self._shown = now_shown
        at = milliseconds(self.exchange.now())
        content: Message = {
            "m": "ORDER",
            "B": [entry for coin, entry in balances.items() if old_balances.get(coin) != entry],
            "P": [self._position(p) for key, p in positions.items() if old_positions.get(key) != p],
        }
        gone = [p for key, p in old_positions.items() if key not in positions]
        content["P"] += [self._position(Position(p.account, p.symbol, p.side)) for p in gone]
        self.send({"e": "ACCOUNT_UPDATE", "E": at, "T": at, "a": content}, "balances")

    def order_changed(self, event: str, order: Order, trade: Trade | None) -> None:
        if order.account == self._owner[0] and event in _EXECUTIONS:
            at = milliseconds(order.updated_at)
            report = self._execution(_EXECUTIONS[event], order, trade)
            message = {"e": "ORDER_TRADE_UPDATE", "E": at, "T": at, "o": report}
            self.send(message, "executions", order.symbol)

    def stop_changed(self, stop: StopOrder) -> None:
        if stop.account == self._owner[0]:
            at = milliseconds(stop.updated_at)
            message = {"e": "ALGO_UPDATE", "E": at, "T": at, "o": _stop(stop)}
            self.send(message, "executions", stop.request.symbol)

    def _account(self) -> tuple[dict[str, Message], dict[tuple[str, PositionSide], Position]]:
        """Wallets by coin, and copies of the open positions."""
        futures = self._futures
        account, now = self._owner[0], self.exchange.now()
        balances = {
            coin: {
                "a": coin,
                "wb": number_text(view.wallet),
                "cw": number_text(view.cross_wallet),
                "bc": "0",
            }
            for coin, view in futures.wallets(account, now).items()
        }
        positions = {
            (each.symbol, each.side): replace(each) for each in futures.state.positions(account)
        }
        return balances, positions

    def _position(self, position: Position) -> Message:
        symbol = position.symbol
        mark = self.exchange.markets[symbol].mark_price(self.exchange.now())
        return {
            "s": market_id(symbol),
            "pa": number_text(position.amount),
            "ep": number_text(position.entry_price),
            "cr": "0",
            "up": number_text(position.unrealized(mark)),
            "mt": self._futures.state.settings(self._owner[0], symbol).margin_mode,
            "iw": number_text(position.isolated_wallet),
            "ps": position.side,
        }

    def _execution(self, kind: str, order: Order, trade: Trade | None) -> Message:
        request = order.request
        report = {
            "s": market_id(order.symbol),
            "c": client_id_of(order),
            "S": order.side.upper(),
            "o": type_of(order).replace("_MAKER", ""),
            "f": "GTX" if request.post_only else request.time_in_force,
            "q": number_text(order.amount),
            "p": number_text(request.price or ZERO),
            "ap": number_text(order.average),
            "sp": "0",
            "x": kind,
            "X": _status(order),
            "i": order.symbol_number,
            "l": number_text(trade.amount if trade else ZERO),
            "z": number_text(order.filled),
            "L": number_text(trade.price if trade else ZERO),
            "T": milliseconds(order.updated_at),
            "t": trade.symbol_number if trade else 0,
            "m": trade.maker if trade else False,
            "R": request.reduce_only,
            "wt": "CONTRACT_PRICE",
            "ot": type_of(order).replace("_MAKER", ""),
            "ps": request.position_side,
            "cp": False,
            "rp": number_text(trade.realized if trade else ZERO),
        }
        if trade is not None:
            report |= {"N": trade.fee_currency, "n": number_text(trade.fee)}
        return report


def listen_key_of(query: str) -> str:
    return dict(parse_qsl(query)).get("listenKey", "")


def _status(order: Order) -> str:
    """The last fill is reported before the order has ended."""
    return "FILLED" if order.filled == order.amount else status_of(order)


def _stop(stop: StopOrder) -> Message:
    request = stop.request
    placed = stop.order
    return {
        "caid": request.cl_ord_id or f"algo{stop.number}",
        "aid": stop.number,
        "at": "CONDITIONAL",
        "o": _STOP_NAMES[request.order_type],
        "s": market_id(request.symbol),
        "S": request.side.upper(),
        "ps": request.position_side,
        "f": "GTC",
        "q": number_text(request.amount),
        "X": stop.status,
        "ai": "" if placed is None else str(placed.symbol_number),
        "ap": number_text(ZERO if placed is None else placed.average),
        "aq": number_text(ZERO if placed is None else placed.filled),
        "tp": number_text(request.trigger or ZERO),
        "p": number_text(request.price or ZERO),
        "wt": stop.working_type,
        "cp": stop.close_position,
        "R": request.reduce_only,
        "rm": stop.rejection or "",
    }
