"""The strategy that rehearsals run: it does what a plan says, and nothing of its own.

The plan is written beside the strategy as JSON; what may change while the bot
runs (which pairs signal, which trades to sell) are read from a second file in every loop.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal


STRATEGY_NAME = "Rehearsal"

PLAN_FILE = "rehearsal_plan.json"
CONTROL_FILE = "rehearsal_control.json"
LOOPS_FILE = "rehearsal_loops.txt"


@dataclass(frozen=True)
class Adjustment:
    """Buy more of an open trade, or sell a part of it.

    ``stake`` is in stake currency, ``share`` a share of the trade's current stake; negative sells.
    ``times``: at most so many filled orders (None: in every loop).
    """

    pair: str
    stake: float | None = None
    share: float | None = None
    after_s: float = 0.0  # since the trade was opened
    times: int | None = 1


@dataclass(frozen=True)
class StrategyPlan:
    """What the strategy does. All times in seconds, stakes in stake currency."""

    # pair -> so many trades in all (None: signal in every loop, for ever)
    signals: Mapping[str, int | None] = field(default_factory=dict)
    stakes: Mapping[str, float] = field(default_factory=dict)  # pair -> instead of the config's
    stoploss: float = -0.99
    exit_after_s: float | None = None
    adjustments: tuple[Adjustment, ...] = ()
    order_type: Literal["market", "limit"] = "market"
    stoploss_on_exchange: bool = False

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass
class Control:
    """What may change while the bot runs; None leaves the plan's word."""

    signals: dict[str, int | None] | None = None
    exits: list[str] = field(default_factory=list)  # pairs to sell as soon as possible

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def strategy_source(*, mixin: bool) -> str:
    """The strategy file's text; ``mixin`` puts the guard among its bases."""
    source = _SOURCE.replace("@BASES@", "BalanceGuard, IStrategy" if mixin else "IStrategy")
    return source.replace("@IMPORT@", _MIXIN_IMPORT if mixin else "")


_MIXIN_IMPORT = "\nfrom freqtrade_balance_guard import BalanceGuard\n"

_SOURCE = f'''"""Written by the rehearsal; does what {PLAN_FILE} and {CONTROL_FILE} say."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy
@IMPORT@

FOLDER = Path(__file__).resolve().parent.parent
PLAN = json.loads((FOLDER / "{PLAN_FILE}").read_text())


class {STRATEGY_NAME}(@BASES@):
    INTERFACE_VERSION = 3
    timeframe = "1m"
    # A new candle is not needed for a signal: every loop is an opportunity.
    process_only_new_candles = False
    startup_candle_count = 0
    minimal_roi = {{"0": 1000}}
    stoploss = PLAN["stoploss"]
    position_adjustment_enable = bool(PLAN["adjustments"])
    order_types = {{
        "entry": PLAN["order_type"],
        "exit": PLAN["order_type"],
        "force_exit": PLAN["order_type"],
        "force_entry": PLAN["order_type"],
        "emergency_exit": "market",
        "stoploss": "market",
        "stoploss_on_exchange": PLAN["stoploss_on_exchange"],
    }}

    signals = PLAN["signals"]
    exits = ()

    def bot_loop_start(self, current_time, **kwargs):
        with (FOLDER / "{LOOPS_FILE}").open("a") as loops:
            loops.write(f"LOOP {{time.monotonic():.6f}}\\n")
        control = json.loads((FOLDER / "{CONTROL_FILE}").read_text())
        self.signals = PLAN["signals"] if control["signals"] is None else control["signals"]
        self.exits = control["exits"]

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = int(self.wants(metadata["pair"]))
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = 0
        return dataframe

    def wants(self, pair):
        if pair not in self.signals:
            return False
        most = self.signals[pair]
        return most is None or len(Trade.get_trades_proxy(pair=pair)) < most

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, **kwargs):
        return PLAN["stakes"].get(pair, proposed_stake)

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        after = PLAN["exit_after_s"]
        if pair in self.exits or (after is not None and self.age(trade) >= after):
            return "rehearsal"
        return None

    def adjust_trade_position(self, trade, current_time, current_rate, current_profit, **kwargs):
        if trade.has_open_orders:
            return None
        for step in PLAN["adjustments"]:
            if step["pair"] == trade.pair and self.age(trade) >= step["after_s"]:
                stake = step["stake"] or step["share"] * trade.stake_amount
                done = trade.nr_of_successful_exits
                if stake > 0:
                    done = trade.nr_of_successful_entries - 1
                if step["times"] is None or done < step["times"]:
                    return stake
        return None

    @staticmethod
    def age(trade):
        return (datetime.now(UTC) - trade.open_date_utc).total_seconds()
'''
