"""A venue on any exchange that freqtrade and ccxt know: live, or in dry-run on real order books.

It is freqtrade's own exchange class with a ccxt object of its own, and so with a rate limit of its
own. Orders go through ccxt directly, once: freqtrade's functions would try again, and turn
"refused" and "nobody knows" into one error.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import ccxt
from freqtrade.enums import MarginMode, TradingMode
from freqtrade.exchange import Exchange
from freqtrade.resolvers import ExchangeResolver

from freqtrade_balance_guard.arbitrage.leg import Level, Side
from freqtrade_balance_guard.arbitrage.venue import (
    LegOrder,
    LookUp,
    MarketRules,
    OrderRejected,
    Price,
    VenueOrder,
)
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.deadline import Deadline
from freqtrade_balance_guard.errors import BalanceGuardError
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.order_error import Outcome, classify
from freqtrade_balance_guard.integration.exchange.order_lookup import fetch_known, find_order
from freqtrade_balance_guard.integration.exchange.shared_api_key import OwnConnection
from freqtrade_balance_guard.ledger import ReservationLedger, State
from freqtrade_balance_guard.money import ONE, ZERO, exact, to_decimal, to_float
from freqtrade_balance_guard.orders.client_ids import ClientIds, tag_of
from freqtrade_balance_guard.orders.lookup_result import Found, NotFound
from freqtrade_balance_guard.orders.reader import OPEN_STATUSES, fees_of
from freqtrade_balance_guard.settings import VenueSettings
from freqtrade_balance_guard.settings.state_paths import (
    DRY_RUN_ACCOUNT,
    is_dry_run,
    key_fingerprint,
)


logger = logging.getLogger(__name__)

# All requests of one look-up together.
LOOK_UP_SECONDS = 10.0
BOOK_LEVELS = 100
# How long a venue's minimums and steps are taken for true.
MARKETS_SECONDS = 3600.0
# A request that ccxt has given up on may still be on its way.
LATE_SECONDS = 10.0
CLOCK_MARGIN = timedelta(seconds=10)


class NoAnswer(BalanceGuardError):
    """The exchange's answer is none."""


@dataclass
class DryWallet:
    """Simulated money on a venue: what it began with, and what the ledger says came of it."""

    account: str
    ledger: ReservationLedger
    initial: Mapping[str, Decimal]

    @exact
    def balances(self) -> dict[str, Decimal]:
        """What is free, by currency.

        :raises LedgerUnavailable: nobody knows
        """
        free = dict(self.initial)
        brought: dict[str, tuple[str, Decimal]] = {}
        for entry, row in self.ledger.changes(0, account=self.account):
            if entry.received is not None and entry.received_currency is not None:
                brought[row.client_order_id] = (entry.received_currency, entry.received)
        for row in self.ledger.reservations(account=self.account, archived=True):
            # What has not left, or nobody has answered, the ledger subtracts itself.
            taken = row.promised if row.state is State.OPEN else row.committed
            free[row.currency] = free.get(row.currency, ZERO) - taken
        for currency, amount in brought.values():
            free[currency] = free.get(currency, ZERO) + amount
        return {currency: max(amount, ZERO) for currency, amount in free.items()}


