"""The picture of a demo: what was true, what the bot was shown, and what it ordered.

matplotlib (extra `report`) is imported on use only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freqtrade_balance_guard.demo import measure
from freqtrade_balance_guard.demo.stage import ACCOUNT, Performance, Played


MISSING = "The picture needs matplotlib, which is not installed: pip install matplotlib"

SCENES_PER_ROW = 3
_SAME_MOMENT = 0.3  # seconds

Points = list[tuple[float, float]]  # (seconds since the bot began to trade, amount)


class MatplotlibMissing(Exception):
    """The extra `report` is not installed."""


@dataclass
class Timeline:
    """One side of one scene, in seconds and stake currency."""

    true_free: Points = field(default_factory=list)
    told_free: Points = field(default_factory=list)
    buys: Points = field(default_factory=list)  # at the free balance they left behind
    sells: Points = field(default_factory=list)
    rejected: Points = field(default_factory=list)  # by the exchange
    refused: Points = field(default_factory=list)  # by the guard
    unreadable: list[float] = field(default_factory=list)  # answers without a number
    events: list[tuple[float, str]] = field(default_factory=list)
    end: float = 0.0


def timeline(performance: Performance, currency: str = "USDT") -> Timeline:
    """Reads the sandbox's journal; what was before the bot began to trade ends up at second 0."""
    line = Timeline(
        events=[(at - performance.curtain, what) for at, what in performance.labels],
        end=performance.ended - performance.curtain,
    )
    free = 0.0
    filled: list[tuple[Points, float]] = []  # marked where the balance is after the fill
    for entry in performance.journal:
        if entry.get("account") != ACCOUNT or float(entry["time"]) > performance.ended:
            continue
        at = max(float(entry["time"]) - performance.curtain, 0.0)
        event = entry["event"]
        if event == "balance_changed" and entry["currency"] == currency:
            free = float(entry["free"])
            line.true_free.append((at, free))
            for points, when in filled:
                points.append((when, free))
            filled.clear()
        elif event == "balance_told":
            _note_told(line, at, entry, currency)
        elif event == "order_filled":
            filled.append((line.buys if entry["side"] == "buy" else line.sells, at))
        elif event == "order_rejected":
            line.rejected.append((at, free))
    line.refused = [
        (at - performance.curtain, _at(line.true_free, at - performance.curtain))
        for at in measure.refusal_times(performance.log)
        if at <= performance.ended
    ]
    return line


def _at(points: Points, second: float) -> float:
    """The amount that held at a time."""
    return next((amount for at, amount in reversed(points) if at <= second), 0.0)


def _note_told(line: Timeline, at: float, entry: Mapping[str, Any], currency: str) -> None:
    told = _told_free(entry["balances"], currency)
    if told is None:
        line.unreadable.append(at)
    else:
        line.told_free.append((at, told))


def _told_free(balances: Mapping[str, Any], currency: str) -> float | None:
    try:
        return float(balances[currency]["total"]) - float(balances[currency]["held"])
    except (KeyError, TypeError, ValueError):
        return None


def draw(played: Sequence[Played], folder: Path) -> list[Path]:
    """Writes timeline.svg and timeline.png into ``folder``; per scene plain above guarded.

    :raises MatplotlibMissing: without the extra `report`
    """
    columns = min(len(played), SCENES_PER_ROW)
    blocks = -(-len(played) // columns)
    figure = _figure(4.2 * columns + 0.6, 6.0 * blocks + 0.6)
    axes = figure.subplots(2 * blocks, columns, squeeze=False)
    for panel in axes.flat:
        panel.set_visible(False)
    for number, one in enumerate(played):
        block, column = divmod(number, columns)
        _draw_scene(one, axes[2 * block][column], axes[2 * block + 1][column], first=column == 0)
    handles, labels = _legend(axes)
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.suptitle("True balance, what the bot was shown, and its orders")

    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / "timeline.svg", folder / "timeline.png"]
    for file in files:
        figure.savefig(file, dpi=130)
    return files


