"""Write the table of docs/client-order-ids.md from the code.

python scripts/generate_client_order_ids.py           rewrite the table
python scripts/generate_client_order_ids.py --check   exit code 1 if it is out of date
"""

import sys
from datetime import timedelta
from pathlib import Path

from generated import between, write_or_check

from freqtrade_balance_guard.exchanges.names import SAME_AS
from freqtrade_balance_guard.exchanges.support import evidence
from freqtrade_balance_guard.orders.client_ids import TABLE, Ask, ClientIds


PAGE = Path(__file__).resolve().parent.parent / "docs" / "client-order-ids.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
HEADS = (
    *("exchange (ccxt)", "mode", "name at the exchange", "of a stop order"),
    *("our id", "how an order is asked for", "remembered", "shown"),
)
HOW = {
    Ask.ONE: "the one order",
    Ask.FILTERED: "open and ended orders, filtered by the id",
    Ask.LISTS: "open and ended orders, searched by us",
    Ask.NOT: "-",
}


def table() -> str:
    """The rows, in markdown."""
    lines = [f"| {' | '.join(HEADS)} |", f"|{' --- |' * len(HEADS)}"]
    return "\n".join(lines + [_line(row) for row in TABLE.values()]) + "\n"


def _line(row: ClientIds) -> str:
    others = sorted(name for name, same in SAME_AS.items() if same == row.exchange)
    names = ", ".join(f"`{name}`" for name in (row.exchange, *others))
    cells = (
        *(names, row.trading_mode, _code(row.wire), _code(row.stop_wire)),
        *(_code(row.form.value), HOW[row.ask], _memory(row.memory)),
        ", ".join(evidence(row.exchange, row.trading_mode)) or "untested",
    )
    return f"| {' | '.join(cells)} |"


def _code(text: str | None) -> str:
    return "none" if text is None else f"`{text}`"


def _memory(memory: timedelta | None) -> str:
    if memory is None:
        return "always"
    hours = int(memory.total_seconds() // 3600)
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"


def updated(page: str) -> str:
    """``page`` with a fresh table."""
    return between(PAGE, page, BEGIN, END, f"\n{table()}\n")


if __name__ == "__main__":
    sys.exit(write_or_check(__doc__, PAGE, updated))
