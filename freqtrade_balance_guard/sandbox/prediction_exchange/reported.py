"""What an account's holdings look like to a caller, through the faults that meet the call."""

from decimal import Decimal

from freqtrade_balance_guard.sandbox.core.accounts import Holding
from freqtrade_balance_guard.sandbox.core.assets import ZERO
from freqtrade_balance_guard.sandbox.prediction_exchange.exchange import PredictionExchange
from freqtrade_balance_guard.sandbox.script.faults import BALANCE_KINDS, Call, Fault


def reported_holdings(exchange: PredictionExchange, account: str, key: str) -> dict[str, Holding]:
    """By currency and share; lagging, wrong, or as they are."""
    call = Call("balance", True, account, key, role="balance")
    owner = exchange.purses.account(account)
    holdings = owner.holdings()
    for active in exchange.faults.take(BALANCE_KINDS, call):
        fault = active.fault
        if fault.kind == "balance_lag":
            causes = None if fault.side in (None, "both") else [str(fault.side)]
            holdings = owner.lagging(fault.seconds or 0.0, causes, exchange.now())
        else:
            currency = exchange.scenario.currency
            holdings = {**holdings, currency: _distorted(holdings.get(currency, Holding()), fault)}
    return holdings


def _distorted(holding: Holding, fault: Fault) -> Holding:
    """The kinds that make no sense of a number (null, garbage) show nothing here."""
    spot: Decimal = ZERO
    if fault.kind == "balance_wrong":
        spot = holding.spot + (fault.amount or ZERO)
    elif fault.kind == "balance_factor":
        spot = holding.spot * fault.factor
    elif fault.kind == "balance_negative":
        spot = -holding.spot
    return Holding(spot, ZERO, min(holding.held, max(spot, ZERO)))
