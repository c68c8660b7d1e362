"""Whose money is whose: customers, the market maker on the other side of every trade, and the fees.

Every movement has two ends, so what was issued (initial balances, deposits and rewards, less
withdrawals) always equals what all of them own together; audit.py checks exactly that.
"""

from collections import defaultdict
from decimal import ROUND_DOWN, Decimal

from freqtrade_balance_guard.sandbox.core.accounts import Account
from freqtrade_balance_guard.sandbox.core.assets import ZERO, asset
from freqtrade_balance_guard.sandbox.core.orders import Order, Refused


class Books:
    """All accounts with their counterparty. Amounts in each currency's own unit."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.market_maker: dict[str, Decimal] = defaultdict(Decimal)  # may owe: it has no limit
        self.fee_income: dict[str, Decimal] = defaultdict(Decimal)
        self.issued: dict[str, Decimal] = defaultdict(Decimal)
        self.paid_in: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))

    def open_account(self, name: str) -> Account:
        return self.accounts.setdefault(name, Account(name))

    def pay_in(self, account: str, currency: str, amount: Decimal, cause: str, now: float) -> None:
        """A deposit or a reward: new money. Raises LookupError for an unknown account."""
        booked = asset(currency).rounded(amount)
        self._account(account).credit(currency, booked, cause, now)
        self.issued[currency] += booked
        self.paid_in[account][currency] += booked

    def pay_out(self, account: str, currency: str, amount: Decimal, now: float) -> None:
        """A withdrawal. Raises Refused when less is free, LookupError for an unknown account."""
        booked = asset(currency).rounded(amount)
        customer = self._account(account)
        if booked > customer.holding(currency).free:
            raise Refused("EFunding:Insufficient funds")
        customer.debit(currency, booked, "withdraw", now)
        self.issued[currency] -= booked
        self.paid_in[account][currency] -= booked

    def _account(self, name: str) -> Account:
        try:
            return self.accounts[name]
        except KeyError:
            raise LookupError(f"no account {name!r}") from None

    def settle(
        self,
        order: Order,
        amount: Decimal,
        price: Decimal,
        fee_rate: Decimal,
        hold_after: Decimal,
        now: float,
    ) -> tuple[Decimal, Decimal]:
        """Exchanges `amount` (base) at `price` and returns (cost in quote, fee).

        The order's hold shrinks to `hold_after`, or further: to what is left of it after this
        payment, because a fill at a worse price than the hold was made for must not hold more.
        Cost and fee are rounded down and holds up: no rounding eats into money that is not held.
        """
        base, _, quote = order.symbol.partition("/")
        account = self.accounts[order.account]
        cost = _down(amount * price, quote)
        fee = _down((amount if order.fee_currency == base else cost) * fee_rate, order.fee_currency)
        fee_in_quote = fee if order.fee_currency == quote else ZERO
        paid = cost + fee_in_quote if order.side == "buy" else amount

        held = max(min(hold_after, order.held - paid), ZERO)
        account.hold(order.held_currency, held - order.held, order.side, now)
        order.held = held

        if order.side == "buy":
            account.debit(quote, paid, "buy", now)
            account.credit(base, amount - (fee - fee_in_quote), "buy", now)
            self._counterparty(base, -amount, quote, cost)
        else:
            account.debit(base, amount, "sell", now)
            account.credit(quote, cost - fee_in_quote, "sell", now)
            self._counterparty(base, amount, quote, -cost)
        self.fee_income[order.fee_currency] += fee
        return cost, fee

    def release(self, order: Order, now: float) -> None:
        """Gives back all that is still held for an order."""
        self.accounts[order.account].hold(order.held_currency, -order.held, order.side, now)
        order.held = ZERO

    def _counterparty(
        self, base: str, base_amount: Decimal, quote: str, quote_amount: Decimal
    ) -> None:
        self.market_maker[base] += base_amount
        self.market_maker[quote] += quote_amount


def _down(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-asset(currency).decimals), rounding=ROUND_DOWN)
