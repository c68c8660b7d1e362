"""The picture that a rebalance is decided on, taken from freqtrade: the same in every mode."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from freqtrade.persistence import LocalTrade, Order, Trade
from sqlalchemy import func, select

from freqtrade_balance_guard.integration.orders.partial_exit import way_to_the_stop
from freqtrade_balance_guard.limits.market import MarketRules
from freqtrade_balance_guard.money import ONE, ZERO, exact, to_decimal
from freqtrade_balance_guard.rebalance.plan import Capital, Position
from freqtrade_balance_guard.rebalance.policy import RebalanceLimits
from freqtrade_balance_guard.rebalance.rebalancer import Rate


if TYPE_CHECKING:
    from freqtrade_balance_guard.integration.wallets.guarded_wallets import GuardedWallets


logger = logging.getLogger(__name__)

# A sale may fill so much worse than the rate that it is planned with.
SLIPPAGE = Decimal("0.01")
# freqtrade's backtest wants a rest to be worth what an entry with this stop-loss is worth.
BACKTEST_STOPLOSS = -0.1


def is_spot(config: Mapping[str, Any]) -> bool:
    """Whether coins are bought and sold, and no contracts."""
    return bool(config.get("trading_mode", "spot") == "spot")


class FreqtradeInputs:
    """Reads the wallets and the trades of one bot or one backtest."""

    def __init__(self, wallets: "GuardedWallets", config: dict[str, Any]) -> None:
        self._wallets = wallets
        self._config = config

    @property
    def currency(self) -> str:
        return str(self._config["stake_currency"])

    @property
    def is_spot(self) -> bool:
        return is_spot(self._config)

    def limits(self) -> RebalanceLimits:
        """The user's settings for the tier that the account is in."""
        guard = self._wallets.guard
        assert guard is not None  # noqa: S101  whoever rebalances is guarded
        equity = self._wallets.account.equity
        return RebalanceLimits.of(guard.tier_limits(equity), guard.from_dollars)

    @exact
    def capital(self, *, is_fresh: bool) -> Capital:
        """What is free, and how much of it freqtrade would put to work.

        :param is_fresh: the balance was just read: only what this answer confirms counts. An older
            answer may lack what own orders did since, and nothing is sold because of it.
        """
        config, account = self._config, self._wallets.account
        funds = account.certain() if is_fresh else account.above_floor()
        ratio = ONE
        if "available_capital" not in config:
            ratio = to_decimal(config["tradable_balance_ratio"])
        return Capital(funds, account.capacity(), ratio, _held(Trade.get_open_trades()))

    def positions(self, rate_of: Rate) -> tuple[Position, ...]:
        """Return every open trade of this bot that holds something, hedged ones left out.

        The coin of a trade with another leg is sold together with that one, or not at all.
        """
        wallets = self._wallets
        trades = [trade for trade in Trade.get_open_trades() if trade.amount > 0]
        return tuple(
            _position(wallets, trade, rate_of(trade)) for trade in without_hedged(wallets, trades)
        )

    def last_fill(self) -> datetime | None:
        """When this bot bought or sold anything for the last time; None: never."""
        return last_fill()

    def open_order_count(self) -> int:
        """Entries and exits that rest; a stop order on the exchange is none."""
        return sum(len(trade.open_orders) for trade in Trade.get_open_trades())


def _held(trades: list[Any]) -> Decimal:
    held = ZERO
    for trade in trades:
        for order in trade.open_orders:
            if order.ft_order_side == trade.entry_side:
                price = to_decimal(order.ft_price or order.price or 0)
                leverage = to_decimal(trade.leverage or 1)
                held += to_decimal(order.safe_remaining) * price / leverage
    return held


def without_hedged(wallets: "GuardedWallets", trades: list[Any]) -> list[Any]:
    """Return the trades that are no leg of an arbitrage; log once which were left out."""
    arbitrages = getattr(wallets, "pairs", None)
    hedged = arbitrages.hedged_trades() if arbitrages is not None else set()
    for trade in trades:
        if trade.id in hedged and trade.id not in _left_out:
            _left_out.add(trade.id)
            logger.info(
                "Trade %s (%s) is left out of the rebalance: it is a leg of an arbitrage.",
                trade.id,
                trade.pair,
            )
    return [trade for trade in trades if trade.id not in hedged]


# Trades of which it was logged.
_left_out: set[int] = set()


@exact
def _position(wallets: "GuardedWallets", trade: Any, found: float | None) -> Position:
    rate = to_decimal(found) if found else None
    try:
        rules = wallets.market_rules(trade.pair)
    except KeyError:
        # The exchange does not trade it any more.
        rules, rate = MarketRules(), None
    return Position(
        trade_id=int(trade.id),
        pair=trade.pair,
        amount=to_decimal(trade.amount),
        stake=to_decimal(trade.stake_amount),
        open_rate=to_decimal(trade.open_rate),
        rate=rate,
        opened_at=trade.open_date_utc,
        rules=rules,
        slippage=SLIPPAGE,
        in_wallet=_in_wallet(wallets, trade),
        stoploss=way_to_the_stop(wallets, trade, rate) if rate else ZERO,
        rest_min=_rest_min(wallets, trade, found) if rate else None,
        leverage=to_decimal(trade.leverage or 1),
        is_short=bool(trade.is_short),
        has_open_order=bool(trade.open_orders),
    )


def _in_wallet(wallets: "GuardedWallets", trade: Any) -> Decimal | None:
    if not is_spot(wallets._config):
        return None  # a contract is in no wallet
    return to_decimal(wallets.get_total(trade.safe_base_currency))


def _rest_min(wallets: "GuardedWallets", trade: Any, rate: float | None) -> Decimal | None:
    """What freqtrade wants a rest to be worth, in whatever mode it is asked."""
    if not rate:
        return None
    live = wallets.exchange_minimum_stake(trade.pair, rate, trade.leverage)
    other = wallets.exchange_minimum_stake(trade.pair, rate, trade.leverage, BACKTEST_STOPLOSS)
    return max(to_decimal(live or 0), to_decimal(other or 0)) or None


def last_fill() -> datetime | None:
    """When this bot bought or sold anything for the last time; None: never."""
    if Trade.use_db:
        newest = Order.session.scalar(
            select(func.max(Order.order_filled_date)).where(Order.filled > 0)
        )
        return _utc(newest)
    # A backtest: closed trades are in the order in which they were closed.
    moments = [trade.close_date_utc for trade in LocalTrade.bt_trades[-1:]]
    moments += [trade.date_last_filled_utc for trade in LocalTrade.bt_trades_open]
    return max((moment for moment in moments if moment is not None), default=None)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None