def draw_side_by_side(one: Played, folder: Path) -> Path:
    """Writes <scene>.svg into ``folder``: plain beside guarded, readable at a width of 800 pixels.

    :raises MatplotlibMissing: without the extra `report`
    """
    figure = _figure(8.0, 3.6)
    axes = figure.subplots(1, 2, squeeze=False, sharex=True, sharey=True)
    for panel, performance in zip(axes[0], (one.plain, one.guarded), strict=True):
        _draw_panel(panel, timeline(performance), performance)
        name = "plain freqtrade" if performance.side == "plain" else "guarded"
        measures = performance.measures
        counts = [f"{measures.rejected} orders rejected", f"{measures.private_calls} private calls"]
        if measures.stuck_trades:
            counts.insert(1, f"{len(measures.stuck_trades)} stuck")
        panel.set_title(f"{name}\n{', '.join(counts)}", fontsize=10, loc="left")
        panel.set_xlabel("seconds", fontsize=9)
    axes[0][0].set_ylabel("free stake", fontsize=9)
    handles, labels = _legend(axes)
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{one.scene.name}.svg"
    figure.savefig(file)
    return file


def _figure(width: float, height: float) -> Any:
    """A figure of ``width`` x ``height`` inches that needs no screen."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MatplotlibMissing(MISSING) from error

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def together(events: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Events of the same moment as one, so that their labels do not cover each other."""
    found: list[tuple[float, str]] = []
    for second, what in events:
        if found and second - found[-1][0] < _SAME_MOMENT:
            found[-1] = (found[-1][0], f"{found[-1][1]}, {what}")
        else:
            found.append((second, what))
    return found


def _draw_scene(one: Played, upper: Any, lower: Any, *, first: bool) -> None:
    """Plain above, guarded below, on the same scales; ``first`` of its row names the amounts."""
    lower.sharex(upper)
    lower.sharey(upper)
    for panel, performance in ((upper, one.plain), (lower, one.guarded)):
        panel.set_visible(True)
        _draw_panel(panel, timeline(performance), performance)
        floor = float(one.scene.right_size.floor)
        if floor:
            panel.axhline(floor, color="#0f766e", linewidth=1, label="floor: is to stay")
        if first:
            panel.set_ylabel(f"{performance.side}\nfree USDT")
    upper.annotate(
        *(one.scene.name, (0.0, 1.0)),
        xycoords="axes fraction",
        xytext=(0, 22),
        textcoords="offset points",
        fontsize=12,
        fontweight="bold",
    )
    lower.set_xlabel("seconds since the bot trades")


def _draw_panel(panel: Any, line: Timeline, performance: Performance) -> None:
    end = line.end
    if line.true_free:
        at, amounts = _steps(line.true_free, end)
        panel.step(at, amounts, where="post", color="#1f6feb", linewidth=2, label="true balance")
    if line.told_free:
        at, amounts = _steps(line.told_free, end)
        panel.step(
            at, amounts, where="post", color="#d97706", linestyle="--", label="shown to the bot"
        )
    marks = (
        (line.buys, "^", "#15803d", "bought"),
        (line.sells, "v", "#7c3aed", "sold"),
        (line.rejected, "x", "#dc2626", "rejected by the exchange"),
        (line.refused, "s", "#0891b2", "denied by the guard"),
    )
    for points, marker, color, label in marks:
        if points:
            panel.scatter(
                *zip(*points, strict=True), marker=marker, color=color, s=46, zorder=3, label=label
            )
    for second in line.unreadable:
        panel.axvline(second, color="#9ca3af", linewidth=0.8)
    for second, what in together(line.events):
        panel.axvline(second, color="#6b7280", linestyle=":", linewidth=1)
        panel.annotate(
            *(what, (second, 0.03)),
            xycoords=("data", "axes fraction"),
            xytext=(-3, 0),
            textcoords="offset points",
            fontsize=7,
            ha="right",
            rotation=90,
            color="#4b5563",
        )
    panel.set_ylim(bottom=0)
    panel.margins(y=0.15)
    panel.set_title(_caption(performance), fontsize=8, loc="left")


def _caption(performance: Performance) -> str:
    m = performance.measures
    parts = [f"{m.orders} orders", f"{m.rejected} rejected", f"{m.private_calls} private calls"]
    if m.warnings:
        parts.append(f"{m.warnings} warnings")
    if m.stuck_trades:
        parts.append(f"{len(m.stuck_trades)} stuck")
    if m.refused_pairs:
        parts.append(f"{sum(m.refused_pairs.values())} denied by the guard")
    return ", ".join(parts)


def _steps(points: Points, end: float) -> tuple[list[float], list[float]]:
    at = [second for second, _ in points]
    amounts = [amount for _, amount in points]
    return [*at, end], [*amounts, amounts[-1]]


def _legend(axes: Any) -> tuple[list[Any], list[str]]:
    """Every label once, wherever it stands."""
    found: dict[str, Any] = {}
    for panel in axes.flat:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)
