"""How long an exit waits for the guard when everything has piled up at once."""

import logging
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.enums import ExitCheckTuple, ExitType, State
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import Order, Trade

from freqtrade_balance_guard.sandbox import Sandbox, Scenario
from tests.support.balances import PAIRS
from tests.support.doubled import STRATEGY
from tests.support.exchange import freqtrade_config


pytestmark = pytest.mark.acceptance

GUARD = {"min_order_size": 1, "min_balance_threshold": 1, "ledger": {"account": "main"}}
UNRESOLVED, LOST_ENTRIES, OLD_TRADES, EXITS, PER_LOOP = 12, 3, 3000, 50, 5
ALLOWED_SECONDS = 3.0
# What Python itself takes on a busy machine, between the moments that are measured.
JITTER_SECONDS = 0.3
SIGNAL = ExitCheckTuple(exit_type=ExitType.EXIT_SIGNAL)


@pytest.fixture
def sandbox():
    with Sandbox.start(Scenario.default()) as sandbox:
        yield sandbox


@pytest.fixture
def bot(sandbox, tmp_path):
    (tmp_path / "strategies").mkdir()
    text = STRATEGY.format(
        bases="BalanceGuard, IStrategy",
        import_line="from freqtrade_balance_guard import BalanceGuard",
    )
    (tmp_path / "strategies" / "doubled.py").write_text(text)
    section = {**sandbox.freqtrade_exchange("main"), "pair_whitelist": PAIRS}
    section["ccxt_config"] = {
        **section["ccxt_config"], "enableRateLimit": True, "rateLimit": 100, "timeout": 3000,
    }  # fmt: skip
    config = {
        **freqtrade_config(section), "strategy": "Doubled", "dry_run_wallet": 1000,
        "db_url": f"sqlite:///{tmp_path / 'trades.sqlite'}", "user_data_dir": tmp_path,
        "stake_amount": 10, "max_open_trades": 100, "tradable_balance_ratio": 0.99,
        "amend_last_stake_amount": False, "last_stake_amount_min_ratio": 0.5, "timeframe": "5m",
        "fiat_display_currency": "", "initial_state": "running", "unfilledtimeout": {},
        "pairlists": [{"method": "StaticPairList"}], "internals": {}, "margin_mode": "",
        "candle_type_def": "spot", "dataformat_ohlcv": "feather", "original_config": {},
        "balance_guard": GUARD, "bot_name": "exits",
    }  # fmt: skip
    bot = FreqtradeBot(config)
    bot.state = State.RUNNING
    bot.strategy.order_types["stoploss_on_exchange"] = False
    yield bot
    bot.cleanup()


def stored_trades(count, *, is_open, amount=0.0, first=0):
    """Trades as freqtrade's database has them, with one entry order each."""
    now = datetime.now(UTC)
    trades = []
    for number in range(first, first + count):
        pair = PAIRS[number % len(PAIRS)]
        trade = Trade(
            pair=pair, base_currency=pair.partition("/")[0], stake_currency="USDT",
            stake_amount=10.0, amount=amount or 1.0, amount_requested=amount or 1.0,
            open_rate=1.0, open_rate_requested=1.0, fee_open=0.0, fee_close=0.0,
            exchange="kraken", strategy="Doubled", timeframe=5, is_open=is_open,
            open_date=now - timedelta(hours=1), leverage=1.0, precision_mode=2,
            trading_mode="spot",
        )  # fmt: skip
        trade.close_profit_abs = None if is_open else 0.0
        trade.close_date = None if is_open else now - timedelta(minutes=30)
        trade.orders.append(
            Order(
                ft_order_side="buy",
                ft_pair=pair,
                ft_is_open=False,
                ft_amount=trade.amount,
                ft_price=1.0,
                order_id=f"old-{number}",
                status="closed",
                symbol=pair,
                order_type="limit",
                side="buy",
                price=1.0,
                average=1.0,
                filled=trade.amount,
                amount=trade.amount,
                remaining=0.0,
                cost=10.0,
                order_date=now,
                order_filled_date=now,
            )
        )
        Trade.session.add(trade)
        trades.append(trade)
    Trade.commit()
    return trades


