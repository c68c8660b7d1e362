"""freqtrade is as we know it. Runs on the oldest and the newest supported release (make compat)."""

import importlib
import inspect
import pkgutil

import freqtrade.exchange
import pytest
from freqtrade.exchange import Exchange
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.resolvers.iresolver import IResolver
from freqtrade.resolvers.pairlist_resolver import PairListResolver
from freqtrade.resolvers.protection_resolver import ProtectionResolver
from freqtrade.strategy.interface import IStrategy
from freqtrade.wallets import Wallets

from freqtrade_balance_guard.integration.host.relied_on import parameters_of
from freqtrade_balance_guard.integration.startup import self_check


def exchange_classes():
    for module in pkgutil.iter_modules(freqtrade.exchange.__path__):
        importlib.import_module(f"freqtrade.exchange.{module.name}")
    found, pending = [], [Exchange]
    while pending:
        found.append(pending.pop())
        pending.extend(found[-1].__subclasses__())
    return [cls for cls in found if cls.__module__.startswith("freqtrade.exchange")]


def source(function):
    return inspect.getsource(inspect.unwrap(function))


def test_nothing_that_we_rely_on_differs():
    assert self_check.differences(live=True) == []
    assert self_check.differences(live=False) == []
    assert self_check.differences(live=False, backtest=True) == []


@pytest.mark.parametrize(
    "relied", self_check.rows(live=True, backtest=True), ids=lambda row: row.name
)
def test_each_row_names_a_function_its_parameters_and_a_reason(relied):
    function = importlib.import_module(relied.module)
    for part in relied.name.split("."):
        function = getattr(function, part)
    assert parameters_of(function) == relied.parameters
    assert len(relied.reason.split()) > 2


def test_a_changed_signature_is_named_with_both_forms(monkeypatch):
    def validate_stake_amount(self, pair, stake_amount, hurry):
        return 0

    monkeypatch.setattr(Wallets, "validate_stake_amount", validate_stake_amount)
    (difference,) = self_check.differences(live=True)
    assert difference.startswith(
        "Wallets.validate_stake_amount(self, pair, stake_amount, hurry) instead of"
    )


def test_a_missing_function_is_named(monkeypatch):
    monkeypatch.delattr(Exchange, "create_order")
    assert "Exchange.create_order is missing" in self_check.differences(live=True)
    assert self_check.differences(live=False) == []


def test_a_release_before_the_oldest_supported_one_is_named(monkeypatch):
    monkeypatch.setattr(freqtrade, "__version__", "2025.12")
    assert self_check.differences(live=True) == ["freqtrade 2025.12 is older than 2026.3"]


def test_a_development_version_is_judged_by_its_functions_alone(monkeypatch):
    monkeypatch.setattr(freqtrade, "__version__", "2026.10-dev-0a1b2c3")
    assert self_check.differences(live=True) == []


def test_a_double_in_place_of_a_function_is_not_a_difference(mocker):
    mocker.patch.object(Exchange, "create_order")
    assert self_check.differences(live=True) == []


def test_no_exchange_computes_its_minimum_stake_in_a_way_of_its_own():
    """We note the price there, on the base class."""
    for name in ("get_min_pair_stake_amount", "_get_stake_amount_limit"):
        own = [cls.__name__ for cls in exchange_classes() if name in cls.__dict__]
        assert own == ["Exchange"], name


def test_every_exchange_takes_orders_through_create_order_with_keywords_only():
    for cls in exchange_classes():
        if "create_order" in cls.__dict__:
            parameters = inspect.signature(cls.create_order).parameters.values()
            kinds = {p.kind for p in parameters if p.name != "self"}
            assert kinds == {inspect.Parameter.KEYWORD_ONLY}, cls


def test_the_bot_asks_for_the_minimum_just_before_it_validates_a_stake():
    for function in (
        FreqtradeBot.get_valid_enter_price_and_stake,
        Backtesting.get_valid_entry_price_and_stake,
    ):
        text = source(function)
        assert text.index("get_min_pair_stake_amount") < text.index("validate_stake_amount")


def test_a_skipped_trade_is_a_dependency_exception_that_create_trade_lets_through():
    assert "except DependencyException" in source(FreqtradeBot.enter_positions)
    assert "except" not in source(FreqtradeBot.create_trade)


def test_modes_of_execute_entry_are_the_ones_that_we_tell_apart():
    from freqtrade.freqtradebot import EntryExecuteMode

    from freqtrade_balance_guard.integration.bot.guarded_bot import ENTRY_KINDS

    assert set(EntryExecuteMode.__args__) == set(ENTRY_KINDS)


def test_pairlists_and_protections_are_searched_where_build_search_paths_says():
    for resolver in (PairListResolver, ProtectionResolver):
        assert issubclass(resolver, IResolver)
        assert resolver.user_subdir is None
    assert "cls.build_search_paths" in source(IResolver.load_object)


def test_the_wallets_are_set_before_the_strategy_starts():
    for function, last in (
        (FreqtradeBot.__init__, "ft_bot_start"),
        (Backtesting._set_strategy, "ft_bot_start"),
    ):
        text = source(function)
        assert text.index("strategy.wallets") < text.index(last)
    assert "bot_start" in source(IStrategy.ft_bot_start)


def test_a_backtest_comes_to_each_trade_where_a_sale_can_be_put_in():
    assert "self.time_pair_generator(" in source(Backtesting.backtest)
    assert "self._check_trade_exit(trade, row, current_time)" in source(Backtesting.backtest_loop)
    assert "self.strategy.should_exit(" in source(Backtesting._check_trade_exit)
    assert "_adjust_trade_position_internal" in source(Backtesting._check_adjust_trade_for_candle)


def test_the_bot_exits_positions_once_per_loop_and_each_exit_is_executed_by_one_function():
    assert source(FreqtradeBot.process).count("self.exit_positions(") == 1
    assert "execute_trade_exit" in source(FreqtradeBot._check_and_execute_exit)
    assert "_adjust_trade_position_internal" in source(
        FreqtradeBot.check_and_call_adjust_trade_position
    )
