"""``Venue`` on any exchange that freqtrade and ccxt know: live, or in dry-run on real order books.

It is freqtrade's own exchange class with a ccxt object of its own, and so with a rate limit of its
own. Orders and balances go through ccxt directly, once: freqtrade's functions would try again, for
up to a minute, and turn "rejected" and "outcome unknown" into one error. What needs no key has one
more ccxt object: that one belongs to the thread that reads order books.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import ccxt
from freqtrade.exchange import Exchange

from freqtrade_balance_guard.arbitrage.books.stream import BookStream
from freqtrade_balance_guard.arbitrage.leg import Level, Side
from freqtrade_balance_guard.arbitrage.planning.depth import best_price_in
from freqtrade_balance_guard.arbitrage.planning.dry_wallet import DryWallet
from freqtrade_balance_guard.arbitrage.venue import (
    GOOD_TILL_CANCELLED,
    LegOrder,
    LookUp,
    MarketRules,
    OrderRejected,
    PreparedOrder,
    Price,
    VenueOrder,
)
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.deadline import Deadline
from freqtrade_balance_guard.errors import BalanceGuardError, words_of
from freqtrade_balance_guard.integration.arbitrage.price_grid import (
    round_amount_down,
    round_to_grid,
)
from freqtrade_balance_guard.integration.arbitrage.public_client import PublicBooks
from freqtrade_balance_guard.integration.exchange.guard_client import GuardClient
from freqtrade_balance_guard.integration.exchange.order_error import Outcome, classify
from freqtrade_balance_guard.integration.exchange.order_lookup import fetch_known, find_order
from freqtrade_balance_guard.integration.exchange.shared_api_key import OwnConnection
from freqtrade_balance_guard.integration.streams.book_stream import CcxtBookStream, streams_books
from freqtrade_balance_guard.integration.streams.order_client import (
    OrderClient,
    sends_asynchronously,
)
from freqtrade_balance_guard.money import ONE, ZERO, exact, to_decimal, to_float
from freqtrade_balance_guard.network.request_expiry import RequestExpiry
from freqtrade_balance_guard.orders.client_ids import ClientIds, tag_of
from freqtrade_balance_guard.orders.lookup_result import Found, NotFound
from freqtrade_balance_guard.orders.reader import OrderAnswer, read_order, read_trades


logger = logging.getLogger(__name__)

# All requests of one look-up together.
LOOK_UP_SECONDS = 10.0
BOOK_LEVELS = 100
# How long a venue's minimums and steps are taken for true.
MARKETS_SECONDS = 3600.0
# How long the measured difference of its clock is.
CLOCK_SECONDS = 900.0
# A request that ccxt has given up on usually arrives within this, if it does.
LATE_SECONDS = 10.0
CLOCK_MARGIN = timedelta(seconds=10)
# Fees are taken from what is received on these: of a purchase, in the coin.
FEE_SIDES_IN_BASE = ("get", "base")


class NoAnswer(BalanceGuardError):
    """The exchange's answer is not one."""


