"""The exchange of a config, asked by the console while no bot with its key runs."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import ccxt
from freqtrade.enums import RunMode, TradingMode
from freqtrade.resolvers import ExchangeResolver

from freqtrade_balance_guard.balances.margin import MarginSnapshot
from freqtrade_balance_guard.balances.snapshot import Unreadable
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.console.bot_source import LedgerView, NotPossible
from freqtrade_balance_guard.console.reconcile import (
    ExchangeOrder,
    ExchangeView,
    MarginView,
    Questions,
    may_ask,
)
from freqtrade_balance_guard.deadline import Deadline
from freqtrade_balance_guard.errors import MoneyError, kind_and_words_of
from freqtrade_balance_guard.integration.exchange.balance_reader import BalanceReader
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.order_lookup import find_order
from freqtrade_balance_guard.integration.futures.margin_reader import MarginReader
from freqtrade_balance_guard.ledger import Reservation
from freqtrade_balance_guard.money import ZERO, to_decimal
from freqtrade_balance_guard.orders.client_ids import Ask, ClientIds
from freqtrade_balance_guard.orders.lookup_result import Found, Uncertain


LOOK_UP_SECONDS = 10.0


def questions_to(
    config: dict[str, Any], ledger: LedgerView, asked_for: str, clock: Clock
) -> Questions:
    """The exchange of a config, if it may be asked now.

    :raises NotPossible: dry-run, a bot with this key is alive, or the exchange does not answer
    :raises LedgerUnavailable: whether a bot is alive is unknown
    """
    check_may_ask(ledger, asked_for)
    return ExchangeQuestions(config, clock)


def check_may_ask(ledger: LedgerView, asked_for: str) -> None:
    """:raises NotPossible: dry-run, or a bot with this key is alive
    :raises LedgerUnavailable: whether a bot is alive is unknown
    """
    source = ledger.source
    if source.dry_run:
        raise NotPossible("In dry-run there is nothing at the exchange to be asked for.")
    with_key = [b.bot for b in ledger.bots if b.alive and b.key and b.key == source.key]
    of_account = [b.bot for b in ledger.alive if not b.key or not source.key]
    reason = may_ask([*with_key, *of_account], asked_for)
    if reason is not None:
        raise NotPossible(reason)


class ExchangeQuestions:
    """Private questions with the config's key, one after the other; nothing is ever sent."""

    def __init__(self, config: dict[str, Any], clock: Clock) -> None:
        self._clock = clock
        settings = {**config, "runmode": RunMode.UTIL_EXCHANGE}
        settings.setdefault("margin_mode", "")
        try:
            self._exchange = ExchangeResolver.load_exchange(settings, validate=False)
            self._exchange.reload_markets(True, load_leverage_tiers=False)
        except Exception as error:
            raise _no_answer("The exchange cannot be reached", error) from error

    def view(self, pairs: Sequence[str]) -> ExchangeView:
        """Balances and open orders.

        :param pairs: asked one by one where the exchange has no list of all open orders
        :raises NotPossible: no usable answer
        """
        orders = [_order(each) for each in self._open_orders(pairs)]
        exchange, clock = self._exchange, self._clock
        stake = exchange.get_proxy_coin()
        if exchange.trading_mode != TradingMode.SPOT:
            return self._margin_view(stake, orders)
        answer = BalanceReader(GuardClient(exchange, clock), clock, lambda: {stake}).read()
        if isinstance(answer, Unreadable):
            raise NotPossible(f"The balance cannot be read ({answer.reason}).")
        return ExchangeView(answer.holdings, orders)

    def _margin_view(self, coin: str, orders: Sequence[ExchangeOrder]) -> ExchangeView:
        """:raises NotPossible: no usable answer"""
        client = GuardClient(self._exchange, self._clock)
        answer = MarginReader(client, self._clock, coin, set).read()
        if isinstance(answer, Unreadable):
            raise NotPossible(f"The balance cannot be read ({answer.reason}).")
        assert isinstance(answer, MarginSnapshot)  # noqa: S101  that reader has no other answer
        margin = MarginView(coin, answer.used, answer.positions)
        return ExchangeView(answer.holdings, orders, margin)

    def find(self, row: Reservation) -> ExchangeOrder | None:
        """The order of a reservation, in any state.

        :raises NotPossible: no certain answer
        """
        if row.order_id is None:
            return self._find_by_client_order_id(row)
        try:
            return _order(self._api.fetch_order(row.order_id, row.pair))
        except ccxt.OrderNotFound:
            # Some exchanges keep stop orders elsewhere.
            return self._find_by_client_order_id(row)
        except NotPossible:
            raise
        except Exception as error:
            raise _no_answer(
                "The exchange does not report the outcome of the order", error
            ) from error

    def _find_by_client_order_id(self, row: Reservation) -> ExchangeOrder | None:
        exchange, name = self._exchange, row.client_order_id
        ids = ClientIds.of(str(exchange.id), str(exchange.trading_mode.value))
        # A reservation does not say whether it is for a stop order. A purchase may be one as well:
        # the stop of a short.
        may_be_stop = row.side == "sell" or ":" in row.pair
        for is_stop in (False, True) if may_be_stop else (False,):
            if not ids.sends(stop=is_stop) or ids.ask is Ask.NOT:
                raise NotPossible(
                    f"{exchange.name} cannot be asked for an order by our id: look there yourself "
                    "for the order, then use --force."
                )
            answer = find_order(
                GuardClient(exchange, self._clock),
                name,
                row.pair,
                row.side,
                row.requested,
                row.created_at,
                deadline=Deadline.after(self._clock, LOOK_UP_SECONDS),
                clock=self._clock,
                is_stop=is_stop,
            )
            if isinstance(answer, Found):
                return _order(answer.order)
            if isinstance(answer, Uncertain):
                raise NotPossible(
                    f"The exchange does not report the outcome of the order ({answer.reason})."
                )
        return None

    @property
    def _api(self) -> Any:
        return self._exchange._api

    def _open_orders(self, pairs: Sequence[str]) -> list[Mapping[str, Any]]:
        try:
            return [*self._api.fetch_open_orders(), *self._open_stops(None)]
        except (ccxt.ArgumentsRequired, ccxt.NotSupported, ccxt.ExchangeError) as error:
            if not pairs:
                raise _no_answer("The open orders cannot be read", error) from error
            return [order for pair in pairs for order in self._open_orders_of(pair)]
        except Exception as error:
            raise _no_answer("The open orders cannot be read", error) from error

    def _open_orders_of(self, pair: str) -> list[Mapping[str, Any]]:
        try:
            return [*self._api.fetch_open_orders(pair), *self._open_stops(pair)]
        except Exception as error:
            raise _no_answer(f"The open orders of {pair} cannot be read", error) from error

    def _open_stops(self, pair: str | None) -> list[Mapping[str, Any]]:
        """Stops that the exchange keeps in a list of their own."""
        if not self._exchange._ft_has.get("stoploss_query_requires_stop_flag"):
            return []
        return list(self._api.fetch_open_orders(pair, params={"stop": True}))


def _no_answer(what: str, error: Exception) -> NotPossible:
    return NotPossible(f"{what} ({kind_and_words_of(error)}).")


def _order(order: Mapping[str, Any]) -> ExchangeOrder:
    def number(*names: str) -> Decimal:
        for name in names:
            if order.get(name):
                return to_decimal(order[name])
        return ZERO

    try:
        return ExchangeOrder(
            order_id=str(order["id"]),
            client_order_id=str(order.get("clientOrderId") or ""),
            pair=str(order.get("symbol")),
            side=str(order.get("side")),
            status=str(order.get("status") or "open"),
            amount=number("amount"),
            filled=number("filled"),
            price=number("price", "stopPrice", "average"),
        )
    except MoneyError as error:
        raise NotPossible(f"Order {order.get('id')} has an unreadable number ({error}).") from error
