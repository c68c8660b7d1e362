"""Stop orders on contracts: kept apart from the orders until they trigger, then one is placed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from freqtrade_balance_guard.sandbox.core.markets import Market, is_triggered
from freqtrade_balance_guard.sandbox.core.orders import (
    Order,
    OrderRequest,
    OrderType,
    Reason,
    Rejected,
)


StopStatus = Literal["NEW", "CANCELED", "FINISHED", "REJECTED", "EXPIRED"]
WorkingType = Literal["CONTRACT_PRICE", "MARK_PRICE"]
Place = Callable[[str, str, OrderRequest], Order]

# Far from the numbers of orders: freqtrade wants no two orders of a pair with one id.
_FIRST_NUMBER = 1_000_001
_PLACED_TYPES: dict[OrderType, OrderType] = {
    "stop-loss": "market",
    "take-profit": "market",
    "stop-loss-limit": "limit",
    "take-profit-limit": "limit",
}


@dataclass
class StopOrder:
    """One conditional order; `order` is the one that it placed."""

    number: int
    account: str
    key: str
    request: OrderRequest
    working_type: WorkingType
    close_position: bool
    created_at: float
    updated_at: float
    status: StopStatus = "NEW"
    triggered_at: float | None = None
    order: Order | None = None
    rejection: str | None = None

    @property
    def is_open(self) -> bool:
        return self.status == "NEW"


class StopOrders:
    """All conditional orders of one exchange; `place` places what a triggered one asks for."""

    def __init__(
        self,
        markets: Mapping[str, Market],
        place: Place,
        report: Callable[..., None],
        on_change: Callable[[StopOrder], None],
    ) -> None:
        self._markets = markets
        self._place = place
        self._report = report
        self._on_change = on_change
        self.orders: dict[int, StopOrder] = {}

    def of(self, account: str) -> list[StopOrder]:
        return [each for each in self.orders.values() if each.account == account]

    def add(
        self,
        account: str,
        key: str,
        request: OrderRequest,
        working_type: WorkingType,
        *,
        close_position: bool,
        now: float,
    ) -> StopOrder:
        """Raises Rejected when it would trigger at once or its client order id is taken."""
        if self._is_triggered(request, working_type, now):
            raise Rejected(Reason.WOULD_TRIGGER, request.symbol)
        for each in self.of(account):
            if each.is_open and each.request.cl_ord_id == request.cl_ord_id:
                raise Rejected(Reason.CLIENT_ID_TAKEN, request.symbol)
        stop = StopOrder(
            number=_FIRST_NUMBER + len(self.orders),
            account=account,
            key=key,
            request=request,
            working_type=working_type,
            close_position=close_position,
            created_at=now,
            updated_at=now,
        )
        self.orders[stop.number] = stop
        self._note("stop_placed", stop)
        return stop

    def cancel(self, stop: StopOrder, now: float) -> None:
        """Raises Rejected when it is no longer open."""
        if not stop.is_open:
            raise Rejected(Reason.ORDER_NOT_OPEN, stop.request.symbol)
        stop.status, stop.updated_at = "CANCELED", now
        self._note("stop_cancelled", stop)

    def advance(self, now: float, size_of: Callable[[StopOrder], "OrderRequest | None"]) -> None:
        """Triggers what is due. `size_of` gives the order to place, None to let the stop expire."""
        for stop in list(self.orders.values()):
            if not stop.is_open or not self._is_triggered(stop.request, stop.working_type, now):
                continue
            stop.triggered_at = stop.updated_at = now
            request = size_of(stop)
            if request is None:
                stop.status = "EXPIRED"
                self._note("stop_expired", stop)
                continue
            placed = replace(request, order_type=_PLACED_TYPES[request.order_type], trigger=None)
            try:
                stop.order = self._place(stop.account, stop.key, placed)
                stop.status = "FINISHED"
            except Rejected as rejected:
                stop.status, stop.rejection = "REJECTED", str(rejected)
            self._note("stop_triggered", stop)

    def _is_triggered(self, request: OrderRequest, working_type: WorkingType, now: float) -> bool:
        market = self._markets[request.symbol]
        by_mark = working_type == "MARK_PRICE"
        price = market.mark_price(now) if by_mark else market.prices.price(now)
        return is_triggered(request, price, price)

    def _note(self, event: str, stop: StopOrder) -> None:
        self._on_change(stop)
        self._report(
            event,
            stop_id=stop.number,
            cl_ord_id=stop.request.cl_ord_id,
            account=stop.account,
            symbol=stop.request.symbol,
            side=stop.request.side,
            trigger=str(stop.request.trigger),
            status=stop.status,
            order_id=None if stop.order is None else stop.order.order_id,
            reason=stop.rejection,
        )
