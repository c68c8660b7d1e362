"""Polymarket: an order's id is the hash of what was signed, so it is known before it is sent.

An order to buy that does not rest spends money. Its reply says how much was taken and made;
"matched" is not final, and a match that fails leaves the order as it was.
"""

import json
import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import ccxt.prediction

from freqtrade_balance_guard.arbitrage.outcomes.fees import Fill, PolymarketFees
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
from freqtrade_balance_guard.arbitrage.venue import (
    LegOrder,
    LookUp,
    OrderRejected,
    PreparedOrder,
    VenueOrder,
)
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.integration.prediction.order_answer import OrderAnswer, read_error
from freqtrade_balance_guard.money import ONE, ZERO, exact, to_decimal, to_float
from freqtrade_balance_guard.orders.lookup_result import NotFound


CURRENCY = "USDC"
UNITS = Decimal(1_000_000)
CENT = Decimal("0.01")
_KINDS = {"IOC": "FAK", "FOK": "FOK", "GTC": "GTC"}
# The finest grid: prices and amounts on a coarser one are the same on it.
_FINEST_TICK = "0.0001"
_ORDER_FIELDS = (
    ("salt", "uint256"),
    ("maker", "address"),
    ("signer", "address"),
    ("tokenId", "uint256"),
    ("makerAmount", "uint256"),
    ("takerAmount", "uint256"),
    ("side", "uint8"),
    ("signatureType", "uint8"),
    ("timestamp", "uint256"),
    ("metadata", "bytes32"),
    ("builder", "bytes32"),
)
_FAILED = "FAILED"
_FINAL = "CONFIRMED"
_RESOLVED = "resolved"


