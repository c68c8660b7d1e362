"""A scene of two exchanges: the same coin is bought on one and sold on the other."""

from typing import Any

from freqtrade_balance_guard.demo.legs_strategy import Offer
from freqtrade_balance_guard.demo.scenes.scene import Scene, SecondExchange
from freqtrade_balance_guard.demo.strategy import StrategyPlan


_PRICES = {"ADA/USDT": ("0.5", "0.51"), "XRP/USDT": ("0.6", "0.612"), "DOT/USDT": ("5", "5.1")}
ADA, XRP, DOT = _PRICES


def _exchange(which: int, **balances: str) -> dict[str, Any]:
    return {
        "accounts": [{"name": "main", "balances": balances}],
        "markets": [
            {
                "symbol": symbol,
                "price": prices[which],
                "amount_min": "1",
                "cost_min": "5",
                "price_decimals": 5,
                "fee_maker": "0.001",
                "fee_taker": "0.001",
            }
            for symbol, prices in _PRICES.items()
        ],
    }


TWO_LEGS = Scene(
    name="two-legs",
    title="Bought here and sold there: one sale is rejected, and for another the coin is not there",
    scenario=_exchange(0, USDT="300"),
    plan=StrategyPlan(),
    second=SecondExchange(
        scenario={
            # No DOT: what is to be sold there has to be there.
            **_exchange(1, USDT="100", ADA="200", XRP="200"),
            "faults": [
                {
                    "kind": "refuse",
                    "symbol": XRP,
                    "side": "sell",
                    "times": 1,
                    "message": "EOrder:Trading agreement required",
                }
            ],
        },
        offers={ADA: Offer(1, "100"), XRP: Offer(3, "100"), DOT: Offer(6, "10")},
    ),
    guard={
        "position_size_percent": 100,
        "post_trade_refresh_window": 1,
        "arbitrage": {"unhedged_policy": "unwind", "leg_timeout": 1},
    },
    loops=9,
    max_open_trades=3,
    most_rejections=1,
    claims=frozenset({"no_rejection", "no_unknown_order", "no_stuck_trade", "no_leg_alone"}),
)
