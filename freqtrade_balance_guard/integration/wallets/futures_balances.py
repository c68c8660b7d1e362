"""The balance book of a live futures bot, as freqtrade sees it: margin that is free, positions."""

from decimal import Decimal
from typing import Any

from freqtrade.wallets import PositionWallet, Wallet

from freqtrade_balance_guard.balances.margin import Position
from freqtrade_balance_guard.balances.margin_book import MarginBook
from freqtrade_balance_guard.balances.snapshot import Holding
from freqtrade_balance_guard.integration.wallets.live_balances import LiveBalances
from freqtrade_balance_guard.integration.wallets.open_trades import OpenTrade, open_trades
from freqtrade_balance_guard.money import to_float


class FuturesBalances(LiveBalances):
    """One futures account as one live bot sees it."""

    book: MarginBook
    has_positions = True

    def __init__(self, book: MarginBook, *args: Any) -> None:
        super().__init__(book, *args)
        self.book = book

    def wallets(self) -> dict[str, Wallet]:
        """freqtrade's table of balances; of the account's coin total is the wallet balance."""
        self._follow_book()
        table = dict(self._table)
        coin = self.book.coin
        if coin in table and self.book.last is not None:
            table[coin] = table[coin]._replace(used=to_float(self.book.last.used))
        return table

    def equity(self) -> Decimal | None:
        """All margin, tied up and free, open profits included; None before the first answer."""
        in_use = self.book.in_use()
        return None if in_use is None else in_use[1]

    def moves_alone(self) -> Decimal:
        """Return by how much free margin may change without an order."""
        return self.book.moves_alone()

    def holding(self, currency: str) -> Holding:
        """As expected: positions, not coins, stand in front of an exit."""
        return self.book.shown(currency)

    def positions(self) -> dict[str, PositionWallet]:
        """freqtrade's table of positions, from the last answer.

        An answer that is missing, or that may lack an order of ours, stands in front of no exit: a
        position is then at least what its open trade is.
        """
        found = {position.pair: _wallet_of(position) for position in self.book.positions}
        under_way = self.book.pairs_under_way()
        for trade in open_trades():
            if self.book.failure is not None or trade.pair in under_way:
                known = found.get(trade.pair)
                if known is None or known.position < trade.amount:
                    found[trade.pair] = _wallet_of_trade(trade, known)
        return found


def _wallet_of(position: Position) -> PositionWallet:
    return _position_wallet(
        symbol=position.pair,
        position=to_float(position.amount),
        leverage=None if position.leverage is None else to_float(position.leverage),
        collateral=to_float(position.margin),
        side=position.side,
        unrealized_pnl=to_float(position.unrealised),
    )


def _wallet_of_trade(trade: OpenTrade, known: PositionWallet | None) -> PositionWallet:
    return _position_wallet(
        symbol=trade.pair,
        position=trade.amount,
        leverage=trade.leverage,
        collateral=trade.stake_amount,
        side="short" if trade.is_short else "long",
        unrealized_pnl=getattr(known, "unrealized_pnl", 0.0),
    )


def _position_wallet(**fields: Any) -> PositionWallet:
    # Older releases of freqtrade keep no unrealised profit.
    return PositionWallet(**{name: fields[name] for name in PositionWallet._fields})
