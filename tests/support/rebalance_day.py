"""One day of a small account, loop by loop: the user's document before its fixes, and ours.

The account holds 2.86 USDT and three positions of 12, 10 and 9 USDT. Prices stand still. A signal
comes every two hours for the next of four coins; an entry takes 80 % of what is available, from
2.50 USDT on. The exchange takes orders from 2 USDT on, for a fee of 0.4 %.

The plain logic is that of the document: below 5 USDT and half an hour without an entry it sells the
most profitable position for what is missing, believes a balance that is up to 60 s old, knows no
minimum and remembers nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.limits.market import AmountPrecision, MarketRules, PrecisionMode
from freqtrade_balance_guard.money import ZERO
from freqtrade_balance_guard.rebalance.attempt import Outcome
from freqtrade_balance_guard.rebalance.attempts import AttemptLog
from freqtrade_balance_guard.rebalance.plan import Capital, Plan, Position
from freqtrade_balance_guard.rebalance.policy import Picture, decide
from freqtrade_balance_guard.rebalance.waiting import Since
from tests.support.rebalance import LIMITS


D = Decimal
START = datetime(2026, 1, 1, tzinfo=UTC)
LOOP_SECONDS = 5
LOOPS = 24 * 3600 // LOOP_SECONDS
SIGNAL_SECONDS = 2 * 3600
FEE = D("0.004")
EXCHANGE_MINIMUM = D(2)
SMALLEST_ENTRY = D("2.5")
RULES = MarketRules(
    cost_min=EXCHANGE_MINIMUM,
    precision=AmountPrecision(PrecisionMode.DECIMAL_PLACES, D(4)),
    fee=FEE,
)


@dataclass
class Held:
    """A position: amount of a coin that costs 1 USDT each now, and what was paid for it."""

    number: int
    amount: Decimal
    cost: Decimal
    opened_at: datetime


@dataclass
class Account:
    """What the exchange holds, and what it has seen."""

    free: Decimal
    held: dict[str, Held]
    refuses_all: bool = False
    sold: int = 0
    refused: int = 0
    bought: int = 0
    fees: Decimal = ZERO
    sold_at: list[float] = field(default_factory=list)

    def sell(self, coin: str, amount: Decimal, now: float) -> bool:
        held = self.held[coin]
        amount = min(amount, held.amount)
        if self.refuses_all or amount < EXCHANGE_MINIMUM:
            self.refused += 1
            return False
        self.sold += 1
        self.sold_at.append(now)
        self.fees += amount * FEE
        self.free += amount * (1 - FEE)
        held.cost -= held.cost * amount / held.amount
        held.amount -= amount
        if held.amount == 0:
            del self.held[coin]
        return True

    def buy(self, coin: str, stake: Decimal, at: datetime) -> None:
        self.bought += 1
        self.fees += stake * FEE
        self.free -= stake
        number = 1 + max((held.number for held in self.held.values()), default=0)
        self.held[coin] = Held(number, stake * (1 - FEE), stake, at)

    @property
    def worth(self) -> Decimal:
        return self.free + sum((held.amount for held in self.held.values()), ZERO)


def account(*worths: str, free: str = "2.86", refuses_all: bool = False) -> Account:
    held = {
        f"COIN{number}/USDT": Held(number, D(worth), D(10), START - timedelta(days=number))
        for number, worth in enumerate(worths, 1)
    }
    return Account(D(free), held, refuses_all)


@dataclass
class Day:
    """What one logic did in a day."""

    sold: int
    refused: int
    bought: int
    fees: Decimal
    lost: Decimal
    most_in_an_hour: int
    attempts: int

    @property
    def sent(self) -> int:
        return self.sold + self.refused


def live(books: Account, rebalance: Callable[[float], None], may_buy: Callable[[str], bool],
         clock: ManualClock, on_entry: Callable[[float], None]) -> None:  # fmt: skip
    """All loops of the day: first the rebalance, then the strategy."""
    for loop in range(LOOPS):
        now = float(loop * LOOP_SECONDS)
        rebalance(now)
        if loop * LOOP_SECONDS % SIGNAL_SECONDS == 0 and loop:
            coin = f"COIN{loop * LOOP_SECONDS // SIGNAL_SECONDS % 4 + 1}/USDT"
            stake = books.free * D("0.8")
            if coin not in books.held and stake >= SMALLEST_ENTRY and may_buy(coin):
                books.buy(coin, stake, clock.wall())
                on_entry(now)
        clock.advance(LOOP_SECONDS)


def _day(books: Account, before: Decimal, attempts: int) -> Day:
    per_hour = [
        sum(1 for moment in books.sold_at if begin <= moment < begin + 3600)
        for begin in books.sold_at
    ]
    return Day(
        books.sold,
        books.refused,
        books.bought,
        books.fees,
        before - books.worth,
        max(per_hour, default=0),
        attempts,
    )


def plain_day(books: Account) -> Day:
    """The document's logic before its fixes."""
    before, clock = books.worth, ManualClock(START)
    last_entry, cached, cached_at, attempts = -3600.0, books.free, 0.0, 0

    def rebalance(now: float) -> None:
        nonlocal cached, cached_at, attempts
        if now - cached_at >= 60:
            cached, cached_at = books.free, now
        if cached >= 5 or now - last_entry < 1800 or not books.held:
            return
        attempts += 1
        best = max(books.held, key=lambda coin: books.held[coin].amount / books.held[coin].cost)
        books.sell(best, 10 - cached, now)

    def entered(now: float) -> None:
        nonlocal last_entry
        last_entry = now

    live(books, rebalance, lambda _coin: True, clock, entered)
    return _day(books, before, attempts)


