"""A futures account: what its answer says, and what own orders do to margin and wallet.

Amounts are in the coin that the account is kept in, sizes of positions in base currency. A position
ties margin up; only profit, loss and fees change the wallet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from freqtrade_balance_guard.balances.flow import KEPT_SECONDS
from freqtrade_balance_guard.balances.other_bots_orders import Shared
from freqtrade_balance_guard.balances.own_orders import GUESSED_COST_DOUBT, OwnOrders
from freqtrade_balance_guard.balances.snapshot import Snapshot
from freqtrade_balance_guard.balances.unseen import MarginEvent
from freqtrade_balance_guard.money import ZERO


PositionSide = Literal["long", "short"]


@dataclass(frozen=True, slots=True)
class Position:
    """One open position; ``notional`` is its value at the mark price, never negative."""

    pair: str
    side: PositionSide
    amount: Decimal
    margin: Decimal
    leverage: Decimal | None = None
    unrealised: Decimal = ZERO
    notional: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class MarginSnapshot(Snapshot):
    """A balance and the positions that belong to it.

    The holding of ``coin``: total is the wallet balance (without unrealised profit), used what of
    it is not free, which is below zero where other coins count as margin too. ``used`` is what the
    exchange itself calls used. The wallet balance may be off by ``noise``.
    """

    coin: str = ""
    used: Decimal = ZERO
    noise: Decimal = ZERO
    positions: tuple[Position, ...] = ()

    @property
    def margin_balance(self) -> Decimal:
        """The wallet balance with all unrealised profit."""
        holding = self.holdings.get(self.coin)
        wallet = ZERO if holding is None else holding.total
        return wallet + sum((position.unrealised for position in self.positions), ZERO)


@dataclass(frozen=True, slots=True)
class MarginOrder:
    """An order of ours on a contract, and how far it got.

    ``price`` is the most that an entry may cost per unit, the guess of what an exit brings;
    ``entry_price`` of the position that an exit closes. ``fee`` is None where none was reported.
    """

    pair: str
    is_entry: bool
    is_long: bool
    amount: Decimal
    price: Decimal
    leverage: Decimal
    fee_rate: Decimal
    entry_price: Decimal
    changed_at: float
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    guessed_cost: Decimal = ZERO
    fee: Decimal | None = None
    is_open: bool = True

    def tied(self) -> Decimal:
        """What it has tied up so far, its rest included; below zero: what it has freed."""
        if not self.is_entry:
            return -self.filled * self.entry_price / self.leverage
        rest = max(self.amount - self.filled, ZERO) * self.price if self.is_open else ZERO
        return (self.cost + rest) / self.leverage

    def paid_in(self) -> tuple[Decimal, Decimal]:
        """What it has done to the wallet: the worst case, and how much more may be there."""
        fee = self.cost * self.fee_rate if self.fee is None else self.fee
        doubt = fee if self.fee is None else ZERO
        if self.is_entry:
            return -fee, doubt
        profit = self.cost - self.filled * self.entry_price
        unsure = self.guessed_cost * GUESSED_COST_DOUBT
        return (profit if self.is_long else -profit) - fee - unsure, doubt + 2 * unsure

    def may_still_cost(self) -> Decimal:
        """What its fills may take from the wallet before they are known here."""
        if not self.is_open:
            return ZERO
        value = max(self.amount - self.filled, ZERO) * max(self.price, self.entry_price)
        return value * self.fee_rate if self.is_entry else value / self.leverage


class MarginOrders(OwnOrders):
    """The orders of this bot on contracts, and those of the account's other bots.

    The balance book asks it, in the place of spot orders, what may have changed the wallet.
    """

    def __init__(self, coin: str) -> None:
        super().__init__()
        self._coin = coin
        self._margin: dict[str, MarginOrder] = {}
        self._of_others: dict[str, Shared] = {}
        # What open positions may lose without any order of ours.
        self.at_risk = ZERO

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._margin

    def is_open(self, order_id: str) -> bool:
        """Does this order of ours still rest, as far as we know?"""
        order = self._margin.get(order_id)
        return order is not None and order.is_open

    def follow(self, order_id: str, order: MarginOrder) -> bool:
        """Follow an order; False if it is followed already."""
        self._forget_margin(order.changed_at)
        return self._margin.setdefault(order_id, order) is order

    def drop(self, order_id: str) -> None:
        """It never was on the exchange."""
        self._margin.pop(order_id, None)

    def learn(
        self,
        order_id: str,
        *,
        filled: Decimal,
        cost: Decimal | None,
        fees: Mapping[str, Decimal] | None,
        is_open: bool,
        now: float,
    ) -> MarginEvent | None:
        """What changed since this order was seen last; None if that is nothing."""
        known = self._margin.get(order_id)
        if known is None or filled < known.filled:
            return None
        guessed = known.guessed_cost
        if cost is None:
            more = (filled - known.filled) * known.price
            cost, guessed = known.cost + more, guessed + more
        else:
            guessed = ZERO
        fee = known.fee if fees is None else fees.get(self._coin, ZERO)
        seen = replace(
            known,
            filled=filled,
            cost=cost,
            guessed_cost=guessed,
            fee=fee,
            is_open=known.is_open and is_open,
        )
        if seen == known:
            return None
        self._margin[order_id] = seen = replace(seen, changed_at=now)
        wallet, doubt = seen.paid_in()
        wallet_before, doubt_before = known.paid_in()
        return MarginEvent(
            order_id,
            now,
            seen.tied() - known.tied(),
            wallet - wallet_before,
            max(doubt - doubt_before, ZERO),
        )

    def learn_of_other(
        self, key: str, order: Shared, now: float, *, is_old: bool
    ) -> MarginEvent | None:
        """What another bot's order did since it was seen last; None if that is nothing.

        :param is_old: what it used and brought so far is in the balance already
        """
        known = self._of_others.get(key)
        self._of_others[key] = order
        if known is not None and (known == order or not known.is_open):
            return None
        if known is None:
            used = order.used if is_old else ZERO
            brought = order.brought if is_old else None
            known = Shared(order.currency, ZERO, used, order.brought_currency, brought)
        tied = ZERO
        if order.currency == self._coin:
            tied = order.held + order.used - known.held - known.used
        freed = ZERO
        if order.brought_currency == self._coin:
            freed = (order.brought or ZERO) - (known.brought or ZERO)
        if not tied and not freed:
            return None
        return MarginEvent(key, now, tied - freed, unknown=abs(tied) + abs(freed))

    def pairs_since(self, moment: float) -> set[str]:
        """Pairs on which an order of ours changed after ``moment``."""
        return {order.pair for order in self._margin.values() if order.changed_at > moment}

    # What the balance book asks

    def concerned(self) -> set[str]:
        """Only the coin of the account."""
        return {self._coin}

    def held(self, currency: str, *, since: float | None = None) -> Decimal:
        """What may have left the wallet although no order of ours is known to have done it."""
        if currency != self._coin or since is not None:
            return ZERO
        return self.at_risk + sum((o.may_still_cost() for o in self._margin.values()), ZERO)

    def released(self, currency: str, *, since: float) -> Decimal:
        """Nothing is held on the wallet itself."""
        return ZERO

    def may_cost_fees(self, currency: str, *, since: float) -> bool:
        """Fees are booked with the order; without a report at the market's rate."""
        return False

    def _forget_margin(self, now: float) -> None:
        oldest = now - KEPT_SECONDS
        self._margin = {
            order_id: order
            for order_id, order in self._margin.items()
            if order.is_open or order.changed_at > oldest
        }
        self._of_others = {key: one for key, one in self._of_others.items() if one.is_open}
