"""One real bot for many scripted outcomes of two legs: each scenario has a coin of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from tests.support.legs_bot import LegsBot, legs_bot, market


D = Decimal
# Of each coin, on each exchange; and of USDT.
COINS, MONEY = D(5), D(50000)
AMOUNT = D("0.1")
CHEAP, DEAR = D(2500), D(2550)
REFUSED = "EOrder:Insufficient funds"
# So dear that 4 of them cost more than there is.
FOUR_ARE_TOO_DEAR = D(10)


@dataclass(frozen=True)
class Way:
    """Who does what: ``bot`` buys or sells on the bot's own exchange, and is the first or second
    leg."""

    bot: str
    bot_is_first: bool

    def __str__(self) -> str:
        return f"bot {self.bot}s {'first' if self.bot_is_first else 'second'}"

    @property
    def other(self) -> str:
        return "sell" if self.bot == "buy" else "buy"

    def venue(self, leg: str) -> str:
        """Where the "first" or "second" leg goes."""
        return "bot" if (leg == "first") is self.bot_is_first else "there"


WAYS = [Way("buy", True), Way("buy", False), Way("sell", True), Way("sell", False)]


@dataclass
class Matrix:
    """The bot with a supply of coins. ``venue``: the sandbox of "bot" or "there"."""

    bot: LegsBot
    _free: dict[str, list[str]] = field(default_factory=dict)

    def venue(self, name: str) -> Sandbox:
        return self.bot.here if name == "bot" else self.bot.there

    def scene(self, way: Way, *, dear: bool = False) -> "Scene":
        kind = ("Y" if dear else "B") if way.bot == "buy" else ("Z" if dear else "S")
        return Scene(self, way, self._free[kind].pop(0))

    def denied_for_funds(self, way: Way, leg: str) -> str:
        """Offer more than the account of one leg has; the sentence of the refusal."""
        venue = way.venue(leg)
        buys = (venue == "bot") == (way.bot == "buy")
        scene = self.scene(way, dear=buys)
        scene.offer(D(4) if buys else D("5.5"))
        return scene.denied("insufficient_available")


@dataclass
class Scene:
    """One opportunity and what has become of it."""

    matrix: Matrix
    way: Way
    pair: str

    @property
    def coin(self) -> str:
        return self.pair.partition("/")[0]

    @property
    def bot(self) -> LegsBot:
        return self.matrix.bot

    def fault(self, leg: str, kind: str, **more: object) -> None:
        """Trouble for the "first" or the "second" leg's order."""
        control = self.matrix.venue(self.way.venue(leg)).control
        control.fault(kind, symbol=self.pair, **more)

    def fill_only(self, leg: str, share: str) -> None:
        """Of this leg's next order no more than ``share`` fills; of none at all it is refused."""
        if share == "0":
            self.fault(leg, "refuse", message=REFUSED, times=1)
        else:
            self.fault(leg, "partial_fill", fraction=share, times=1)

    def offer(self, amount: object = AMOUNT, **more: Any) -> None:
        legs = [
            {"venue": "bot", "pair": self.pair, "side": self.way.bot, "amount": str(amount)},
            {"venue": "there", "pair": self.pair, "side": self.way.other, "amount": str(amount)},
        ]
        self.bot.offer(*(legs if self.way.bot_is_first else legs[::-1]), tag=self.coin, **more)

    # What there is

    def order(self, leg: str) -> dict[str, Any]:
        (order,) = self.orders(self.way.venue(leg))
        return order

    def orders(self, venue: str) -> list[dict[str, Any]]:
        control = self.matrix.venue(venue).control
        return [order for order in control.orders() if order["pair"] == self.pair]

    def filled(self, venue: str, side: str) -> Decimal:
        found = [one for one in self.orders(venue) if one["side"] == side]
        return sum((D(one["filled"]) for one in found), D(0))

    def stored(self) -> list[Any]:
        """The pair, and the orders for its exposure."""
        return [one for one in self.bot.arbitrages() if one.orders[0].pair == self.pair]

    def exposures(self) -> list[Any]:
        return [one for one in self.bot.exposures() if one.base == self.coin]

    def trades(self) -> list[dict[str, Any]]:
        return [one for one in self.bot.bot.trades() if one["pair"] == self.pair]

    def rows(self) -> list[Any]:
        ledger = self.bot.ledger()
        suffix = "-dry" if self.bot.is_dry_run else ""
        try:
            found = [
                row
                for account in ("here", "there")
                for row in ledger.reservations(account=account + suffix, limit=5000)
            ]
        finally:
            ledger.close()
        return [row for row in found if row.pair == self.pair]

    def messages(self) -> list[str]:
        return [line for line in self.bot.messages() if self.coin in line]

    def log(self) -> list[str]:
        return self.bot.bot.lines(self.coin)

    # What has to be true

    def wait(self, orders: int = 1, timeout: float = 40) -> None:
        """Until so many of its pairs and orders have ended, and freqtrade was told."""

        def is_over() -> bool:
            found = self.stored()
            if len(found) < orders:
                return False
            waits = {one.id for one in self.bot.store().to_book(self.bot.bot_name())}
            return all(
                one.state not in ("planned", "sent") and one.id not in waits for one in found
            )

        self.bot.bot.wait_until(is_over, timeout, f"an end of {self.pair}")

    def denied(self, code: str, timeout: float = 20) -> str:
        """Until it was refused with ``code``; the sentence. Nothing may be stored or sent."""
        line = self.bot.bot.wait_for(rf"{self.coin}.*\[{code}", timeout)
        assert self.stored() == [] or {one.state for one in self.stored()} == {"denied"}
        assert self.rows() == []
        assert self.orders("bot") + self.orders("there") == []
        assert self.trades() == []
        return line

    def denied_exit(self, code: str, timeout: float = 20) -> str:
        """Until closing both legs was refused with ``code``; the sentence."""
        return self.bot.bot.wait_for(rf"{self.coin}.*\[{code}", timeout)

    def check(self, state: str, bought: object = AMOUNT, sold: object = AMOUNT) -> None:
        """The pair ended as ``state``, with these fills: on the exchanges, in the ledger, in
        freqtrade's database, in the stored pair and its exposure, and in the messages."""
        bought, sold = D(str(bought)), D(str(sold))
        pair, *_ = self.stored()
        assert str(pair.state) == state
        here, there = self.filled("bot", self.way.bot), self.filled("there", self.way.other)
        fills = (here, there) if self.way.bot == "buy" else (there, here)
        if not self.bot.is_dry_run:
            assert fills == (bought, sold)
            self._check_ledger()
        assert not any(row.unfinished for row in self.rows())
        self._check_trade(bought)
        found = self.exposures()
        assert [one.net for one in found] == ([bought - sold] if bought != sold else [])
        if bought or sold:
            self.bot.bot.wait_for(rf"strategy_msg.*Arbitrage {pair.id}: .*{self.coin}", 10)
        if bought != sold:
            self.bot.bot.wait_for(rf"rpc.*Unhedged: .*{self.coin}", 10)

    def _check_ledger(self) -> None:
        """Committed is what the exchanges filled; not one order that the ledger does not know."""
        rows = {row.client_order_id: row for row in self.rows()}
        for venue in ("bot", "there"):
            for order in self.orders(venue):
                row, filled = rows.pop(order["cl_ord_id"]), D(order["filled"])
                cost = D(order["cost"]) + D(order["fee"])
                assert row.committed == (filled if order["side"] == "sell" else cost)
                assert order["status"] != "open"
        assert all(row.committed == 0 for row in rows.values())

    def _check_trade(self, bought: Decimal) -> None:
        trades = self.trades()
        if self.way.bot == "sell" or not bought:
            assert trades == []
            return
        (trade,) = trades
        assert (trade["is_open"], trade["enter_tag"]) == (1, self.coin)
        assert D(str(trade["amount"])) == bought


