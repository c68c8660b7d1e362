"""Finds what is wrong, or probably not meant, in a configuration, from the configuration alone."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING, Any

from freqtrade_balance_guard.balances.store import read_believed
from freqtrade_balance_guard.errors import MoneyError
from freqtrade_balance_guard.exchanges import support
from freqtrade_balance_guard.exchanges.support import Evidence
from freqtrade_balance_guard.limits.tiers import choose_tier
from freqtrade_balance_guard.money import HUNDRED, ZERO, format_amount, to_decimal
from freqtrade_balance_guard.settings import (
    SECTION,
    GuardSettings,
    VenueSettings,
    misspelt_section,
    settings_problems,
)
from freqtrade_balance_guard.settings.messages import closest
from freqtrade_balance_guard.settings.state_paths import DRY_RUN_ACCOUNT


if TYPE_CHECKING:
    # A backtest checks its section here too, and loads no ledger.
    from freqtrade_balance_guard.console.bot_source import Source


# Stake currencies in which an amount of dollars can be compared without a rate.
DOLLARS = ("USDT", "USD", "USDC")


class Level(StrEnum):
    """ERROR: money is at risk or nothing works; WARNING: worth a change; NOTE: to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """States one thing to know about a bot or its configuration, and what to do about it."""

    level: Level
    code: str
    sentence: str
    remedy: str

    def as_json(self) -> dict[str, Any]:
        return {
            "level": self.level.value,
            "code": self.code,
            "sentence": self.sentence,
            "remedy": self.remedy,
        }


def section_findings(config: Mapping[str, Any]) -> list[Finding]:
    """Every mistake in the ``balance_guard`` section, or that there is none."""
    if SECTION not in config:
        near = misspelt_section(config)
        hint = f'rename "{near}" to "{SECTION}"' if near else f'write "{SECTION}": {{}} to begin'
        sentence = f"NOT guarded: the configuration has no {SECTION} section."
        return [Finding(Level.ERROR, "no_section", sentence, hint)]
    return [
        Finding(Level.ERROR, "wrong_setting", sentence, "correct it: no bot starts with it")
        for sentence in settings_problems(config[SECTION])
    ]


def config_findings(
    source: "Source",
    config: Mapping[str, Any],
    exchanges: Collection[str],
    currencies: Collection[str] = (),
) -> list[Finding]:
    """What a section that can be read says about limits, exchange and venues.

    :param exchanges: the names that an exchange may have
    :param currencies: what the exchange trades; none given: floors are not compared with them
    """
    settings, stake = source.settings, source.stake_currency
    findings = [
        *exchange_findings(source.exchange, source.trading_mode, exchanges),
        *limit_findings(settings, stake, currencies=currencies, wallet=_wallet(source, config)),
        *_slots(settings, config),
        *(_idle_wallet(source, config) if source.dry_run else ()),
        *venue_findings(source, exchanges),
    ]
    if not settings.enabled:
        sentence = "NOT guarded: balance_guard.enabled is false."
        findings.append(
            Finding(Level.WARNING, "not_enabled", sentence, "write true to switch it on")
        )
    return findings


def _wallet(source: "Source", config: Mapping[str, Any]) -> dict[str, Decimal] | None:
    """The balance: in dry-run the configured one, else what a bot believed last, if any did."""
    if source.dry_run:
        wallet = config.get("dry_run_wallet", 1000)
        amounts = wallet if isinstance(wallet, Mapping) else {source.stake_currency: wallet}
        try:
            return {str(name).upper(): to_decimal(amount) for name, amount in amounts.items()}
        except MoneyError:
            return None
    believed = [one for one in read_believed(source.local) if one.account == source.account]
    return {one.currency.upper(): one.total for one in believed} or None


def _slots(settings: GuardSettings, config: Mapping[str, Any]) -> Iterator[Finding]:
    bases = [settings.position_size_basis, *(tier.position_size_basis for tier in settings.tiers)]
    slots = config.get("max_open_trades", 0)
    if "per_slot" in bases and not (isinstance(slots, int | float) and 0 < slots < float("inf")):
        yield Finding(
            Level.WARNING,
            "unlimited_slots",
            'position_size_basis is "per_slot", but max_open_trades is unlimited: the share is one '
            "of what is available.",
            "set max_open_trades to a number above 0",
        )


