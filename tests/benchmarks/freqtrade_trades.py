"""What freqtrade itself writes for one trade: its own models on its own database.

Twice for each entry: the trade with its order, as ``FreqtradeBot.execute_entry`` stores them, and
the fill, as ``update_trade_state`` does.
"""

import itertools
import time
from datetime import UTC, datetime

from freqtrade.persistence import Order, Trade, init_db
from sqlalchemy import inspect


PAIR = "COIN/USDT"
STOPLOSS = -0.1


class FreqtradeTrades:
    """One bot's database. Both ways to write an entry return the seconds that it took."""

    def __init__(self, path):
        init_db(f"sqlite:///{path}")
        self._numbers = itertools.count(1)
        self._trade, self._order, self._trade_filled, self._order_filled = self._rehearse()

    def two_commits(self):
        """The two commits and what belongs to them, and nothing else.

        The objects are made, inserted and committed; the commit has expired them, so they are read
        again, changed and committed. Every column has what a real entry has in it. What freqtrade
        calculates on the way (the stop-loss, the sums of the orders) is not on the clock: the
        values come from an entry that went its own way before.
        """
        placed = {**self._order, "order_id": f"EX-{next(self._numbers)}"}
        started = time.perf_counter()
        trade = Trade(**self._trade)
        trade.orders.append(Order(**placed))
        Trade.session.add(trade)
        Trade.commit()
        (order,) = trade.orders
        for name, value in self._order_filled.items():
            setattr(order, name, value)
        for name, value in self._trade_filled.items():
            setattr(trade, name, value)
        Trade.commit()
        return time.perf_counter() - started

    def own_way(self):
        """All that these two functions of freqtrade do to its database for an entry.

        They commit four times, three times with something to write, and calculate meanwhile.
        """
        placed, filled = self._answers()
        started = time.perf_counter()
        trade = self._enter(placed)
        self._fill(trade, filled)
        return time.perf_counter() - started

    def _rehearse(self):
        placed, filled = self._answers()
        trade = self._enter(placed)
        first = columns(trade), columns(trade.orders[0])
        self._fill(trade, filled)
        second = columns(trade), columns(trade.orders[0])
        given = [{name: one[name] for name in one if one[name] is not None} for one in first]
        changed = [
            {name: now[name] for name in now if now[name] != then[name]}
            for then, now in zip(first, second, strict=True)
        ]
        return *given, *changed

    def _answers(self):
        """What ccxt tells of an order that was placed, and of the same when it is filled."""
        now = int(time.time() * 1000)
        order = {
            "id": f"EX-{next(self._numbers)}", "symbol": PAIR, "type": "limit", "side": "buy",
            "price": 10.0, "amount": 1.0, "timestamp": now, "info": {},
        }  # fmt: skip
        placed = {"status": "open", "filled": 0.0, "remaining": 1.0, "cost": 0.0}
        filled = {
            "status": "closed", "filled": 1.0, "remaining": 0.0, "cost": 10.0, "average": 10.0,
            "lastTradeTimestamp": now,
        }  # fmt: skip
        return {**order, **placed}, {**order, **filled}

    def _enter(self, placed):
        order = Order.parse_from_ccxt_object(placed, PAIR, "buy", 1.0, 10.0)
        order.ft_order_tag = "tag"
        trade = Trade(
            pair=PAIR, base_currency="COIN", stake_currency="USDT", stake_amount=10.0, amount=0,
            is_open=True, amount_requested=1.0, fee_open=0.001, fee_close=0.001, open_rate=10.0,
            open_rate_requested=10.0, open_date=datetime.now(UTC), exchange="kraken",
            strategy="Any", enter_tag="tag", timeframe=5, leverage=1.0, is_short=False,
            trading_mode="spot", funding_fees=0, amount_precision=8, price_precision=4,
            precision_mode=2, precision_mode_price=2, contract_size=1.0,
        )  # fmt: skip
        trade.adjust_stop_loss(trade.open_rate, STOPLOSS, initial=True)
        trade.orders.append(order)
        trade.recalc_trade_from_orders()
        Trade.session.add(trade)
        Trade.commit()
        return trade

    def _fill(self, trade, filled):
        trade.update_order(filled)
        order = trade.select_order_by_order_id(filled["id"])
        trade.update_trade(order)
        trade.adjust_stop_loss(trade.open_rate, STOPLOSS, initial=True)
        Trade.commit()


def columns(row):
    """What is in a row, without its keys."""
    names = [one.key for one in inspect(type(row)).mapper.column_attrs]
    return {name: getattr(row, name) for name in names if name not in ("id", "ft_trade_id")}
