"""Kalshi: one book of YES; a client order id is taken once; orders of NO read as YES at 1 - p.

So nothing is read off an order that only its sender knows: side and outcome are the leg's own.
"""

import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import ccxt.prediction

from freqtrade_balance_guard.arbitrage.outcomes.fees import KALSHI_TAKER_RATE, KalshiFees
from freqtrade_balance_guard.arbitrage.outcomes.holding import HoldingMove, Payout
from freqtrade_balance_guard.arbitrage.outcomes.outcome_orders import (
    NoAnswer,
    OutcomeInfo,
    answer_of,
    number,
    outcome_of,
    total,
)
from freqtrade_balance_guard.arbitrage.outcomes.rules import OutcomeRules, PriceRange
from freqtrade_balance_guard.arbitrage.venue import LegOrder, LookUp, PreparedOrder, VenueOrder
from freqtrade_balance_guard.integration.prediction.order_answer import OrderAnswer, read_error
from freqtrade_balance_guard.money import ONE, ZERO, exact, to_decimal
from freqtrade_balance_guard.orders.lookup_result import NotFound


CURRENCY = "USD"
_NO = "-NO"
_TIMES_IN_FORCE = {
    "IOC": "immediate_or_cancel",
    "FOK": "fill_or_kill",
    "GTC": "good_till_canceled",
}
_PAID_STATUSES = ("finalized", "settled")
_PAGE = 100
_MOST_PAGES = 5
_MAKER_RATE = Decimal("0.0175")
_WITH_MAKER_FEES = "quadratic_with_maker_fees"