@dataclass
class CcxtVenue:
    """Trades on ``exchange``. With a ``dry_wallet`` nothing is ever sent.

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
    # Pairs of which a purchase showed in which currency its fee is taken.
    _fees_in_base: dict[str, bool] = field(default_factory=dict)
    # When its markets are loaded again (monotonic); None: freqtrade does.
    _reload_at: float | None = None
    _measure_at: float = 0.0
    _stream: BookStream | None = None

    def __post_init__(self) -> None:
        self._ids = ClientIds.of(str(self.exchange.id), "spot")
        theirs = self.exchange
        plain = theirs._exchange if isinstance(theirs, OwnConnection) else theirs
        self._client = GuardClient(plain, self.clock)
        self._books = PublicBooks(self.exchange)
        self._expiry = RequestExpiry(str(self.exchange.id), self._api, self.clock)
        self._orders = OrderClient(self.exchange, self.clock)
        self._is_asynchronous = sends_asynchronously(self.exchange)

    @property
    def _api(self) -> Any:
        return self.exchange._api

    @property
    def expiry_seconds(self) -> float | None:
        """How long after it was sent the exchange still takes an order; None: no limit."""
        return None if self.dry_wallet is not None else self._expiry.seconds

    def new_id(self) -> str:
        return self._ids.make(tag_of(self.bot))

    # The market: from memory

    def rules(self, pair: str) -> MarketRules:
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
            is_fee_in_base=self._is_fee_in_base(pair, market),
        )

    def _is_fee_in_base(self, pair: str, market: Mapping[str, Any]) -> bool:
        """A purchase's fee is taken in the coin; what was seen outweighs what ccxt says."""
        if self.dry_wallet is not None:
            return False  # freqtrade simulates fees in quote currency
        return self._fees_in_base.get(pair, market.get("feeSide") in FEE_SIDES_IN_BASE)

    def _step(self, precision: float | None) -> Decimal:
        """Return 0 where the exchange counts significant digits, or shows nothing."""
        if precision is None or self.exchange.precisionMode == ccxt.SIGNIFICANT_DIGITS:
            return ZERO
        if self.exchange.precisionMode == ccxt.DECIMAL_PLACES:
            return ONE.scaleb(-int(precision))
        return to_decimal(precision)

    def round_price(self, pair: str, side: Side, price: Decimal) -> Decimal:
        return round_to_grid(self._api, pair, price, is_down=side == "buy")

    def round_amount(self, pair: str, amount: Decimal) -> Decimal:
        return round_amount_down(self._api, pair, amount)

    # Public data by websocket: in the engine's thread alone

    @property
    def book_stream(self) -> BookStream | None:
        """Follow its order books, where ccxt.pro can; made at first use, in the engine's loop."""
        if self._stream is None and streams_books(self.exchange):
            self._stream = CcxtBookStream(self.exchange, self.clock)
        return self._stream

    # Public requests: in the thread of the public lane alone

    def keep_fresh(self) -> None:
        """Load its markets again from time to time: nothing else does."""
        self._reload_at = self.clock.monotonic() + MARKETS_SECONDS

    def refresh_if_due(self) -> None:
        """Load the markets again, and measure the exchange's clock, when it is time."""
        now = self.clock.monotonic()
        if self.dry_wallet is None and now >= self._measure_at:
            self._measure_at = now + CLOCK_SECONDS
            self._expiry.measure(self._books.client)
        if self._reload_at is None or now < self._reload_at:
            return
        self._reload_at = now + MARKETS_SECONDS
        try:
            markets = self._books.client.load_markets(True)
        except Exception as error:
            logger.debug("%s does not show its markets: %s", self.name, words_of(error))
            return
        self._api.set_markets(list(markets.values()), self._books.client.currencies)
        self.exchange._markets = self._api.markets

    def order_book(self, pair: str) -> tuple[Sequence[Level], Sequence[Level]]:
        book = self._books.fetch_l2_order_book(pair, BOOK_LEVELS)
        # ccxt adds further columns on some exchanges.
        bids, asks = ([level[:2] for level in book[side]] for side in ("bids", "asks"))
        return bids, asks

    def best_price(self, pair: str, side: Side, amount: Decimal) -> Price:
        return best_price_in(self.order_book(pair), side, amount, f"{pair} on {self.name}")

    # Private requests: in the thread of the key

    def balances(self) -> Mapping[str, Decimal]:
        if self.dry_wallet is not None:
            return self.dry_wallet.balances()
        answer = self._api.fetch_balance()
        found = {
            currency: to_decimal(balance["free"])
            for currency, balance in answer.items()
            if currency not in ("info", "free", "used", "total")
            and isinstance(balance, dict)
            and balance.get("free") is not None
        }
        if not found:
            # An account for legs is not empty; an answer may be.
            raise NoAnswer(f"{self.name} returned no balance")
        return found

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

    def takes(self, time_in_force: str) -> bool:
        """Return whether its limit orders may end at once; where not, they rest until cancelled."""
        features = getattr(self._api, "features", None) or {}
        of_orders = (features.get("spot") or {}).get("createOrder") or {}
        return bool((of_orders.get("timeInForce") or {}).get(time_in_force))

    def place(self, order: LegOrder) -> VenueOrder:
        if self.dry_wallet is not None:
            amount, price = to_float(order.amount), self._simulated_price(order)
            made: Any = self.exchange.create_dry_run_order(
                order.pair, "limit", order.side, amount, price, 1.0
            )
            self._dry_ids[order.client_order_id] = made["id"]
            if order.time_in_force != GOOD_TILL_CANCELLED:
                self.cancel(order, made["id"])
                made = self.exchange.fetch_dry_run_order(made["id"])
            return self._read(made)
        request = self.prepare(order).payload
        with self._reading_errors(), self._with_headers(self._expiry.headers()):
            made = self._api.create_order(
                **request["order"], params={**request["params"], **self._expiry.params()}
            )
        return self._read(made)

    @contextmanager
    def _reading_errors(self) -> Iterator[None]:
        """:raises OrderRejected: the exchange certainly does not have what was sent inside"""
        try:
            yield
        except Exception as error:
            if classify(error) is Outcome.REJECTED:
                if self._reload_at is not None:
                    self._reload_at = self.clock.monotonic()  # the rules may be others by now
                raise OrderRejected(words_of(error)) from error
            raise

    # Orders from the engine's loop

    @property
    def is_sending_in_loop(self) -> bool:
        """Return whether ``send`` is used: freqtrade simulates fills with requests that wait."""
        return self.dry_wallet is None and self._is_asynchronous

    def prepare(self, order: LegOrder) -> PreparedOrder:
        """Make the request; ccxt signs it when it leaves: its time and its nonce are of then."""
        params = self._ids.order_params(order.client_order_id)
        if order.time_in_force != GOOD_TILL_CANCELLED and self.takes(order.time_in_force):
            params["timeInForce"] = order.time_in_force
        of_ccxt = {
            "symbol": order.pair,
            "type": "limit",
            "side": order.side,
            "amount": to_float(order.amount),
            "price": to_float(order.price),
        }
        payload = {"order": of_ccxt, "params": params}
        return PreparedOrder(order.client_order_id, payload)

    async def send(self, order: LegOrder, prepared: PreparedOrder) -> VenueOrder:
        request = prepared.payload
        params = {**request["params"], **self._expiry.params()}
        with self._reading_errors():
            made = await self._orders.create_order(request["order"], params, self._expiry.headers())
        return self._read(made)

    async def keep_warm(self) -> None:
        """Keep a connection open for the next order; in the engine's loop."""
        if self.is_sending_in_loop:
            await self._orders.keep_warm()

    async def close_connections(self) -> None:
        """End the connections of ``send``."""
        await self._orders.close()

    @contextmanager
    def _with_headers(self, headers: Mapping[str, str]) -> Iterator[None]:
        """Send these with what is asked inside; the ccxt object is the venue's own."""
        if not headers:
            yield
            return
        api, before = self._api, self._api.headers
        api.headers = {**(before or {}), **headers}
        try:
            yield
        finally:
            api.headers = before

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
        found = self._with_fees(order, self._read(answer.order))
        self._learn_fee(order, found)
        return found

    def _learn_fee(self, order: LegOrder, found: VenueOrder) -> None:
        if order.side == "buy" and found.filled and found.fees:
            self._fees_in_base[order.pair] = order.base in found.fees

    def _dry(self, order: LegOrder) -> LookUp:
        """A simulated order lives as long as the process that simulates it."""
        dry_id = self._dry_ids.get(order.client_order_id)
        if dry_id is None:
            return NotFound()
        return self._read(self.exchange.fetch_dry_run_order(dry_id))

    def _read(self, answer: Any) -> VenueOrder:
        if not answer.get("id"):
            raise NoAnswer(f"{self.name} returned no order id")
        self._known_ids.add(str(answer["id"]))
        return _venue_order(read_order(answer))

    def _with_fees(self, order: LegOrder, reported: VenueOrder) -> VenueOrder:
        """Ask for the fees of its trades, where the exchange shows none of orders."""
        if (
            reported.is_open
            or not reported.filled
            or reported.fees
            or not self._api.has.get("fetchMyTrades")
        ):
            return reported
        since = int((order.made_at - CLOCK_MARGIN).timestamp() * 1000)
        try:
            trades = self._api.fetch_my_trades(order.pair, since)
            mine = [trade for trade in trades if str(trade.get("order")) == reported.order_id]
            read = read_trades(reported.order_id, "closed", mine)
        except Exception as error:
            logger.debug("%s shows no trades: %s", self.name, words_of(error))
            return reported
        if read is None or read.filled != reported.filled:
            return reported
        return replace(reported, fees=read.fees)


@exact
def _venue_order(answer: OrderAnswer) -> VenueOrder:
    """What was read of an order, as legs are followed; a cost that is missing is its price's."""
    cost = answer.cost
    if cost is None:
        cost = answer.filled * (answer.price or ZERO)
    return VenueOrder(answer.order_id, answer.is_open, answer.filled, cost, answer.fees)


def _number(value: object) -> Decimal:
    return ZERO if value is None else to_decimal(value)
