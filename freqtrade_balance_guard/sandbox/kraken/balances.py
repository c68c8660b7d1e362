"""Kraken's Balance and BalanceEx: what a caller is told, which need not be the truth."""

from collections.abc import Mapping
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.accounts import Holding
from freqtrade_balance_guard.sandbox.core.assets import ZERO, NotANumber, asset, number, plain
from freqtrade_balance_guard.sandbox.core.exchange import Exchange
from freqtrade_balance_guard.sandbox.kraken.private import Caller, Handler, Params
from freqtrade_balance_guard.sandbox.script.faults import BALANCE_KINDS, Call, Fault


Told = dict[str, dict[str, str | None]]


def balance_ex(exchange: Exchange, caller: Caller, params: Params) -> object:
    """Total and hold of every currency; rewards balances as entries of their own."""
    return _tell(exchange, Call("BalanceEx", True, caller.account, caller.key))


def balance(exchange: Exchange, caller: Caller, params: Params) -> object:
    """The totals alone."""
    told = _tell(exchange, Call("Balance", True, caller.account, caller.key))
    return None if told is None else {name: entry["balance"] for name, entry in told.items()}


ENDPOINTS: dict[str, Handler] = {"Balance": balance, "BalanceEx": balance_ex}


def _tell(exchange: Exchange, call: Call) -> Told | None:
    """The balances through all faults that meet the call: a lag first, then the others as set.

    None stands for an answer without any result ("result": null).
    """
    account = exchange.account(call.account or "")
    active = exchange.faults.take(BALANCE_KINDS, call)
    holdings = account.holdings()
    for each in active:
        if each.fault.kind == "balance_lag":
            holdings = account.lagging(
                each.fault.seconds or 0.0, _lagging_causes(each.fault), exchange.now()
            )
    told = _truth(holdings)
    for each in active:
        told = _distorted(told, each.fault)
    exchange.journal.record(
        "balance_told",
        account=call.account,
        key=call.key,
        endpoint=call.endpoint,
        balances=_summary(told, holdings),
        faults=[{"id": each.fault_id, "kind": each.fault.kind} for each in active],
    )
    if any(each.fault.kind == "balance_result_null" for each in active):
        return None
    return told


def _truth(holdings: Mapping[str, Holding]) -> Told:
    """BalanceEx for given holdings: what is held lies on spot first, as what is spent does."""
    answer: Told = {}
    for currency, holding in sorted(holdings.items()):
        names = asset(currency)
        held_in_spot = min(holding.held, max(holding.spot, ZERO))
        if holding.spot or held_in_spot or not holding.rewards:
            answer[names.asset_id] = {
                "balance": names.text(holding.spot),
                "hold_trade": names.text(held_in_spot),
            }
        if holding.rewards:
            answer[names.rewards_id] = {
                "balance": names.text(holding.rewards),
                "hold_trade": names.text(holding.held - held_in_spot),
            }
    return answer


def _lagging_causes(fault: Fault) -> list[str] | None:
    return None if fault.side in (None, "both") else [fault.side]


def _distorted(told: Told, fault: Fault) -> Told:
    if fault.kind in ("balance_empty", "balance_result_null"):
        return {}
    if fault.kind == "balance_missing":
        return {name: entry for name, entry in told.items() if name not in _entries(fault)}
    if fault.kind == "balance_wrong":
        spot, rewards = _entries(fault)
        wrong = asset(fault.currency).text(fault.amount or ZERO)
        held = told.get(spot, {}).get("hold_trade") or "0"
        return {name: entry for name, entry in told.items() if name != rewards} | {
            spot: {"balance": wrong, "hold_trade": held}
        }
    return {name: _changed(entry, fault) for name, entry in told.items()}


def _changed(entry: dict[str, str | None], fault: Fault) -> dict[str, str | None]:
    if fault.kind == "balance_zero":
        return {"balance": "0.0000000000", "hold_trade": "0.0000000000"}
    if fault.kind == "balance_null":
        return {"balance": None, "hold_trade": None}
    if fault.kind == "balance_garbage":
        return {"balance": fault.value, "hold_trade": fault.value}
    if fault.kind == "balance_negative":
        return entry | {"balance": _times(entry["balance"], Decimal(-1))}
    if fault.kind == "balance_factor":
        return {name: _times(text, fault.factor) for name, text in entry.items()}
    return entry


def _times(text: str | None, factor: Decimal) -> str | None:
    try:
        return f"{number(text) * factor:f}"
    except NotANumber:
        return text


def _entries(fault: Fault) -> tuple[str, str]:
    names = asset(fault.currency)
    return names.asset_id, names.rewards_id


def _summary(told: Told, holdings: Mapping[str, Holding]) -> dict[str, dict[str, str | None]]:
    """What was told per unified currency, both pockets together; unreadable parts as they were."""
    summary: dict[str, dict[str, str | None]] = {}
    for currency in holdings:
        names = asset(currency)
        parts = [told[name] for name in (names.asset_id, names.rewards_id) if name in told]
        if parts:
            summary[currency] = {
                "total": _sum([part["balance"] for part in parts]),
                "held": _sum([part["hold_trade"] for part in parts]),
            }
    return summary


def _sum(texts: list[str | None]) -> str | None:
    try:
        return plain(sum((number(text) for text in texts), ZERO))
    except NotANumber:
        return texts[0]
