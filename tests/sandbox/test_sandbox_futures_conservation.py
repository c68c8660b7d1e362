"""Whatever is ordered on contracts: money is neither made nor lost, positions are their fills."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freqtrade_balance_guard.sandbox import Scenario
from freqtrade_balance_guard.sandbox.core.orders import OrderRequest, Rejected
from freqtrade_balance_guard.sandbox.engine.audit import audit
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.script.clock import ManualClock
from freqtrade_balance_guard.sandbox.script.faults import Fault


SYMBOLS = ["BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDC:USDC"]
ACCOUNTS = ["alice", "bob"]


def _exchange(clock, *, margin_mode: str, hedge: bool, proxy: bool) -> Exchange:
    coins = {"BNFCR": "2000"} if proxy else {"USDT": "1000", "USDC": "1000"}
    chosen = {
        "margin_mode": margin_mode,
        "hedge_mode": hedge,
        "leverage": 10,
        "proxy_coin": "BNFCR" if proxy else None,
    }
    prices = {"BTC/USDT:USDT": "50000", "ETH/USDT:USDT": "2500", "SOL/USDC:USDC": "100"}
    scenario = {
        "dialect": "binance-futures",
        "funding_interval_s": 60,
        "accounts": [{"name": n, "balances": coins, "futures": chosen} for n in ACCOUNTS],
        "markets": [
            {
                "symbol": symbol,
                "price": price,
                "amount_decimals": 3,
                "depth": "3000",
                "mark_premium": "0.001",
                "price_path": {"kind": "wave", "amplitude": "0.08", "period": 300},
            }
            for symbol, price in prices.items()
        ],
    }
    return Exchange(Scenario.model_validate(scenario), clock)


steps = st.fixed_dictionaries(
    {
        "what": st.sampled_from(
            ["order", "order", "order", "stop", "wait", "cancel", "price", "leverage", "partial"]
        ),
        "account": st.sampled_from(ACCOUNTS),
        "symbol": st.sampled_from(SYMBOLS),
        "side": st.sampled_from(["buy", "sell"]),
        "is_limit": st.booleans(),
        "worth": st.decimals("10", "6000", places=2),
        "offset": st.decimals("-0.05", "0.05", places=3),
        "reduce_only": st.booleans(),
        "position_side": st.sampled_from(["LONG", "SHORT"]),
        "number": st.integers(1, 100),
    }
)


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    script=st.lists(steps, min_size=8, max_size=30),
    margin_mode=st.sampled_from(["cross", "isolated"]),
    hedge=st.booleans(),
    proxy=st.booleans(),
)
def test_money_is_conserved_and_positions_are_their_fills(script, margin_mode, hedge, proxy):
    clock = ManualClock()
    exchange = _exchange(clock, margin_mode=margin_mode, hedge=hedge, proxy=proxy)
    for step in script:
        try:
            _do(exchange, clock, step, hedge=hedge)
        except Rejected:
            pass  # a rejection is a fair answer; what counts is that the books stay right
        exchange.advance()
        found = audit(exchange)
        assert found["ok"], found["findings"]
        for name in ACCOUNTS:
            for view in exchange.futures.wallets(name, clock.now()).values():
                assert view.wallet >= view.wallet - view.cross_wallet >= 0


def _do(exchange, clock, step, *, hedge) -> None:
    what = step["what"]
    if what in ("order", "stop"):
        request = _request(exchange, clock, step, hedge)
        if what == "order":
            exchange.place_order(step["account"], "key", request)
        else:
            price = exchange.markets[step["symbol"]].prices.price(clock.now())
            tick = exchange.markets[step["symbol"]].rules.tick_size
            below = Decimal("0.98") if request.side == "sell" else Decimal("1.02")
            stop = replace(
                request, order_type="stop-loss", price=None, trigger=price * below // tick * tick
            )
            exchange.futures.stops.add(
                step["account"], "key", stop, "MARK_PRICE", close_position=False, now=clock.now()
            )
    elif what == "wait":
        clock.advance(step["number"])
    elif what == "cancel":
        open_orders = exchange.matching.open_orders()
        if open_orders:
            exchange.cancel_order(open_orders[step["number"] % len(open_orders)])
    elif what == "price":
        market = exchange.market(step["symbol"])
        exchange.set_price(step["symbol"], market.rules.price * (50 + step["number"]) / 100)
    elif what == "leverage":
        chosen = exchange.futures.state.settings(step["account"], step["symbol"])
        if not exchange.futures.state.positions(step["account"]):
            chosen.leverage = step["number"] % 20 + 1
    else:
        exchange.add_fault(Fault(kind="partial_fill", times=1))


def _request(exchange, clock, step, hedge) -> OrderRequest:
    market = exchange.market(step["symbol"])
    last, tick = market.prices.price(clock.now()), market.rules.tick_size
    return OrderRequest(
        symbol=step["symbol"],
        side=step["side"],
        order_type="limit" if step["is_limit"] else "market",
        amount=(step["worth"] / last).quantize(Decimal("0.001")),
        price=(last * (1 + step["offset"])) // tick * tick if step["is_limit"] else None,
        reduce_only=step["reduce_only"] and not hedge,
        position_side=step["position_side"] if hedge else "BOTH",
    )
