"""Two strategies for one purpose: buy a coin here and sell as much of it there, where it is dearer.

The plain one does what is tried first: two orders through ccxt, one after the other. The guarded
one names the opportunity. Both look at both order books; neither looks at a balance.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from freqtrade_balance_guard.demo.strategy import LOOPS_FILE, STRATEGY_NAME


LEGS_FILE = "legs_plan.json"


@dataclass(frozen=True)
class Offer:
    """From this loop of the bot on a pair may be taken, once. ``amount`` in base currency."""

    loop: int
    amount: str


def legs_plan(
    offers: Mapping[str, Offer], here: Mapping[str, Any], there: Mapping[str, Any]
) -> str:
    """What both strategies read; ``here`` and ``there`` are freqtrade's ``exchange`` sections."""
    connections = [
        {
            "apiKey": section["key"],
            "secret": section["secret"],
            **section["ccxt_config"],
        }
        for section in (here, there)
    ]
    told = {pair: {"loop": one.loop, "amount": one.amount} for pair, one in offers.items()}
    return json.dumps({"offers": told, "connections": connections})


def legs_source(*, guarded: bool) -> str:
    """The strategy file's text."""
    return _HEAD + (_GUARDED if guarded else _PLAIN)


_HEAD = f'''"""Written by the rehearsal; offers what {LEGS_FILE} says."""

import json
import time
from pathlib import Path

import ccxt
from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy

from freqtrade_balance_guard import ReservedArbitrage, best_opportunity


FOLDER = Path(__file__).resolve().parent.parent
PLAN = json.loads((FOLDER / "{LEGS_FILE}").read_text())
ENOUGH = 1.005  # dearer there by so much: both fees and something more


class Offers:
    """What is on offer, by the count of loops."""

    loops = 0

    def bot_loop_start(self, current_time, **kwargs):
        with (FOLDER / "{LOOPS_FILE}").open("a") as loops:
            loops.write(f"LOOP {{time.monotonic():.6f}}\\n")
        self.loops += 1

    def on_offer(self):
        for pair, offer in PLAN["offers"].items():
            if self.loops >= offer["loop"]:
                yield pair, float(offer["amount"])


'''

_PLAIN = f"""class {STRATEGY_NAME}(Offers, IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "1m"
    process_only_new_candles = False
    minimal_roi = {{"0": 1000}}
    stoploss = -0.99

    def bot_start(self, **kwargs):
        self.here, self.there = (ccxt.kraken(one) for one in PLAN["connections"])
        self.taken = set()

    def bot_loop_start(self, current_time, **kwargs):
        super().bot_loop_start(current_time, **kwargs)
        for pair, amount in self.on_offer():
            ask = self.here.fetch_order_book(pair)["asks"][0][0]
            bid = self.there.fetch_order_book(pair)["bids"][0][0]
            # ccxt knows no dry-run.
            if pair in self.taken or bid < ask * ENOUGH or self.config["dry_run"]:
                continue
            self.taken.add(pair)
            self.here.create_order(pair, "limit", "buy", amount, ask)
            self.there.create_order(pair, "limit", "sell", amount, bid)

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe
"""

_GUARDED = f"""class {STRATEGY_NAME}(Offers, ReservedArbitrage, IStrategy):
    timeframe = "1m"

    def find_opportunities(self, current_time, **kwargs):
        for pair, amount in self.on_offer():
            if Trade.get_trades_proxy(pair=pair):
                continue
            here, there = self.order_books(("bot", pair), ("second", pair))
            found = best_opportunity(here, there, amount, min_profit_percent=0.2)
            if found is not None:
                yield found
"""
