"""The ``balance_guard`` section of config.json as one frozen, validated model."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr, model_validator

from freqtrade_balance_guard.money import format_amount
from freqtrade_balance_guard.settings.limits import TierLimits, merged_rebalance, written_keys
from freqtrade_balance_guard.settings.sections import (
    AlertSettings,
    ArbitrageSettings,
    EventSettings,
    FuturesSettings,
    LedgerSettings,
    MetricsSettings,
    PositionSizeBasis,
    RebalanceSettings,
    Section,
    TierSettings,
)
from freqtrade_balance_guard.settings.values import (
    AMOUNT,
    SECONDS,
    SHARE,
    Choice,
    CurrencyAmounts,
    Name,
    Switch,
    contradiction,
    differ,
    given_twice,
)
from freqtrade_balance_guard.settings.venue import VenueSettings


# The bot's own exchange in a leg: no venue may take its name.
BOT_VENUE = "bot"

_OVERRIDABLE = (
    "position_size_percent",
    "position_size_basis",
    "min_balance_threshold",
    "emergency_rebalance_cooldown",
)


def _ascending(tiers: tuple[TierSettings, ...]) -> tuple[TierSettings, ...]:
    """:raises PydanticCustomError: a border that is missing or not above the one before it"""
    for index, tier in enumerate(tiers):
        if tier.up_to is None:
            if index < len(tiers) - 1:
                raise contradiction(
                    f"[{index}].up_to",
                    "is missing; it must be a number above 0, only the last tier may omit it",
                )
        elif index and tier.up_to <= (before := tiers[index - 1].up_to or Decimal(0)):
            raise contradiction(
                f"[{index}].up_to",
                f"is {format_amount(tier.up_to)}; it must be above {format_amount(before)}, "
                f"the up_to of tiers[{index - 1}]",
            )
    return tiers


def _fold_venue_names(venues: object) -> object:
    """Lower-case names, before anything is read: a file's "Kraken2" and the environment's
    "kraken2" are one venue, and each may bring a part of it.

    :raises PydanticCustomError: the reserved name, or one key with two values (neither is shown)
    """
    if not isinstance(venues, dict):
        return venues
    folded: dict[object, object] = {}
    for written, venue in venues.items():
        name = written.lower() if isinstance(written, str) else written
        if name == BOT_VENUE:
            raise contradiction(
                f".{written}",
                f'has the name "{BOT_VENUE}"; it must have another one, for that is the bot\'s own '
                "exchange",
            )
        before = folded.setdefault(name, venue)
        if isinstance(before, dict) and isinstance(venue, dict):
            for key in before.keys() & venue.keys():
                if differ(before[key], venue[key]):
                    raise given_twice(f".{name}.{key}")
            folded[name] = {**before, **venue}
        elif before is not venue:
            raise given_twice(f".{name}")
    return folded


class GuardSettings(Section):
    """All settings, with defaults. Order, names and defaults are the contract with the user.

    Times in seconds, percents 0-100. Amounts that the user wrote are in the stake currency (except
    ``min_order_size_usdt``); amounts that are defaults are US dollars: ``is_written`` tells.
    """

    enabled: Annotated[bool, Switch()] = Field(
        default=True, description="Off: freqtrade behaves as if the guard were not installed."
    )
    min_order_size_usdt: Annotated[Decimal, AMOUNT] = Field(
        default=Decimal("2.5"),
        description="Smallest entry that the guard lets out, in US dollars. The exchange's own "
        "minimum holds besides.",
    )
    min_order_size: Annotated[Decimal | None, AMOUNT] = Field(
        default=None,
        description="The same in the stake currency; wins over `min_order_size_usdt`. "
        "0 also stops asking whether a position could be sold again.",
    )
    balance_cache_duration: Annotated[float, SECONDS] = Field(
        default=60.0,
        description="How long a believed balance may be reused when nothing happened.",
    )
    post_trade_refresh_window: Annotated[float, SECONDS] = Field(
        default=30.0,
        description="For this long after an own order balances are read again on demand and "
        "compared with what is expected. 0: no comparison.",
    )
    position_size_percent: Annotated[Decimal, SHARE] = Field(
        default=Decimal(80),
        description="One entry takes at most this share of what is available before it.",
    )
    position_size_basis: Annotated[PositionSizeBasis, Choice(get_args(PositionSizeBasis))] = Field(
        default="available",
        description="What `position_size_percent` is a share of: `available` before the entry, "
        "`equity` (free and invested, without the floor), or `per_slot` (equity divided by "
        "max_open_trades). Never more than what is available.",
    )
    min_balance_threshold: Annotated[Decimal, AMOUNT] = Field(
        default=Decimal("2.5"), description="While less than this is available: no new entry."
    )
    reserve_balance: CurrencyAmounts = Field(
        default_factory=dict,
        description="Currency and amount that is never spent (safety, coin for fees): the floor.",
    )
    emergency_rebalance_cooldown: Annotated[float, SECONDS] = Field(
        default=3600.0,
        description="Time between two attempts to rebalance, kept across restarts.",
    )
    rebalance: RebalanceSettings = Field(
        default_factory=RebalanceSettings, description="Free stake when it is stuck."
    )
    tiers: Annotated[tuple[TierSettings, ...], AfterValidator(_ascending)] = Field(
        default=(), description="Other limits for other sizes of account."
    )
    ledger: LedgerSettings = Field(
        default_factory=LedgerSettings, description="Where reservations are kept."
    )
    venues: Annotated[
        dict[Annotated[str, Name("a name without spaces")], VenueSettings],
        BeforeValidator(_fold_venue_names),
    ] = Field(default_factory=dict, description="Second exchanges for arbitrage legs, by name.")
    events: dict[Annotated[str, Name("a name without spaces")], EventSettings] = Field(
        default_factory=dict,
        description="Questions that venues of `kind` prediction answer, mapped by hand.",
    )
    arbitrage: ArbitrageSettings = Field(
        default_factory=ArbitrageSettings, description="The two legs of an arbitrage."
    )
    futures: FuturesSettings = Field(
        default_factory=FuturesSettings, description="What holds on futures accounts only."
    )
    alerts: AlertSettings = Field(
        default_factory=AlertSettings, description="Which changes send a message."
    )
    metrics: MetricsSettings = Field(
        default_factory=MetricsSettings, description="Where metrics are served."
    )
    debug_validation: Annotated[bool, Switch()] = Field(
        default=False, description="Check every rule of the ledger after every step. Slow."
    )

    @model_validator(mode="after")
    def _events_name_venues(self) -> "GuardSettings":
        """Each venue of an event is a prediction market, and no outcome stands for two answers."""
        known: dict[tuple[str, str], str] = {}
        for event, settings in self.events.items():
            for name, pair in settings.outcomes.items():
                where = f".events.{event}.outcomes.{name}"
                venue = self.venues.get(name)
                if venue is None or venue.kind != "prediction":
                    raise contradiction(
                        where, 'has no venue; it must be one of `venues` with kind "prediction"'
                    )
                for answer, outcome in (("yes", pair.yes), ("no", pair.no)):
                    before = known.setdefault((name, outcome), f"{event}.{answer}")
                    if before != f"{event}.{answer}":
                        raise contradiction(
                            f"{where}.{answer}", f"is the outcome of {before} already"
                        )
        return self

    @model_validator(mode="after")
    def _targets_are_enough(self) -> "GuardSettings":
        """Each target of a rebalance, also after merging a tier, reaches what is enough.

        A target written alone is compared with the default: the default is in dollars, so a stake
        in another currency has to write both, which is the honest way to read it.
        """
        self._check_target("", self.rebalance, self.rebalance)
        for index, tier in enumerate(self.tiers):
            merged = merged_rebalance(self.rebalance, tier.rebalance)
            self._check_target(f".tiers[{index}]", merged, tier.rebalance)
        return self

    def _check_target(self, where: str, merged: RebalanceSettings, own: RebalanceSettings) -> None:
        enough, target = format_amount(merged.enough_stake), format_amount(merged.target_stake)
        if merged.target_stake >= merged.enough_stake:
            return
        if "target_stake" in own.model_fields_set or "enough_stake" not in own.model_fields_set:
            unwritten = "" if "enough_stake" in merged.model_fields_set else " (its default)"
            raise contradiction(
                f"{where}.rebalance.target_stake",
                f"is {target}; it must be at least enough_stake, {enough}{unwritten}",
            )
        raise contradiction(
            f"{where}.rebalance.enough_stake",
            f"is {enough}; it must be at most target_stake, {target}",
        )

    def is_written(self, key: str) -> bool:
        """Whether the user wrote ``key``; dotted for nested keys ("rebalance.order")."""
        section: object = self
        for name in key.split("."):
            if isinstance(section, BaseModel):
                if name not in section.model_fields_set:
                    return False
                section = getattr(section, name)
            elif isinstance(section, dict):
                spelled = {str(written).lower(): written for written in section}
                if name.lower() not in spelled:
                    return False
                section = section[spelled[name.lower()]]
            else:
                return False
        return True

    def limits_for_tier(self, index: int | None) -> TierLimits:
        """The limits of ``tiers[index]`` over the section's own; None: the section's own."""
        return self._base_limits() if index is None else self._tier_limits(index)

    def _base_limits(self) -> TierLimits:
        """The section's own limits, as if there were no tiers."""
        return TierLimits(
            tier=None,
            min_order_size=self.min_order_size,
            min_order_size_usdt=self.min_order_size_usdt,
            position_size_percent=self.position_size_percent,
            position_size_basis=self.position_size_basis,
            min_balance_threshold=self.min_balance_threshold,
            reserve_balance=dict(self.reserve_balance),
            emergency_rebalance_cooldown=self.emergency_rebalance_cooldown,
            rebalance=self.rebalance,
            written=written_keys(self, self.rebalance),
        )

    def _tier_limits(self, index: int) -> TierLimits:
        base, tier = self._base_limits(), self.tiers[index]
        merged: dict[str, Any] = {
            key: getattr(tier, key) for key in _OVERRIDABLE if key in tier.model_fields_set
        }
        tier_keys = written_keys(tier, tier.rebalance)
        written = base.written | tier_keys
        if tier.model_fields_set & {"min_order_size", "min_order_size_usdt"}:
            # Two spellings of one limit: a tier that writes either replaces the section's both,
            # otherwise a section's min_order_size would silently win over the tier's dollars.
            written = (written - {"min_order_size"}) | (tier_keys & {"min_order_size"})
            merged["min_order_size"] = tier.min_order_size
            if tier.min_order_size_usdt is not None:
                merged["min_order_size_usdt"] = tier.min_order_size_usdt
        return replace(
            base,
            tier=index,
            reserve_balance={**base.reserve_balance, **tier.reserve_balance},
            rebalance=merged_rebalance(base.rebalance, tier.rebalance),
            written=written,
            **merged,
        )

    @property
    def is_neutral(self) -> bool:
        """Whether freqtrade's own behaviour is let through unchanged, in every tier."""
        return (
            self.balance_cache_duration == 0
            and self.post_trade_refresh_window == 0
            and self.limits_for_tier(None).is_neutral
            and all(self.limits_for_tier(index).is_neutral for index in range(len(self.tiers)))
        )

    def without_secrets(self) -> "GuardSettings":
        """A copy without venue credentials and database password, fit for a file or a worker."""
        update: dict[str, object] = {}
        if self.venues:
            update["venues"] = {name: each.without_secrets() for name, each in self.venues.items()}
        shown = self.ledger.shown_db_url()
        if shown is not None:
            update["ledger"] = self.ledger.model_copy(update={"db_url": SecretStr(shown)})
        return self.model_copy(update=update)
