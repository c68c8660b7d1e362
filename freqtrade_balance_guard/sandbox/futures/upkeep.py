"""What happens to positions by itself: funding at every full interval, and liquidation."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import ZERO, rounded
from freqtrade_balance_guard.sandbox.core.markets import Market
from freqtrade_balance_guard.sandbox.core.matching import Matching
from freqtrade_balance_guard.sandbox.core.orders import OrderRequest
from freqtrade_balance_guard.sandbox.futures.clearing import FuturesClearing
from freqtrade_balance_guard.sandbox.futures.margin import maintenance_of
from freqtrade_balance_guard.sandbox.futures.positions import FuturesState, Position


_DECIMALS = 8
Report = Callable[..., None]


class Upkeep:
    """Charges funding and closes positions whose margin is used up."""

    def __init__(
        self,
        markets: Mapping[str, Market],
        state: FuturesState,
        clearing: FuturesClearing,
        matching: Matching,
        interval_s: int,
        report: Report,
        started_at: float,
    ) -> None:
        self._markets = markets
        self._state = state
        self._clearing = clearing
        self._matching = matching
        self.interval_s = interval_s
        self._report = report
        self._funded_to = started_at

    def next_funding(self, now: float) -> int:
        return (int(now) // self.interval_s + 1) * self.interval_s

    def advance(self, now: float, accounts: Iterable[str]) -> None:
        names = list(accounts)
        for at in range(self.next_funding(self._funded_to), int(now) + 1, self.interval_s):
            for name in names:
                self._fund(name, float(at))
        self._funded_to = now
        for name in names:
            self._liquidate_isolated(name, now)
            self._liquidate_cross(name, now)

    def _fund(self, account: str, at: float) -> None:
        for position in self._state.positions(account):
            market = self._markets[position.symbol]
            mark = market.mark_price(at)
            payment = rounded(-position.notional(mark) * market.rules.funding_rate, _DECIMALS)
            self._clearing.move(position, "FUNDING_FEE", payment, at)
            if self._mode(position) == "isolated":
                position.isolated_wallet += payment
            self._report(
                "funding",
                account=account,
                symbol=position.symbol,
                amount=str(payment),
                mark_price=str(mark),
            )

    def _liquidate_isolated(self, account: str, now: float) -> None:
        for position in self._state.positions(account):
            if self._mode(position) != "isolated":
                continue
            mark = self._markets[position.symbol].mark_price(now)
            equity = position.isolated_wallet + position.unrealized(mark)
            if equity <= self._maintenance(position, mark):
                own = position.isolated_wallet
                self._liquidate(position, now, own)

    def _liquidate_cross(self, account: str, now: float) -> None:
        positions = [p for p in self._state.positions(account) if self._mode(p) == "cross"]
        for coin in sorted({self._state.coin(account, each.symbol) for each in positions}):
            mine = [p for p in positions if self._state.coin(account, p.symbol) == coin]
            marks = {p.symbol: self._markets[p.symbol].mark_price(now) for p in mine}
            needed = sum((self._maintenance(p, marks[p.symbol]) for p in mine), ZERO)
            view = self._clearing.margins.wallet(account, coin, [], now)
            if view.cross_wallet + view.cross_unrealized <= needed:
                for position in mine:
                    backing = self._clearing.margins.wallet(account, coin, [], now).cross_wallet
                    self._liquidate(position, now, backing)

    def _liquidate(self, position: Position, now: float, backing: Decimal) -> None:
        """Cancels the contract's orders, closes the position, and charges what is left of it.

        A loss beyond the backing is the exchange's.
        """
        account, symbol = position.account, position.symbol
        for order in self._matching.open_orders(account):
            if order.symbol == symbol:
                self._matching.cancel(order, "Liquidation", now)
        size = abs(position.amount)
        booked = len(self._state.incomes)
        request = OrderRequest(
            symbol=symbol,
            side="sell" if position.amount > 0 else "buy",
            order_type="market",
            amount=size,
            cl_ord_id=f"autoclose-{int(now * 1000)}",
            reduce_only=True,
            position_side=position.side,
        )
        order = self._matching.place(account, "", request, lambda: None, now)
        changes = list(self._state.incomes)[booked:]
        left = backing + sum((each.amount for each in changes), ZERO)
        fee = order.cost * self._markets[symbol].rules.liquidation_fee
        charge = left if left < 0 else min(rounded(fee, _DECIMALS), left)
        self._clearing.move(position, "INSURANCE_CLEAR", -charge, now)
        self._report(
            "liquidation", account=account, symbol=symbol, amount=str(size), charge=str(charge)
        )

    def _maintenance(self, position: Position, mark: Decimal) -> Decimal:
        rules = self._markets[position.symbol].rules
        return maintenance_of(rules, abs(position.notional(mark)))

    def _mode(self, position: Position) -> str:
        return self._state.settings(position.account, position.symbol).margin_mode