class KalshiOrders:
    """Speaks to Kalshi by ccxt's client."""

    currency = CURRENCY
    expiry_seconds: float | None = None

    def __init__(self, client: ccxt.prediction.kalshi) -> None:
        self._client = client

    async def open(self) -> None:
        """Nothing: each request is signed by itself."""

    async def load(self, outcome: str) -> OutcomeInfo:
        ticker = outcome.removesuffix(_NO)
        answer = answer_of(
            await self._client.kalshiPublicGetMarketsTicker({"ticker": ticker}), "Kalshi"
        )
        market: Mapping[str, Any] = answer.get("market") or {}
        if not market.get("ticker"):
            raise LookupError(f"Kalshi has no market {ticker}")
        await self._client.load_outcome(outcome)
        ranges = [
            PriceRange(*(to_decimal(each[name]) for name in ("start", "end", "step")))
            for each in market.get("price_ranges") or []
        ] or [PriceRange(ZERO, ONE, Decimal("0.01"))]
        if outcome.endswith(_NO):
            ranges = [PriceRange(ONE - r.end, ONE - r.start, r.step) for r in ranges[::-1]]
        step = Decimal("0.01") if market.get("fractional_trading_enabled") else ONE
        return OutcomeInfo(
            outcome=outcome,
            rules=OutcomeRules(CURRENCY, tuple(ranges), step, shares_min=step),
            fees=await self._read_fees(str(market["event_ticker"])),
            is_open=market.get("status") == "active",
            label=str(market.get("title", "")),
        )

    async def _read_fees(self, event: str) -> KalshiFees:
        series = event.rpartition("-")[0] or event
        answer = answer_of(
            await self._client.kalshiPublicGetSeriesSeriesTicker({"series_ticker": series}),
            "Kalshi",
        )
        found = answer.get("series") or {}
        rate = KALSHI_TAKER_RATE * to_decimal(found.get("fee_multiplier", 1))
        has_maker_fees = found.get("fee_type") == _WITH_MAKER_FEES
        return KalshiFees(rate, _MAKER_RATE if has_maker_fees else ZERO)

    def new_id(self) -> str:
        return str(uuid.uuid4())

    @exact
    def prepare(self, order: LegOrder, info: OutcomeInfo) -> PreparedOrder:
        is_no = info.outcome.endswith(_NO)
        yes = ONE - order.price if is_no else order.price
        payload = {
            "ticker": info.outcome.removesuffix(_NO),
            "side": "bid" if (order.side == "buy") != is_no else "ask",
            # Texts: ccxt sends both as they are.
            "count": f"{order.amount:f}",
            "price": f"{yes:.4f}",
            "time_in_force": _TIMES_IN_FORCE[order.time_in_force],
            "self_trade_prevention_type": "taker_at_cross",
            "client_order_id": order.client_order_id,
        }
        return PreparedOrder(order.client_order_id, payload)

    async def send(self, order: LegOrder, prepared: PreparedOrder) -> VenueOrder:
        raw = answer_of(
            await self._client.kalshiPrivatePostPortfolioEventsOrders(dict(prepared.payload)),
            "Kalshi",
        )
        if not raw.get("order_id"):
            raise NoAnswer("Kalshi returned no order id")
        filled = number(raw.get("fill_count"))
        price = self._own_price(order, number(raw.get("average_fill_price")))
        return VenueOrder(
            order_id=str(raw["order_id"]),
            is_open=number(raw.get("remaining_count")) > ZERO,
            filled=filled,
            cost=filled * price,
        )

    def _own_price(self, order: LegOrder, yes: Decimal) -> Decimal:
        return ONE - yes if outcome_of(order.pair).endswith(_NO) else yes

    async def cancel(self, order_id: str) -> None:
        await self._client.cancel_order(order_id)

    async def find(self, order: LegOrder, prepared: PreparedOrder, order_id: str | None) -> LookUp:
        raw = await self._raw(order, order_id)
        if raw is None:
            return NotFound()
        return await self._with_fills(order, raw)

    async def _raw(self, order: LegOrder, order_id: str | None) -> Mapping[str, Any] | None:
        if order_id is not None:
            try:
                answer = await self._client.kalshiPrivateGetPortfolioOrdersOrderId(
                    {"order_id": order_id}
                )
            except Exception as error:
                if read_error(error) is OrderAnswer.NOT_FOUND:
                    return None
                raise
            found: Mapping[str, Any] | None = answer_of(answer, "Kalshi").get("order")
            return found
        cursor = ""
        for _ in range(_MOST_PAGES):
            request = {"limit": _PAGE, "ticker": outcome_of(order.pair).removesuffix(_NO)}
            request |= {"cursor": cursor} if cursor else {}
            answer = answer_of(
                await self._client.kalshiPrivateGetPortfolioOrders(request), "Kalshi"
            )
            for row in answer.get("orders") or []:
                if row.get("client_order_id") == order.client_order_id:
                    return dict(row)
            cursor = str(answer.get("cursor") or "")
            if not cursor:
                return None
        raise NoAnswer("Kalshi has more orders than were looked through")

    async def _with_fills(self, order: LegOrder, raw: Mapping[str, Any]) -> VenueOrder:
        order_id, filled = str(raw["order_id"]), number(raw.get("fill_count_fp"))
        cost = fee = ZERO
        if filled:
            answer = answer_of(
                await self._client.kalshiPrivateGetPortfolioFills({"order_id": order_id}), "Kalshi"
            )
            rows = answer.get("fills") or []
            if total([to_decimal(row["count_fp"]) for row in rows]) != filled:
                raise NoAnswer("Kalshi does not show all fills of the order yet")
            for row in rows:
                price = self._own_price(order, to_decimal(row["yes_price_dollars"]))
                cost += to_decimal(row["count_fp"]) * price
                fee += number(row.get("fee_cost"))
        return VenueOrder(
            order_id=order_id,
            is_open=raw.get("status") in ("resting", "pending"),
            filled=filled,
            cost=cost,
            fees={CURRENCY: fee} if filled else {},
        )

    async def settlement(self, order: LegOrder, order_id: str) -> HoldingMove | None:
        return HoldingMove.SETTLE  # a fill is final

    async def payout(self, order: LegOrder, order_id: str, shares: Decimal) -> Payout | None:
        return await self.simulated_payout(order, shares)

    async def simulated_payout(self, order: LegOrder, shares: Decimal) -> Payout | None:
        """It pays by itself when a market is finalized; a void one gives back what was paid."""
        outcome = outcome_of(order.pair)
        answer = answer_of(
            await self._client.kalshiPublicGetMarketsTicker({"ticker": outcome.removesuffix(_NO)}),
            "Kalshi",
        )
        market: Mapping[str, Any] = answer.get("market") or {}
        if market.get("status") not in _PAID_STATUSES:
            return None
        result = market.get("result")
        if result not in ("yes", "no"):
            return Payout(HoldingMove.ANNUL, None)
        has_won = outcome.endswith(_NO) == (result == "no")
        return Payout(HoldingMove.PAY, shares if has_won else ZERO)

    async def balances(self) -> Mapping[str, Decimal]:
        answer = await self._client.fetch_balance()
        found = {CURRENCY: to_decimal(answer[CURRENCY]["free"])}
        rows = answer_of(await self._client.kalshiPrivateGetPortfolioPositions({}), "Kalshi")
        for row in rows.get("market_positions") or []:
            held = to_decimal(row["position_fp"])
            found[row["ticker"] + ("" if held >= ZERO else _NO)] = abs(held)
        return found
