"""Prices over time: deterministic paths, their extremes, and candles.

Floats appear here only, as the argument and the value of a sine; a price leaves this file as a
Decimal on the market's tick.
"""

import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from freqtrade_balance_guard.sandbox.core.assets import ONE
from freqtrade_balance_guard.sandbox.script.market import (
    ConstantPath,
    MarketScenario,
    PricePath,
    ScriptPath,
    WalkPath,
    WavePath,
)


# Periods of the walk's sines, in seconds: minutes to days, none a multiple of another.
_WALK_PERIODS = (407.0, 1_811.0, 7_919.0, 31_337.0, 130_003.0)
_SAMPLES_PER_CANDLE = 6


@dataclass(frozen=True)
class Quote:
    """The best prices of a book and the last price, all on the tick."""

    bid: Decimal
    ask: Decimal
    last: Decimal


@dataclass(frozen=True)
class Extremes:
    """The lowest and the highest quote of a span of time."""

    low: Quote
    high: Quote


@dataclass(frozen=True)
class Candle:
    begins: int  # seconds since 1970
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal  # base
    count: int


@dataclass(frozen=True)
class _Segment:
    begins: float
    anchor: Decimal  # what the path moves around; before a script's first point: the price
    path: PricePath


class MarketPrices:
    """One market's price as a function of time; history reaches back as far as anybody asks."""

    def __init__(self, market: MarketScenario, started_at: float) -> None:
        self.rules = market  # may be replaced while the market trades
        self._segments = [_Segment(-math.inf, market.price, ConstantPath())]
        self._candles: dict[tuple[int, int], Candle] = {}
        # Waves and walks reach into the past, so that the history before the start is alive too.
        first = started_at if isinstance(market.price_path, ScriptPath) else -math.inf
        self._origin = started_at
        self._segments.append(_Segment(first, market.price, market.price_path))

    def set_path(self, path: PricePath, anchor: Decimal, now: float) -> None:
        """From `now` on the price follows `path` around `anchor`; what was before stays."""
        self._segments.append(_Segment(now, anchor, path))
        self._candles = {
            key: candle for key, candle in self._candles.items() if key[1] + key[0] <= now
        }

    def price(self, at: float) -> Decimal:
        """The last traded price at a time."""
        index = bisect_right(self._segments, at, key=lambda segment: segment.begins) - 1
        segment = self._segments[index]
        origin = self._origin if math.isinf(segment.begins) else segment.begins
        return self._on_tick(_value(segment, at - origin))

    def quote(self, at: float) -> Quote:
        """The book's best prices: half the spread on each side of the last price, never crossed."""
        return self._quote_of(self.price(at))

    def extremes(self, after: float, until: float) -> Extremes:
        """The lowest and highest quote in (after, until]: what a resting order has seen go by."""
        prices = [self.price(until), *(self.price(at) for at in self._moments(after, until))]
        return Extremes(self._quote_of(min(prices)), self._quote_of(max(prices)))

    def candle(self, begins: int, seconds: int, now: float) -> Candle:
        """The candle of `seconds` length that begins at `begins`, as far as it has got."""
        known = self._candles.get((seconds, begins))
        if known is not None:
            return known
        ends = min(float(begins + seconds) - 0.001, now)
        moments = [float(begins), *self._moments(float(begins), ends), ends]
        prices = [self.price(at) for at in moments]
        volume, count = _volume(self.rules.symbol, begins, seconds)
        candle = Candle(begins, prices[0], max(prices), min(prices), prices[-1], volume, count)
        if begins + seconds <= now:
            self._candles[(seconds, begins)] = candle
        return candle

    def candles(self, seconds: int, count: int, now: float) -> list[Candle]:
        """The last `count` candles including the running one, oldest first."""
        last = int(now) // seconds * seconds
        first = last - (count - 1) * seconds
        return [self.candle(begins, seconds, now) for begins in range(first, last + 1, seconds)]

    def _quote_of(self, last: Decimal) -> Quote:
        tick = self.rules.tick_size
        half = last * self.rules.spread / 2
        bid = max(self._on_tick(last - half), tick)
        ask = max(self._on_tick(last + half), bid + tick)
        return Quote(bid, ask, last)

    def _on_tick(self, price: Decimal) -> Decimal:
        tick = self.rules.tick_size
        ticks = (price / tick).quantize(ONE, rounding=ROUND_HALF_UP)
        return max(ticks, ONE) * tick

    def _moments(self, after: float, until: float) -> Iterator[float]:
        """Times worth looking at between two: an even grid, and every point of a script."""
        for index in range(1, _SAMPLES_PER_CANDLE):
            yield after + (until - after) * index / _SAMPLES_PER_CANDLE
        for segment in self._segments:
            if after < segment.begins <= until:
                yield segment.begins
            if isinstance(segment.path, ScriptPath) and segment.begins <= until:
                for point in segment.path.points:
                    if after < segment.begins + point.at <= until:
                        yield segment.begins + point.at


def _value(segment: _Segment, elapsed: float) -> Decimal:
    path = segment.path
    if isinstance(path, ScriptPath):
        return _script_value(path, segment.anchor, elapsed)
    if isinstance(path, WavePath):
        swing = math.sin(2 * math.pi * (elapsed / path.period + path.phase))
        return segment.anchor * (1 + path.amplitude * Decimal(repr(round(swing, 12))))
    if isinstance(path, WalkPath):
        swing = _walk_swing(path.seed, elapsed)
        return segment.anchor * (1 + path.amplitude * Decimal(repr(round(swing, 12))))
    return segment.anchor


def _script_value(path: ScriptPath, before: Decimal, elapsed: float) -> Decimal:
    index = bisect_right(path.points, elapsed, key=lambda point: point.at) - 1
    if index < 0:
        return before
    point = path.points[index]
    if not path.linear or index + 1 == len(path.points):
        return point.price
    following = path.points[index + 1]
    share = (elapsed - point.at) / (following.at - point.at)
    return point.price + (following.price - point.price) * Decimal(repr(round(share, 12)))


def _walk_swing(seed: int, elapsed: float) -> float:
    total = 0.0
    for number, period in enumerate(_WALK_PERIODS):
        phase = hashlib.sha256(f"{seed}/{number}".encode()).digest()[0] / 256
        total += math.sin(2 * math.pi * (elapsed / period + phase))
    return total / len(_WALK_PERIODS)


def _volume(symbol: str, begins: int, seconds: int) -> tuple[Decimal, int]:
    """Some trading in every candle, the same each time it is asked for."""
    digest = hashlib.sha256(f"{symbol}/{begins}".encode()).digest()
    return Decimal(seconds) * (50 + digest[0]) / 100, 5 + digest[1] % 50
