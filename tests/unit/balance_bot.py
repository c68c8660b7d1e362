"""A balance book, and short words for what happens to it."""

from datetime import UTC, datetime
from decimal import Decimal

from freqtrade_balance_guard.balances.book import BalanceBook, Need
from freqtrade_balance_guard.balances.own_orders import OwnOrder, Side
from freqtrade_balance_guard.balances.snapshot import Holding, Snapshot
from freqtrade_balance_guard.balances.verdict import Verdict


WINDOW = 30.0
TTL = 60.0
WALL = datetime(2026, 1, 1, tzinfo=UTC)


class Bot:
    """One bot with one book; orders are for COIN at 1 USDT each and cost no fee."""

    def __init__(self, window: float = WINDOW, **totals: str) -> None:
        self.book = BalanceBook(window)
        if totals:
            assert self.answer(0, **totals) == []

    def answer(
        self, as_of: float, used: dict[str, str] | None = None, **totals: str
    ) -> list[tuple[str, Decimal]]:
        holds = {coin: Decimal(amount) for coin, amount in (used or {}).items()}
        holdings = {
            coin: Holding(Decimal(total), holds.get(coin, Decimal(0)))
            for coin, total in totals.items()
        }
        changes = self.book.accept(Snapshot(holdings, as_of, WALL))
        return [(change.currency, change.amount) for change in changes]

    def place(self, side: Side, cost: str, *, at: float, order_id: str = "1") -> None:
        """An order for COIN at 1 USDT each; no fee."""
        amount = Decimal(cost)
        order = OwnOrder("COIN", "USDT", side, amount, Decimal(1), Decimal(0), at, at)
        self.book.place(order_id, order)

    def hear(
        self, cost: str, *, at: float, is_open: bool = False, order_id: str = "1", bnb: str = "0"
    ) -> None:
        """The exchange says how far the order got."""
        self.book.observe(
            order_id,
            filled=Decimal(cost),
            cost=Decimal(cost),
            fees={"BNB": Decimal(bnb)} if Decimal(bnb) else {},
            is_open=is_open,
            now=at,
        )

    def trade(self, side: Side, cost: str, *, at: float, order_id: str = "1") -> None:
        self.place(side, cost, at=at, order_id=order_id)
        self.hear(cost, at=at, order_id=order_id)

    def spendable(self, currency: str = "USDT") -> Decimal:
        return self.book.spendable(currency)

    def expected(self, currency: str = "USDT") -> Decimal:
        return self.book.expected(currency).total

    def verdict(self, currency: str = "USDT") -> Verdict:
        return self.book.verdict(currency)

    def need(self, now: float) -> Need:
        return self.book.need(now, TTL)