class PolymarketOrders:
    """Speaks to Polymarket's order book by ccxt's client."""

    currency = CURRENCY
    expiry_seconds: float | None = None

    def __init__(self, client: ccxt.prediction.polymarket, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._fees: dict[str, PolymarketFees] = {}

    async def open(self) -> None:
        await self._client.load_api_credentials()

    async def load(self, outcome: str) -> OutcomeInfo:
        found = await self._client.load_outcome(outcome, True)
        info: Mapping[str, Any] = found["info"]
        tick = to_decimal(info.get("orderPriceMinTickSize") or "0.01")
        self._fees[outcome] = fees = await self._read_fees(info)
        return OutcomeInfo(
            outcome=outcome,
            rules=OutcomeRules(
                currency=CURRENCY,
                ranges=(PriceRange(ZERO, ONE, tick),),
                share_step=CENT,
                money_step=CENT,
                cost_min=ONE,
                spends_money=True,
            ),
            fees=fees,
            is_open=bool(info.get("acceptingOrders")) and not info.get("closed"),
            label=str(found.get("outcome", "")),
            neg_risk=bool(info.get("negRisk")),
            neg_risk_augmented=any(
                event.get("negRiskAugmented") for event in info.get("events") or []
            ),
        )

    async def _read_fees(self, info: Mapping[str, Any]) -> PolymarketFees:
        """The schedule by which takers pay; the base fee that ccxt shows is an older one."""
        schedule = info.get("feeSchedule")
        if schedule:
            return PolymarketFees(number(schedule.get("rate")), int(schedule.get("exponent") or 1))
        if info.get("feesEnabled"):
            market = await self._client.clobPublicGetClobMarketsConditionId(
                {"condition_id": info["conditionId"]}
            )
            short = market.get("fd") or {}
            return PolymarketFees(number(short.get("r")), int(short.get("e") or 1))
        return PolymarketFees()

    def new_id(self) -> str:
        """The salt and the time that are signed: with them the same order has the same hash."""
        return f"{secrets.randbelow(10**15)}-{int(self._clock.wall().timestamp() * 1000)}"

    @exact
    def prepare(self, order: LegOrder, info: OutcomeInfo) -> PreparedOrder:
        salt, _, stamp = order.client_order_id.partition("-")
        params = {
            "orderType": _KINDS[order.time_in_force],
            "salt": salt,
            "timestamp": stamp,
            "tickSize": _FINEST_TICK,
            "negRisk": info.neg_risk,
        }
        built = self._client.build_clob_order_body(
            info.outcome, "limit", order.side, to_float(order.amount), to_float(order.price), params
        )
        signed = built["body"]["order"]
        shares, money = order.amount * UNITS, order.amount * order.price * UNITS
        if order.time_in_force != "GTC" and order.amount * order.price % CENT:
            raise OrderRejected(f"Polymarket takes whole cents only, not {money / UNITS}")
        wanted = (money, shares) if order.side == "buy" else (shares, money)
        made = (to_decimal(signed["makerAmount"]), to_decimal(signed["takerAmount"]))
        if made != wanted:
            raise OrderRejected(f"Polymarket would make {made} of {wanted} (in millionths)")
        order_id = self._hash(signed, order.side == "buy", neg_risk=info.neg_risk)
        return PreparedOrder(order.client_order_id, built["body"], order_id)

    def _hash(self, signed: Mapping[str, Any], is_buy: bool, *, neg_risk: bool) -> str:
        client, options = self._client, self._client.options
        exchange = options["negRiskExchangeAddress" if neg_risk else "exchangeAddress"]
        domain = {
            "name": options["ctfExchangeName"],
            "version": options["ctfExchangeVersion"],
            "chainId": options["chainId"],
            "verifyingContract": exchange,
        }
        struct = [{"name": name, "type": kind} for name, kind in _ORDER_FIELDS]
        message = {name: signed[name] for name, _ in _ORDER_FIELDS}
        message["salt"], message["side"] = str(signed["salt"]), 0 if is_buy else 1
        encoded = client.eth_encode_structured_data(domain, {"Order": struct}, message)
        return "0x" + str(client.hash(encoded, "keccak", "hex"))

    async def send(self, order: LegOrder, prepared: PreparedOrder) -> VenueOrder:
        raw = answer_of(await self._client.clobPrivatePostOrder(prepared.payload), "Polymarket")
        if not raw.get("orderID"):
            raise NoAnswer("Polymarket returned no order id")
        taking, making = number(raw.get("takingAmount")), number(raw.get("makingAmount"))
        filled, cost = (taking, making) if order.side == "buy" else (making, taking)
        status = str(raw.get("status", "")).lower()
        rests = order.time_in_force == "GTC" and filled < order.amount
        return VenueOrder(
            order_id=str(raw["orderID"]),
            # "delayed" is in flight: another order now would be a second one.
            is_open=status in ("live", "delayed") or rests,
            filled=filled,
            cost=cost,
        )

    async def cancel(self, order_id: str) -> None:
        await self._client.cancel_order(order_id)

    async def find(self, order: LegOrder, prepared: PreparedOrder, order_id: str | None) -> LookUp:
        wanted = order_id or str(prepared.order_id)
        try:
            raw = answer_of(
                await self._client.clobPrivateGetDataOrderId({"id": wanted}), "Polymarket"
            )
        except Exception as error:
            if read_error(error) is OrderAnswer.NOT_FOUND:
                return NotFound()
            raise
        if not raw.get("id"):
            return NotFound()
        matches = await self._matches(order, wanted)
        good = [fill for fill, status in matches if status != _FAILED]
        matched = number(raw.get("size_matched"))
        if total([fill.shares for fill, _ in matches]) != matched:
            raise NoAnswer("Polymarket does not show all matches of the order yet")
        fees = self._fees.get(outcome_of(order.pair), PolymarketFees())
        return VenueOrder(
            order_id=wanted,
            is_open=str(raw.get("status", "")).upper() in ("LIVE", "DELAYED"),
            filled=total([fill.shares for fill in good]),
            cost=total([(fill.shares * fill.price).quantize(ONE / UNITS) for fill in good]),
            fees={CURRENCY: fees.of_fills(order.side, good)} if good else {},
        )

    async def _matches(self, order: LegOrder, order_id: str) -> list[tuple[Fill, str]]:
        """Own fills with their status; a maker's are in the list of the taker's match."""
        token = outcome_of(order.pair)
        answer = answer_of(
            await self._client.clobPrivateGetDataTrades({"asset_id": token}), "Polymarket"
        )
        found = []
        for trade in answer.get("data") or []:
            status = str(trade.get("status"))
            if trade.get("taker_order_id") == order_id:
                found.append((_fill(trade["size"], trade["price"], is_maker=False), status))
            for maker in trade.get("maker_orders") or []:
                if maker.get("order_id") == order_id:
                    fill = _fill(maker["matched_amount"], maker["price"], is_maker=True)
                    found.append((fill, status))
        return found[::-1]

    async def settlement(self, order: LegOrder, order_id: str) -> HoldingMove | None:
        statuses = {status for _, status in await self._matches(order, order_id)}
        if _FAILED in statuses:
            return HoldingMove.REVERT
        return HoldingMove.SETTLE if statuses == {_FINAL} else None

    async def payout(self, order: LegOrder, order_id: str, shares: Decimal) -> Payout | None:
        found = await self.simulated_payout(order, shares)
        if found is None or found.move is HoldingMove.ANNUL or not found.amount:
            return found
        if outcome_of(order.pair) in await self._positions():
            return Payout(HoldingMove.RESOLVE, ZERO)
        return found  # its owner has redeemed it

    async def simulated_payout(self, order: LegOrder, shares: Decimal) -> Payout | None:
        """A resolved market shows 1 and 0 as its prices; a void one a half for both."""
        token = outcome_of(order.pair)
        info: Mapping[str, Any] = (await self._client.load_outcome(token, True))["info"]
        if not info.get("closed") or info.get("umaResolutionStatus") != _RESOLVED:
            return None
        tokens, prices = (_listed(info.get(name)) for name in ("clobTokenIds", "outcomePrices"))
        price = to_decimal(prices[tokens.index(token)])
        if ZERO < price < ONE:
            return Payout(HoldingMove.ANNUL, shares * price)
        return Payout(HoldingMove.PAY, shares * price)

    async def _positions(self) -> dict[str, Decimal]:
        rows = await self._client.dataPublicGetPositions({"user": self._client.walletAddress})
        if not isinstance(rows, list):
            raise NoAnswer("Polymarket shows no list of positions")
        return {str(row["asset"]): to_decimal(row["size"]) for row in rows}

    async def balances(self) -> Mapping[str, Decimal]:
        """Collateral as it lies on chain: own orders and matches are not taken off it."""
        answer = await self._client.fetch_balance()
        return {CURRENCY: to_decimal(answer[CURRENCY]["free"])} | await self._positions()


def _listed(value: Any) -> list[str]:
    """Return a list that the venue writes as a text."""
    return [str(one) for one in (json.loads(value) if isinstance(value, str) else value or [])]


def _fill(shares: object, price: object, *, is_maker: bool) -> Fill:
    return Fill(to_decimal(shares), to_decimal(price), is_maker)
