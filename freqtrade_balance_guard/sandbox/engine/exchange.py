"""The exchange without HTTP: accounts, markets, orders, faults and their journal in one object."""

import math
from collections.abc import Callable
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.accounts import Account, Holding
from freqtrade_balance_guard.sandbox.core.assets import asset, plain
from freqtrade_balance_guard.sandbox.core.books import Books
from freqtrade_balance_guard.sandbox.core.clearing import SpotClearing
from freqtrade_balance_guard.sandbox.core.markets import Market
from freqtrade_balance_guard.sandbox.core.matching import Matching
from freqtrade_balance_guard.sandbox.core.orders import Order, OrderRequest, Reason, Rejected, Trade
from freqtrade_balance_guard.sandbox.engine.journal import Counters, Journal
from freqtrade_balance_guard.sandbox.engine.watching import StreamTokens, Watcher
from freqtrade_balance_guard.sandbox.futures.market import FuturesMarket
from freqtrade_balance_guard.sandbox.futures.stops import StopOrder
from freqtrade_balance_guard.sandbox.script.clock import Clock
from freqtrade_balance_guard.sandbox.script.faults import (
    FILL_KINDS,
    ActiveFault,
    Call,
    Fault,
    FaultBoard,
)
from freqtrade_balance_guard.sandbox.script.market import ConstantPath, MarketScenario, PricePath
from freqtrade_balance_guard.sandbox.script.scenario import Scenario


