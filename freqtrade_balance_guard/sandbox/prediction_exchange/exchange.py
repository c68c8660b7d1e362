"""A prediction market without HTTP: accounts, markets, orders, settlement and faults."""

import hashlib
import math
from collections.abc import Callable
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.accounts import Holding
from freqtrade_balance_guard.sandbox.core.assets import ZERO, plain
from freqtrade_balance_guard.sandbox.engine.journal import Counters, Journal
from freqtrade_balance_guard.sandbox.engine.watching import StreamTokens
from freqtrade_balance_guard.sandbox.prediction.market import BinaryMarket, Result
from freqtrade_balance_guard.sandbox.prediction.matching import Matching, release
from freqtrade_balance_guard.sandbox.prediction.orders import (
    Bet,
    BetOrder,
    BetRejected,
    Match,
    Reason,
)
from freqtrade_balance_guard.sandbox.prediction.purses import Purses
from freqtrade_balance_guard.sandbox.prediction.resolution import Resolution
from freqtrade_balance_guard.sandbox.prediction_exchange.bet_watcher import BetWatcher
from freqtrade_balance_guard.sandbox.prediction_exchange.scenario import PredictionScenario
from freqtrade_balance_guard.sandbox.script.clock import Clock
from freqtrade_balance_guard.sandbox.script.faults import (
    FILL_KINDS,
    SETTLEMENT_KINDS,
    ActiveFault,
    Call,
    Fault,
    FaultBoard,
)


_SHARE_STEPS = {"polymarket": Decimal("0.01"), "kalshi": Decimal(1), "sxbet": Decimal("0.000001")}
_HUNDREDTH = Decimal("0.01")


