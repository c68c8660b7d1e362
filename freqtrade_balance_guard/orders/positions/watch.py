"""Compares the positions of a futures account with freqtrade's trades, and both with their stops.

What differs is reported once and denies entries on its pair until it is gone. Nothing is sold,
closed or cancelled here.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from freqtrade_balance_guard.balances.margin import Position
from freqtrade_balance_guard.limits.controls import PlannedEntry
from freqtrade_balance_guard.limits.decision import DenialCode, Denied
from freqtrade_balance_guard.money import ONE, ZERO, format_amount


# freqtrade needs some loops to put a stop in the place of another.
WITHOUT_STOP_SECONDS = 60.0
# An order that was just filled may be missing in the one or the other; two answers must say it.
UNLIKE_SECONDS = 10.0
# Contracts are rounded; less is no difference.
SAME_AMOUNT = Decimal("0.01")


class Mismatch(StrEnum):
    """What may be wrong on a pair."""

    NO_STOP = "no_stop"
    NO_POSITION = "no_position"
    SMALLER = "smaller"
    LARGER = "larger"
    OTHER_SIDE = "other_side"
    FOREIGN = "foreign"
    STOP_WITHOUT_POSITION = "stop_without_position"


@dataclass(frozen=True, slots=True)
class WatchedTrade:
    """One open trade of this bot. ``is_settled``: no order of it is under way.

    ``lacks_stop``: a stop should rest on the exchange, and none does.
    """

    pair: str
    amount: Decimal
    is_short: bool
    is_settled: bool = True
    lacks_stop: bool = False


class PairMismatch(NamedTuple):
    """A mismatch on one pair, for people: ``sentence`` says it with its numbers."""

    pair: str
    mismatch: Mismatch
    sentence: str


class PositionWatch:
    """Of one bot; ``look`` is called with every new answer of the exchange."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, Mismatch], float] = {}
        self._confirmed: dict[tuple[str, Mismatch], PairMismatch] = {}

    def look(
        self,
        trades: Iterable[WatchedTrade],
        positions: Iterable[Position],
        pairs_of_others: Set[str],
        resting_stops: Mapping[str, str],
        now: float,
    ) -> list[PairMismatch]:
        """What is confirmed now and was not before.

        :param pairs_of_others: pairs on which other bots of the account have positions
        :param resting_stops: pair -> id of a stop of ours that rests on the exchange
        """
        found = {
            (one.pair, one.mismatch): one
            for one in _mismatches(list(trades), list(positions), pairs_of_others, resting_stops)
        }
        self._since = {key: self._since.get(key, now) for key in found}
        confirmed = {
            key: one for key, one in found.items() if now - self._since[key] >= _patience(key[1])
        }
        news = [one for key, one in confirmed.items() if key not in self._confirmed]
        self._confirmed = confirmed
        return news

    @property
    def confirmed(self) -> list[PairMismatch]:
        """Everything that is wrong at the moment."""
        return list(self._confirmed.values())

    def check_entry(self, entry: PlannedEntry) -> Denied | None:
        """The control of entries on a pair whose position is not what it should be."""
        for one in self._confirmed.values():
            if one.pair == entry.pair:
                return Denied(DenialCode.POSITION_MISMATCH, one.sentence)
        return None


def _patience(mismatch: Mismatch) -> float:
    waits_for_stop = (Mismatch.NO_STOP, Mismatch.STOP_WITHOUT_POSITION)
    return WITHOUT_STOP_SECONDS if mismatch in waits_for_stop else UNLIKE_SECONDS


def _mismatches(
    trades: list[WatchedTrade],
    positions: list[Position],
    pairs_of_others: Set[str],
    resting_stops: Mapping[str, str],
) -> Iterator[PairMismatch]:
    by_pair: dict[str, list[Position]] = {}
    for position in positions:
        by_pair.setdefault(position.pair, []).append(position)
    for trade in trades:
        if trade.lacks_stop:
            yield PairMismatch(
                trade.pair,
                Mismatch.NO_STOP,
                f"the position of {_size(trade.amount, trade.pair)} has had no stop-loss on the "
                f"exchange for {WITHOUT_STOP_SECONDS:.0f} s",
            )
        if trade.is_settled and trade.pair not in pairs_of_others:
            yield from _unlike(trade, by_pair.get(trade.pair, []))
    own = {trade.pair for trade in trades}
    for pair, there in by_pair.items():
        if pair not in own and pair not in pairs_of_others:
            sizes = " and ".join(f"a {one.side} of {_size(one.amount, pair)}" for one in there)
            yield PairMismatch(
                pair,
                Mismatch.FOREIGN,
                f"the exchange has {sizes} that belongs to no trade: opened by hand or by another "
                "program",
            )
    for pair, order_id in resting_stops.items():
        if pair not in own and pair not in by_pair:
            yield PairMismatch(
                pair,
                Mismatch.STOP_WITHOUT_POSITION,
                f"stop order {order_id} rests on the exchange without a position: it would open "
                "one, or be rejected",
            )


def _unlike(trade: WatchedTrade, there: list[Position]) -> Iterator[PairMismatch]:
    side = "short" if trade.is_short else "long"
    of_side = sum((one.amount for one in there if one.side == side), ZERO)
    booked = f"freqtrade's trade is a {side} of {_size(trade.amount, trade.pair)}"
    if any(one.side != side for one in there):
        yield PairMismatch(
            trade.pair,
            Mismatch.OTHER_SIDE,
            f"{booked}, the exchange has a position of the other side",
        )
    elif of_side == 0:
        yield PairMismatch(
            trade.pair,
            Mismatch.NO_POSITION,
            f"{booked}, the exchange has no position: it was liquidated or closed elsewhere",
        )
    elif of_side < trade.amount * (ONE - SAME_AMOUNT):
        yield PairMismatch(
            trade.pair,
            Mismatch.SMALLER,
            f"{booked}, the exchange has {format_amount(of_side)}: a part was liquidated or "
            "closed elsewhere",
        )
    elif of_side > trade.amount * (ONE + SAME_AMOUNT):
        yield PairMismatch(
            trade.pair,
            Mismatch.LARGER,
            f"{booked}, the exchange has {format_amount(of_side)}: more was opened elsewhere",
        )


def _size(amount: Decimal, pair: str) -> str:
    return f"{format_amount(amount)} {pair.partition('/')[0]}"
