"""Whose money is whose: customers, the market maker on the other side of every trade, and the fees.

Every movement has two ends, so what was issued (initial balances, deposits and rewards, less
withdrawals) always equals what all of them own together; audit.py checks exactly that.
"""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.accounts import Account
from freqtrade_balance_guard.sandbox.core.assets import rounded
from freqtrade_balance_guard.sandbox.core.orders import Reason, Rejected


class Books:
    """All accounts with their counterparty. Amounts in each currency's own unit."""

    def __init__(self, decimals: Callable[[str], int]) -> None:
        self.decimals = decimals  # how many the exchange keeps of a currency
        self.accounts: dict[str, Account] = {}
        self.market_maker: dict[str, Decimal] = defaultdict(Decimal)  # may owe: it has no limit
        self.fee_income: dict[str, Decimal] = defaultdict(Decimal)
        self.issued: dict[str, Decimal] = defaultdict(Decimal)
        self.paid_in: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))

    def open_account(self, name: str) -> Account:
        return self.accounts.setdefault(name, Account(name))

    def pay_in(self, account: str, currency: str, amount: Decimal, cause: str, now: float) -> None:
        """A deposit or a reward: new money. Raises LookupError for an unknown account."""
        booked = rounded(amount, self.decimals(currency))
        self._account(account).credit(currency, booked, cause, now)
        self.issued[currency] += booked
        self.paid_in[account][currency] += booked

    def pay_out(self, account: str, currency: str, amount: Decimal, now: float) -> None:
        """A withdrawal. Raises Rejected when less is free, LookupError for an unknown account."""
        booked = rounded(amount, self.decimals(currency))
        customer = self._account(account)
        if booked > customer.holding(currency).free:
            raise Rejected(Reason.INSUFFICIENT_FUNDS)
        customer.debit(currency, booked, "withdraw", now)
        self.issued[currency] -= booked
        self.paid_in[account][currency] -= booked

    def _account(self, name: str) -> Account:
        try:
            return self.accounts[name]
        except KeyError:
            raise LookupError(f"no account {name!r}") from None

    def counterparty(
        self, base: str, base_amount: Decimal, quote: str, quote_amount: Decimal
    ) -> None:
        self.market_maker[base] += base_amount
        self.market_maker[quote] += quote_amount
