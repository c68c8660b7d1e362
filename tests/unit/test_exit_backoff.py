"""Patience with exits that the exchange rejects."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from freqtrade.enums import ExitCheckTuple, ExitType
from freqtrade.exceptions import TemporaryError

from freqtrade_balance_guard.clock import ManualClock
from freqtrade_balance_guard.integration.orders.exit_backoff import ExitBackoff
from freqtrade_balance_guard.limits.market import MarketRules
from freqtrade_balance_guard.limits.rejections import Rejections


NOTHING_LEFT = TemporaryError('binance {"code":-2022,"msg":"ReduceOnly Order is rejected."}')


@pytest.fixture
def wallets():
    clock = ManualClock()
    touched = []
    live = SimpleNamespace(touched=lambda: touched.append(clock.monotonic()))
    return SimpleNamespace(
        rejections=Rejections(clock),
        live=live,
        clock=clock,
        touched=touched,
        market_rules=lambda pair: MarketRules(Decimal("0.01"), Decimal(5)),
        _exchange=SimpleNamespace(),
    )


def backoff(wallets, exit_type=ExitType.EXIT_SIGNAL):
    trade = SimpleNamespace(pair="ETH/USDT:USDT", amount=2.0)
    check = ExitCheckTuple(exit_type=exit_type)
    return ExitBackoff.of(wallets, trade, 2500.0, check, {})


def test_with_nothing_left_to_reduce_an_exit_waits_and_the_position_is_read_again(wallets):
    first = backoff(wallets)
    assert not first.waits()
    assert first.learns_from(NOTHING_LEFT)
    assert wallets.touched
    assert backoff(wallets).waits()
    wallets.clock.advance(31)
    assert not backoff(wallets).waits()


def test_a_stop_loss_and_a_users_word_go_out_at_once(wallets):
    backoff(wallets).learns_from(NOTHING_LEFT)
    assert not backoff(wallets, ExitType.STOP_LOSS).waits()
    assert backoff(wallets, ExitType.FORCE_EXIT) is None


def test_other_errors_are_none_of_its_business(wallets):
    assert not backoff(wallets).learns_from(TemporaryError("Margin is insufficient."))
    assert not backoff(wallets).waits()
