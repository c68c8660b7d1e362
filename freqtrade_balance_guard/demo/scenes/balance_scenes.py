"""Scenes about balances that lag, cannot be read, or are asked for too often.

Minimums are Kraken's own here: about 2.50 USDT of every coin, and 0.50 in cost.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.demo.scenes.scene import (
    ALL_CLAIMS,
    MarketChanges,
    PriceMoves,
    RightSize,
    Scene,
    Step,
    StrategySays,
    TroubleBegins,
    TroubleEnds,
)
from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan


_MARKETS = {
    "ADA/USDT": ("0.5", "5"),
    "XRP/USDT": ("0.6", "4"),
    "DOT/USDT": ("5", "0.5"),
    "LTC/USDT": ("80", "0.03"),
    "LINK/USDT": ("15", "0.2"),
    "ATOM/USDT": ("8", "0.3"),
    "SOL/USDT": ("100", "0.025"),
    "ETH/USDT": ("2500", "0.001"),
    "AVAX/USDT": ("25", "0.1"),
    "DOGE/USDT": ("0.1", "25"),
}
ADA, XRP, DOT = list(_MARKETS)[:3]

# One entry may take all that is there: sizes are then freqtrade's own.
_WHOLE = {"position_size_percent": 100}


def _scenario(usdt: str, pairs: Iterable[str], **more: Any) -> Mapping[str, Any]:
    markets = [
        {"symbol": pair, "price": price, "amount_min": amount_min, "price_decimals": 5}
        for pair, (price, amount_min) in _MARKETS.items()
        if pair in set(pairs)
    ]
    accounts = [{"name": "main", "balances": {"USDT": usdt}}]
    return {"accounts": accounts, "markets": markets, **more}


LAG_AFTER_BUY = Scene(
    name="lag-after-buy",
    title="After a buy the balance shows the money for six more seconds",
    scenario=_scenario(
        "1000",
        [ADA, XRP, DOT],
        faults=[{"kind": "balance_lag", "seconds": 6, "side": "buy"}],
    ),
    # What was bought is sold after three seconds, so that there is something to buy all the time.
    plan=StrategyPlan(signals=dict.fromkeys([ADA, XRP, DOT]), exit_after_s=3),
    guard=_WHOLE,
    loops=9,
)

LAG_AFTER_SELL = Scene(
    name="lag-after-sell",
    title="After a sale the balance does not show the money for five seconds",
    scenario=_scenario("1000", [ADA, XRP]),
    plan=StrategyPlan(signals={ADA: 1}),
    guard=_WHOLE,
    script=[
        Step(
            3,
            TroubleBegins(
                {"kind": "balance_lag", "seconds": 5, "side": "sell"},
                "the balance lags after sales",
            ),
        ),
        Step(3, StrategySays(Control(signals={XRP: 1}, exits=[ADA]), "ADA is sold for XRP")),
    ],
    loops=11,
    max_open_trades=1,
    right_size=RightSize(at_least={XRP: Decimal(900)}),
)

MINIMUM_RAISED = Scene(
    name="minimum-raised",
    title="The exchange raises its minimum to 20 USDT: an entry, and a position that is to be sold",
    scenario=_scenario("100", [ADA, XRP]),
    plan=StrategyPlan(signals={ADA: 1}),
    guard={"position_size_percent": 80},
    script=[
        Step(3, MarketChanges({ADA: {"cost_min": "20"}, XRP: {"cost_min": "20"}}, "minimum 20")),
        Step(3, StrategySays(Control(signals={XRP: 1}, exits=[ADA]), "sell ADA, buy XRP")),
        Step(9, PriceMoves({ADA: "1.1"}, "ADA is worth 22")),
    ],
    loops=12,
    stake_amount=10.0,
    max_open_trades=2,
    # A dry run buys XRP: there nothing rejects it. Then it stays, under the minimum.
    claims=ALL_CLAIMS - {"no_stuck_trade"},
    # One each teaches the guard what the market data did not say.
    most_rejections=2,
    must_sell=(ADA,),
)

FAULTY = Scene(
    name="faulty-balances",
    title="The balance is a garbage number, then empty, while two positions are to be sold",
    scenario=_scenario("1000", [ADA, XRP, DOT]),
    plan=StrategyPlan(signals={ADA: 1, XRP: 1}),
    guard=_WHOLE,
    script=[
        Step(3, TroubleBegins({"kind": "balance_garbage", "duration_s": 3}, "garbage")),
        Step(3, StrategySays(Control(signals={DOT: 1}, exits=[ADA]), "sell ADA, buy DOT")),
        Step(6, TroubleBegins({"kind": "balance_empty"}, "empty")),
        Step(6, StrategySays(Control(signals={DOT: 1}, exits=[ADA, XRP]), "sell XRP")),
        Step(8, TroubleEnds()),
    ],
    loops=11,
    right_size=RightSize(at_least={DOT: Decimal(300)}),
    must_sell=(ADA, XRP),
)

CALL_BUDGET = Scene(
    name="call-budget",
    title="Ten pairs signal in every loop, and there is no money",
    scenario=_scenario("1", _MARKETS),
    plan=StrategyPlan(signals=dict.fromkeys(_MARKETS)),
    guard={},
    loops=6,
    max_open_trades=10,
    claims=frozenset({"no_rejection", "no_unknown_order", "no_order"}),
    most_private_calls=2,
)

BALANCE_SCENES = [LAG_AFTER_BUY, LAG_AFTER_SELL, MINIMUM_RAISED, FAULTY, CALL_BUDGET]
