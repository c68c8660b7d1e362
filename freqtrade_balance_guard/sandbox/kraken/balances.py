"""Kraken's Balance and BalanceEx: what a caller is shown, which need not be the truth."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.accounts import Holding
from freqtrade_balance_guard.sandbox.core.assets import ZERO, Asset, asset
from freqtrade_balance_guard.sandbox.engine.exchange import Exchange
from freqtrade_balance_guard.sandbox.engine.reported import (
    Balances,
    balance_faults,
    distorted,
    is_result_null,
    lag_of,
    note_reported,
    summed,
)
from freqtrade_balance_guard.sandbox.engine.wire import Caller
from freqtrade_balance_guard.sandbox.kraken.private import Handler, Params
from freqtrade_balance_guard.sandbox.script.faults import ActiveFault, Call, Fault


Shown = dict[str, dict[str, str | None]]

_TOTALS = frozenset({"balance"})


def balance_ex(exchange: Exchange, caller: Caller, params: Params) -> object:
    """Total and hold of every currency; rewards balances as entries of their own."""
    return _shown(exchange, Call("BalanceEx", True, caller.account, caller.key, role="balance"))


def balance(exchange: Exchange, caller: Caller, params: Params) -> object:
    """The totals alone."""
    call = Call("Balance", True, caller.account, caller.key, role="balance")
    shown = _shown(exchange, call)
    return None if shown is None else {name: entry["balance"] for name, entry in shown.items()}


ENDPOINTS: dict[str, Handler] = {"Balance": balance, "BalanceEx": balance_ex}


def _shown(exchange: Exchange, call: Call) -> Shown | None:
    """The balances through all faults that meet the call: a lag first, then the others as set.

    None stands for an answer without any result ("result": null).
    """
    account = exchange.account(call.account or "")
    active = balance_faults(exchange, call)
    holdings = account.holdings()
    lag = lag_of(active)
    if lag is not None:
        holdings = account.lagging(lag.seconds or 0.0, _lagging_causes(lag), exchange.now())
    shown = distorted(_truth(holdings), active, _names, _TOTALS)
    note_reported(exchange, call, active, _summary(shown, holdings))
    if is_result_null(active):
        return None
    return _as_text(shown, [asset(currency) for currency in [*holdings, *_distorted(active)]])


def _distorted(active: Sequence[ActiveFault]) -> list[str]:
    return [each.fault.currency for each in active]


def _truth(holdings: Mapping[str, Holding]) -> Balances:
    """BalanceEx for given holdings: what is held lies on spot first, as what is spent does."""
    answer: Balances = {}
    for currency, holding in sorted(holdings.items()):
        names = asset(currency)
        held_in_spot = min(holding.held, max(holding.spot, ZERO))
        if holding.spot or held_in_spot or not holding.rewards:
            answer[names.asset_id] = {"balance": holding.spot, "hold_trade": held_in_spot}
        if holding.rewards:
            answer[names.rewards_id] = {
                "balance": holding.rewards,
                "hold_trade": holding.held - held_in_spot,
            }
    return answer


def _as_text(balances: Balances, assets: list[Asset]) -> Shown:
    by_name = {name: each for each in assets for name in (each.asset_id, each.rewards_id)}
    return {
        name: {
            field: by_name[name].text(cell) if isinstance(cell, Decimal) else cell
            for field, cell in entry.items()
        }
        for name, entry in balances.items()
    }


def _lagging_causes(fault: Fault) -> list[str] | None:
    return None if fault.side in (None, "both") else [fault.side]


def _names(currency: str) -> tuple[str, ...]:
    names = asset(currency)
    return names.asset_id, names.rewards_id


def _summary(
    balances: Balances, holdings: Mapping[str, Holding]
) -> dict[str, dict[str, str | None]]:
    """What was shown per unified currency, both pockets together."""
    summary: dict[str, dict[str, str | None]] = {}
    for currency in holdings:
        parts = [balances[name] for name in _names(currency) if name in balances]
        if parts:
            summary[currency] = {
                "total": summed([part["balance"] for part in parts]),
                "held": summed([part["hold_trade"] for part in parts]),
            }
    return summary
