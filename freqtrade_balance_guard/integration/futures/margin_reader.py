"""Reads a futures account in bounded time: its balance, and the positions that belong to it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from freqtrade.exchange import Exchange

from freqtrade_balance_guard.balances.margin import MarginSnapshot, Position
from freqtrade_balance_guard.balances.snapshot import ABSURD, Holding, Snapshot, Unreadable
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.errors import MoneyError
from freqtrade_balance_guard.integration.exchange.balance_reader import BalanceReader, once
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.futures.wallet_balance import wallet_in_raw
from freqtrade_balance_guard.money import ZERO, exact, to_decimal


# Where the wallet balance is computed from two answers, the mark price moves in between: so much of
# the open positions' value it may be off.
MARK_NOISE = Decimal("0.005")


class MarginReader(BalanceReader):
    """Asks for balance and positions, once each.

    :param coin: what the account is kept in, freqtrade's proxy coin
    :param open_pairs: pairs on which freqtrade has an open trade
    """

    def __init__(
        self, client: GuardClient, clock: Clock, coin: str, open_pairs: Callable[[], set[str]]
    ) -> None:
        super().__init__(client, clock, lambda: ())
        self._coin = coin
        self._open_pairs = open_pairs

    def _ask(self, exchange: Exchange) -> Any:
        balances = once(exchange.get_balances)
        raw = getattr(exchange._api, "last_json_response", None)
        listed = once(exchange.fetch_positions)
        return exchange, balances, raw, listed

    @exact
    def _snapshot(self, answer: Any, as_of: float, wall: datetime) -> Snapshot | Unreadable:
        exchange, balances, raw, listed = answer
        if not isinstance(balances, Mapping) or not isinstance(listed, Iterable):
            return Unreadable("balance or positions are no table")
        try:
            positions = tuple(read_positions(exchange, listed))
            amounts = balances.get(self._coin)
            own = _Own.read(amounts) if isinstance(amounts, Mapping) else None
        except (MoneyError, AttributeError, KeyError, TypeError) as error:
            return Unreadable(f"{self._coin} or a position cannot be read: {error}")
        others = {name: one for name, one in balances.items() if name != self._coin}
        if own is not None:
            # Its own numbers do not add up, and coins beside it may have none.
            others[self._coin] = {"free": 0, "used": 0, "total": 0}
        read = self._answers.read(others, self.needed())
        if isinstance(read, Unreadable):
            return read
        self._report_left_out(read)
        if own is None:
            if positions or self._open_pairs():
                return Unreadable(f"{self._coin} is missing while positions are open")
            return MarginSnapshot(read.holdings, as_of, wall, read.left_out, coin=self._coin)
        if not own.total and own.free <= 0 and (positions or self._open_pairs()):
            return Unreadable(f"{self._coin} reads 0 while positions are open")
        wallet, noise = self._wallet(exchange, own.total, raw, positions)
        holdings = {**read.holdings, self._coin: Holding(wallet, wallet - own.free)}
        return MarginSnapshot(
            holdings,
            as_of,
            wall,
            read.left_out,
            coin=self._coin,
            used=own.used,
            noise=noise,
            positions=positions,
        )

    def _wallet(
        self, exchange: Exchange, total: Decimal, raw: object, positions: tuple[Position, ...]
    ) -> tuple[Decimal, Decimal]:
        """The wallet balance, and by how much it may be off."""
        # Older releases of freqtrade do not know it, and take the total as it is.
        includes = getattr(exchange, "balance_includes_unrealized_pnl", None)
        if includes is None or not includes():
            return total, ZERO
        wallet = wallet_in_raw(exchange.id, self._coin, raw)
        if wallet is not None or not positions:
            return (total if wallet is None else wallet), ZERO
        unrealised = sum((position.unrealised for position in positions), ZERO)
        notional = sum((position.notional for position in positions), ZERO)
        return total - unrealised, notional * MARK_NOISE


class _Own:
    """What ccxt says of the account's own coin; free and used are its own numbers."""

    def __init__(self, free: Decimal, used: Decimal, total: Decimal) -> None:
        self.free = free
        self.used = used
        self.total = total

    @classmethod
    def read(cls, amounts: Mapping[str, object]) -> "_Own | None":
        """None where nothing is said of it.

        :raises MoneyError: a number that is none
        """
        numbers = {
            name: to_decimal(amounts[name])
            for name in ("free", "used", "total")
            if amounts.get(name) is not None
        }
        for name, number in numbers.items():
            if abs(number) > ABSURD:
                raise MoneyError(f"{name} is absurd ({number})")
        free, total = numbers.get("free"), numbers.get("total")
        if free is None and total is None:
            return None
        used = numbers.get("used", ZERO)
        if free is None:
            free = (total or ZERO) - used
        if total is None:
            total = free + used
        return cls(free, used, total)


def read_positions(exchange: Exchange, listed: Iterable[Any]) -> Iterable[Position]:
    """The open positions among what ccxt lists.

    :raises MoneyError: a number that is none
    :raises KeyError: a position without a pair
    """
    for position in listed:
        side, contracts = position.get("side"), position.get("contracts")
        if side not in ("long", "short") or not contracts:
            continue
        pair = str(position["symbol"])
        margin = position.get("initialMargin") or position.get("collateral") or 0
        leverage = position.get("leverage")
        yield Position(
            pair,
            side,
            abs(to_decimal(exchange._contracts_to_amount(pair, float(contracts)))),
            to_decimal(margin),
            to_decimal(leverage) if leverage else None,
            to_decimal(position.get("unrealizedPnl") or 0),
            abs(to_decimal(position.get("notional") or 0)),
        )