class Exchange:
    """A whole exchange in memory. Call `advance` before asking it anything: time passes there."""

    def __init__(self, scenario: Scenario, clock: Clock) -> None:
        self.scenario = scenario.with_keys()
        self.clock = clock
        self.started_at = clock.now()
        self.journal = Journal(clock, scenario.journal_limit)
        self.counters = Counters(clock)
        self.rejections: list[dict[str, object]] = []
        self.books = Books(self._decimals)
        self.markets = {
            market.symbol: Market(market, self.started_at) for market in scenario.markets
        }
        self.faults = FaultBoard(self._fault_changed)
        self.futures = self._futures_market()
        self.matching = Matching(
            self.markets,
            self._spot_clearing() if self.futures is None else self.futures.clearing,
            scenario.seed,
            self.faults.is_running,
            self._order_event,
        )
        if self.futures is not None:
            self.futures.begin(
                self.matching,
                self.place_order,
                self.journal.record,
                self._stop_changed,
                self.started_at,
            )
        self._due: list[tuple[float, Callable[[], None]]] = []
        self.watchers: list[Watcher] = []
        self.tokens = StreamTokens(scenario.seed)
        self._noted: dict[str, dict[str, Holding]] = {}
        self._order_happened = False
        for account in scenario.accounts:
            self.books.open_account(account.name)
            # Owned since ever: a balance that lags must not lag behind the start.
            for currency, amount in account.balances.items():
                self.books.pay_in(account.name, currency, amount, "deposit", -math.inf)
            for currency, amount in account.rewards.items():
                self.books.pay_in(account.name, currency, amount, "reward", -math.inf)
        self._note_balances()
        for fault in scenario.faults:
            self.faults.add(fault, self.started_at)
        self.advance()

    def _futures_market(self) -> FuturesMarket | None:
        if self.scenario.dialect != "binance-futures":
            return None
        return FuturesMarket(self.scenario, self.markets, self.books)

    def _spot_clearing(self) -> SpotClearing:
        coins = {account.name: account.fee_coin for account in self.scenario.accounts}
        return SpotClearing(self.markets, self.books, coins)

    def _decimals(self, currency: str) -> int:
        return asset(currency).decimals if self.scenario.dialect == "kraken" else 8

    def now(self) -> float:
        return self.clock.now()

    def advance(self) -> None:
        """Lets everything happen that is due: faults, late requests, triggers, fills, expiries."""
        now = self.now()
        self.faults.advance(now)
        due = [action for at, action in self._due if at <= now]
        self._due = [(at, action) for at, action in self._due if at > now]
        for action in due:
            action()
        self.matching.advance(now)
        if self.futures is not None:
            self.futures.advance(now)
        self._note_balances()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Does something when so much time has passed."""
        self._due.append((self.now() + seconds, action))

    # Orders

    def check_order(self, account: str, request: OrderRequest) -> None:
        """All rules except the money (Kraken's `validate`, Binance's test). Raises Rejected."""
        market = self.markets[request.symbol]
        market.check(request, market.prices.quote(self.now()))
        if request.cl_ord_id is not None:
            for order in self.matching.open_orders(account):
                if order.request.cl_ord_id == request.cl_ord_id:
                    raise Rejected(Reason.CLIENT_ID_TAKEN)

    def place_order(self, account: str, key: str, request: OrderRequest) -> Order:
        """Raises Rejected."""
        self.check_order(account, request)
        call = Call("", True, account, key, request.symbol, request.side, role="place")
        order = self.matching.place(
            account, key, request, lambda: self.faults.take_one(FILL_KINDS, call), self.now()
        )
        self._note_balances()
        return order

    def cancel_order(self, order: Order, reason: str = "User requested") -> None:
        """Raises Rejected when the order is no longer open."""
        self.matching.cancel(order, reason, self.now())
        self._note_balances()

    def fill_order(self, order_id: str, amount: Decimal | None, symbol: str | None = None) -> Order:
        """Fills a resting order by decree. Raises Rejected, or LookupError for an unknown id."""
        order = self.order(order_id, symbol)
        self.matching.fill(order, amount, self.now())
        self._note_balances()
        return order

    def order(self, order_id: str, symbol: str | None = None) -> Order:
        """By the engine's id, or by its number on `symbol` (Binance's order id).

        Raises LookupError.
        """
        for order in self.matching.orders.values():
            if order_id == order.order_id:
                return order
            if symbol == order.symbol and order_id == str(order.symbol_number):
                return order
        raise LookupError(f"no order {order_id!r}")

    # Money from and to outside

    def deposit(self, account: str, currency: str, amount: Decimal, cause: str = "deposit") -> None:
        """`cause` is "deposit" or "reward" (into the currency's rewards balance)."""
        self.books.pay_in(account, currency, amount, cause, self.now())
        self.journal.record(cause, account=account, currency=currency, amount=plain(amount))
        self._note_balances()

    def withdraw(self, account: str, currency: str, amount: Decimal) -> None:
        """Raises Rejected when less is free."""
        if self.futures is not None:
            wallet = self.futures.wallets(account, self.now()).get(currency)
            if wallet is None or amount > wallet.available:
                raise Rejected(Reason.INSUFFICIENT_FUNDS)
        self.books.pay_out(account, currency, amount, self.now())
        self.journal.record("withdraw", account=account, currency=currency, amount=plain(amount))
        self._note_balances()

    # The world

    def set_price(self, symbol: str, price: Decimal) -> None:
        """From now on constant. Raises LookupError for an unknown symbol."""
        self.set_path(symbol, ConstantPath(), price)

    def set_path(self, symbol: str, path: PricePath, price: Decimal | None = None) -> None:
        """From now on `path`, around `price` (None: around what it is now)."""
        market = self.market(symbol)
        now = self.now()
        self.advance()
        anchor = market.prices.price(now) if price is None else price
        market.prices.set_path(path, anchor, now)
        self.journal.record(
            "price_set", symbol=symbol, price=plain(anchor), path=path.model_dump(mode="json")
        )
        self.advance()

    def change_market(self, symbol: str, changes: dict[str, object]) -> MarketScenario:
        """New rules for a pair from now on. Raises LookupError, or ValueError for a bad change."""
        market = self.market(symbol)
        market.change_rules(
            MarketScenario.model_validate(market.rules.model_dump() | changes | {"symbol": symbol})
        )
        self.journal.record("market_changed", symbol=symbol, changes=changes)
        return market.rules

    def market(self, symbol: str) -> Market:
        try:
            return self.markets[symbol]
        except KeyError:
            raise LookupError(f"no market {symbol!r}") from None

    def account(self, name: str) -> Account:
        try:
            return self.books.accounts[name]
        except KeyError:
            raise LookupError(f"no account {name!r}") from None

    def add_fault(self, fault: Fault) -> ActiveFault:
        active = self.faults.add(fault, self.now())
        self._note_balances()
        return active

    # What the journal records

    def _order_event(self, event: str, order: Order, trade: Trade | None) -> None:
        self._order_happened = True
        for watcher in list(self.watchers):
            watcher.order_changed(event, order, trade)
        details: dict[str, object] = {
            "order_id": order.order_id,
            "cl_ord_id": order.request.cl_ord_id,
            "account": order.account,
            "key": order.key,
            "symbol": order.symbol,
            "side": order.side,
            "type": order.request.order_type,
            "amount": plain(order.amount),
            "price": None if order.request.price is None else plain(order.request.price),
            "filled": plain(order.filled),
        }
        if trade is not None:
            details |= {
                "trade_id": trade.trade_id,
                "fill_price": plain(trade.price),
                "fill_amount": plain(trade.amount),
                "cost": plain(trade.cost),
                "fee": plain(trade.fee),
                "fee_currency": trade.fee_currency,
            }
        if order.reason is not None:
            details["reason"] = order.reason
        if order.capped_by is not None:
            details["fault"] = order.capped_by  # limits what fills by itself
        self.journal.record(event, **details)

    def _stop_changed(self, stop: StopOrder) -> None:
        for watcher in list(self.watchers):
            watcher.stop_changed(stop)

    def _fault_changed(self, what: str, active: ActiveFault) -> None:
        fault = active.fault
        if what == "begun" and fault.kind == "accounting_fault" and fault.amount is not None:
            name = fault.account or self.scenario.accounts[0].name
            self.account(name).distort(fault.currency, fault.amount, self.now())
        self.journal.record(
            f"fault_{what}",
            fault_id=active.fault_id,
            kind=fault.kind,
            applied=active.applied,
            fault=fault.model_dump(mode="json", exclude_unset=True),
        )

    def _note_balances(self) -> None:
        """Writes the true balances that changed since the last call."""
        changed = self._order_happened
        self._order_happened = False
        for name, account in self.books.accounts.items():
            noted = self._noted.setdefault(name, {})
            for currency, holding in account.holdings().items():
                if noted.get(currency) != holding:
                    changed = True
                    noted[currency] = holding
                    for watcher in list(self.watchers):
                        watcher.balance_changed(name, currency, holding)
                    self.journal.record(
                        "balance_changed",
                        account=name,
                        currency=currency,
                        total=plain(holding.total),
                        held=plain(holding.held),
                        free=plain(holding.free),
                    )
        if changed and self.futures is not None:
            self.futures.note(self.now())
