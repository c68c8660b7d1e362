"""SX Bet: stakes in USDC at odds. There is nothing to sell; the other outcome is bought instead.

An order carries its expiry in what is signed, so "not found" proves something after it. A reply
says how much was staked, not how much it returns: that is in the fills.
"""

import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import ccxt.prediction

from freqtrade_balance_guard.arbitrage.outcomes.fees import SxFees
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
from freqtrade_balance_guard.integration.prediction.order_answer import OrderAnswer, read_error
from freqtrade_balance_guard.money import ONE, ZERO, exact, to_decimal
from freqtrade_balance_guard.orders.lookup_result import NotFound


CURRENCY = "USDC"
UNITS = Decimal(1_000_000)
ODDS = Decimal(10) ** 20
EXPIRY_SECONDS = 30.0
_SECOND = "-2"
_LADDER_UNITS = Decimal(100_000)
_UNIT = Decimal("0.000001")
_ORDER_FIELDS = (
    ("marketHash", "bytes32"),
    ("baseToken", "address"),
    ("totalBetSize", "uint256"),
    ("percentageOdds", "uint256"),
    ("salt", "uint256"),
    ("expiry", "uint256"),
    ("maker", "address"),
    ("isMakerBettingOutcomeOne", "bool"),
)
# The market has no winner: stakes are given back.
_VOID = "0"
_DUPLICATE = "ORDERS_ALREADY_EXIST"


