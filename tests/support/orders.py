"""Orders in three books: the exchange's, the ledger's and freqtrade's, and where they disagree."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.clock import SystemClock
from freqtrade_balance_guard.demo.bot import BotError
from freqtrade_balance_guard.ledger import Reservation, ReservationLedger, State
from freqtrade_balance_guard.ledger.opening import open_store
from tests.support.balances import Rehearsal


ACCOUNT = "kraken"
# What QueryOrders, OpenOrders and ClosedOrders are needed for: to learn what became of an order.
ORDER_ENDPOINTS = ("OpenOrders", "ClosedOrders", "QueryOrders")
# Of numbers that went through freqtrade's floats.
TOLERANCE = Decimal("1e-8")

# Put behind the rehearsal strategy: every entry has a tag.
WITH_TAG = """

def tagged(self, dataframe, metadata, _original=Rehearsal.populate_entry_trend):
    dataframe = _original(self, dataframe, metadata)
    dataframe["enter_tag"] = "signal"
    return dataframe


Rehearsal.populate_entry_trend = tagged
"""
# Limit entries far below the market: they rest until somebody fills them.
FAR_BELOW = """

Rehearsal.custom_entry_price = lambda self, pair, proposed_rate, **kwargs: proposed_rate * 0.9
"""
# Limit exits far above the market.
FAR_ABOVE = """

