"""What a caller is shown of balances and lists, which need not be the truth."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.assets import ZERO, plain
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.script.faults import (
    BALANCE_KINDS,
    LIST_KINDS,
    ActiveFault,
    Call,
    Fault,
)


Cell = Decimal | str | None  # a text where a fault put one, None for a null
Entry = dict[str, Cell]
Balances = dict[str, Entry]


def balance_faults(exchange: Exchange, call: Call) -> list[ActiveFault]:
    """The running faults that meet a request for balances, counted as applied."""
    return exchange.faults.take(BALANCE_KINDS, call)


def lag_of(active: Sequence[ActiveFault]) -> Fault | None:
    """The last of the lags, which decides."""
    lags = [each.fault for each in active if each.fault.kind == "balance_lag"]
    return lags[-1] if lags else None


def is_result_null(active: Sequence[ActiveFault]) -> bool:
    return any(each.fault.kind == "balance_result_null" for each in active)


def distorted(
    balances: Balances,
    active: Sequence[ActiveFault],
    names_of: Callable[[str], tuple[str, ...]],
    totals: frozenset[str],
) -> Balances:
    """The balances through all faults but a lag, in the order in which these were scripted.

    `names_of` gives the entries of a currency, the main one first; `totals` are the fields that a
    wrong or a negative total changes.
    """
    for each in active:
        balances = _through(balances, each.fault, names_of(each.fault.currency), totals)
    return balances


def note_reported(
    exchange: Exchange,
    call: Call,
    active: Sequence[ActiveFault],
    summary: dict[str, dict[str, str | None]],
) -> None:
    """Writes into the journal what a caller was shown."""
    exchange.journal.record(
        "balance_told",
        account=call.account,
        key=call.key,
        endpoint=call.endpoint,
        balances=summary,
        faults=[{"id": each.fault_id, "kind": each.fault.kind} for each in active],
    )


def summed(cells: Sequence[Cell]) -> str | None:
    """The sum as a text; an unreadable cell as it is."""
    total = ZERO
    for cell in cells:
        if not isinstance(cell, Decimal):
            return cell
        total += cell
    return plain(total)


def listed_until(exchange: Exchange, call: Call) -> float:
    """Up to which time orders are in the lists: these may be behind what was accepted."""
    active = exchange.faults.take(LIST_KINDS, call)
    return exchange.now() - max((each.fault.seconds or 0.0 for each in active), default=0.0)


def _through(
    balances: Balances, fault: Fault, names: tuple[str, ...], totals: frozenset[str]
) -> Balances:
    if fault.kind in ("balance_empty", "balance_result_null"):
        return {}
    if fault.kind == "balance_missing":
        return {name: entry for name, entry in balances.items() if name not in names}
    if fault.kind == "balance_wrong":
        main, *others = names
        kept = {name: entry for name, entry in balances.items() if name not in others}
        amount = fault.amount or ZERO
        known = balances.get(main) or dict.fromkeys(_fields(balances), ZERO)
        return kept | {main: known | dict.fromkeys(totals, amount)}
    return {
        name: {field: _changed(cell, fault, field in totals) for field, cell in entry.items()}
        for name, entry in balances.items()
    }


def _fields(balances: Balances) -> list[str]:
    return list(next(iter(balances.values()), {}))


def _changed(cell: Cell, fault: Fault, is_total: bool) -> Cell:
    if fault.kind == "balance_zero":
        return ZERO
    if fault.kind == "balance_null":
        return None
    if fault.kind == "balance_garbage":
        return fault.value
    if fault.kind == "balance_negative" and is_total and isinstance(cell, Decimal):
        return -cell
    if fault.kind == "balance_factor" and isinstance(cell, Decimal):
        return cell * fault.factor
    return cell
