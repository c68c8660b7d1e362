"""What the demo counts, on samples of journal, database and log."""

from decimal import Decimal

from freqtrade_balance_guard.demo import measure
from freqtrade_balance_guard.demo.measure import Measures
from freqtrade_balance_guard.demo.scenes.scene import RightSize


def _balance(free, account="main"):
    return {"event": "balance_changed", "account": account, "currency": "USDT", "free": free}


def _entry(order_id, pair, cost, before, after):
    order = {"account": "main", "order_id": order_id, "symbol": pair, "side": "buy"}
    return [
        _balance(before),
        {**order, "event": "order_placed"},
        {**order, "event": "order_filled", "cost": cost},
        _balance(after),
    ]


JOURNAL = [
    *_entry("O1", "BTC/USDT", "480", "1000", "518"),
    _balance("5", account="other"),
    *_entry("O2", "ETH/USDT", "300", "518", "217"),
]


def test_an_entry_above_its_share_of_what_is_free_above_the_floor_is_wrongly_sized():
    rule = RightSize(floor=Decimal(200), share=Decimal(60))

    found = measure.wrong_sizes(JOURNAL, "main", "USDT", rule)

    # 60 % of 1000 - 200 are 480; 60 % of 518 - 200 are 190.80.
    assert found == ["ETH/USDT for 300.00: at most 190.80 of 518.00 free"]


def test_an_entry_that_could_not_be_sold_is_wrongly_sized():
    rule = RightSize(at_least={"BTC/USDT": Decimal(500)})

    found = measure.wrong_sizes(JOURNAL, "main", "USDT", rule)

    assert found == ["BTC/USDT for 480.00: at least 500.00 to be sellable"]


def test_without_a_rule_every_entry_within_the_free_balance_is_right():
    assert measure.wrong_sizes(JOURNAL, "main", "USDT", RightSize()) == []


def test_only_refused_orders_count_as_rejections_and_each_under_the_exchanges_words():
    refused = [
        {"role": "place", "error": "EOrder:Insufficient funds"},
        {"role": "place", "error": "EOrder:Insufficient funds"},
        {"role": "place", "error": "EOrder:Cost minimum not met"},
        {"role": "balance", "error": "EAPI:Rate limit exceeded"},
    ]

    assert measure.rejections(refused) == {
        "EOrder:Insufficient funds": 2,
        "EOrder:Cost minimum not met": 1,
    }


def test_an_order_without_a_row_in_the_database_is_unknown_to_the_bot():
    on_exchange = [
        {"id": "O1", "side": "buy", "pair": "ADA/USDT", "amount": "10"},
        {"id": "O2", "side": "buy", "pair": "XRP/USDT", "amount": "20"},
    ]

    assert measure.unknown_orders(on_exchange, [{"order_id": "O1"}]) == ["buy XRP/USDT 20 (O2)"]


def test_a_trade_under_the_minimum_is_stuck_and_one_above_it_is_not():
    trades = [{"pair": "ADA/USDT", "amount": 15.2}, {"pair": "XRP/USDT", "amount": 23.3}]
    refused = [
        {"role": "place", "symbol": "ADA/USDT", "side": "sell"},
        {"role": "place", "symbol": "ADA/USDT", "side": "buy"},
    ]
    markets = {
        "ADA/USDT": {"price": "0.25", "amount_min": "1", "cost_min": "5"},
        "XRP/USDT": {"price": "0.30", "amount_min": "1", "cost_min": "5"},
    }

    found = measure.stuck_trades(trades, refused, markets)

    assert found == ["ADA/USDT worth 3.80, 1 sales rejected"]


def test_a_trade_whose_entry_is_not_booked_yet_is_not_stuck():
    markets = {"ADA/USDT": {"price": "0.25", "amount_min": "1", "cost_min": "5"}}
    assert measure.stuck_trades([{"pair": "ADA/USDT", "amount": 0.0}], [], markets) == []


LOG = """\
2026-01-02 03:04:05,678 - freqtrade_balance_guard - WARNING - No order for ADA/USDT: a stake of \
7.6 USDT is too small. [stake_below_minimum: stake=7.6, minimum=10.5]
2026-01-02 03:04:06,678 - freqtrade_balance_guard - WARNING - No order for XRP/USDT: \
no. [cap_below_minimum]
2026-01-02 03:04:07,000 - freqtrade.wallets - WARNING - Minimum stake amount > available balance.
2026-01-02 03:04:08,000 - freqtrade.worker - INFO - Bot heartbeat. [RUNNING: 1]
2026-01-02 03:04:09,000 - freqtrade_balance_guard.integration.monitoring.notify - INFO - 91 % of \
USDT is in use. [utilization]
"""


def test_the_guards_refusals_are_read_from_the_log_by_code_and_pair():
    assert measure.refusals(LOG) == (
        {"stake_below_minimum": 1, "cap_below_minimum": 1},
        {"ADA/USDT": 1, "XRP/USDT": 1},
    )
    first, second = measure.refusal_times(LOG)
    assert second - first == 1.0


def test_warnings_are_counted_whoever_wrote_them():
    assert measure.warnings(LOG) == 3


def test_scenes_add_up_and_the_slowest_loop_is_the_slowest_of_all():
    one = Measures(orders=2, slowest_loop=1.5, rejections={"A": 1})
    two = Measures(orders=3, slowest_loop=9.0, rejections={"A": 2, "B": 1})

    total = measure.added([one, two])

    assert (total.orders, total.slowest_loop) == (5, 9.0)
    assert total.rejections == {"A": 3, "B": 1}
    assert total.rejected == 4


def test_a_leg_alone_is_what_both_exchanges_together_have_bought_and_not_sold():
    def order(side, pair, filled):
        return {"side": side, "pair": pair, "filled": filled}

    orders = [
        order("buy", "ADA/USDT", "100"),
        order("sell", "ADA/USDT", "100"),
        order("buy", "XRP/USDT", "100"),
        order("sell", "XRP/USDT", "40"),
        order("sell", "DOT/USDT", "2"),
        order("buy", "DOT/USDT", "0"),
    ]
    prices = {"ADA/USDT": Decimal("0.5"), "XRP/USDT": Decimal("0.6"), "DOT/USDT": Decimal(5)}
    assert measure.legs_alone(orders, prices) == [
        "60 XRP worth 36.00 bought and not sold",
        "2 DOT worth 10.00 sold and not bought",
    ]