Rehearsal.custom_exit_price = lambda self, pair, proposed_rate, **kwargs: proposed_rate * 1.1
"""
FAR_PRICES: Mapping[str, Any] = {"custom_price_max_distance_ratio": 0.5}


@contextmanager
def ledger_of(rehearsed: Rehearsal, db_url: str | None = None) -> Iterator[ReservationLedger]:
    """A look at the ledger that a bot writes."""
    url = db_url or f"sqlite:///{rehearsed.bot.user_dir / 'balance_guard.sqlite'}"
    ledger = ReservationLedger(
        open_store(url, read_only=True),
        bot="onlooker",
        account=ACCOUNT,
        process="onlooker",
        clock=SystemClock(),
    )
    try:
        yield ledger
    finally:
        ledger.close()


def reservations(rehearsed: Rehearsal, db_url: str | None = None) -> list[Reservation]:
    """All of them, the oldest first."""
    with ledger_of(rehearsed, db_url) as ledger:
        return ledger.reservations(account=ACCOUNT)[::-1]


def wrong_books(rehearsed: Rehearsal, db_url: str | None = None) -> list[str]:
    """Where exchange, ledger and freqtrade disagree, and what is wrong in each; as sentences."""
    with ledger_of(rehearsed, db_url) as ledger:
        wrong = [str(violation) for violation in ledger.audit(ACCOUNT)]
        rows = ledger.reservations(account=ACCOUNT)
    audit = rehearsed.exchange.audit()
    wrong += [] if audit["ok"] else [f"exchange: {finding}" for finding in audit["findings"]]
    known = {(order["ft_pair"], order["order_id"]): order for order in rehearsed.bot.orders()}
    by_id = {(row.pair, row.order_id): row for row in rows if row.order_id}
    orders = rehearsed.orders()
    exists = set()
    for order in orders:
        # Binance numbers the orders of each market.
        numbered = (order["pair"], str(order["number"]))
        key = numbered if numbered in known | by_id else (order["pair"], order["id"])
        exists.add(key)
        name = f"{order['side']} {order['id']} of {order['pair']} ({order['status']})"
        wrong += [f"{name}: {one}" for one in _wrong_row(order, by_id.get(key))]
        wrong += [f"{name}: {one}" for one in _wrong_order(order, known.get(key))]
    wrong += [f"ledger: order {one} does not exist" for one in by_id if one not in exists]
    wrong += [f"freqtrade: order {one} does not exist" for one in known if one not in exists]
    for row in rows:
        if row.unfinished and row.order_id is None:
            wrong.append(f"ledger: {row.client_order_id} of {row.pair} is still {row.state}")
    return wrong


def eventually(rehearsed: Rehearsal, wrong: Callable[[], list[str]], timeout: float = 10) -> None:
    """Wait until nothing is wrong any more: freqtrade and we write at different moments.

    :raises AssertionError: with what still is
    """
    last: list[str] = []

    def is_right() -> bool:
        last[:] = wrong()
        return not last

    try:
        rehearsed.bot.wait_until(is_right, timeout, "agreement")
    except BotError as error:
        raise AssertionError("\n".join([*last, str(error)])) from error


def settled_books(rehearsed: Rehearsal, db_url: str | None = None, timeout: float = 10) -> None:
    """Wait until exchange, ledger and freqtrade agree.

    :raises AssertionError: they do not in time
    """
    eventually(rehearsed, lambda: wrong_books(rehearsed, db_url), timeout)


def _wrong_row(order: Mapping[str, Any], row: Reservation | None) -> list[str]:
    if row is None:
        return ["not in the ledger"]
    if order["status"] == "open":
        return [] if row.state is State.OPEN else [f"the ledger says {row.state}"]
    filled = Decimal(order["filled"])
    if not filled:
        return [] if row.state is State.RELEASED else [f"the ledger says {row.state}"]
    fee = Decimal(order["fee"]) if order["fee_currency"] == row.currency else Decimal(0)
    used = (filled if order["side"] == "sell" else Decimal(order["cost"])) + fee
    if row.state is not State.COMMITTED:
        return [f"the ledger says {row.state}"]
    if not _same(row.committed, used):
        return [f"the ledger says that {row.committed} {row.currency} were used, not {used}"]
    return []


def _wrong_order(order: Mapping[str, Any], known: Mapping[str, Any] | None) -> list[str]:
    if known is None:
        return ["unknown to freqtrade"]
    wrong = []
    if not _same(Decimal(str(known["filled"] or 0)), Decimal(order["filled"])):
        wrong.append(f"freqtrade says that {known['filled']} are filled, not {order['filled']}")
    if bool(known["ft_is_open"]) != (order["status"] == "open"):
        wrong.append(f"freqtrade says {known['status']}")
    return wrong


def _same(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= TOLERANCE * max(abs(one), abs(other), Decimal(1))


def wrong_trade(rehearsed: Rehearsal, pair: str, tag: str | None = "signal") -> list[str]:
    """What of freqtrade's one trade of ``pair`` is not as its filled entry on the exchange."""
    trades = [trade for trade in rehearsed.bot.trades() if trade["pair"] == pair]
    buys = [o for o in rehearsed.orders("buy") if o["pair"] == pair and float(o["filled"])]
    if len(trades) != 1 or not buys:
        return [f"{len(trades)} trades, {len(buys)} filled entries"]
    trade = trades[0]
    amount = sum(float(order["filled"]) for order in buys)
    cost = sum(float(order["cost"]) for order in buys)
    fee = sum(float(order["fee"]) for order in buys)
    expected = {
        "amount": amount,
        "open_rate": cost / amount,
        "stake_amount": cost,
        "fee_open": fee / cost,
    }
    wrong = [
        f"{name} is {trade[name]}, not {value}"
        for name, value in expected.items()
        if abs(trade[name] - value) > 1e-6 * value
    ]
    if trade["enter_tag"] != tag:
        wrong.append(f"enter_tag is {trade['enter_tag']}")
    return wrong


def first_sent(rehearsed: Rehearsal, pair: str) -> float:
    """Wait for the first order of ``pair``; when it was there (unix time)."""
    rehearsed.bot.wait_until(
        lambda: any(o["pair"] == pair for o in rehearsed.orders()), 30, f"an order of {pair}"
    )
    return float(next(o["created_at"] for o in rehearsed.orders() if o["pair"] == pair))


def loops_until_known(rehearsed: Rehearsal, pair: str, since: float, timeout: float = 60) -> int:
    """How many loops began between ``since`` (unix time) and freqtrade's knowing a trade."""
    rehearsed.bot.wait_until(
        lambda: any(trade["pair"] == pair for trade in rehearsed.bot.trades()),
        timeout,
        f"a trade of {pair}",
    )
    opened = next(t for t in rehearsed.bot.trades() if t["pair"] == pair)["open_date"]
    return rehearsed.loops_between(since, _unix(opened))


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
