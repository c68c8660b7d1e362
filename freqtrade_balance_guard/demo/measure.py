"""What a run of a scene came to, counted from outside: exchange, database and log.

Pure functions over what the sandbox's journal and freqtrade's database say.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.demo.scenes.scene import RightSize


Row = Mapping[str, Any]

# freqtrade's share of rounding: amounts are cut to the market's decimals after the sizing.
_TOLERANCE = Decimal("1.001")

# "... [cap_below_minimum: minimum=3.15, cap=2.5]"
# Messages of the guard end with a code in brackets, too.
_DENIAL = re.compile(r"freqtrade_balance_guard.* No order for .*\[([a-z_]+)[:\]]")
_PAIR = re.compile(r"\b[A-Z0-9]{2,}/[A-Z0-9]{2,}\b")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) - ")
_STAMP_FORM = "%Y-%m-%d %H:%M:%S,%f"
_LEVEL = re.compile(r" - (WARNING|ERROR|CRITICAL) - ")


@dataclass
class Measures:
    """One side of a scene. Times in seconds."""

    orders: int = 0
    rejections: dict[str, int] = field(default_factory=dict)  # the exchange's words -> how often
    private_calls: int = 0
    slowest_loop: float = 0.0
    loops: int = 0
    wrong_sizes: list[str] = field(default_factory=list)
    unknown_orders: list[str] = field(default_factory=list)
    stuck_trades: list[str] = field(default_factory=list)
    legs_alone: list[str] = field(default_factory=list)  # bought on one exchange, sold on none
    warnings: int = 0  # lines at WARNING or above in the bot's log
    refusals: dict[str, int] = field(default_factory=dict)  # the guard's code -> log lines
    refused_pairs: dict[str, int] = field(default_factory=dict)  # pair -> the guard's log lines
    sold: list[str] = field(default_factory=list)  # pairs of which a whole position was sold
    exit_code: int | None = None  # of a bot that ended by itself; None: it ran until we ended it

    @property
    def rejected(self) -> int:
        return sum(self.rejections.values())

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "rejected": self.rejected}


def added(parts: Sequence[Measures]) -> Measures:
    """All scenes together; the slowest loop is the slowest of all."""
    total = Measures()
    for part in parts:
        total.orders += part.orders
        total.private_calls += part.private_calls
        total.loops += part.loops
        total.warnings += part.warnings
        total.wrong_sizes += part.wrong_sizes
        total.unknown_orders += part.unknown_orders
        total.stuck_trades += part.stuck_trades
        total.legs_alone += part.legs_alone
        total.sold += part.sold
        total.slowest_loop = max(total.slowest_loop, part.slowest_loop)
        total.rejections = dict(Counter(total.rejections) + Counter(part.rejections))
        total.refusals = dict(Counter(total.refusals) + Counter(part.refusals))
        total.refused_pairs = dict(Counter(total.refused_pairs) + Counter(part.refused_pairs))
    return total


def rejections(refused: Iterable[Row]) -> dict[str, int]:
    """Rejected orders by the exchange's error string (other private requests do not count here)."""
    return dict(Counter(str(row["error"]) for row in refused if row["role"] == "place"))


def unknown_orders(on_exchange: Iterable[Row], in_database: Iterable[Row]) -> list[str]:
    """Orders that exist and of which the bot has no row: 'buy ADA/USDT 10 (OABC..)'."""
    known = {str(row["order_id"]) for row in in_database}
    return [
        f"{order['side']} {order['pair']} {order['amount']} ({order['id']})"
        for order in on_exchange
        if str(order["id"]) not in known
    ]


