"""Describes unhedged exposure: what one leg did and the other did not, with an owner."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.arbitrage.venue import LegOrder
from freqtrade_balance_guard.money import ONE, ZERO, exact, format_amount
from freqtrade_balance_guard.settings import ArbitrageSettings


HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Exposure:
    """Describes a coin that is held too much (``net`` above 0) or was sold too much (below 0).

    ``net`` and amounts in ``base``; prices in the quote currency of their pair; ``value`` in stake
    currency, of the amount at the last known price. ``venue`` and ``pair`` are where it came about,
    at the average price ``price``; ``other_*`` where the missing part should have gone, and its
    limit. ``doing``: what is being done about it, in words. ``closes``: its trade was sold, so it
    is to be bought back, whatever the policy says. ``is_dust``: less than its venue takes.
    ``is_for_user``: its trade was deleted; only ``unhedged resolve`` ends it.
    """

    id: int
    bot: str
    arbitrage_id: int
    base: str
    net: Decimal
    venue: str
    account: str
    pair: str
    price: Decimal
    other_venue: str
    other_pair: str
    other_price: Decimal
    value: Decimal
    marked_at: datetime
    opened_at: datetime
    doing: str
    closed_at: datetime | None = None
    closed_how: str = ""
    closes: bool = False
    is_dust: bool = False
    is_for_user: bool = False

    @property
    def is_outcome(self) -> bool:
        """Its missing part is another outcome, which is bought: shares are never sold short."""
        return self.pair.rpartition("/")[0] != self.other_pair.rpartition("/")[0]

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def amount(self) -> Decimal:
        return abs(self.net)

    def age_seconds(self, now: datetime) -> float:
        return max(0.0, ((self.closed_at or now) - self.opened_at).total_seconds())

    def sentence(self) -> str:
        """Return one sentence for people."""
        if self.is_outcome:
            return (
                f"{format_amount(self.amount)} shares of {self.base} on {self.venue} are held "
                f"without the other answer, worth {format_amount(self.value)} in stake currency: "
                f"{self.doing}"
            )
        held = "held without its sale" if self.net > ZERO else "sold without its purchase"
        return (
            f"{format_amount(self.amount)} {self.base} on {self.venue} ({self.pair}) is {held}, "
            f"worth {format_amount(self.value)} in stake currency: {self.doing}"
        )

    def as_json(self, now: datetime) -> dict[str, Any]:
        """Return it for scripts: amounts as text with all digits."""
        return {
            "id": self.id,
            "bot": self.bot,
            "arbitrage_id": self.arbitrage_id,
            "pair_number": self.arbitrage_id,
            "currency": self.base,
            "amount": f"{self.amount:f}",
            "direction": "long" if self.net > ZERO else "short",
            "venue": self.venue,
            "account": self.account,
            "pair": self.pair,
            "price": f"{self.price:f}",
            "value": f"{self.value:f}",
            "age_seconds": round(self.age_seconds(now), 3),
            "opened_at": self.opened_at.isoformat(),
            "state": "open" if self.is_open else "closed",
            "is_dust": self.is_dust,
            "doing": self.doing if self.is_open else self.closed_how,
        }


@exact
def exposure_of(
    order: LegOrder,
    other: LegOrder,
    net: Decimal,
    *,
    price: Decimal,
    bot: str,
    arbitrage_id: int,
    rate: Decimal,
    now: datetime,
) -> Exposure:
    """Return what two ended legs have left.

    :param order: that has done more
    :param other: that has done less
    :param net: what the difference did to the coin that is held
    :param price: at which ``order`` has filled
    :param rate: stake currency per quote currency of ``order``
    """
    return Exposure(
        id=0,
        bot=bot,
        arbitrage_id=arbitrage_id,
        base=order.base,
        net=net,
        venue=order.venue,
        account=order.account,
        pair=order.pair,
        price=price,
        other_venue=other.venue,
        other_pair=other.pair,
        other_price=other.price,
        value=abs(net) * price * rate,
        marked_at=now,
        opened_at=now,
        doing="just recorded",
    )


@exact
def unhedged_value(exposures: Iterable[Exposure]) -> Decimal:
    """Return what is unhedged in stake currency: net per coin and account, dust left out.

    A coin that is held too much covers the same coin sold too much on the same account.
    """
    nets: dict[tuple[str, str], Decimal] = {}
    for one in exposures:
        if not one.is_dust:
            signed = one.value if one.net > ZERO else -one.value
            key = (one.base, one.account)
            nets[key] = nets.get(key, ZERO) + signed
    return sum((abs(net) for net in nets.values()), ZERO)


@exact
def after_repair(exposure: Exposure, net_filled: Decimal, now: datetime, how: str) -> Exposure:
    """Return the exposure after an order of it did ``net_filled`` (signed) to the coin."""
    net = exposure.net + net_filled
    share = abs(net / exposure.net)
    smaller = replace(exposure, net=net, value=exposure.value * share)
    if net:
        return replace(smaller, doing=f"{how}: {format_amount(abs(net))} is left")
    return replace(smaller, doing=how, closed_at=now, closed_how=how)


@exact
def closing_limit(exposure: Exposure, best: Decimal, settings: ArbitrageSettings) -> Decimal:
    """Return the worst price at which the other leg of a sold trade is bought back.

    It is measured from the best of now: the trade is gone, so waiting for the old price is no use.
    """
    share = settings.max_slippage_percent / HUNDRED
    return best * (ONE - share if exposure.net > ZERO else ONE + share)


@exact
def unwind_limit(exposure: Exposure, settings: ArbitrageSettings) -> Decimal:
    """Return the worst price at which the filled leg is reversed."""
    share = settings.max_slippage_percent / HUNDRED
    return exposure.price * (ONE - share if exposure.net > ZERO else ONE + share)
