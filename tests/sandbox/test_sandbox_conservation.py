"""Whatever is ordered, money is neither made nor lost, and what is held is what orders hold."""

from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freqtrade_balance_guard.sandbox import Scenario
from freqtrade_balance_guard.sandbox.core.orders import OrderRequest, Rejected
from freqtrade_balance_guard.sandbox.engine.audit import audit
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.script.clock import ManualClock
from freqtrade_balance_guard.sandbox.script.faults import Fault


SYMBOLS = ["BTC/USDT", "ETH/USDT", "BTC/USD", "USDT/USD"]
ACCOUNTS = ["alice", "bob"]


def _scenario(depth: str, fee_currency: str, dialect: str, fee_coin: str | None) -> Scenario:
    prices = {"BTC/USDT": "50000", "ETH/USDT": "2500", "BTC/USD": "50000", "USDT/USD": "1"}
    return Scenario.model_validate(
        {
            "dialect": dialect,
            "accounts": [
                {
                    "name": name,
                    "fee_coin": fee_coin,
                    "balances": {"USDT": "1000", "USD": "333.3333", "BTC": "0.01"},
                    "rewards": {"USDT": "12.34567891"},
                }
                for name in ACCOUNTS
            ],
            "markets": [
                {
                    "symbol": symbol,
                    "price": price,
                    "depth": depth,
                    "fee_maker": "0.004",
                    "fee_currency": fee_currency,
                    "price_path": {"kind": "wave", "amplitude": "0.05", "period": 300},
                }
                for symbol, price in prices.items()
            ],
        }
    )


orders = st.fixed_dictionaries(
    {
        "what": st.just("order"),
        "account": st.sampled_from(ACCOUNTS),
        "symbol": st.sampled_from(SYMBOLS),
        "side": st.sampled_from(["buy", "sell"]),
        "order_type": st.sampled_from(
            ["market", "limit", "stop-loss", "stop-loss-limit", "take-profit"]
        ),
        "worth": st.decimals("0.3", "450", places=4),  # in the quote
        "offset": st.decimals("-0.06", "0.06", places=4),
        "time_in_force": st.sampled_from(["GTC", "GTC", "IOC", "FOK"]),
    }
)
steps = st.one_of(
    orders,
    orders,
    orders,
    orders,
    orders,
    st.fixed_dictionaries({"what": st.just("wait"), "seconds": st.integers(1, 200)}),
    st.fixed_dictionaries({"what": st.just("cancel"), "which": st.integers(0, 50)}),
    st.fixed_dictionaries(
        {"what": st.just("fill"), "which": st.integers(0, 50), "share": st.integers(1, 100)}
    ),
    st.fixed_dictionaries(
        {
            "what": st.just("price"),
            "symbol": st.sampled_from(SYMBOLS),
            "factor": st.integers(50, 200),
        }
    ),
    st.fixed_dictionaries({"what": st.just("partial"), "fraction": st.decimals(0, 1, places=2)}),
    st.just({"what": "clear"}),
)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    script=st.lists(steps, min_size=10, max_size=40),
    depth=st.sampled_from(["1000000", "90"]),
    fee_currency=st.sampled_from(["quote", "base"]),
    dialect=st.sampled_from(["kraken", "binance"]),
    fee_coin=st.sampled_from([None, "BTC"]),
)
def test_money_is_conserved_and_held_is_what_open_orders_hold(
    script, depth, fee_currency, dialect, fee_coin
):
    clock = ManualClock()
    exchange = Exchange(_scenario(depth, fee_currency, dialect, fee_coin), clock)
    for step in script:
        _do(exchange, clock, step)
        exchange.advance()
        found = audit(exchange)
        assert found["ok"], found["findings"]


def _do(exchange, clock, step) -> None:
    try:
        _STEPS[step["what"]](exchange, clock, step)
    except Rejected:
        pass  # a refusal is a fair answer; what counts is that the books stay right


def _order(exchange, clock, step) -> None:
    market = exchange.market(step["symbol"])
    last = market.prices.price(clock.now())
    tick = market.rules.tick_size
    near = (last * (1 + step["offset"]) // tick) * tick
    order_type = step["order_type"]
    exchange.place_order(
        step["account"],
        "key",
        OrderRequest(
            symbol=step["symbol"],
            side=step["side"],
            order_type=order_type,
            amount=(step["worth"] / last).quantize(Decimal("0.00000001")),
            price=near if order_type.endswith("limit") else None,
            trigger=None if order_type in ("market", "limit") else near,
            time_in_force=step["time_in_force"],
        ),
    )


def _wait(exchange, clock, step) -> None:
    clock.advance(step["seconds"])


def _cancel(exchange, clock, step) -> None:
    open_orders = exchange.matching.open_orders()
    if open_orders:
        exchange.cancel_order(open_orders[step["which"] % len(open_orders)])


def _fill(exchange, clock, step) -> None:
    open_orders = exchange.matching.open_orders()
    if open_orders:
        order = open_orders[step["which"] % len(open_orders)]
        part = (order.remaining * step["share"] / 100).quantize(Decimal("0.00000001"), "ROUND_UP")
        exchange.fill_order(order.order_id, min(part, order.remaining))


def _price(exchange, clock, step) -> None:
    market = exchange.market(step["symbol"])
    exchange.set_price(step["symbol"], market.rules.price * step["factor"] / 100)


def _partial(exchange, clock, step) -> None:
    exchange.add_fault(Fault(kind="partial_fill", fraction=step["fraction"], times=2))


def _clear(exchange, clock, step) -> None:
    exchange.faults.clear()


_STEPS = {
    "order": _order,
    "wait": _wait,
    "cancel": _cancel,
    "fill": _fill,
    "price": _price,
    "partial": _partial,
    "clear": _clear,
}


@given(
    price=st.decimals("1", "50", places=1),
    parts=st.lists(st.integers(1, 40), min_size=1, max_size=12),
)
def test_filling_an_order_for_the_whole_balance_in_odd_parts_never_overdraws(price, parts):
    scenario = Scenario.model_validate(
        {
            "accounts": [{"balances": {"USD": "1000.0001"}}],
            # One fee for both roles, so that the hold leaves no room but that of rounding.
            "markets": [
                {
                    "symbol": "BTC/USD",
                    "price": "60001",
                    "cost_min": "0",
                    "fee_maker": "0.004",
                    "price_decimals": 1,
                }
            ],
        }
    )
    exchange = Exchange(scenario, ManualClock())
    account = exchange.account("main")
    amount = (Decimal("1000.0001") / price / Decimal("1.004")).quantize(
        Decimal("0.00000001"), "ROUND_DOWN"
    )
    order = exchange.place_order(
        "main", "key", OrderRequest("BTC/USD", "buy", "limit", amount, price)
    )
    for part in parts:
        wanted = (amount * part / 100).quantize(Decimal("0.00000001"), "ROUND_UP")
        if order.is_open:
            exchange.fill_order(order.order_id, min(wanted, order.remaining))
        assert account.holding("USD").free >= 0
    if order.is_open:
        exchange.fill_order(order.order_id, None)

    assert order.status == "closed"
    assert account.holding("USD").free >= 0
    assert audit(exchange)["ok"]