class SxOrders:
    """Speaks to SX Bet by ccxt's client."""

    currency = CURRENCY
    expiry_seconds: float | None = EXPIRY_SECONDS

    def __init__(self, client: ccxt.prediction.sxbet, profit_rate: Decimal = ZERO) -> None:
        self._client = client
        self._fees = SxFees(profit_rate)

    async def open(self) -> None:
        """ccxt knows an outcome only after it has read the list of active markets."""
        await self._client.load_sx_obv3_metadata()
        await self._client.load_markets()

    async def load(self, outcome: str) -> OutcomeInfo:
        market_hash = outcome.removesuffix(_SECOND)
        answer = answer_of(
            await self._client.sxbetPublicGetMarketsFind({"marketHashes": market_hash}), "SX"
        )
        found = next((m for m in answer.get("data") or [] if m["marketHash"] == market_hash), None)
        if found is None:
            raise LookupError(f"SX has no market {market_hash}")
        metadata = await self._client.load_sx_obv3_metadata()
        step = to_decimal(metadata.get("oddsLadderStepSize", 125)) / _LADDER_UNITS
        least = number((metadata.get("limits") or {}).get("orderSizeMinimum", 1))
        name = "outcomeTwoName" if outcome.endswith(_SECOND) else "outcomeOneName"
        return OutcomeInfo(
            outcome=outcome,
            rules=OutcomeRules(
                currency=CURRENCY,
                ranges=(PriceRange(ZERO, ONE, step),),
                share_step=_UNIT,
                money_step=_UNIT,
                cost_min=least,
                spends_money=True,
            ),
            fees=self._fees,
            is_open=found.get("status") == "ACTIVE",
            label=str(found.get(name, "")),
        )

    def new_id(self) -> str:
        """The salt that is signed."""
        return f"bg-{secrets.token_hex(15)}"

    @exact
    def prepare(self, order: LegOrder, info: OutcomeInfo) -> PreparedOrder:
        if order.side == "sell":
            raise OrderRejected("SX has nothing to sell; its other outcome is bought instead")
        stake, odds = order.amount * order.price * UNITS, order.price * ODDS
        if stake % 1 or odds % 1:
            raise OrderRejected(f"SX takes no stake of {stake} millionths at {order.price}")
        client = self._client
        metadata: Mapping[str, Any] = client.options["sxObv3Metadata"]
        salt = int(order.client_order_id.removeprefix("bg-"), 16)
        message = {
            "marketHash": info.outcome.removesuffix(_SECOND),
            "baseToken": metadata["activeAsset"]["baseToken"],
            "totalBetSize": str(int(stake)),
            "percentageOdds": str(int(odds)),
            "salt": str(salt),
            "expiry": int(order.made_at.timestamp() + EXPIRY_SECONDS),
            "maker": client.walletAddress,
            "isMakerBettingOutcomeOne": not info.outcome.endswith(_SECOND),
        }
        struct = [{"name": name, "type": kind} for name, kind in _ORDER_FIELDS]
        encoded = client.eth_encode_structured_data(metadata["domain"], {"Order": struct}, message)
        signature = client.sign_digest(client.hash_eip712_digest(encoded), client.privateKey)
        item = {
            **message,
            "salt": f"0x{salt:064x}",
            "timeInForce": order.time_in_force,
            "orderSignature": signature,
            "clientOrderId": order.client_order_id,
        }
        return PreparedOrder(order.client_order_id, {"orders": [item], "waitForOutcome": True})

    async def send(self, order: LegOrder, prepared: PreparedOrder) -> VenueOrder:
        answer = answer_of(
            await self._client.sxbetPrivatePostOrdersV3(dict(prepared.payload)), "SX"
        )
        rows = (answer.get("data") or {}).get("orders") or []
        if not rows:
            raise NoAnswer("SX returned no order")
        row = rows[0]
        if row.get("status") == "FAILED":
            reason = str(row.get("reason"))
            if reason == _DUPLICATE:
                raise NoAnswer("SX has this order already")
            raise OrderRejected(f"SX: {reason}")
        if not row.get("orderId"):
            raise NoAnswer("SX returned no order id")
        order_id, outcome = str(row["orderId"]), row.get("outcome") or {}
        state = str(outcome.get("state", "TIMEOUT"))
        is_open = state in ("RESTED", "PARTIAL_FILL_RESTED", "TIMEOUT")
        if not number(outcome.get("fillAmount")):
            return VenueOrder(order_id, is_open, ZERO, ZERO, {})
        return await self._with_fills(order, order_id, number(outcome["fillAmount"]), is_open)

    async def cancel(self, order_id: str) -> None:
        await self._client.cancel_order(order_id)

    async def find(self, order: LegOrder, prepared: PreparedOrder, order_id: str | None) -> LookUp:
        raw = await self._by_id(order_id) if order_id else await self._by_client_id(order)
        if raw is None:
            return NotFound()
        staked = number(raw.get("totalBetSize")) - number(raw.get("remainingSize"))
        is_open = raw.get("status") == "ACTIVE"
        return await self._with_fills(order, str(raw["id"]), staked, is_open)

    async def _by_id(self, order_id: str) -> Mapping[str, Any] | None:
        try:
            answer = await self._client.sxbetPrivateGetOrdersV3OrderId({"orderId": order_id})
        except Exception as error:
            if read_error(error) is OrderAnswer.NOT_FOUND:
                return None
            raise
        data: Mapping[str, Any] = answer_of(answer, "SX").get("data") or {}
        found: Mapping[str, Any] = data.get("order") or data
        return found if found.get("id") else None

    async def _by_client_id(self, order: LegOrder) -> Mapping[str, Any] | None:
        """Active orders are listed; what has filled is known by its fills only."""
        scope = {"marketHash": outcome_of(order.pair).removesuffix(_SECOND), "perPage": 100}
        answer = answer_of(await self._client.sxbetPrivateGetOrdersV3(scope), "SX")
        rows = (answer.get("data") or {}).get("orders") or []
        listed = {str(row["id"]): row for row in rows}
        for order_id in dict.fromkeys(row["orderId"] for row in await self._fills(order)):
            if order_id not in listed:
                row = await self._by_id(order_id)
                listed |= {order_id: row} if row is not None else {}
        for row in listed.values():
            if row.get("clientOrderId") == order.client_order_id:
                return dict(row)
        return None

    async def _fills(self, order: LegOrder) -> list[Mapping[str, Any]]:
        scope = {"marketHash": outcome_of(order.pair).removesuffix(_SECOND), "perPage": 100}
        answer = answer_of(await self._client.sxbetPrivateGetFillsV3(scope), "SX")
        return list((answer.get("data") or {}).get("fills") or [])

    async def _with_fills(
        self, order: LegOrder, order_id: str, staked: Decimal, is_open: bool
    ) -> VenueOrder:
        own = [row for row in await self._fills(order) if row.get("orderId") == order_id]
        if total([number(row["fillAmount"]) for row in own]) != staked:
            raise NoAnswer("SX does not show all fills of the order yet")
        good = [row for row in own if row.get("status") != "FAILED"]
        return VenueOrder(
            order_id=order_id,
            is_open=is_open,
            filled=total([number(row["returnAmount"]) for row in good]) / UNITS,
            cost=total([number(row["fillAmount"]) for row in good]) / UNITS,
            fees={},
        )

    async def settlement(self, order: LegOrder, order_id: str) -> HoldingMove | None:
        rows = [row for row in await self._fills(order) if row.get("orderId") == order_id]
        statuses = {str(row.get("status")) for row in rows}
        if "FAILED" in statuses:
            return HoldingMove.REVERT
        return HoldingMove.SETTLE if statuses and statuses <= {"LOCKED", "SETTLED"} else None

    async def payout(self, order: LegOrder, order_id: str, shares: Decimal) -> Payout | None:
        """Each fill shows what it was paid, after the fee on what it won."""
        own = [row for row in await self._fills(order) if row.get("orderId") == order_id]
        good = [row for row in own if row.get("status") != "FAILED"]
        paid = [row.get("settlement") or {} for row in good]
        if not paid or not all(paid):
            return None
        amount = total([number(one.get("settleReturnAmount")) for one in paid]) / UNITS
        is_void = any(str(one.get("outcome")) == _VOID for one in paid)
        return Payout(HoldingMove.ANNUL if is_void else HoldingMove.PAY, amount)

    async def simulated_payout(self, order: LegOrder, shares: Decimal) -> Payout | None:
        outcome = outcome_of(order.pair)
        market_hash = outcome.removesuffix(_SECOND)
        answer = answer_of(
            await self._client.sxbetPublicGetMarketsFind({"marketHashes": market_hash}), "SX"
        )
        found = next((m for m in answer.get("data") or [] if m["marketHash"] == market_hash), None)
        if found is None or found.get("outcome") is None:
            return None
        result = str(found["outcome"])
        if result == _VOID:
            return Payout(HoldingMove.ANNUL, None)
        has_won = result == ("2" if outcome.endswith(_SECOND) else "1")
        paid = shares if has_won else ZERO
        return Payout(HoldingMove.PAY, paid - self._fees.of_payout(shares * order.price, paid))

    async def balances(self) -> Mapping[str, Decimal]:
        """What is available; resting orders are not taken off it."""
        answer = await self._client.fetch_balance()
        return {CURRENCY: to_decimal(answer[CURRENCY]["free"])}
