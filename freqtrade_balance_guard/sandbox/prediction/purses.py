"""Whose money and whose shares are where: accounts, the market maker, and what backs the shares.

Money that backs shares lies in a market's pool: 1 for each share of the first outcome and its
share of the second one together. Every movement has two ends; audit.py checks exactly that.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from freqtrade_balance_guard.sandbox.core.accounts import Account
from freqtrade_balance_guard.sandbox.core.assets import ZERO
from freqtrade_balance_guard.sandbox.core.books import Books
from freqtrade_balance_guard.sandbox.prediction.orders import Match, Part, complement


MONEY_UNIT = Decimal("0.000001")


def share_of(market: str, outcome: int) -> str:
    """The name under which an account holds shares of an outcome."""
    return f"{market}#{outcome + 1}"


@dataclass
class Stake:
    """What an account's shares of one outcome have cost, without fees."""

    shares: Decimal = ZERO
    cost: Decimal = ZERO


class Purses:
    """All money of one exchange in one currency, and all shares."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.books = Books(lambda _: 6)
        self.pools: dict[str, Decimal] = defaultdict(Decimal)
        self.stakes: dict[tuple[str, str, int], Stake] = defaultdict(Stake)

    def account(self, name: str) -> Account:
        try:
            return self.books.accounts[name]
        except KeyError:
            raise LookupError(f"no account {name!r}") from None

    def free(self, account: str, name: str) -> Decimal:
        return self.account(account).holding(name).free

    def shares(self, account: str, market: str, outcome: int) -> Decimal:
        return self.account(account).holding(share_of(market, outcome)).total

    def settle(self, match: Match, now: float) -> None:
        """Moves money and shares of a match that is final."""
        taker, maker, market = match.taker, match.maker, match.market
        self._move(taker, market, now)
        if maker is not None:
            self._move(maker, market, now)
        else:
            self._move_market_maker(taker, market)
        # Two who buy make new shares, two who sell give theirs back, else they change hands.
        if taker.side == "buy" and (maker is None or maker.side == "buy"):
            self.pools[market] += taker.shares
        elif taker.side == "sell" and maker is not None and maker.side == "sell":
            self.pools[market] -= taker.shares

    def _move(self, part: Part, market: str, now: float) -> None:
        account, share = self.account(part.account), share_of(market, part.outcome)
        stake = self.stakes[(part.account, market, part.outcome)]
        held_in = self.currency if part.side == "buy" else share
        account.hold(held_in, -part.held, part.side, now)
        part.held = ZERO
        if part.side == "buy":
            # May fall below zero until what it closes is paid out.
            account.adjust(self.currency, -part.paid, "buy", now)
            account.credit(share, part.shares, "buy", now)
            stake.shares += part.shares
            stake.cost += part.cost
        else:
            account.debit(share, part.shares, "sell", now)
            account.credit(self.currency, part.cost - part.fee, "sell", now)
            _reduce(stake, part.shares)
        self.books.fee_income[self.currency] += part.fee

    def _move_market_maker(self, taker: Part, market: str) -> None:
        maker = self.books.market_maker
        if taker.side == "buy":
            maker[self.currency] -= taker.shares - taker.cost
            maker[share_of(market, 1 - taker.outcome)] += taker.shares
        else:
            maker[self.currency] -= taker.cost
            maker[share_of(market, taker.outcome)] += taker.shares

    def net(self, account: str, market: str, now: float) -> Decimal:
        """Kalshi: an account never holds both outcomes; each pair is paid out at once."""
        pairs = min(self.shares(account, market, 0), self.shares(account, market, 1))
        if pairs > ZERO:
            for outcome in (0, 1):
                self.account(account).debit(share_of(market, outcome), pairs, "net", now)
                _reduce(self.stakes[(account, market, outcome)], pairs)
            self.account(account).credit(self.currency, pairs, "net", now)
            self.pools[market] -= pairs
        return pairs

    def pay_out(
        self, account: str, market: str, outcome: int, money: Decimal, fee: Decimal, now: float
    ) -> Decimal:
        """Takes all shares of an outcome from an account and pays `money` less `fee` for them."""
        name, shares = share_of(market, outcome), self.shares(account, market, outcome)
        self.account(account).debit(name, shares, "settle", now)
        self.account(account).credit(self.currency, money - fee, "settle", now)
        self.pools[market] -= money
        self.books.fee_income[self.currency] += fee
        self.stakes[(account, market, outcome)] = Stake()
        return shares

    def close_market_maker(self, market: str, owed: Decimal) -> None:
        """Gives the market maker all of the pool that is not owed to accounts."""
        maker = self.books.market_maker
        for outcome in (0, 1):
            maker[share_of(market, outcome)] = ZERO
        maker[self.currency] += self.pools[market] - owed
        self.pools[market] = owed


def cost_of(price: Decimal, shares: Decimal) -> Decimal:
    """In whole units of the currency."""
    return (price * shares).quantize(MONEY_UNIT, rounding=ROUND_HALF_UP)


def counter_cost(taker: Part, *, is_same_outcome: bool) -> Decimal:
    """What the other side of a match pays or gets, so that both together are exact."""
    return taker.cost if is_same_outcome else taker.shares - taker.cost


def counter_price(price: Decimal, *, is_same_outcome: bool) -> Decimal:
    return price if is_same_outcome else complement(price)


def _reduce(stake: Stake, shares: Decimal) -> None:
    if stake.shares <= shares:
        stake.shares, stake.cost = ZERO, ZERO
        return
    left = stake.shares - shares
    stake.cost = (stake.cost * left / stake.shares).quantize(MONEY_UNIT)
    stake.shares = left
