"""Real bots that trade contracts on a sandbox that speaks Binance's USDT-M futures."""

from typing import Any

from freqtrade_balance_guard.demo.bot import Bot, BotSettings
from freqtrade_balance_guard.demo.strategy import StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox, Scenario


BTC, ETH, SOL = (f"{base}/USDT:USDT" for base in ("BTC", "ETH", "SOL"))
ADA, XRP, DOGE = (f"{base}/USDT:USDT" for base in ("ADA", "XRP", "DOGE"))

# Put behind the rehearsal strategy.
LEVERAGE = """

def _leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage,
              entry_tag, side, **kwargs):
    return {leverage:.1f}

Rehearsal.leverage = _leverage
"""

# Every signal of the plan is one for a short.
SHORT = """

def _shorts(self, dataframe, metadata):
    dataframe["enter_short"] = int(self.wants(metadata["pair"]))
    return dataframe

def _exits(self, dataframe, metadata):
    dataframe["exit_short"] = 0
    return dataframe

Rehearsal.can_short = True
Rehearsal.populate_entry_trend = _shorts
Rehearsal.populate_exit_trend = _exits
"""


def futures_scenario(free: str = "1000", coin: str = "USDT", **more: Any) -> Scenario:
    """One account with ``free`` of ``coin``; ``futures`` says how it trades contracts."""
    account = {"name": "main", "balances": {coin: free}, "futures": more.pop("futures", {})}
    scenario = {"dialect": "binance-futures", "accounts": [account], **more}
    return Scenario.model_validate(scenario)


def futures_settings(
    sandbox: Sandbox,
    plan: StrategyPlan,
    *,
    key: int = 0,
    margin_mode: str = "isolated",
    **more: Any,
) -> BotSettings:
    """A bot on ``sandbox`` that does what ``plan`` says, in isolated margin by default.

    :param key: which of the account's API keys
    """
    config = {
        "trading_mode": "futures",
        "margin_mode": margin_mode,
        **more.pop("config", {}),
    }
    return BotSettings(
        exchange=sandbox.freqtrade_exchange(key_index=key), plan=plan, config=config, **more
    )


def is_filled(bot: Bot, count: int) -> bool:
    """So many trades are open, all of them filled."""
    trades = bot.open_trades()
    return len(trades) == count and all(trade["amount"] for trade in trades)
