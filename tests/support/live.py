"""Real bots on a sandbox, for the checks of the guard itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.demo.bot import Bot, BotSettings
from freqtrade_balance_guard.demo.strategy import StrategyPlan
from freqtrade_balance_guard.sandbox import Sandbox, Scenario


# Put behind the rehearsal strategy: every callback that a strategy may have, none calls super().
EVERY_CALLBACK = """

class Everything(IStrategy):
    def bot_start(self, **kwargs): pass
    def confirm_trade_entry(self, pair, order_type, amount, rate, time_in_force, current_time,
                            entry_tag, side, **kwargs): return True
    def confirm_trade_exit(self, pair, trade, order_type, amount, rate, time_in_force, exit_reason,
                           current_time, **kwargs): return True
    def order_filled(self, pair, trade, order, current_time, **kwargs): pass
    def check_entry_timeout(self, pair, trade, order, current_time, **kwargs): return False
    def check_exit_timeout(self, pair, trade, order, current_time, **kwargs): return False
    def custom_entry_price(self, pair, trade, current_time, proposed_rate, entry_tag, side,
                           **kwargs): return proposed_rate
    def custom_exit_price(self, pair, trade, current_time, proposed_rate, current_profit, exit_tag,
                          **kwargs): return proposed_rate
    def leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage,
                 entry_tag, side, **kwargs): return 1.0
    def informative_pairs(self): return []
    def version(self): return "everything"

for name, function in vars(Everything).items():
    if callable(function) and not name.startswith("__"):
        setattr(Rehearsal, name, function)
del Everything
"""


class ExtendedBot(Bot):
    """A rehearsal bot whose strategy file goes on with ``extra``."""

    extra = ""

    def _write_files(self) -> None:
        super()._write_files()
        path = self.user_dir / "strategies" / "rehearsal.py"
        path.write_text(path.read_text() + self.extra)


def scenario(free: str = "1000", **more: Any) -> Scenario:
    """The default scenario with ``free`` USDT on the account."""
    accounts = [{"name": "main", "balances": {"USDT": free}}]
    return Scenario.model_validate({"accounts": accounts, **more})


def settings(sandbox: Sandbox, plan: StrategyPlan, **more: Any) -> BotSettings:
    """A bot on ``sandbox`` that does what ``plan`` says."""
    return BotSettings(exchange=sandbox.freqtrade_exchange(), plan=plan, **more)


@contextmanager
def running(bot_settings: BotSettings, folder: Path, extra: str = "") -> Iterator[Bot]:
    """A bot that has reached its loop."""
    kind = type("Bot", (ExtendedBot,), {"extra": extra})
    with kind.start(bot_settings, folder) as bot:
        bot.wait_running()
        yield bot


def all_pairs(sandbox: Sandbox, count: int | None = None) -> list[str]:
    """The first ``count`` USDT pairs of ``sandbox``."""
    pairs = sandbox.freqtrade_exchange()["pair_whitelist"]
    return [pair for pair in pairs if pair.endswith("/USDT")][:count]
