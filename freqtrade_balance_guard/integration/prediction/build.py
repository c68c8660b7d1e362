"""Makes a prediction market's venue from its settings."""

import hashlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from ccxt.prediction import Exchange

from freqtrade_balance_guard.arbitrage.outcomes.outcome_orders import OutcomeOrders
from freqtrade_balance_guard.arbitrage.planning.dry_wallet import DryWallet
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.integration.prediction.clients import make_client
from freqtrade_balance_guard.integration.prediction.kalshi import KalshiOrders
from freqtrade_balance_guard.integration.prediction.polymarket import PolymarketOrders
from freqtrade_balance_guard.integration.prediction.prediction_venue import PredictionVenue
from freqtrade_balance_guard.integration.prediction.sxbet import SxOrders
from freqtrade_balance_guard.ledger import ReservationLedger
from freqtrade_balance_guard.money import to_decimal
from freqtrade_balance_guard.settings import VenueSettings
from freqtrade_balance_guard.settings.state_paths import DRY_RUN_ACCOUNT, is_dry_run


def make_prediction_venue(
    name: str,
    settings: VenueSettings,
    config: Mapping[str, Any],
    *,
    ledger: ReservationLedger | None,
    clock: Clock,
    paid: Callable[[str], Mapping[str, Decimal]] = lambda account: {},
) -> PredictionVenue:
    """Return the venue that the user calls ``name``; no request.

    :param ledger: books a dry-run's money; needed in dry-run only
    :param paid: what an account was paid for shares in dry-run, by currency
    :raises ValueError: it is none of the three prediction markets
    """
    client = make_client(settings)
    orders = orders_of(client, clock)
    account, wallet = settings.account or name, None
    if is_dry_run(dict(config)) and ledger is not None:
        account += DRY_RUN_ACCOUNT
        amounts = settings.dry_run_amounts(orders.currency)
        initial = {currency: to_decimal(amount) for currency, amount in amounts.items()}
        wallet = DryWallet(account, ledger, initial, paid)
    queue = queue_of(client) or name
    return PredictionVenue(name, account, queue, orders, client, wallet, clock=clock)


def orders_of(client: Exchange, clock: Clock) -> OutcomeOrders:
    if client.id == "polymarket":
        return PolymarketOrders(client, clock)
    return KalshiOrders(client) if client.id == "kalshi" else SxOrders(client)


def queue_of(client: Exchange) -> str:
    """Return a name of the key: legs of one key leave one after the other. Empty without one."""
    key = client.apiKey or client.walletAddress
    named = f"{client.id} {client.urls.get('api')} {key}"
    return hashlib.sha256(named.encode()).hexdigest()[:12] if key else ""
