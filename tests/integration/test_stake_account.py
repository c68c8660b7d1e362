"""What a bot may spend after a restart, and why it may not spend more."""

import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from freqtrade.persistence import PairLocks

from freqtrade_balance_guard.balances.snapshot import Holding
from freqtrade_balance_guard.balances.store import BelievedBalances
from freqtrade_balance_guard.integration.host.entry_denied import EntryDenied
from freqtrade_balance_guard.integration.rebalance.entry_locks import EntryLocks
from freqtrade_balance_guard.limits.controls import ControlName, PlannedEntry
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from tests.support.doubled import bot_with


GUARD = {"min_order_size": 0.01, "min_balance_threshold": 0.001}
PAIR = "ETH/BTC"
NOW = datetime.now(UTC)


def after_a_restart(tmp_path, believed, *, age=timedelta(minutes=5), guard=GUARD):
    """A bot whose account holds 1.5 BTC, and had ``believed`` when it was stopped."""
    tmp_path.mkdir(exist_ok=True)
    store = BelievedBalances(tmp_path / "balance_guard.sqlite", "binance")
    store.save({"BTC": Holding(Decimal(believed))}, {"BTC": "confirmed"}, NOW - age)
    return bot_with(tmp_path, guard, mixin=True)


def denial(bot):
    with pytest.raises(EntryDenied) as raised:
        bot.wallets.get_trade_stake_amount(PAIR, 2)
    return raised.value.denied


@pytest.mark.parametrize("believed", ["0.0001", "0.05"])
def test_a_balance_that_rose_while_the_bot_was_away_is_called_that(
    tmp_path, mocked_exchange, believed
):
    """Below the threshold, and above it but below the stake of 0.1."""
    bot = after_a_restart(tmp_path, believed)
    denied = denial(bot)
    assert denied.code is DenialCode.BALANCE_RISING_UNCONFIRMED
    assert denied.numbers["unconfirmed"] == Decimal("1.5") - Decimal(believed)
    assert 25 <= denied.numbers["wait_seconds"] <= 30
    assert "count in" in denied.sentence


def test_no_pair_is_locked_for_it(tmp_path, mocked_exchange):
    bot = after_a_restart(tmp_path, "0.0001")
    locks = EntryLocks(bot.wallets, [], bot.config)
    for _ in range(3):
        locks.keep(datetime.now(UTC))
    assert not locks.is_locked
    assert PairLocks.get_pair_locks(None, datetime.now(UTC)) == []
    assert not bot.wallets.account.is_below_threshold()


def test_where_there_is_too_little_in_all_it_is_want_and_locks(tmp_path, mocked_exchange):
    mocked_exchange["get_balances"].return_value = {
        "BTC": {"free": 0.0002, "used": 0.0, "total": 0.0002}
    }
    bot = after_a_restart(tmp_path, "0.0001")
    assert denial(bot).code is DenialCode.INSUFFICIENT_AVAILABLE
    assert bot.wallets.account.is_below_threshold()
    locks = EntryLocks(bot.wallets, [], bot.config)
    for _ in range(2):
        locks.keep(datetime.now(UTC))
    assert locks.is_locked


def test_a_belief_older_than_a_day_says_nothing_any_more(tmp_path, mocked_exchange):
    bot = after_a_restart(tmp_path, "0.0001", age=timedelta(days=1, minutes=1))
    assert bot.wallets.get_trade_stake_amount(PAIR, 2) == pytest.approx(0.1)


def test_a_fall_while_the_bot_was_away_counts_at_once(tmp_path, mocked_exchange):
    bot = after_a_restart(tmp_path, "3")
    assert bot.wallets.account.certain() == Decimal("1.5")
    assert bot.wallets.validate_stake_amount(PAIR, 2.0, 0.01, 10.0, None) == 0


def test_floor_share_and_trades_are_put_together_in_one_place(tmp_path, mocked_exchange):
    bot = bot_with(tmp_path, {**GUARD, "reserve_balance": {"BTC": 0.5}}, mixin=True)
    account = bot.wallets.account
    assert account.currency == "BTC"
    assert account.free() == Decimal("1.5")
    assert account.floor() == Decimal("0.5")
    assert account.above_floor() == 1
    assert account.confirmed() == account.certain() == 1
    assert account.equity() == Decimal("1.5")
    # tradable_balance_ratio 0.99 of 1.5 is more than what is above the floor.
    assert account.freqtrade_available() == Decimal("1.485")
    assert account.available() == 1
    assert account.capacity() == Decimal("1.485")
    assert account.free("ETH") == 0


def test_a_denial_that_is_not_for_want_of_stake_stays_as_it_is(tmp_path, mocked_exchange):
    account = after_a_restart(tmp_path, "0.0001").wallets.account
    denied = Denied(DenialCode.NO_ROOM_FOR_EXIT, "x", {"available": Decimal(0)})
    assert account.true_cause(denied) is denied
    unknown = Denied(DenialCode.INSUFFICIENT_AVAILABLE, "x", {"available": Decimal(0)})
    assert account.true_cause(unknown) is unknown
    too_much = Denied(
        DenialCode.INSUFFICIENT_AVAILABLE, "x", {"available": Decimal(0), "needed": Decimal(2)}
    )
    assert account.true_cause(too_much) is too_much


# Controls


def test_every_part_of_a_live_bot_has_registered_its_control(tmp_path, mocked_exchange):
    bot = bot_with(tmp_path, GUARD, mixin=True)
    names = [name for name, _ in bot.wallets.controls.answers(PlannedEntry(PAIR))]
    assert names == [
        ControlName.PAUSED,
        ControlName.LEDGER,
        ControlName.SOLD_LATELY,
        ControlName.BALANCE_READABLE,
        ControlName.BALANCE_CONFIRMED,
        ControlName.REJECTED_BEFORE,
        ControlName.ORDER_UNRESOLVED,
    ]
    assert all(not denied for _, denied in bot.wallets.controls.answers(PlannedEntry(PAIR)))


def test_a_pause_denies_entries_with_neutral_settings_too(tmp_path, mocked_exchange):
    neutral = {
        "min_order_size": 0,
        "min_balance_threshold": 0,
        "position_size_percent": 100,
        "balance_cache_duration": 0,
        "post_trade_refresh_window": 0,
    }
    bot = bot_with(tmp_path, neutral, mixin=True)
    assert bot.wallets.get_trade_stake_amount(PAIR, 2) == pytest.approx(0.1)
    bot.guard.pause.pause("holiday")
    assert denial(bot).code is DenialCode.PAUSED
    assert bot.wallets.validate_stake_amount(PAIR, 0.1, 0.01, 10.0, None) == 0


def test_an_odd_coin_does_not_keep_the_bot_from_trading(tmp_path, mocked_exchange):
    mocked_exchange["get_balances"].return_value = {
        "BTC": {"free": 1.5, "used": 0.0, "total": 1.5},
        "BNB": {"free": -0.06, "used": 0.0, "total": -0.06},
    }
    bot = bot_with(tmp_path, GUARD, mixin=True)
    assert bot.wallets.get_trade_stake_amount(PAIR, 2) == pytest.approx(0.1)
    assert bot.wallets.get_total("BNB") == 0


def test_a_denied_entry_can_be_pickled(tmp_path, mocked_exchange):
    denied = denial(after_a_restart(tmp_path, "0.0001"))
    assert pickle.loads(pickle.dumps(EntryDenied(denied))).denied == denied
