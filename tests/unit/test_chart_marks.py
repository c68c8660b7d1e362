"""What FreqUI's chart shows of denials, checked by freqtrade's own rules."""

from datetime import UTC, datetime, timedelta

import pandas as pd
from freqtrade.ft_types.plot_annotation_type import AnnotationTypeTA
from freqtrade.strategy import IStrategy

from freqtrade_balance_guard.integration.monitoring import chart
from freqtrade_balance_guard.monitoring.decisions import Decision, Outcome


BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CANDLES = pd.DataFrame(
    {
        "date": pd.date_range(BEGIN, periods=10, freq="1min"),
        "close": [float(number) for number in range(10)],
    }
)


def decision(since: float, at: float, outcome: Outcome = Outcome.DENIED) -> Decision:
    def moment(minutes: float) -> datetime:
        return BEGIN + timedelta(minutes=minutes)

    return Decision("bot", "A/B", outcome, "below_threshold", "why", moment(at), moment(since))


def test_a_denial_that_lasted_is_a_point_and_an_area_that_freqtrade_accepts() -> None:
    found = chart.marks([decision(2.5, 6)], CANDLES)
    assert [one["type"] for one in found] == ["point", "area"]
    assert found[0]["y"] == 2.0 and found[0]["label"] == "denied: below_threshold"
    for one in found:
        AnnotationTypeTA.validate_python(one, extra="forbid")


def test_what_is_no_denial_or_before_the_chart_is_not_drawn() -> None:
    assert chart.marks([decision(1, 2, Outcome.APPROVED), decision(-9, -5)], CANDLES) == []
    (point,) = chart.marks([decision(3, 3)], CANDLES)
    assert point["type"] == "point"
    early = chart.marks([decision(-5, 2)], CANDLES)
    assert early[0]["x"] == BEGIN and early[1]["start"] == BEGIN


def test_marks_are_added_to_the_strategys_own_and_never_break_them(monkeypatch) -> None:
    class Own(IStrategy):
        def __init__(self) -> None:
            pass

        def populate_indicators(self, dataframe, metadata):
            return dataframe

        def plot_annotations(self, **kwargs):
            return [{"type": "line", "start": BEGIN, "end": BEGIN, "y_start": 1.0, "y_end": 1.0}]

    before = IStrategy.ft_plot_annotations
    try:
        chart.install_chart_marks(lambda pair: [decision(2, 4)])
        found = Own().ft_plot_annotations("A/B", CANDLES)
        assert [one["type"] for one in found] == ["line", "point", "area"]
        chart.install_chart_marks(lambda pair: 1 / 0)
        assert len(Own().ft_plot_annotations("A/B", CANDLES)) == 1
        chart.remove_chart_marks()
        assert len(Own().ft_plot_annotations("A/B", CANDLES)) == 1
        assert Own().ft_plot_annotations("A/B", CANDLES[:0]) == []
    finally:
        monkeypatch.setattr(IStrategy, "ft_plot_annotations", before)