@dataclass
class CcxtVenue:
    """``Venue`` on ``exchange``. With a ``dry_wallet`` nothing is ever sent.

    :param exchange: freqtrade's, with its markets loaded, for spot
    :param account: the ledger's name for whose money it is
    """

    name: str
    account: str
    queue: str
    exchange: Exchange
    bot: str
    clock: Clock
    dry_wallet: DryWallet | None = None
    late_seconds: float = LATE_SECONDS
    _dry_ids: dict[str, str] = field(default_factory=dict)
    _known_ids: set[str] = field(default_factory=set)
    # When its markets are loaded again (monotonic); None: somebody else does.
    _reload_at: float | None = None

    def __post_init__(self) -> None:
        self._ids = ClientIds.of(str(self.exchange.id), "spot")
        self._api: Any = self.exchange._api
        theirs = self.exchange
        plain = theirs._exchange if isinstance(theirs, OwnConnection) else theirs
        self._client = GuardClient(plain, self.clock)

    def new_id(self) -> str:
        return self._ids.make(tag_of(self.bot))

    # The market

    def rules(self, pair: str) -> MarketRules:
        self._reload_if_due()
        market = self.exchange.markets.get(pair)
        if market is None or market.get("active") is False or not market.get("spot", True):
            raise LookupError(f"{self.name} has no open spot market {pair}")
        limits = market.get("limits") or {}
        precision = market.get("precision") or {}
        fee = self.exchange.get_fee(pair, taker_or_maker="taker")
        return MarketRules(
            amount_step=self._step(precision.get("amount")),
            price_step=self._step(precision.get("price")),
            amount_min=_number((limits.get("amount") or {}).get("min")),
            cost_min=_number((limits.get("cost") or {}).get("min")),
            taker_fee=to_decimal(fee),
        )

    def _reload_if_due(self) -> None:
        """freqtrade loads its own exchange's markets anew; a venue's nobody else does."""
        now = self.clock.monotonic()
        if self._reload_at is None or now < self._reload_at:
            return
        self._reload_at = now + MARKETS_SECONDS
        try:
            self.exchange.reload_markets(True, load_leverage_tiers=False)
        except Exception as error:
            logger.debug("%s does not tell its markets: %s", self.name, error)

    def _step(self, precision: float | None) -> Decimal:
        """0 where the exchange counts significant digits, or tells nothing: ccxt rounds then."""
        if precision is None or self.exchange.precisionMode == ccxt.SIGNIFICANT_DIGITS:
            return ZERO
        if self.exchange.precisionMode == ccxt.DECIMAL_PLACES:
            return ONE.scaleb(-int(precision))
        return to_decimal(precision)

    def order_book(self, pair: str) -> tuple[Sequence[Level], Sequence[Level]]:
        book = self.exchange.fetch_l2_order_book(pair, BOOK_LEVELS)
        # ccxt adds further columns on some exchanges.
        bids, asks = ([level[:2] for level in book[side]] for side in ("bids", "asks"))
        return bids, asks

    @exact
    def best_price(self, pair: str, side: Side, amount: Decimal) -> Price:
        bids, asks = self.order_book(pair)
        levels = [
            (to_decimal(price), to_decimal(there))
            for price, there in (asks if side == "buy" else bids)
        ]
        left, cost, worst = amount, ZERO, ZERO
        for price, there in levels:
            taken = min(left, there)
            left -= taken
            cost += taken * price
            worst = price
            if not left:
                return Price(levels[0][0], cost / amount, worst)
        raise LookupError(f"the order book of {pair} on {self.name} is not deep enough")

    def balances(self) -> Mapping[str, Decimal]:
        if self.dry_wallet is not None:
            return self.dry_wallet.balances()
        told = self.exchange.get_balances()
        found = {
            currency: to_decimal(balance["free"])
            for currency, balance in told.items()
            if isinstance(balance, dict) and balance.get("free") is not None
        }
        if not found:
            # An account for legs is not empty; an answer may be.
            raise NoAnswer(f"{self.name} tells no balance")
        return found

    # Orders

    def check(self, order: LegOrder) -> None:
        market = self.exchange.markets.get(order.pair)
        if market is None or market.get("active") is False:
            raise OrderRejected(f"{self.name} has no open market {order.pair}")
        if self._ids.sends() and not self._ids.is_legal(order.client_order_id):
            raise OrderRejected(f"{self.name} does not take the id {order.client_order_id}")
        amount = self._api.amount_to_precision(order.pair, to_float(order.amount))
        if to_decimal(amount) != order.amount:
            raise OrderRejected(f"{self.name} would make {amount} of the amount {order.amount}")
        price = self._api.price_to_precision(order.pair, to_float(order.price))
        if to_decimal(price) != order.price:
            raise OrderRejected(f"{self.name} would make {price} of the price {order.price}")

    def place(self, order: LegOrder) -> VenueOrder:
        amount, price = to_float(order.amount), to_float(order.price)
        if self.dry_wallet is not None:
            made: Any = self.exchange.create_dry_run_order(
                order.pair, "limit", order.side, amount, self._simulated_price(order), 1.0
            )
            self._dry_ids[order.client_order_id] = made["id"]
            return self._told(made)
        params = self._ids.order_params(order.client_order_id)
        try:
            made = self._api.create_order(
                order.pair, "limit", order.side, amount, price, params=params
            )
        except Exception as error:
            if classify(error) is Outcome.REJECTED:
                if self._reload_at is not None:
                    self._reload_at = self.clock.monotonic()  # the rules may be others by now
                raise OrderRejected(str(error)[:200]) from error
            raise
        return self._told(made)

    def _simulated_price(self, order: LegOrder) -> float:
        """freqtrade fills at the order's limit; an exchange at what its book has to offer."""
        try:
            average = self.best_price(order.pair, order.side, order.amount).average
        except LookupError:
            return to_float(order.price)
        better = min if order.side == "buy" else max
        return to_float(better(order.price, average))

    def cancel(self, order: LegOrder, order_id: str) -> None:
        if self.dry_wallet is None:
            self._api.cancel_order(order_id, order.pair)
        elif self.exchange.fetch_dry_run_order(order_id)["status"] == "open":
            # freqtrade would take the fills of an ended one back.
            self.exchange.cancel_order(order_id, order.pair)

    def look_up(self, order: LegOrder, order_id: str | None) -> LookUp:
        if self.dry_wallet is not None:
            return self._dry(order)
        deadline = Deadline.after(self.clock, LOOK_UP_SECONDS)
        if order_id is not None:
            answer = fetch_known(self._client, order_id, order.pair, deadline=deadline)
        else:
            answer = find_order(
                self._client,
                order.client_order_id,
                order.pair,
                order.side,
                order.amount,
                order.made_at,
                deadline=deadline,
                clock=self.clock,
                is_known=self._known_ids.__contains__,
                order_type="limit",
            )
        if not isinstance(answer, Found):
            return answer
        return self._with_fees(order, self._told(answer.order))

    def _dry(self, order: LegOrder) -> LookUp:
        """A simulated order lives as long as the process that simulates it."""
        dry_id = self._dry_ids.get(order.client_order_id)
        if dry_id is None:
            return NotFound()
        return self._told(self.exchange.fetch_dry_run_order(dry_id))

    def _told(self, answer: Any) -> VenueOrder:
        if not answer.get("id"):
            raise NoAnswer(f"{self.name} tells no order id")
        filled = _number(answer.get("filled"))
        price = answer.get("average") or answer.get("price")
        cost = to_decimal(answer["cost"]) if answer.get("cost") else filled * _number(price)
        self._known_ids.add(str(answer["id"]))
        return VenueOrder(
            order_id=str(answer["id"]),
            is_open=answer.get("status") in OPEN_STATUSES,
            filled=filled,
            cost=cost if filled else ZERO,
            fees=fees_of(answer),
        )

    def _with_fees(self, order: LegOrder, told: VenueOrder) -> VenueOrder:
        """Some exchanges tell the fees of trades, and not those of orders."""
        if told.is_open or not told.filled or told.fees or not self._api.has.get("fetchMyTrades"):
            return told
        since = int((order.made_at - CLOCK_MARGIN).timestamp() * 1000)
        try:
            trades = self._api.fetch_my_trades(order.pair, since)
            mine = [trade for trade in trades if str(trade.get("order")) == told.order_id]
            if sum((to_decimal(trade["amount"]) for trade in mine), ZERO) != told.filled:
                return told
            fees: dict[str, Decimal] = {}
            for trade in mine:
                for currency, fee in (fees_of(trade) or {}).items():
                    fees[currency] = fees.get(currency, ZERO) + fee
        except Exception as error:
            logger.debug("%s tells no trades: %s", self.name, error)
            return told
        return VenueOrder(told.order_id, told.is_open, told.filled, told.cost, fees or None)


