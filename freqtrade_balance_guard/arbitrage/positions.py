"""An arbitrage whose purchase freqtrade holds as a trade, and whose sale is somewhere else.

When freqtrade sells the trade, for whatever reason, the other leg has to be bought back. That is
decided from what is there (how much the trade still has) and not from what happened: so a crash
between a sale and its booking loses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from freqtrade_balance_guard.arbitrage.unhedged import Exposure, after_repair
from freqtrade_balance_guard.money import ZERO, exact, format_amount, round_down


@dataclass(frozen=True, slots=True)
class Position:
    """Amounts in base currency, ``profit`` in stake currency.

    ``amount``: bought by the pair; ``trade_amount``: what freqtrade booked for it (less a fee that
    was taken in the coin). ``accounted``: of ``amount``, what the trade has still got as far as we
    have acted on it. ``hedged``: sold on the other venue and not bought back yet.
    ``entry_order_id``: the exchange's id of the purchase, by which the trade is known again.
    """

    arbitrage_id: int
    bot: str
    trade_id: int
    pair: str
    amount: Decimal
    trade_amount: Decimal
    accounted: Decimal
    hedged: Decimal
    other_venue: str
    other_account: str
    other_pair: str
    other_price: Decimal
    opened_at: datetime
    closed_at: datetime | None = None
    profit: Decimal | None = None
    entry_order_id: str = ""

    @exact
    def held(self, trade_amount: Decimal) -> Decimal:
        """What the trade still has of ``amount``, where freqtrade says that it has so much.

        More than it began with was added by the strategy: that is its own business.
        """
        return self.amount * min(trade_amount / self.trade_amount, Decimal(1))

    @exact
    def more(self, bought: Decimal, gained: Decimal, trade_amount: Decimal) -> "Position":
        """A later order of the arbitrage has bought some more for the same trade.

        :param gained: what the trade got of it, less a fee in the coin
        :param trade_amount: what the trade has now
        """
        # What was sold before it, and not acted on yet, must not be forgotten.
        before = self.held(trade_amount - gained)
        return replace(
            self,
            amount=before + bought,
            trade_amount=trade_amount,
            accounted=self.accounted + bought,
            hedged=self.hedged + bought,
        )

    def moved(
        self, trade_id: int, bought: Decimal, trade_amount: Decimal, entry_order_id: str
    ) -> "Position":
        """Its trade was sold, and a later order of the arbitrage became a new one."""
        return replace(
            self,
            trade_id=trade_id,
            entry_order_id=entry_order_id,
            amount=bought,
            trade_amount=trade_amount,
            accounted=self.accounted + bought,
            hedged=self.hedged + bought,
        )

    def sold_more(self, sold: Decimal) -> "Position":
        """A later order of the arbitrage has sold what was missing on the other venue."""
        return replace(self, hedged=self.hedged + sold)

    def as_json(self, now: datetime) -> dict[str, Any]:
        """For scripts: amounts as text with all digits."""
        return {
            "arbitrage_id": self.arbitrage_id,
            "pair_number": self.arbitrage_id,
            "bot": self.bot,
            "trade_id": self.trade_id,
            "pair": self.pair,
            "amount": f"{self.accounted:f}",
            "sold_on": self.other_venue,
            "sold_pair": self.other_pair,
            "sold_amount": f"{self.hedged:f}",
            "age_seconds": round((now - self.opened_at).total_seconds(), 3),
        }


@dataclass(frozen=True, slots=True)
class Followed:
    """What a sale of the trade has changed; exposures with the number 0 are new."""

    position: Position
    exposures: tuple[Exposure, ...]
    to_buy_back: Decimal


@exact
def follow(
    position: Position,
    held: Decimal,
    exposures: Sequence[Exposure],
    *,
    step: Decimal,
    rate: Decimal,
    now: datetime,
) -> Followed | None:
    """Compare what the trade has with what we have acted on; None if nothing has to be done.

    What was held without its sale is hedged by this one. The rest was sold on the other venue, and
    is to be bought back there.

    :param held: of ``position.amount``
    :param exposures: those of the arbitrage that are open
    :param step: of the other venue's amounts; a rest below it waits for the next sale
    :param rate: stake currency per quote currency of the other venue's pair
    """
    gone = position.accounted - held
    if gone <= ZERO:
        return None
    changed: list[Exposure] = []
    for exposure in exposures:
        part = min(gone, exposure.net)
        if part > ZERO:
            changed.append(after_repair(exposure, -part, now, "sold with its trade"))
            gone -= part
    wanted = min(gone, position.hedged)
    to_buy_back = wanted if held <= ZERO else round_down(wanted, step)
    if to_buy_back > ZERO:
        changed.append(_to_buy_back(position, to_buy_back, rate, now))
    if not changed and held > ZERO:
        return None
    after = replace(
        position,
        accounted=held + (wanted - to_buy_back),
        hedged=position.hedged - to_buy_back,
    )
    return Followed(after, tuple(changed), to_buy_back)


@exact
def _to_buy_back(position: Position, amount: Decimal, rate: Decimal, now: datetime) -> Exposure:
    return Exposure(
        id=0,
        bot=position.bot,
        arbitrage_id=position.arbitrage_id,
        base=position.pair.partition("/")[0],
        net=-amount,
        venue=position.other_venue,
        account=position.other_account,
        pair=position.other_pair,
        price=position.other_price,
        other_venue=position.other_venue,
        other_pair=position.other_pair,
        other_price=position.other_price,
        value=amount * position.other_price * rate,
        marked_at=now,
        opened_at=now,
        doing=f"its trade was sold: {format_amount(amount)} is to be bought back",
        closes=True,
    )


def draft_of(position: Position, rate: Decimal, now: datetime) -> Exposure:
    """What will have to be bought back when all of the trade is sold; nothing is stored."""
    return _to_buy_back(position, min(position.hedged, position.accounted), rate, now)


@exact
def exposure_of_missing_trade(position: Position, rate: Decimal, now: datetime) -> Exposure:
    """Return what a trade that freqtrade has no more leaves: only the user can tell what it is.

    :param rate: stake currency per quote currency of the other venue's pair
    """
    exposure = _to_buy_back(position, position.hedged, rate, now)
    return replace(
        exposure,
        closes=False,
        is_for_user=True,
        doing="its trade was deleted; unhedged resolve ends it when you have taken care of it",
    )
