"""The demo's one table, and the same as JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich import box
from rich.table import Table

from freqtrade_balance_guard.demo.measure import Measures
from freqtrade_balance_guard.demo.stage import SIDES, Played, totals


WIDE = 140  # columns of a terminal in which the reasons stand in the table, not below it


@dataclass(frozen=True)
class _Column:
    heading: str
    cell: Callable[[Measures], str]
    justify: Literal["left", "right"] = "right"
    shown: Literal["always", "wide", "narrow"] = "always"


def _count(found: Sequence[str] | int) -> str:
    number = found if isinstance(found, int) else len(found)
    return str(number) if number else "-"


def _listed(counts: Mapping[str, int], separator: str = "\n") -> str:
    """'9 x Cost minimum not met'; the exchange's words without their prefix ('EOrder:')."""
    if not counts:
        return "-"
    return separator.join(f"{n} x {what.rpartition(':')[2]}" for what, n in sorted(counts.items()))


_COLUMNS = (
    _Column("orders", lambda m: str(m.orders)),
    _Column("rejected by\nthe exchange", lambda m: _listed(m.rejections), "left", "wide"),
    _Column("rejec-\ntions", lambda m: _count(m.rejected), shown="narrow"),
    _Column("private\ncalls", lambda m: str(m.private_calls)),
    _Column("slowest\nloop", lambda m: f"{m.slowest_loop:.1f} s"),
    _Column("wrong\nsize", lambda m: _count(m.wrong_sizes)),
    _Column("unknown\norders", lambda m: _count(m.unknown_orders)),
    _Column("stuck\ntrades", lambda m: _count(m.stuck_trades)),
    _Column("legs\nalone", lambda m: _count(m.legs_alone), shown="wide"),
    _Column("log\nwarnings", lambda m: str(m.warnings), shown="wide"),
    _Column(
        "denied by the guard\n(lines in the log)", lambda m: _listed(m.refusals), "left", "wide"
    ),
)


def as_table(played: Sequence[Played], *, dry_run: bool, width: int) -> Table:
    """Two rows per scene and for the total; below WIDE columns the reasons stand underneath."""
    wide = width >= WIDE
    total = totals(played)
    mode = "dry-run" if dry_run else "live on the sandbox"
    below = [] if wide else _reasons(total["plain"], total["guarded"])
    if dry_run:
        below.append("A dry run asks the exchange for nothing: rejections, sizes and private calls")
        below.append("show live only. Orders are those of the simulated wallet.")
    table = Table(
        title=f"The same trouble, plain and guarded ({mode})",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 2 if wide else 1, 0, 0),
        caption="\n".join(below) or None,
        caption_justify="left",
    )
    table.add_column("scene", no_wrap=True)
    columns = [c for c in _COLUMNS if c.shown in ("always", "wide" if wide else "narrow")]
    for column in columns:
        table.add_column(column.heading, justify=column.justify, overflow="fold")

    for one in played:
        both = {"plain": one.plain.measures, "guarded": one.guarded.measures}
        _add_rows(table, columns, one.scene.name, both, broken=bool(one.broken))
    if len(played) > 1:
        _add_rows(table, columns, "total", total, broken=any(one.broken for one in played))
    return table


def _add_rows(
    table: Table,
    columns: Sequence[_Column],
    name: str,
    both: Mapping[Any, Measures],
    *,
    broken: bool,
) -> None:
    table.add_row(name, *[""] * len(columns), style="bold")
    for side in SIDES:
        style = "" if side == "plain" else "red" if broken else "green"
        cells = [column.cell(both[side]) for column in columns]
        died = " (died)" if both[side].exit_code is not None else ""
        table.add_row(f"  {side}{died}", *cells, style=style, end_section=side == SIDES[-1])


def _reasons(plain: Measures, guarded: Measures) -> list[str]:
    return [
        f"Rejected by the exchange, plain: {_listed(plain.rejections, ', ')}",
        f"Rejected by the exchange, guarded: {_listed(guarded.rejections, ', ')}",
        f"Denied by the guard: {_listed(guarded.refusals, ', ')}",
        f"Legs alone: plain {len(plain.legs_alone)}, guarded {len(guarded.legs_alone)}",
    ]


def as_json(played: Sequence[Played], *, dry_run: bool, seconds: float) -> dict[str, Any]:
    """Everything in the table and the sentences behind its counts."""
    total = totals(played)
    return {
        "ok": not any(one.broken for one in played),
        "mode": "dry-run" if dry_run else "live",
        "seconds": round(seconds, 1),
        "scenes": [
            {
                "name": one.scene.name,
                "title": one.scene.title,
                "claims": sorted(one.scene.claims),
                "broken": one.broken,
                "plain": one.plain.measures.as_dict(),
                "guarded": one.guarded.measures.as_dict(),
            }
            for one in played
        ],
        "total": {side: total[side].as_dict() for side in SIDES},
    }
