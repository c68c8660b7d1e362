"""The demo's one table, and the same as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from freqtrade_balance_guard.demo.measure import Measures
from freqtrade_balance_guard.demo.stage import SIDES, Played, Side, totals


def as_table(played: Sequence[Played], *, dry_run: bool) -> Table:
    """A row per scene and side, and the total."""
    mode = "dry-run" if dry_run else "live on the sandbox"
    table = Table(
        title=f"The same trouble, plain and guarded ({mode})", show_lines=False, pad_edge=False
    )
    table.add_column("scene", no_wrap=True)
    table.add_column("bot", no_wrap=True)
    table.add_column("orders", justify="right")
    table.add_column("rejected by the exchange", min_width=16)
    for heading in (
        *("private\ncalls", "slowest\nloop", "wrong\nsize"),
        *("unknown\norders", "stuck\ntrades", "log\nwarnings"),
    ):
        table.add_column(heading, justify="right", min_width=max(map(len, heading.split())))
    table.add_column("end value", justify="right", no_wrap=True)
    table.add_column("refused by the guard\n(lines in the log)", min_width=20)

    for one in played:
        sides: dict[Side, Measures] = {
            "plain": one.plain.measures,
            "guarded": one.guarded.measures,
        }
        _add_rows(table, one.scene.name, sides, broken=bool(one.broken))
    _add_rows(table, "total", totals(played), broken=any(one.broken for one in played))
    return table


def _add_rows(table: Table, name: str, sides: Mapping[Side, Measures], *, broken: bool) -> None:
    for side in SIDES:
        m = sides[side]
        style = None
        if side == "guarded":
            style = "bold red" if broken else "bold green"
        table.add_row(
            name if side == SIDES[0] else "",
            side,
            str(m.orders),
            _listed({_short(error): count for error, count in m.rejections.items()}),
            str(m.private_calls),
            f"{m.slowest_loop:.1f} s",
            _count(m.wrong_sizes),
            _count(m.unknown_orders),
            _count(m.stuck_trades),
            str(m.warnings),
            f"{m.end_value:.2f}",
            _listed(m.refusals),
            style=style,
            end_section=side == SIDES[-1],
        )


def _listed(counts: Mapping[str, int]) -> str:
    if not counts:
        return "-"
    return "\n".join(f"{count} x {what}" for what, count in sorted(counts.items()))


def _short(error: str) -> str:
    """The exchange's words without its prefixes: 'Insufficient funds'."""
    return error.rpartition(":")[2]


def _count(found: Sequence[str]) -> str:
    return str(len(found)) if found else "-"


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
