"""What the ledger is measured against, each as lean as it can honestly be written.

One reservation is two transactions: reserve, and end.
"""

import sqlite3
import threading
from decimal import Decimal

from freqtrade_balance_guard.ledger import Funds, Request, ReservationLedger, Step, open_ledger
from freqtrade_balance_guard.ledger.reservation import Move
from tests.support.ledger import memory_ledger


AMOUNT = Decimal("12.5")
PLENTY = Decimal(10**12)
# A bot believes a new balance once per loop; between two of them it may place some orders. SQLite
# sums what it has not seen yet with each check, so for it this number is part of the cost.
ORDERS_PER_LOOP = 10


class RawSqlite:
    """Insert and update, each flushed; nothing is checked."""

    def __init__(self, path, timeout=30):
        self.db = sqlite3.connect(path, isolation_level=None, timeout=timeout)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute(
            "CREATE TABLE IF NOT EXISTS reservations (id TEXT PRIMARY KEY, account TEXT, "
            "currency TEXT, amount TEXT, state TEXT)"
        )

    def reserve(self, one):
        self.db.execute("BEGIN IMMEDIATE")
        values = (one, "main", "USDT", str(AMOUNT), "reserved")
        self.db.execute("INSERT INTO reservations VALUES (?, ?, ?, ?, ?)", values)
        self.db.execute("COMMIT")

    def finish(self, one):
        self.db.execute("BEGIN IMMEDIATE")
        self.db.execute("UPDATE reservations SET state = 'committed' WHERE id = ?", (one,))
        self.db.execute("COMMIT")

    def close(self):
        self.db.close()


class DictAndLock:
    """The same decision with nothing kept: forgotten when the process ends."""

    def __init__(self):
        self.lock = threading.Lock()
        self.free = {("main", "USDT"): PLENTY}
        self.held = {}
        self.orders = {}

    def reserve(self, one):
        book = ("main", "USDT")
        with self.lock:
            if one in self.orders:
                return False
            held = self.held.get(book, Decimal(0))
            if AMOUNT > self.free[book] - held:
                return False
            self.held[book] = held + AMOUNT
            self.orders[one] = (book, AMOUNT, "reserved")
            return True

    def finish(self, one):
        with self.lock:
            book, amount, state = self.orders[one]
            if state != "reserved":
                return False
            self.held[book] -= amount
            self.free[book] -= amount
            self.orders[one] = (book, amount, "committed")
            return True


class RawPostgres:
    """A hand-written statement per step with the balance check in it, each flushed."""

    TABLES = """
        CREATE SCHEMA IF NOT EXISTS rival;
        CREATE TABLE IF NOT EXISTS rival.balance (
            currency text PRIMARY KEY, free numeric NOT NULL, held numeric NOT NULL
        ) WITH (fillfactor = 10);
        CREATE TABLE IF NOT EXISTS rival.reservations (
            id text PRIMARY KEY, currency text NOT NULL, amount numeric NOT NULL,
            state text NOT NULL
        );
        INSERT INTO rival.balance VALUES ('USDT', 1e12, 0) ON CONFLICT DO NOTHING
    """
    RESERVE = """
        WITH enough AS (
            UPDATE rival.balance SET held = held + %s
            WHERE currency = 'USDT' AND free - held >= %s RETURNING currency
        )
        INSERT INTO rival.reservations SELECT %s, currency, %s, 'reserved' FROM enough
        RETURNING id
    """
    FINISH = """
        WITH ended AS (
            UPDATE rival.reservations SET state = 'committed'
            WHERE id = %s AND state = 'reserved' RETURNING currency, amount
        )
        UPDATE rival.balance b SET held = held - amount, free = free - amount
        FROM ended WHERE b.currency = ended.currency
    """

    def __init__(self, url):
        import psycopg

        self.db = psycopg.connect(url, autocommit=True, prepare_threshold=0)

    @classmethod
    def make_tables(cls, url):
        import psycopg

        with psycopg.connect(url) as db:
            db.execute(cls.TABLES)

    def reserve(self, one):
        return self.db.execute(self.RESERVE, (AMOUNT, AMOUNT, one, AMOUNT)).fetchone()

    def finish(self, one):
        self.db.execute(self.FINISH, (one,))

    def close(self):
        self.db.close()


class Ours:
    """``ReservationLedger`` with everything it promises.

    :param funds: what an order is checked against: "mark", a snapshot; "since", a balance that
        follows the orders of all bots of the account
    """

    def __init__(self, db_url, bot="bot", account="main", per_loop=ORDERS_PER_LOOP, funds="mark"):
        self.ledger: ReservationLedger = (
            open_ledger(db_url, bot=bot, account=account)
            if db_url
            else memory_ledger(bot=bot, account=account)
        )
        self.account = account
        self.orders = 0
        self.per_loop = per_loop
        self.follows = funds == "since"
        self.believe()  # as a bot does before its first order

    def request(self, one):
        return Request(one, self.account, "COIN/USDT", "buy", "USDT", AMOUNT, self.funds)

    def reserve(self, one):
        self.orders += 1
        if self.orders % self.per_loop == 0:
            self.believe()
        return self.ledger.reserve(self.request(one))

    def believe(self):
        mark = self.ledger.mark()
        self.ledger.seen(mark)
        self.after = mark
        self.funds = Funds(PLENTY, Decimal(0), mark)
        self.look()

    def look(self):
        """What a bot that follows the others does before each order: a question, no transaction."""
        if self.follows:
            outlook = self.ledger.outlook("USDT", self.after)
            self.after = outlook.after
            self.funds = self.funds._replace(since=outlook.since)

    def finish(self, one):
        return self.ledger.commit(one, AMOUNT)

    def reserve_pair(self, one):
        legs = [self.request(f"{one}-a"), self.request(f"{one}-b")]
        return self.ledger.reserve(legs)

    def finish_pair(self, one):
        first = Step(Move.COMMIT, f"{one}-a", AMOUNT)
        second = Step(Move.RELEASE, f"{one}-b", why="rejected")
        return self.ledger.settle(first, second)

    def close(self):
        self.ledger.close()
