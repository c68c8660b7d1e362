"""A pytest plugin: freqtrade's own tests with every live or dry-run bot guarded."""

from typing import Any

import pytest
from freqtrade.enums import TRADE_MODES, RunMode
from freqtrade.freqtradebot import FreqtradeBot

from freqtrade_balance_guard.integration.bot.guarded_bot import GuardedBot
from freqtrade_balance_guard.integration.host import config_section
from freqtrade_balance_guard.integration.startup import activation


NEUTRAL: dict[str, Any] = {
    "min_order_size": 0,
    "min_balance_threshold": 0,
    "position_size_percent": 100,
    "balance_cache_duration": 0,
    "post_trade_refresh_window": 0,
}

_init = FreqtradeBot.__init__


def _guarded_init(self: FreqtradeBot, config: dict[str, Any]) -> None:
    if config.get("runmode") not in TRADE_MODES:
        config["runmode"] = RunMode.DRY_RUN if config.get("dry_run", True) else RunMode.LIVE
    config.setdefault("bot_name", "freqtrade")
    config["balance_guard"] = dict(NEUTRAL)
    _init(self, config)
    assert type(self) is GuardedBot, type(self)


@pytest.fixture(autouse=True)
def _guarded(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(FreqtradeBot, "__init__", _guarded_init)
    config_section.guard_every_strategy()
    activation._install_hooks(live=True)
    yield
    activation.unwrap_all()
