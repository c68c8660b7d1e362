"""How long an exit waits for the guard when everything has piled up at once."""

import logging
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
from freqtrade.enums import ExitCheckTuple, ExitType, State
from freqtrade.exceptions import DependencyException, ExchangeError
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
SIGNAL = ExitCheckTuple(exit_type=ExitType.EXIT_SIGNAL)


@pytest.fixture
def sandbox():
    with Sandbox.start(Scenario.default()) as sandbox:
        yield sandbox


def bot_on(sandbox, folder, guard):
    """freqtrade's own bot in this process, live on the sandbox; guarded if ``guard`` is given."""
    (folder / "strategies").mkdir(parents=True)
    text = STRATEGY.format(
        bases="BalanceGuard, IStrategy" if guard else "IStrategy",
        import_line="from freqtrade_balance_guard import BalanceGuard" if guard else "",
    )
    (folder / "strategies" / "doubled.py").write_text(text)
    section = {**sandbox.freqtrade_exchange("main"), "pair_whitelist": PAIRS}
    limiter = {"enableRateLimit": True, "rateLimit": 100, "timeout": 3000}
    section["ccxt_config"] = {**section["ccxt_config"], **limiter}
    config = {
        **freqtrade_config(section), "strategy": "Doubled", "dry_run_wallet": 1000,
        "db_url": f"sqlite:///{folder / 'trades.sqlite'}", "user_data_dir": folder,
        "stake_amount": 10, "max_open_trades": 100, "tradable_balance_ratio": 0.99,
        "amend_last_stake_amount": False, "last_stake_amount_min_ratio": 0.5, "timeframe": "5m",
        "fiat_display_currency": "", "initial_state": "running", "unfilledtimeout": {},
        "pairlists": [{"method": "StaticPairList"}], "internals": {}, "margin_mode": "",
        "candle_type_def": "spot", "dataformat_ohlcv": "feather", "original_config": {},
        "bot_name": "exits", **({"balance_guard": guard} if guard else {}),
    }  # fmt: skip
    bot = FreqtradeBot(config)
    bot.state = State.RUNNING
    bot.strategy.order_types["stoploss_on_exchange"] = False
    return bot


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
    """What the guard was charged until each order left, and how long freqtrade's requests took."""

    def __init__(self, bot):
        self.left, self.took = [], 0.0
        waits = bot.guard.loop.waits if hasattr(bot, "guard") else None
        api = bot.exchange._api
        send, request = api.create_order, api.fetch2

        def create_order(*args, **kwargs):
            self.left.append(0.0 if waits is None else waits.seconds_spent)
            return send(*args, **kwargs)

        def fetch2(*args, **kwargs):
            began = time.monotonic()
            try:
                return request(*args, **kwargs)
            finally:
                self.took += time.monotonic() - began

        api.create_order, api.fetch2 = create_order, fetch2


def leave(bot, trade, prices):
    """freqtrade's own exit of a trade; what the exchange does with it is not the question."""
    try:
        return bot.execute_trade_exit(trade, prices[trade.pair], exit_check=SIGNAL)
    except Exception as error:
        logging.getLogger(__name__).debug("No exit: %s", error)
        return False


def plain_seconds_per_exit(sandbox, folder, prices):
    """What freqtrade itself takes for an exit beside its requests, on this machine and now."""
    bot = bot_on(sandbox, folder, None)
    try:
        stored_trades(OLD_TRADES, is_open=False)
        due = stored_trades(UNRESOLVED + PER_LOOP, is_open=True, amount=20.0, first=OLD_TRADES)
        sent, own = Sent(bot), []
        for trade in due:
            began, took = time.monotonic(), sent.took
            assert leave(bot, trade, prices)
            own.append(time.monotonic() - began - (sent.took - took))
        return median(own)
    finally:
        bot.cleanup()


def pile_up(sandbox, bot, prices):
    """Lost entries and exits, and an exchange that answers no question; the exits' trades."""
    stored_trades(OLD_TRADES, is_open=False)
    lost = stored_trades(UNRESOLVED, is_open=True, amount=20.0, first=OLD_TRADES)
    for endpoint in ("BalanceEx", "QueryOrders", "OpenOrders", "ClosedOrders"):
        sandbox.control.fault("timeout", seconds=15, endpoint=endpoint)
    fault = sandbox.control.fault("lost_reply", how="drop", endpoint="AddOrder")
    for pair in PAIRS[:LOST_ENTRIES]:
        with suppress(DependencyException, ExchangeError):
            bot.exchange.create_order(
                pair=pair, ordertype="limit", side="buy", amount=20.0, rate=prices[pair] / 2,
                leverage=1.0, reduceOnly=False, time_in_force="GTC",
            )  # fmt: skip
    for trade in lost:
        leave(bot, trade, prices)
        bot.guard.loop.waits.renew()
    sandbox.control.remove_fault(fault)
    return lost


def test_with_everything_piled_up_no_exit_waits_longer_than_three_seconds(
    sandbox, tmp_path, capsys
):
    logging.getLogger("freqtrade").setLevel(logging.ERROR)
    for pair in PAIRS:
        sandbox.control.deposit("main", pair.partition("/")[0], 100_000)
    markets = sandbox.control.state()["markets"]
    prices = {pair: float(markets[pair]["price"]) for pair in PAIRS}
    plain = plain_seconds_per_exit(sandbox, tmp_path / "plain", prices)
    bot = bot_on(sandbox, tmp_path / "guarded", GUARD)
    try:
        lost = pile_up(sandbox, bot, prices)
        due = stored_trades(EXITS, is_open=True, amount=20.0, first=OLD_TRADES + UNRESOLVED)
        unresolved = len(list(bot.exchange._gateway.registry.unresolved()))
        sent, delays, uncharged = Sent(bot), [], []
        waits = bot.guard.loop.waits
        for loop in range(EXITS // PER_LOOP):
            with bot.guard.loop.one_pass():
                with bot.guard.loop.waits.work():
                    bot.guard.housekeeping.begin(bot)
                now_due = due[loop * PER_LOOP : (loop + 1) * PER_LOOP]
                for number, trade in enumerate([*lost, *now_due]):
                    left, took, charged = len(sent.left), sent.took, waits.seconds_spent
                    began = time.monotonic()
                    leave(bot, trade, prices)
                    if len(sent.left) > left and trade not in lost:
                        delays.append((sent.left[left], number))
                        rest = time.monotonic() - began - (sent.took - took)
                        uncharged.append(rest - (waits.seconds_spent - charged))
            bot.guard.loop.waits.renew()
            bot.wallets.keep_believed()
    finally:
        bot.cleanup()
    # What the guard takes without being charged shows beside what freqtrade itself takes. The
    # middle of many: how late a busy machine wakes up a thread is neither's.
    more = max(median(uncharged) - plain, 0.0)
    delays = sorted(charged + number * more for charged, number in delays)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(delays)} exits, {unresolved} orders unresolved: the guard's own delay is "
            f"{delays[len(delays) // 2]:.2f} s in the middle, {delays[-1]:.2f} s at most; "
            f"freqtrade itself takes {plain:.3f} s for an exit, the guard {more:.3f} s uncharged\n"
        )
    assert unresolved >= UNRESOLVED
    assert len(delays) == EXITS
    assert delays[-1] <= ALLOWED_SECONDS