def _number(value: object) -> Decimal:
    return ZERO if value is None else to_decimal(value)


def make_venue(
    name: str,
    settings: VenueSettings,
    config: Mapping[str, Any],
    *,
    bot: str,
    ledger: ReservationLedger,
    clock: Clock,
) -> CcxtVenue:
    """The venue that the user calls ``name``; loads its markets.

    :param config: freqtrade's, for whether it is a dry-run and for its stake currency
    :raises FreqtradeException: the exchange is not known
    :raises NoAnswer: its markets cannot be loaded
    """
    section = settings.exchange_section()
    # Legs need no candles, and a socket would only cost a thread.
    section |= {"enable_ws": False, "pair_whitelist": []}
    its_config = {
        **config,
        "exchange": section,
        "trading_mode": TradingMode.SPOT,
        "margin_mode": MarginMode.NONE,
    }
    exchange = ExchangeResolver.load_exchange(
        its_config,
        validate=False,
        load_leverage_tiers=False,
    )
    exchange.reload_markets(True, load_leverage_tiers=False)
    if not exchange.markets:
        # freqtrade has only logged it.
        raise NoAnswer(f"the markets of {name} cannot be loaded")
    account, wallet = settings.account or name, None
    if is_dry_run(dict(config)):
        account += DRY_RUN_ACCOUNT
        amounts = settings.dry_run_amounts(str(config.get("stake_currency", "")))
        initial = {currency: to_decimal(amount) for currency, amount in amounts.items()}
        wallet = DryWallet(account, ledger, initial)
    key = key_fingerprint({"exchange": section})
    venue = CcxtVenue(name, account, key or name, exchange, bot, clock, wallet)
    venue._reload_at = clock.monotonic() + MARKETS_SECONDS
    return venue