def _exchange(names: dict[str, list[str]], price: dict[str, Decimal]) -> Scenario:
    markets, balances = [], {"USDT": str(MONEY)}
    for kind, pairs in names.items():
        for pair in pairs:
            level = price[kind] * (FOUR_ARE_TOO_DEAR if kind in "YZ" else 1)
            markets.append(market(pair, str(level)))
            balances[pair.partition("/")[0]] = str(COINS)
    account = {"name": "main", "keys": [{}], "balances": balances}
    return Scenario.model_validate({"accounts": [account], "markets": markets})


def coins(count: int) -> dict[str, list[str]]:
    """Pairs by kind: the bot buys or sells (B, S), and where they are too dear (Y, Z)."""
    return {
        kind: [f"{kind}{number:02d}/USDT" for number in range(count if kind in "BS" else 6)]
        for kind in "BSYZ"
    }


@contextmanager
def exchanges_of(names: dict[str, list[str]]) -> Iterator[tuple[Sandbox, Sandbox]]:
    """The bot's exchange and the venue "there"."""
    prices = (CHEAP, CHEAP, DEAR, DEAR)
    with (
        Sandbox.start(_exchange(names, dict(zip("BYSZ", prices, strict=True)))) as here,
        Sandbox.start(_exchange(names, dict(zip("SZBY", prices, strict=True)))) as there,
    ):
        yield here, there


@contextmanager
def run_on(
    folder: Path, both: tuple[Sandbox, Sandbox], names: dict[str, list[str]], **more: Any
) -> Iterator[LegsBot]:
    """One run of the bot."""
    wallet = {"USDT": float(MONEY)} | {
        pair.partition("/")[0]: float(COINS) for pairs in names.values() for pair in pairs
    }
    settings: dict[str, Any] = {
        "wallet": wallet,
        "process_only_new_candles": True,
        "timeframe": "1h",
        "max_open_trades": 100,
    }
    with legs_bot(folder, both, **(settings | more)) as bot:
        yield bot


@contextmanager
def matrix(folder: Path, count: int, **more: Any) -> Iterator[Matrix]:
    """``count`` scenes for each direction."""
    names = coins(count)
    with exchanges_of(names) as both, run_on(folder, both, names, **more) as bot:
        yield Matrix(bot, {kind: list(pairs) for kind, pairs in names.items()})