def stuck_trades(
    open_trades: Iterable[Row], refused: Iterable[Row], markets: Mapping[str, Row]
) -> list[str]:
    """Open trades that cannot be sold now: the exchange must reject an order of their size.

    ``markets``: symbol -> price (the bid), amount_min and cost_min as they are now.
    """
    refused_sells = Counter(
        str(row["symbol"]) for row in refused if row["role"] == "place" and row["side"] == "sell"
    )
    stuck = []
    for trade in open_trades:
        market = markets[trade["pair"]]
        amount = Decimal(str(trade["amount"]))
        if not amount:
            continue  # the scene ended while its entry was being booked
        value = amount * Decimal(str(market["price"]))
        too_small = amount < Decimal(str(market["amount_min"])) or value < Decimal(
            str(market["cost_min"])
        )
        if too_small:
            times = refused_sells[trade["pair"]]
            stuck.append(f"{trade['pair']} worth {value:.2f}, {times} sales rejected")
    return stuck


def legs_alone(orders: Iterable[Row], prices: Mapping[str, Decimal]) -> list[str]:
    """Coins of which both exchanges together have bought more than they have sold, or less.

    ``prices``: symbol -> what one coin is worth in quote currency.
    """
    net: dict[str, Decimal] = {}
    for order in orders:
        sign = 1 if order["side"] == "buy" else -1
        filled = sign * Decimal(str(order["filled"]))
        net[order["pair"]] = net.get(order["pair"], Decimal(0)) + filled
    return [
        f"{abs(amount):g} {pair.partition('/')[0]} worth {abs(amount) * prices[pair]:.2f} "
        f"{'bought and not sold' if amount > 0 else 'sold and not bought'}"
        for pair, amount in net.items()
        if amount
    ]


def sold(trades: Iterable[Row]) -> list[str]:
    """Pairs with a trade that is over, in the order of their trades."""
    return [str(trade["pair"]) for trade in trades if not trade["is_open"]]


def wrong_sizes(journal: Iterable[Row], account: str, currency: str, rule: RightSize) -> list[str]:
    """Entries that took more than their share, went below the floor, or were too small to sell."""
    free = Decimal(0)
    before: dict[str, Decimal] = {}
    costs: dict[str, Decimal] = {}
    pairs: dict[str, str] = {}
    for entry in journal:
        if entry.get("account") != account:
            continue
        event = entry["event"]
        if event == "balance_changed" and entry["currency"] == currency:
            free = Decimal(entry["free"])
        elif event == "order_placed" and entry["side"] == "buy":
            before[entry["order_id"]] = free
        elif event == "order_filled" and entry["order_id"] in before:
            order_id = entry["order_id"]
            pairs[order_id] = entry["symbol"]
            costs[order_id] = costs.get(order_id, Decimal(0)) + Decimal(entry["cost"])
    found = []
    for order_id, cost in costs.items():
        reason = _why_wrong(pairs[order_id], cost, before[order_id], rule)
        if reason:
            found.append(f"{pairs[order_id]} for {cost:.2f}: {reason}")
    return found


def _why_wrong(pair: str, cost: Decimal, free: Decimal, rule: RightSize) -> str:
    most = (free - rule.floor) * rule.share / 100
    if cost > most * _TOLERANCE:
        return f"at most {max(most, Decimal(0)):.2f} of {free:.2f} free"
    least = rule.at_least.get(pair, Decimal(0))
    if cost < least:
        return f"at least {least:.2f} to be sellable"
    return ""


def refusals(log: str) -> tuple[dict[str, int], dict[str, int]]:
    """The guard's lines on denials: by code, and by pair."""
    codes: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    for line in log.splitlines():
        found = _DENIAL.search(line)
        if found:
            codes[found.group(1)] += 1
            pairs.update(set(_PAIR.findall(line)))
    return dict(codes), dict(pairs)


def refusal_times(log: str) -> list[float]:
    """When the guard denied (unix times); freqtrade's log is in local time, to the millisecond."""
    times = []
    for line in log.splitlines():
        stamp = _STAMP.match(line)
        if stamp and _DENIAL.search(line):
            # Without a zone it is local time, which is what timestamp() takes it for.
            times.append(datetime.strptime(stamp.group(1), _STAMP_FORM).timestamp())
    return times


def warnings(log: str) -> int:
    """Lines at WARNING or above; the guard's own denials are among them."""
    return sum(1 for line in log.splitlines() if _LEVEL.search(line))