class Sent:
    """When orders left, and how long their own requests took."""

    def __init__(self, bot):
        self.left, self.took = [], 0.0
        send = bot.exchange._api.create_order

        def create_order(*args, **kwargs):
            began = time.monotonic()
            self.left.append(began)
            try:
                return send(*args, **kwargs)
            finally:
                self.took += time.monotonic() - began

        bot.exchange._api.create_order = create_order


def test_with_everything_piled_up_no_exit_waits_longer_than_three_seconds(sandbox, bot, capsys):
    logging.getLogger("freqtrade").setLevel(logging.ERROR)
    for pair in PAIRS:
        sandbox.control.deposit("main", pair.partition("/")[0], 100_000)
    bot.wallets.update()
    stored_trades(OLD_TRADES, is_open=False)
    amounts = {pair: bot.exchange.get_min_pair_stake_amount(pair, 1.0, -0.1) for pair in PAIRS}
    assert amounts
    prices = {pair: bot.exchange.fetch_ticker(pair)["last"] for pair in PAIRS}
    lost = stored_trades(UNRESOLVED, is_open=True, amount=20.0, first=OLD_TRADES)
    due = stored_trades(EXITS, is_open=True, amount=20.0, first=OLD_TRADES + UNRESOLVED)
    sent = Sent(bot)

    # Three entries and twelve exits whose replies are lost, and nothing answers any question.
    sandbox.control.fault("timeout", seconds=15, endpoint="BalanceEx")
    for endpoint in ("QueryOrders", "OpenOrders", "ClosedOrders"):
        sandbox.control.fault("timeout", seconds=15, endpoint=endpoint)
    fault = sandbox.control.fault("lost_reply", how="drop", endpoint="AddOrder")
    for pair in PAIRS[:LOST_ENTRIES]:
        try:
            bot.exchange.create_order(
                pair=pair, ordertype="limit", side="buy", amount=20.0, rate=prices[pair] * 0.5,
                leverage=1.0, reduceOnly=False, time_in_force="GTC",
            )  # fmt: skip
        except Exception as error:
            assert "denied" not in str(error).lower()
    for trade in lost:
        leave(bot, trade, prices)
        bot.guard.loop.waits.renew()
    registry = bot.exchange._ordering.registry
    unresolved = len(list(registry.unresolved()))
    sandbox.control.remove_fault(fault)

    delays = []
    for loop in range(EXITS // PER_LOOP):
        began, before = time.monotonic(), sent.took
        with bot.guard.loop.one_pass():
            bot.guard.housekeeping.begin(bot)
            for trade in [*lost, *due[loop * PER_LOOP : (loop + 1) * PER_LOOP]]:
                number = len(sent.left)
                requests = sent.took - before
                leave(bot, trade, prices)
                if len(sent.left) > number and trade not in lost:
                    delays.append(sent.left[number] - began - requests)
        bot.guard.loop.waits.renew()
        bot.wallets.keep_believed()
    with capsys.disabled():
        delays.sort()
        sys.stdout.write(
            f"\n{len(delays)} exits with {unresolved} orders unresolved: median "
            f"{delays[len(delays) // 2]:.2f} s, p100 {delays[-1]:.2f} s after the loop began\n"
        )
    assert unresolved >= UNRESOLVED
    assert len(delays) == EXITS
    assert delays[-1] <= ALLOWED_SECONDS + JITTER_SECONDS


def leave(bot, trade, prices):
    """freqtrade's own exit of a trade; what the exchange does with it is not the question."""
    try:
        return bot.execute_trade_exit(trade, prices[trade.pair], exit_check=SIGNAL)
    except Exception as error:
        logging.getLogger(__name__).debug("No exit: %s", error)
        return False
