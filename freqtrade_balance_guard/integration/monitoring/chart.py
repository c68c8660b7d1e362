"""Marks in FreqUI's chart: a point where entries of a pair began to be denied, an area while they
were. Added to what the strategy itself draws, also where it overrides ``plot_annotations``."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from freqtrade.strategy.interface import IStrategy

from freqtrade_balance_guard.integration.host.relied_on import wrap
from freqtrade_balance_guard.monitoring.decisions import Decision, Outcome


logger = logging.getLogger(__name__)

POINT_COLOR = "#f0b429"
AREA_COLOR = "rgba(240, 180, 41, 0.15)"

ReadDecisions = Callable[[str], Iterable[Decision]]
_read: ReadDecisions | None = None


def install_chart_marks(read: ReadDecisions) -> None:
    """From now on the charts of this process have our marks.

    :param read: the last decisions about a pair
    """
    global _read
    _read = read
    wrap(IStrategy, "ft_plot_annotations", _with_marks, keep=True)


def remove_chart_marks() -> None:
    """No marks any more: the bot ends."""
    global _read
    _read = None


def _with_marks(original: Callable[..., Any]) -> Callable[..., Any]:
    def ft_plot_annotations(self: Any, pair: str, dataframe: Any) -> Any:
        found = original(self, pair, dataframe)
        if _read is None or len(dataframe) == 0:
            return found
        try:
            return [*found, *marks(_read(pair), dataframe)]
        except Exception:
            logger.debug("The marks of %s could not be drawn.", pair, exc_info=True)
            return found

    return ft_plot_annotations


def marks(decisions: Iterable[Decision], dataframe: Any) -> list[dict[str, Any]]:
    """Points and areas of denials within a chart, in the form that freqtrade checks."""
    begin = dataframe.iloc[0]["date"].to_pydatetime()
    found: list[dict[str, Any]] = []
    for one in decisions:
        if one.outcome is not Outcome.DENIED or one.at < begin:
            continue
        since = max(one.since, begin)
        found.append(
            {
                "type": "point",
                "x": since,
                "y": _price_at(dataframe, since),
                "size": 12,
                "shape": "pin",
                "color": POINT_COLOR,
                "label": f"denied: {one.code}",
            }
        )
        if one.at > since:
            found.append(
                {
                    "type": "area",
                    "start": since,
                    "end": one.at,
                    "color": AREA_COLOR,
                    "label": one.code,
                }
            )
    return found


def _price_at(dataframe: Any, moment: datetime) -> float:
    before = dataframe[dataframe["date"] <= moment]
    row = before.iloc[-1] if len(before) else dataframe.iloc[0]
    return float(row["close"])