def _idle_wallet(source: "Source", config: Mapping[str, Any]) -> Iterator[Finding]:
    """Limits that a dry-run wallet cannot meet even while nothing is bought.

    Not asked of a live account, whose money may be in positions at the moment.
    """
    settings, stake = source.settings, source.stake_currency.upper()
    held = (_wallet(source, config) or {}).get(stake, ZERO)
    tier = choose_tier(held, [each.up_to for each in settings.tiers])
    limits = settings.limits_for_tier(tier if tier < len(settings.tiers) else None)
    available = held - limits.reserve_balance.get(stake, ZERO)
    if available <= ZERO:
        return  # named as floor_above_wallet
    dollars = stake in DOLLARS
    threshold = limits.min_balance_threshold
    if (dollars or limits.is_written("min_balance_threshold")) and threshold > available:
        yield Finding(
            Level.WARNING,
            "threshold_above_wallet",
            f"min_balance_threshold {format_amount(threshold)} {stake} is above the "
            f"{format_amount(available)} {stake} that the wallet has available: no entry can go "
            "out.",
            "lower balance_guard.min_balance_threshold, or raise dry_run_wallet",
        )
    minimum = limits.min_order_size
    if minimum is None and dollars:
        minimum = limits.min_order_size_usdt
    cap = available * limits.position_size_percent / HUNDRED
    if minimum is not None and limits.position_size_basis == "available" and cap < minimum:
        yield Finding(
            Level.WARNING,
            "cap_below_minimum",
            f"position_size_percent {format_amount(limits.position_size_percent)} allows entries "
            f"of at most {format_amount(cap)} {stake}, below the smallest order of "
            f"{format_amount(minimum)} {stake}: no entry can go out.",
            "raise balance_guard.position_size_percent, or lower min_order_size",
        )


def limit_findings(
    settings: GuardSettings,
    stake: str,
    *,
    currencies: Collection[str] = (),
    wallet: Mapping[str, Decimal] | None = None,
) -> Iterator[Finding]:
    """Limits that are allowed and probably not meant.

    :param currencies: what the exchange trades; none given: floors are not compared with them
    :param wallet: the balance by currency, where it is known
    """
    yield from _percents(settings)
    for currency, amount in _floors(settings).items():
        yield from _unknown_floor(currency, stake, currencies)
        held = None if wallet is None else wallet.get(currency, ZERO)
        if held == ZERO and list(_unknown_floor(currency, stake, currencies)):
            continue  # named already
        if held is not None and amount > held:
            yield Finding(
                Level.WARNING,
                "floor_above_wallet",
                f"The floor of {format_amount(amount)} {currency} is above the wallet's "
                f"{format_amount(held)} {currency}: "
                + ("no entry can go out." if currency == stake else "it reserves all of it."),
                f"lower balance_guard.reserve_balance.{currency}, or deposit more",
            )


def _floors(settings: GuardSettings) -> dict[str, Decimal]:
    """The largest floor of each currency, over the section and its tiers."""
    floors: dict[str, Decimal] = {}
    written = [settings.reserve_balance, *(tier.reserve_balance for tier in settings.tiers)]
    for reserve_balance in written:
        for currency, amount in reserve_balance.items():
            floors[currency] = max(floors.get(currency, ZERO), amount)
    return floors


def unknown_floors(
    settings: GuardSettings, stake: str, currencies: Collection[str]
) -> Iterator[Finding]:
    """Floors in a currency that is neither the stake nor one of the exchange's."""
    for currency in _floors(settings):
        yield from _unknown_floor(currency, stake, currencies)


def _unknown_floor(currency: str, stake: str, currencies: Collection[str]) -> Iterator[Finding]:
    known = {name.upper() for name in currencies}
    if not known or currency in known or currency == stake.upper():
        return
    # The stake first: it is what most floors are in.
    near = closest(currency, [stake]) or closest(currency, sorted(known))
    yield Finding(
        Level.WARNING,
        "unknown_floor",
        f"balance_guard.reserve_balance names {currency}, which is neither the stake currency nor "
        "a currency of the exchange: it protects nothing.",
        f'did you mean "{near}"?' if near else "write the currency as the exchange does",
    )


def _percents(settings: GuardSettings) -> Iterator[Finding]:
    """Shares between 0 and 1, which read like a ratio."""
    written = [("position_size_percent", settings.position_size_percent)]
    written += [
        (f"tiers[{index}].position_size_percent", tier.position_size_percent)
        for index, tier in enumerate(settings.tiers)
        if tier.position_size_percent is not None
    ]
    written += [("alerts.utilization_percent", settings.alerts.utilization_percent)]
    for key, percent in written:
        if ZERO < percent < 1:
            shown, meant = format_amount(percent), format_amount(percent * 100)
            yield Finding(
                Level.WARNING,
                "percent_below_one",
                f"balance_guard.{key} is {shown}: {shown} means {shown} %.",
                f"write {meant} if {meant} % is meant",
            )


def exchange_findings(
    exchange: str, trading_mode: str, exchanges: Collection[str]
) -> Iterator[Finding]:
    """Whether ccxt knows the bot's exchange, and whether the guard was tested there."""
    if exchanges and exchange not in exchanges:
        near = closest(exchange, exchanges)
        yield Finding(
            Level.ERROR,
            "unknown_exchange",
            f'exchange.name is "{exchange}", which ccxt does not know.',
            f'did you mean "{near}"?' if near else "write the exchange's name as ccxt spells it",
        )
        return
    shown = support.in_words(exchange, trading_mode)
    if Evidence.TRADED in support.evidence(exchange, trading_mode):
        sentence = f"The guard was tested on {exchange} ({trading_mode}): {shown}."
        yield Finding(Level.NOTE, "tested_exchange", sentence, "nothing to do")
        return
    sentence = f"The guard was not tested on {exchange} ({trading_mode})."
    yield Finding(
        Level.NOTE,
        "partly_tested_exchange" if shown else "untested_exchange",
        f"The guard has not traded on {exchange} ({trading_mode}), but {shown}."
        if shown
        else sentence,
        "begin in dry-run, then with a small amount; report what you see",
    )


