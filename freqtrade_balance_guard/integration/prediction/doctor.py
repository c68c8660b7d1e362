"""``doctor --exchange`` on prediction markets: keys, wallets, signature types, clocks, events."""

from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any

import ccxt

from freqtrade_balance_guard.arbitrage.outcomes.event_map import looks_inverted
from freqtrade_balance_guard.clock import Clock
from freqtrade_balance_guard.console.config_check import Finding, Level
from freqtrade_balance_guard.integration.prediction.build import make_prediction_venue
from freqtrade_balance_guard.integration.prediction.prediction_venue import PredictionVenue
from freqtrade_balance_guard.money import ONE, ZERO, to_decimal
from freqtrade_balance_guard.settings import GuardSettings


SKEW_SECONDS = 5.0
DEPOSIT_WALLET = 3


def prediction_findings(settings: GuardSettings, clock: Clock) -> list[Finding]:
    """Ask each venue of kind prediction; nothing is changed anywhere."""
    findings: list[Finding] = []
    opened: dict[str, PredictionVenue] = {}
    try:
        for name, venue in settings.venues.items():
            if venue.kind != "prediction":
                continue
            try:
                made = make_prediction_venue(name, venue, {}, ledger=None, clock=clock)
            except ValueError as error:
                remedy = "use one of the three names"
                findings.append(Finding(Level.ERROR, "prediction_unknown", str(error), remedy))
                continue
            opened[name] = made
            findings += _of_venue(name, made, clock)
        findings += _of_events(settings, opened)
    finally:
        for made in opened.values():
            made.close()
    return findings


def _of_venue(name: str, venue: PredictionVenue, clock: Clock) -> Iterator[Finding]:
    yield from _wallet(name, venue)
    try:
        venue.open()
        balances = dict(venue.balances())
    except Exception as error:
        is_key = isinstance(error, ccxt.AuthenticationError | ValueError)
        yield Finding(
            Level.ERROR,
            "prediction_key" if is_key else "prediction_unreachable",
            f"The venue {name} shows no balance: {str(error)[:160]}",
            "check its key and private_key" if is_key else "check its address and the network",
        )
        return
    yield from _clock(name, venue, clock)
    money = balances.pop(venue.orders.currency, ZERO)
    if money == ZERO and any(balances.values()):
        yield Finding(
            Level.WARNING,
            "prediction_empty_wallet",
            f"The venue {name} shows shares but no {venue.orders.currency}: the balance may be "
            "that of another wallet.",
            "check wallet_address and, on Polymarket, ccxt_config.options.signatureType",
        )
    if venue.client.id == "polymarket":
        yield from _allowance(name, venue)


def _wallet(name: str, venue: PredictionVenue) -> Iterator[Finding]:
    client: Any = venue.client
    if client.id == "kalshi":
        return
    if not client.walletAddress or not client.privateKey:
        yield Finding(
            Level.ERROR,
            "prediction_wallet",
            f"The venue {name} has no wallet_address or no private_key: no order can be signed.",
            f"write balance_guard.venues.{name}.wallet_address and .private_key",
        )
        return
    if client.id != "polymarket":
        return
    if client.options.get("builder"):
        yield Finding(
            Level.WARNING,
            "prediction_builder",
            f"Orders on {name} carry a builder code: another party counts them, and may charge.",
            "write ccxt_config.options.builder: null",
        )
    own = str(client.eth_get_address_from_private_key(client.privateKey)).lower()
    is_own = own == str(client.walletAddress).lower()
    kind = client.safe_integer(client.options, "signatureType", DEPOSIT_WALLET)
    if is_own != (kind == 0):
        says = "the key's own address" if is_own else "another address than the key's"
        yield Finding(
            Level.WARNING,
            "prediction_signature_type",
            f"The wallet_address of {name} is {says}, and its signatureType is {kind}: with a "
            "wrong one the balance reads 0 and orders are rejected.",
            "0 for the key's own address; 1, 2 or 3 for a proxy, a safe, a deposit wallet",
        )


def _allowance(name: str, venue: PredictionVenue) -> Iterator[Finding]:
    answer = venue.ask("clobPrivateGetBalanceAllowance", {"asset_type": "COLLATERAL"})
    allowed = [to_decimal(each) for each in (answer.get("allowances") or {}).values()]
    if allowed and not any(allowed):
        yield Finding(
            Level.WARNING,
            "prediction_allowance",
            f"The wallet of {name} lets the exchange take no USDC: every order will be rejected.",
            "approve it once in Polymarket's own interface; the guard sends nothing on chain",
        )


def _clock(name: str, venue: PredictionVenue, clock: Clock) -> Iterator[Finding]:
    headers = {str(k).lower(): v for k, v in (venue.client.last_response_headers or {}).items()}
    try:
        theirs = parsedate_to_datetime(str(headers["date"])).astimezone(UTC)
    except (KeyError, ValueError):
        return
    apart = abs((clock.wall().astimezone(UTC) - theirs).total_seconds())
    if apart > SKEW_SECONDS:
        yield Finding(
            Level.WARNING,
            "prediction_clock",
            f"The clock of {name} differs from this machine's by {apart:.0f} s: signed requests "
            "may be rejected.",
            "set the clock of this machine by the network (NTP)",
        )


def _of_events(settings: GuardSettings, venues: dict[str, PredictionVenue]) -> Iterator[Finding]:
    for event, each in settings.events.items():
        if not each.resolution_checked:
            yield Finding(
                Level.WARNING,
                "event_not_checked",
                f"The event {event} has no resolution_checked: every arbitrage on it is denied.",
                "read the rules of all its venues, and write it when they are the same",
            )
        prices = {}
        for name, pair in each.outcomes.items():
            venue = venues.get(name)
            if venue is None:
                continue
            try:
                found = [venue.learn(outcome) for outcome in (pair.yes, pair.no)]
                market = venue.market(pair.yes)
            except Exception as error:
                yield Finding(
                    Level.ERROR,
                    "event_outcome_unknown",
                    f"An outcome of {event} cannot be read on {name}: {str(error)[:120]}",
                    f"check balance_guard.events.{event}.outcomes.{name}",
                )
                continue
            if any(info.neg_risk_augmented for info in found):
                yield Finding(
                    Level.WARNING,
                    "event_augmented",
                    f"Outcomes may be added to {event} on {name}: arbitrages on it are denied.",
                    "map another event",
                )
            if market.offered is not None:
                prices[name] = market.offered
        names = sorted(prices)
        for first, second in pairwise(names):
            if looks_inverted(prices[first], prices[second]):
                yield Finding(
                    Level.WARNING,
                    "event_inverted",
                    f'"yes" of {event} costs {prices[first]} on {first} and {prices[second]} on '
                    f"{second}: together about {ONE}, as the two answers would.",
                    "check that yes and no are not exchanged on one of them",
                )