def guarded_day(books: Account) -> Day:
    """The same day with the policy, its attempts and its locks."""
    before, clock = books.worth, ManualClock(START)
    log, since = AttemptLog(None, "day", "one", clock), Since(clock)
    last_trade, attempts = START - timedelta(hours=1), 0

    def picture() -> Picture:
        return Picture(
            currency="USDT",
            limits=LIMITS,
            capital=Capital(funds=books.free, room=books.free),
            positions=tuple(
                Position(
                    trade_id=held.number,
                    pair=coin,
                    amount=held.amount,
                    stake=held.cost,
                    open_rate=held.cost / held.amount,
                    rate=D(1),
                    opened_at=held.opened_at,
                    rules=RULES,
                    in_wallet=held.amount,
                    stoploss=D("-0.1"),
                )
                for coin, held in books.held.items()
            ),
            since_trade=since.seconds(last_trade),
            since_attempt=log.seconds_since_last(),
        )

    def rebalance(now: float) -> None:
        nonlocal attempts, last_trade
        answer = decide(picture())
        if not isinstance(answer, Plan):
            return
        attempts += 1
        log.begin(answer, "USDT")
        for sale in answer.sales:
            log.record(sale.trade_id, Outcome.SENDING)
            done = books.sell(sale.pair, sale.amount, now)
            log.record(sale.trade_id, Outcome.ORDERED if done else Outcome.FAILED)
            if done:
                last_trade = clock.wall()
        log.end()

    def entered(_now: float) -> None:
        nonlocal last_trade
        last_trade = clock.wall()

    def may_buy(coin: str) -> bool:
        return coin not in log.locked_pairs(LIMITS.cooldown)

    live(books, rebalance, may_buy, clock, entered)
    return _day(books, before, attempts)


SCENES: dict[str, Callable[[], Account]] = {
    "stuck at 2.86, three positions": lambda: account("12", "10", "9"),
    "stuck at 2.86, the exchange rejects every sale": lambda: account(
        "12", "10", "9", refuses_all=True
    ),
    "stuck at 1.20, the only position is below the minimum": lambda: account("1.9", free="1.20"),
}


def table() -> list[str]:
    """The figures of all scenes, as rows for the docs."""
    rows = []
    for scene, books in SCENES.items():
        for name, day in (("plain", plain_day(books())), ("guard", guarded_day(books()))):
            rows.append(
                f"| {scene} | {name} | {day.attempts} | {day.sent} | {day.refused} | {day.bought} "
                f"| {day.most_in_an_hour} | {day.fees:.2f} |"
            )
    return rows