def channel_findings(config: Mapping[str, Any]) -> Iterator[Finding]:
    """Messages of the guard that a channel would leave out as it is configured."""
    discord, webhook = config.get("discord") or {}, config.get("webhook") or {}
    if discord.get("enabled") and "warning" not in discord:
        yield Finding(
            Level.NOTE,
            "discord_without_warnings",
            "Discord gets no incidents of the guard: discord.warning is not configured.",
            'write "warning": [{"status": "{status}"}] into the discord section',
        )
    if webhook.get("enabled") and not webhook.get("webhookstatus") and not webhook.get("status"):
        yield Finding(
            Level.NOTE,
            "webhook_without_status",
            "The webhook gets no incidents of the guard: webhook.webhookstatus is not configured.",
            'write "webhookstatus": {"value1": "{status}"} into the webhook section',
        )


# Second exchanges


def venue_findings(source: "Source", exchanges: Collection[str]) -> Iterator[Finding]:
    """Each venue by itself, beside the bot's own exchange, and beside the other venues.

    :param exchanges: the names that exchanges may have; none given: they are not looked at
    """
    for name, venue in source.settings.venues.items():
        if venue.kind == "prediction":
            continue  # asked by `doctor --exchange`
        if exchanges and venue.name.lower() not in exchanges:
            yield Finding(
                Level.ERROR,
                "unknown_exchange",
                f'The venue {name} is on "{venue.name}", which ccxt does not know.',
                "write the exchange's name as ccxt spells it; for one that ccxt lacks see "
                "custom_venues() in the documentation",
            )
        yield from _money(source, name, venue)
        yield from _beside_the_bot(source, name, venue)
    if not source.dry_run:
        yield from _one_key(source)


def _money(source: "Source", name: str, venue: VenueSettings) -> Iterator[Finding]:
    if source.dry_run and not venue.dry_run_wallet:
        yield Finding(
            Level.WARNING,
            "venue_without_money",
            f"The venue {name} has no dry_run_wallet: no leg on it can be paid.",
            f"write balance_guard.venues.{name}.dry_run_wallet, with both currencies of a pair",
        )
    elif not source.dry_run and not source.venue_keys.get(name):
        yield Finding(
            Level.WARNING,
            "venue_without_key",
            f"The venue {name} has no API key: live, its balance cannot be read.",
            f"set FREQTRADE__BALANCE_GUARD__VENUES__{name.upper()}__KEY and ..__SECRET",
        )


def _beside_the_bot(source: "Source", name: str, venue: VenueSettings) -> Iterator[Finding]:
    if account_of(source, name) != source.account:
        return
    if venue.name.lower() == source.exchange:
        yield Finding(
            Level.WARNING,
            "venue_is_own_account",
            f'The venue {name} is the account of the bot itself ({source.account}): "bot" is that '
            "already.",
            f'let legs name "bot" and remove the venue {name}, or write its own account',
        )
    else:
        yield Finding(
            Level.ERROR,
            "one_account_two_exchanges",
            f"The venue {name} on {venue.name} and the bot on {source.exchange} name one account "
            f"({source.account}): what is promised on one would be missing on the other.",
            f"write another balance_guard.venues.{name}.account",
        )


def _one_key(source: "Source") -> Iterator[Finding]:
    """Keys of the bot and of venues, live only: in dry-run no key is used."""
    users = [("bot", source.account, source.key)]
    users += [(n, account_of(source, n), key) for n, key in source.venue_keys.items()]
    for (one, account, key), (other, other_account, other_key) in combinations(users, 2):
        if not key or key != other_key:
            continue
        if one == "bot":
            yield Finding(
                Level.ERROR,
                "venue_has_bots_key",
                f"The venue {other} has the API key of the bot's own exchange: each request must "
                "carry a larger number than the one before, so they make each other's requests "
                "fail.",
                'let legs name "bot", or give the venue a key of its own',
            )
        if account != other_account:
            yield Finding(
                Level.ERROR,
                "one_key_two_accounts",
                f"{one} and {other} have one API key and name their account differently "
                f"({account}, {other_account}): the same money is counted twice.",
                "write one account for both",
            )


def account_of(source: "Source", name: str) -> str:
    """The ledger's name for a venue's money."""
    account = source.settings.venues[name].account or name
    return account + (DRY_RUN_ACCOUNT if source.dry_run else "")
