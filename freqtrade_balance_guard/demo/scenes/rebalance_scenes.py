"""A scene about stake that is used up while the bot owns coins."""

from freqtrade_balance_guard.demo.scenes.scene import RightSize, Scene, Step, StrategySays
from freqtrade_balance_guard.demo.strategy import Control, StrategyPlan


_PRICES = {"ADA/USDT": "0.5", "XRP/USDT": "0.6", "DOT/USDT": "5", "LTC/USDT": "80"}
ADA, XRP, DOT, LTC = _PRICES

STUCK = Scene(
    name="stuck",
    title="Stake is used up, three positions are held, and a fourth coin signals",
    # Three positions of 10 USDT with their fee leave 2.55 of 33 (freqtrade keeps 1 % back).
    scenario={
        "accounts": [{"name": "main", "balances": {"USDT": "33"}}],
        "markets": [
            {
                "symbol": symbol,
                "price": price,
                "amount_min": "0.001",
                "cost_min": "2",
                "price_decimals": 5,
            }
            for symbol, price in _PRICES.items()
        ],
    },
    plan=StrategyPlan(signals={ADA: 1, XRP: 1, DOT: 1}, stoploss=-0.1),
    # An hour without a trade is five seconds here; then the oldest is sold whole.
    guard={
        "position_size_percent": 100,
        "min_order_size": 5,
        "post_trade_refresh_window": 1,
        "rebalance": {
            "enabled": True,
            "target_stake": 12,
            "min_hours_without_trade": 0.0015,
            "order": "oldest",
        },
    },
    script=[Step(4, StrategySays(Control(signals={LTC: 1}), "LTC signals from here on"))],
    loops=14,
    stake_amount=10.0,
    max_open_trades=4,
    must_sell=(ADA,),
    right_size=RightSize(),
)
