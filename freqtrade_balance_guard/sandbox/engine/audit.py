"""Checks the exchange's own bookkeeping; an exchange that loses money cannot judge a bot."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import ZERO, plain, split_symbol
from freqtrade_balance_guard.sandbox.core.orders import Order, PositionSide
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange


Finding = dict[str, object]


def audit(exchange: Exchange) -> dict[str, object]:
    """All findings; none means that the books are right.

    Checked: money is conserved per currency, every account's total is what its deposits and trades
    make it, what is held is what its open orders hold, nothing is negative, orders agree with
    their trades, positions are what their fills make them.
    """
    findings = [
        *_conservation(exchange),
        *_accounts(exchange),
        *_holds(exchange),
        *_orders(exchange),
        *_positions(exchange),
    ]
    return {"ok": not findings, "time": exchange.now(), "findings": findings}


def _conservation(exchange: Exchange) -> list[Finding]:
    books = exchange.books
    owned: dict[str, Decimal] = {}
    for account in books.accounts.values():
        for currency, holding in account.holdings().items():
            owned[currency] = owned.get(currency, ZERO) + holding.total
    for purse in (books.market_maker, books.fee_income):
        for currency, amount in purse.items():
            owned[currency] = owned.get(currency, ZERO) + amount
    findings = []
    for currency in sorted(owned | books.issued):
        issued, found = books.issued.get(currency, ZERO), owned.get(currency, ZERO)
        if issued != found:
            findings.append(
                _finding(
                    "money_not_conserved",
                    f"{plain(issued)} {currency} were issued, but all together own {plain(found)}",
                    currency=currency,
                    difference=plain(found - issued),
                )
            )
    return findings


def _accounts(exchange: Exchange) -> list[Finding]:
    findings = []
    for name, account in exchange.books.accounts.items():
        expected: dict[str, Decimal] = dict(exchange.books.paid_in[name])
        for currency, amount in _changes(exchange, name):
            expected[currency] = expected.get(currency, ZERO) + amount
        for currency, holding in account.holdings().items():
            wanted = expected.get(currency, ZERO)
            if holding.total != wanted:
                findings.append(
                    _finding(
                        "account_differs_from_its_trades",
                        f"{name} has {plain(holding.total)} {currency}; deposits and trades make "
                        f"it {plain(wanted)}",
                        account=name,
                        currency=currency,
                        difference=plain(holding.total - wanted),
                    )
                )
            if min(holding.spot, holding.rewards, holding.held, holding.free) < 0:
                findings.append(
                    _finding(
                        "negative_balance",
                        f"{name} has {plain(holding.total)} {currency} of which "
                        f"{plain(holding.held)} are held",
                        account=name,
                        currency=currency,
                    )
                )
    return findings


def _changes(exchange: Exchange, account: str) -> Iterator[tuple[str, Decimal]]:
    """All that trades have done to an account; contracts move profit, loss and fees alone."""
    if exchange.futures is not None:
        for income in exchange.futures.state.incomes:
            if income.account == account:
                yield income.coin, income.amount
        return
    for trade in exchange.matching.trades:
        if trade.account == account:
            base, quote = split_symbol(trade.symbol)
            sign = 1 if trade.side == "buy" else -1
            yield base, sign * trade.amount
            yield quote, -sign * trade.cost
            yield trade.fee_currency, -trade.fee


def _positions(exchange: Exchange) -> list[Finding]:
    if exchange.futures is None:
        return []
    findings = []
    sums: dict[tuple[str, str, PositionSide], Decimal] = {}
    for trade in exchange.matching.trades:
        key = (trade.account, trade.symbol, trade.position_side)
        signed = trade.amount if trade.side == "buy" else -trade.amount
        sums[key] = sums.get(key, ZERO) + signed
    for (account, symbol, side), amount in sums.items():
        position = exchange.futures.state.position(account, symbol, side)
        if position.amount != amount or (not amount and position.isolated_wallet):
            findings.append(
                _finding(
                    "position_differs_from_its_trades",
                    f"{account} has {plain(position.amount)} {symbol} ({side}); its trades make "
                    f"it {plain(amount)}",
                    account=account,
                    symbol=symbol,
                    difference=plain(position.amount - amount),
                )
            )
    return findings


def _holds(exchange: Exchange) -> list[Finding]:
    findings = []
    for name, account in exchange.books.accounts.items():
        wanted: dict[str, Decimal] = {}
        for order in exchange.matching.open_orders(name):
            wanted[order.held_currency] = wanted.get(order.held_currency, ZERO) + order.held
        for currency, holding in account.holdings().items():
            if holding.held != wanted.get(currency, ZERO):
                findings.append(
                    _finding(
                        "holds_differ_from_open_orders",
                        f"{name} has {plain(holding.held)} {currency} held; its open orders hold "
                        f"{plain(wanted.get(currency, ZERO))}",
                        account=name,
                        currency=currency,
                    )
                )
    return findings


def _orders(exchange: Exchange) -> list[Finding]:
    findings = []
    for order in exchange.matching.orders.values():
        problem = _order_problem(order, exchange.books.decimals)
        if problem is not None:
            findings.append(
                _finding("order_inconsistent", f"{order.order_id}: {problem}", order=order.order_id)
            )
    return findings


def _order_problem(order: Order, decimals: Callable[[str], int]) -> str | None:
    if order.filled != sum((trade.amount for trade in order.trades), ZERO):
        return "its filled amount is not that of its trades"
    if order.cost != sum((trade.cost for trade in order.trades), ZERO):
        return "its cost is not that of its trades"
    if order.fee != sum(
        (trade.fee for trade in order.trades if trade.fee_currency == order.fee_currency), ZERO
    ):
        return "its fee is not that of its trades"
    if not 0 <= order.filled <= order.amount:
        return f"{plain(order.filled)} of {plain(order.amount)} are filled"
    if not order.is_open and order.held:
        return f"it is over but holds {plain(order.held)} {order.held_currency}"
    if ":" in order.symbol:  # a contract's orders hold nothing
        return None
    if order.is_open and order.side == "sell" and order.held != order.remaining:
        return f"it holds {plain(order.held)} for {plain(order.remaining)} {order.held_currency}"
    if order.is_open and order.side == "buy" and order.request.price is not None:
        # Rounding of several fills may take the hold below the exact product, by dust only.
        dust = Decimal(len(order.trades) + 1).scaleb(-decimals(order.held_currency))
        if order.held < order.remaining * order.request.price - dust:
            return f"it holds only {plain(order.held)} {order.held_currency}"
    return None


def _finding(kind: str, text: str, **details: object) -> Finding:
    return {"kind": kind, "text": text, **details}