class PredictionExchange:
    """A whole exchange in memory. Call `advance` before asking it anything: time passes there."""

    def __init__(self, scenario: PredictionScenario, clock: Clock) -> None:
        self.scenario = scenario.with_keys()
        self.clock = clock
        self.started_at = clock.now()
        self.journal = Journal(clock, scenario.journal_limit)
        self.counters = Counters(clock)
        self.rejections: list[dict[str, object]] = []
        self.faults = FaultBoard(self._fault_changed)
        self.tokens = StreamTokens(scenario.seed)
        self.watchers: list[BetWatcher] = []
        self.markets = {
            rules.name: BinaryMarket(rules, self.started_at) for rules in self.scenario.markets
        }
        self.purses = Purses(scenario.currency)
        self.resolution = Resolution(
            scenario.dialect,
            lambda name: self.scenario.account(name).profit_fee,
            self.purses,
            self.journal.record,
            self._final_bets,
        )
        is_final_at_once = scenario.dialect == "kalshi"
        self.matching = Matching(
            scenario.dialect,
            self.markets,
            self.purses,
            lambda number: self.derived_id("match", number),
            self._order_event,
            0.0 if is_final_at_once else scenario.settle_after_s,
            self._settle,
        )
        self._client_ids: dict[tuple[str, str], str] = {}
        self._due: list[tuple[float, Callable[[], None]]] = []
        self._noted: dict[str, dict[str, Holding]] = {}
        for account in self.scenario.accounts:
            self.purses.books.open_account(account.name)
            self.purses.books.pay_in(
                account.name, scenario.currency, account.balance, "deposit", -math.inf
            )
        self._note_balances()
        for fault in scenario.faults:
            self.faults.add(fault, self.started_at)
        self.advance()

    def now(self) -> float:
        return self.clock.now()

    def derived_id(self, kind: str, number: int) -> str:
        """32 bytes in hex, the same for a seed."""
        return hashlib.sha256(f"{self.scenario.seed}/{kind}/{number}".encode()).hexdigest()

    def advance(self) -> None:
        """Lets everything happen that is due: faults, late requests, matches, settlements, ends."""
        now = self.now()
        self.faults.advance(now)
        due = [action for at, action in self._due if at <= now]
        self._due = [(at, action) for at, action in self._due if at > now]
        for action in due:
            action()
        for order in self.matching.open_orders():
            self._advance_order(order, now)
        for match in self.matching.matches:
            if match.status == "matched" and match.settles_at <= now:
                self._settle(match)
        self._note_balances()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        self._due.append((self.now() + seconds, action))

    def _advance_order(self, order: BetOrder, now: float) -> None:
        bet, market = order.bet, self.markets[order.bet.market]
        if not market.is_trading(now):
            self.matching.end(order, "canceled", "MARKET_CLOSED", now)
        elif bet.expires_at is not None and bet.expires_at <= now:
            self.matching.end(order, "expired", "EXPIRED", now)
        elif order.delayed_until is not None and order.delayed_until <= now:
            self.matching.resume(order, now)
        elif order.status == "live" and bet.rests:
            if order.capped_by is not None and not self.faults.is_running(order.capped_by):
                order.cap = order.capped_by = None
            self.matching.rematch(order, now)

    # Orders

    def place_order(self, account: str, key: str, bet: Bet) -> BetOrder:
        """Raises BetRejected."""
        now = self.now()
        market = self.market(bet.market)
        market.check(bet, now, self._share_step(market))
        number = len(self.matching.orders) + 1
        order_id = bet.order_id or self.derived_id("order", number)
        if bet.client_id is not None and (account, bet.client_id) in self._client_ids:
            raise BetRejected(Reason.DUPLICATE)
        if order_id in self.matching.orders:
            raise BetRejected(Reason.DUPLICATE)
        order = BetOrder(order_id, number, account, key, bet, now)
        call = Call("", True, account, key, bet.market, bet.side, role="place")
        active = self.faults.take_one(FILL_KINDS, call)
        if active is not None:
            share = ZERO if active.fault.kind == "no_fill" else active.fault.fraction
            whole = order.remaining * share
            order.cap = whole - whole % self._share_step(market)
            order.capped_by = active.fault_id
        self.matching.accept(order, now)
        if bet.client_id is not None:
            self._client_ids[(account, bet.client_id)] = order_id
        self._note_balances()
        return order

    def _share_step(self, market: BinaryMarket) -> Decimal:
        if market.rules.fractional:
            return _HUNDREDTH
        return _SHARE_STEPS[self.scenario.dialect]

    def cancel_order(self, order: BetOrder, reason: str = "USER_REQUESTED") -> None:
        """Raises BetRejected when the order is no longer open."""
        if not order.is_open:
            raise BetRejected(Reason.NOT_OPEN)
        self.matching.end(order, "canceled", reason, self.now())
        self._note_balances()

    def fill_order(self, order_id: str, shares: Decimal | None) -> BetOrder:
        """Fills a resting order by decree. Raises BetRejected, or LookupError."""
        order = self.order(order_id)
        self.matching.fill(order, shares, self.now())
        self._note_balances()
        return order

    def order(self, order_id: str, account: str | None = None) -> BetOrder:
        """Raises LookupError."""
        order = self.matching.orders.get(order_id)
        if order is None or account not in (None, order.account):
            raise LookupError(f"no order {order_id!r}")
        return order

    def orders_of(self, account: str) -> list[BetOrder]:
        """All orders of an account, the newest first."""
        mine = [order for order in self.matching.orders.values() if order.account == account]
        return mine[::-1]

    def matches_of(self, account: str) -> list[Match]:
        """All matches of an account, the newest first."""
        return [
            match
            for match in self.matching.matches[::-1]
            if any(part.account == account for part in match.parts)
        ]

    def _final_bets(self, account: str, market: str, outcome: int) -> list[tuple[Decimal, Decimal]]:
        return [
            (part.shares, part.cost)
            for match in self.matching.matches
            if match.market == market and match.status == "final"
            for part in match.parts
            if part.account == account and part.outcome == outcome
        ]

    def market(self, name: str) -> BinaryMarket:
        """Raises BetRejected."""
        try:
            return self.markets[name]
        except KeyError:
            raise BetRejected(Reason.MARKET_UNKNOWN, name) from None

    # Settlement

    def _settle(self, match: Match) -> None:
        """Makes a match final, unless a fault lets it wait or fail."""
        now = self.now()
        account = match.taker.account
        call = Call("settle", True, account, None, match.market, match.taker.side, role="settle")
        # Kalshi's fills are final when they are made: there is nothing that could fail.
        is_kalshi = self.scenario.dialect == "kalshi"
        active = None if is_kalshi else self.faults.take_one(SETTLEMENT_KINDS, call)
        if active is not None and active.fault.kind == "settlement_delayed":
            match.settles_at = now + (active.fault.seconds or 0.0)
            return
        match.updated_at = now
        if active is not None:
            match.status = "failed"
            release(match, self.purses, now)
        else:
            match.status = "final"
            self.purses.settle(match, now)
            if is_kalshi:
                for part in match.parts:
                    self.purses.net(part.account, match.market, now)
        self._match_changed(match)

    def fail_match(self, match_id: str) -> None:
        """Lets a match fail that is not final. Raises LookupError or BetRejected."""
        for match in self.matching.matches:
            if match.match_id == match_id:
                if match.status != "matched":
                    raise BetRejected(Reason.NOT_OPEN, f"the match is {match.status}")
                match.status, match.updated_at = "failed", self.now()
                release(match, self.purses, self.now())
                self._match_changed(match)
                self._note_balances()
                return
        raise LookupError(f"no match {match_id!r}")

    def resolve(self, name: str, result: Result) -> None:
        """Ends a market with a result and pays, where the venue pays by itself.

        Raises BetRejected for an unknown market or one that is resolved.
        """
        market = self.market(name)
        if market.result is not None:
            raise BetRejected(Reason.MARKET_CLOSED, "the market is resolved already")
        market.is_halted = True
        self.advance()
        for match in self.matching.matches:
            if match.market == name and match.status == "matched":
                self._settle(match)
        self.resolution.resolve(market, result, self.now())
        self._note_balances()

    def redeem(self, account: str, name: str) -> Decimal:
        """What a user does on chain: takes the winnings of a resolved market (Polymarket)."""
        paid = self.resolution.redeem(account, self.market(name), self.now())
        self._note_balances()
        return paid

    # What is noted

    def add_fault(self, fault: Fault) -> ActiveFault:
        active = self.faults.add(fault, self.now())
        self._note_balances()
        return active

    def _order_event(self, event: str, order: BetOrder, match: Match | None) -> None:
        for watcher in list(self.watchers):
            watcher.order_changed(event, order, match)
        bet = order.bet
        details: dict[str, object] = {
            "order_id": order.order_id,
            "client_id": bet.client_id,
            "account": order.account,
            "market": bet.market,
            "outcome": bet.outcome,
            "side": bet.side,
            "price": plain(bet.limit),
            "filled": plain(order.filled),
        }
        if match is not None:
            details |= {"match_id": match.match_id, "fill_price": plain(match.taker.price)}
        if order.reason is not None:
            details["reason"] = order.reason
        self.journal.record(event, **details)

    def _match_changed(self, match: Match) -> None:
        for watcher in list(self.watchers):
            watcher.match_changed(match)
        self.journal.record(f"match_{match.status}", match_id=match.match_id, market=match.market)

    def _fault_changed(self, what: str, active: ActiveFault) -> None:
        fault = active.fault
        self.journal.record(
            f"fault_{what}",
            fault_id=active.fault_id,
            kind=fault.kind,
            applied=active.applied,
            fault=fault.model_dump(mode="json", exclude_unset=True),
        )

    def _note_balances(self) -> None:
        """Writes the true balances that changed since the last call."""
        for name, account in self.purses.books.accounts.items():
            noted = self._noted.setdefault(name, {})
            for currency, holding in account.holdings().items():
                if noted.get(currency) != holding:
                    noted[currency] = holding
                    self.journal.record(
                        "balance_changed",
                        account=name,
                        currency=currency,
                        total=plain(holding.total),
                        held=plain(holding.held),
                        free=plain(holding.free),
                    )
