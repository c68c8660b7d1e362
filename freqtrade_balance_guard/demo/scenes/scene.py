"""What a scene is: an exchange, a bot's settings, a script of events, and what is claimed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol

from freqtrade_balance_guard.demo.bot import Bot
from freqtrade_balance_guard.demo.legs_strategy import Offer
from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan
from freqtrade_balance_guard.sandbox import SandboxClient


class Event(Protocol):
    """Something that happens during a scene."""

    @property
    def label(self) -> str:
        """In plain words, for the picture."""

    def play(self, exchange: SandboxClient, bot: Bot) -> None:
        """Let it happen now."""


@dataclass(frozen=True)
class PriceMoves:
    """From now on the market's price is this one. Quote per base."""

    prices: Mapping[str, str]
    label: str

    def play(self, exchange: SandboxClient, bot: Bot) -> None:
        for symbol, price in self.prices.items():
            exchange.price(symbol, price=price)


@dataclass(frozen=True)
class MarketChanges:
    """The exchange changes rules of its markets: symbol -> amount_min, cost_min ..."""

    rules: Mapping[str, Mapping[str, str]]
    label: str

    def play(self, exchange: SandboxClient, bot: Bot) -> None:
        for symbol, rules in self.rules.items():
            exchange.market(symbol, **rules)


@dataclass(frozen=True)
class TroubleBegins:
    """A fault of the exchange begins."""

    fault: Mapping[str, Any]
    label: str

    def play(self, exchange: SandboxClient, bot: Bot) -> None:
        exchange.fault(**self.fault)


@dataclass(frozen=True)
class TroubleEnds:
    """All faults end."""

    label: str = "the exchange is well again"

    def play(self, exchange: SandboxClient, bot: Bot) -> None:
        exchange.clear_faults()


@dataclass(frozen=True)
class StrategySays:
    """The strategy changes its mind: other signals, or exits."""

    control: Control
    label: str

    def play(self, exchange: SandboxClient, bot: Bot) -> None:
        bot.control(self.control)


@dataclass(frozen=True)
class Step:
    """An event, and after how many of the bot's loops it happens."""

    loop: int
    event: Event


@dataclass(frozen=True)
class RightSize:
    """Which entries count as rightly sized; all in quote currency, ``share`` in percent."""

    floor: Decimal = Decimal(0)  # at least so much stays free after the entry
    share: Decimal = Decimal(100)  # of what was free above the floor before it
    at_least: Mapping[str, Decimal] = field(default_factory=dict)  # pair -> smallest sane cost


@dataclass(frozen=True)
class SecondExchange:
    """Where the other leg goes; the bots' strategies are then those of two legs."""

    scenario: Mapping[str, Any]
    offers: Mapping[str, Offer]


Claim = Literal[
    "no_rejection",
    "no_unknown_order",
    "no_stuck_trade",
    "no_wrong_size",
    "no_order",
    "no_leg_alone",
]

ALL_CLAIMS: frozenset[Claim] = frozenset(
    {"no_rejection", "no_unknown_order", "no_stuck_trade", "no_wrong_size"}
)


@dataclass(frozen=True)
class Scene:
    """One piece of trouble, played for a plain bot and for a guarded one."""

    name: str  # for --scenes
    title: str  # in plain words
    scenario: Mapping[str, Any]  # what the sandbox is started with
    plan: StrategyPlan
    guard: Mapping[str, Any]  # the `balance_guard` section of both bots; plain ignores it
    script: Sequence[Step] = ()
    loops: int = 12  # the scene ends after so many loops
    at_most: float = 45.0  # or after so many seconds
    stake_amount: float | Literal["unlimited"] = "unlimited"
    max_open_trades: int = 3
    right_size: RightSize = RightSize()
    claims: frozenset[Claim] = ALL_CLAIMS  # what the guarded run must show
    most_refusal_lines: int = 1  # per pair, in the guarded bot's log
    most_rejections: int = 0  # by the exchange; goes with the claim no_rejection
    most_private_calls: int | None = (
        None  # of the guarded bot in the whole scene; None: not claimed
    )
    second: SecondExchange | None = None
    must_sell: Sequence[str] = ()  # pairs of which the guarded bot must have sold its position

    @property
    def pairs(self) -> list[str]:
        return [market["symbol"] for market in self.scenario["markets"]]

    @property
    def stake(self) -> Decimal:
        """What the account has of the stake currency in the beginning."""
        return Decimal(self.scenario["accounts"][0]["balances"]["USDT"])
