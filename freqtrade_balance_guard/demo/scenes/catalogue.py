"""All scenes of the demo, in the order in which they are played. A new one is added to this list.

Parameters are chosen so that a plain bot really gets into the trouble. Minimums of 5 USDT per order
are what most exchanges have; Kraken's own are smaller in cost (0.5) and stand in the amount.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.demo.scenes.balance_scenes import BALANCE_SCENES
from freqtrade_balance_guard.demo.scenes.legs_scenes import TWO_LEGS
from freqtrade_balance_guard.demo.scenes.rebalance_scenes import STUCK
from freqtrade_balance_guard.demo.scenes.scene import PriceMoves, RightSize, Scene, Step
from freqtrade_balance_guard.demo.strategy import Adjustment, StrategyPlan


def _market(symbol: str, price: str, amount_min: str, cost_min: str = "5") -> dict[str, Any]:
    decimals = 1 if symbol.startswith("BTC") else 5
    return {
        "symbol": symbol,
        "price": price,
        "amount_min": amount_min,
        "cost_min": cost_min,
        "price_decimals": decimals,
    }


def _scenario(usdt: str, markets: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    accounts = [{"name": "main", "balances": {"USDT": usdt}}]
    return {"accounts": accounts, "markets": list(markets)}


UNSELLABLE = Scene(
    name="unsellable",
    title="A stop-loss so far away that at the stop the position is under the minimum",
    scenario=_scenario("100", [_market("ADA/USDT", "0.5", "1"), _market("XRP/USDT", "0.6", "1")]),
    # freqtrade asks for 7.50 (the minimum of 5 and half as much again); at the stop of -50 % the
    # 7.60 are worth 3.80. The 14.00 are worth 7.00 there and can be sold.
    plan=StrategyPlan(
        signals={"ADA/USDT": 1, "XRP/USDT": 1},
        stakes={"ADA/USDT": 7.6, "XRP/USDT": 14.0},
        stoploss=-0.5,
    ),
    guard={"position_size_percent": 80},
    script=[
        Step(
            5,
            PriceMoves({"ADA/USDT": "0.249", "XRP/USDT": "0.299"}, "prices fall below both stops"),
        )
    ],
    loops=14,
    stake_amount=14.0,
    max_open_trades=2,
    right_size=RightSize(at_least={"ADA/USDT": Decimal(10), "XRP/USDT": Decimal(10)}),
)

BETWEEN = Scene(
    name="between",
    title="Free money between the exchange's minimum (3.00) and freqtrade's own (3.15)",
    scenario=_scenario(
        "3.13",
        [
            _market("ADA/USDT", "0.5", "6", "0.5"),
            _market("XRP/USDT", "0.6", "5", "0.5"),
            _market("DOT/USDT", "5", "0.6", "0.5"),
            _market("LTC/USDT", "80", "0.0375", "0.5"),
            _market("LINK/USDT", "15", "0.2", "0.5"),
            _market("ATOM/USDT", "8", "0.375", "0.5"),
        ],
    ),
    plan=StrategyPlan(
        signals=dict.fromkeys(
            ["ADA/USDT", "XRP/USDT", "DOT/USDT", "LTC/USDT", "LINK/USDT", "ATOM/USDT"]
        ),
        stoploss=-0.1,
    ),
    guard={"position_size_percent": 100},
    loops=10,
    max_open_trades=1,
    claims=frozenset({"no_rejection", "no_unknown_order", "no_stuck_trade", "no_order"}),
)

PARTIAL = Scene(
    name="partial-exit",
    title="Profit taken in parts: one part too small to sell, one that leaves a rest too small",
    scenario=_scenario("200", [_market("ADA/USDT", "0.5", "1"), _market("XRP/USDT", "0.6", "1")]),
    # ADA: parts of 3.00 are under the exchange's 5.00, and the strategy asks again in every loop.
    # XRP: selling 60 % of 20 leaves 8.00, enough for freqtrade (7.50), but not at the stop (3.80).
    plan=StrategyPlan(
        signals={"ADA/USDT": 1, "XRP/USDT": 1},
        stakes={"ADA/USDT": 30.0, "XRP/USDT": 20.0},
        stoploss=-0.5,
        adjustments=(
            Adjustment("ADA/USDT", stake=-3.0, times=None),
            Adjustment("XRP/USDT", share=-0.6, times=1),
        ),
    ),
    guard={"position_size_percent": 80},
    script=[Step(9, PriceMoves({"XRP/USDT": "0.299"}, "XRP falls below its stop"))],
    loops=17,
    stake_amount=30.0,
    max_open_trades=2,
)

FLOOR = Scene(
    name="floor",
    title="200 USDT are to stay, and one entry may take 60 % of the rest",
    scenario=_scenario(
        "1000", [_market("BTC/USDT", "50000", "0.00005"), _market("ETH/USDT", "2500", "0.001")]
    ),
    plan=StrategyPlan(signals={"BTC/USDT": 1, "ETH/USDT": 1}, stoploss=-0.1),
    guard={"position_size_percent": 60, "reserve_balance": {"USDT": 200}},
    loops=8,
    max_open_trades=2,
    right_size=RightSize(floor=Decimal(200), share=Decimal(60)),
)

SCENES: list[Scene] = [UNSELLABLE, BETWEEN, PARTIAL, FLOOR, *BALANCE_SCENES, STUCK, TWO_LEGS]


def chosen(names: str | None) -> list[Scene]:
    """The scenes of a comma separated list, in the order of the demo; None means all.

    :raises ValueError: for a name that no scene has
    """
    if names is None:
        return list(SCENES)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {scene.name for scene in SCENES}
    for name in wanted:
        if name not in known:
            raise ValueError(f"There is no scene {name!r}; there are {', '.join(sorted(known))}.")
    return [scene for scene in SCENES if scene.name in wanted]
