"""What happens when a question is answered, or the market is void.

Kalshi and SX pay by themselves; on Polymarket the winner's shares stay until their owner redeems
them on chain. A void market pays half of 1 per share on Polymarket, on the others what was paid.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import ZERO, plain
from freqtrade_balance_guard.sandbox.prediction.fees import sx_fee
from freqtrade_balance_guard.sandbox.prediction.market import BinaryMarket, Result, payout
from freqtrade_balance_guard.sandbox.prediction.market_rules import PredictionDialect
from freqtrade_balance_guard.sandbox.prediction.purses import Purses, cost_of


@dataclass(frozen=True)
class Payment:
    """What one account got for its shares of one outcome. `cost` is what they had cost."""

    account: str
    market: str
    outcome: int
    result: Result
    shares: Decimal
    cost: Decimal
    paid: Decimal  # before the fee
    fee: Decimal
    at: float


class Resolution:
    """Pays for shares of markets that have ended."""

    def __init__(
        self,
        dialect: PredictionDialect,
        profit_fee: Callable[[str], Decimal],
        purses: Purses,
        record: Callable[..., None],
        bets: Callable[[str, str, int], list[tuple[Decimal, Decimal]]],
    ) -> None:
        self._dialect = dialect
        self._profit_fee = profit_fee  # of an account
        self._purses = purses
        self._record = record
        self._bets = bets  # shares and cost of each, of an account, a market and an outcome
        self.payments: list[Payment] = []

    def resolve(self, market: BinaryMarket, result: Result, now: float) -> None:
        market.result, market.resolved_at = result, now
        name = market.rules.name
        self._record("market_resolved", market=name, result=result)
        owed = {
            (account, outcome): self._worth(account, market, outcome)
            for account in self._purses.books.accounts
            for outcome in (0, 1)
            if self._purses.shares(account, name, outcome) > ZERO
        }
        self._purses.close_market_maker(name, sum(owed.values(), ZERO))
        if self._dialect == "polymarket":
            return  # redeemable
        for account, outcome in owed:
            self._pay(account, market, outcome, now)

    def redeem(self, account: str, market: BinaryMarket, now: float) -> Decimal:
        if market.result is None:
            return ZERO
        return sum(
            (
                self._pay(account, market, outcome, now)
                for outcome in (0, 1)
                if self._purses.shares(account, market.rules.name, outcome) > ZERO
            ),
            ZERO,
        )

    def _worth(self, account: str, market: BinaryMarket, outcome: int) -> Decimal:
        """What an account's shares are paid, before fees."""
        name, result = market.rules.name, market.result
        if result is None:
            return ZERO
        if result == "void" and self._dialect != "polymarket":
            return self._purses.stakes[(account, name, outcome)].cost
        return cost_of(payout(result, outcome), self._purses.shares(account, name, outcome))

    def bet_paid(
        self, account: str, result: Result, outcome: int, shares: Decimal, stake: Decimal
    ) -> tuple[Decimal, Decimal]:
        """SX: what one bet is paid in the end, and the fee that is taken from it."""
        if self._dialect != "sxbet":
            return ZERO, ZERO
        paid = stake if result == "void" else cost_of(payout(result, outcome), shares)
        return paid, sx_fee(self._profit_fee(account), paid - stake)

    def _pay(self, account: str, market: BinaryMarket, outcome: int, now: float) -> Decimal:
        name, result = market.rules.name, market.result
        if result is None:
            return ZERO
        cost = self._purses.stakes[(account, name, outcome)].cost
        paid = self._worth(account, market, outcome)
        fee = ZERO
        for shares, stake in self._bets(account, name, outcome):
            fee += self.bet_paid(account, result, outcome, shares, stake)[1]
        shares = self._purses.pay_out(account, name, outcome, paid, fee, now)
        self.payments.append(Payment(account, name, outcome, result, shares, cost, paid, fee, now))
        self._record(
            "paid",
            account=account,
            market=name,
            outcome=outcome,
            shares=plain(shares),
            paid=plain(paid),
            fee=plain(fee),
        )
        return paid - fee
