"""The limits that hold for one tier: its own values over those of the section."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from freqtrade_balance_guard.money import HUNDRED, ZERO
from freqtrade_balance_guard.settings.sections import (
    PositionSizeBasis,
    RebalanceSettings,
    TierSettings,
)


if TYPE_CHECKING:
    from freqtrade_balance_guard.settings.model import GuardSettings


_OVERRIDABLE = (
    "position_size_percent",
    "position_size_basis",
    "min_balance_threshold",
    "emergency_rebalance_cooldown",
)


@dataclass(frozen=True, slots=True)
class TierLimits:
    """What binds entries in one tier.

    Amounts in the stake currency, except ``min_order_size_usdt`` (US dollars) and amounts that the
    user did not write (``is_written`` is False): defaults are dollars and have to be converted.
    """

    tier: int | None
    """Index in ``settings.tiers``; None for the section's own values."""
    min_order_size: Decimal | None
    """Wins over ``min_order_size_usdt``; None if only that one holds."""
    min_order_size_usdt: Decimal
    position_size_percent: Decimal
    position_size_basis: PositionSizeBasis
    min_balance_threshold: Decimal
    reserve_balance: dict[str, Decimal]
    emergency_rebalance_cooldown: float
    rebalance: RebalanceSettings
    written: frozenset[str]

    def is_written(self, key: str) -> bool:
        """Whether the user wrote this limit, in the tier or in the section ("rebalance.order")."""
        return key in self.written

    @property
    def room_for_exit(self) -> bool:
        """Whether an entry must leave room for its exit; a ``min_order_size`` of 0 says no."""
        return self.min_order_size is None or self.min_order_size > ZERO

    @property
    def is_neutral(self) -> bool:
        """Whether these limits let every size through that freqtrade lets through."""
        return (
            self.min_order_size == ZERO
            and self.min_balance_threshold == ZERO
            and self.position_size_percent == HUNDRED
            and self.position_size_basis == "available"
            and not any(self.reserve_balance.values())
            and not self.rebalance.enabled
        )


def base_limits(settings: "GuardSettings") -> TierLimits:
    """The section's own limits, as if there were no tiers."""
    return TierLimits(
        tier=None,
        min_order_size=settings.min_order_size,
        min_order_size_usdt=settings.min_order_size_usdt,
        position_size_percent=settings.position_size_percent,
        position_size_basis=settings.position_size_basis,
        min_balance_threshold=settings.min_balance_threshold,
        reserve_balance=dict(settings.reserve_balance),
        emergency_rebalance_cooldown=settings.emergency_rebalance_cooldown,
        rebalance=settings.rebalance,
        written=_written(settings),
    )


def tier_limits(settings: "GuardSettings", index: int) -> TierLimits:
    """The limits of ``settings.tiers[index]``."""
    base, tier = base_limits(settings), settings.tiers[index]
    merged: dict[str, Any] = {
        key: getattr(tier if key in tier.model_fields_set else base, key) for key in _OVERRIDABLE
    }
    written = base.written | _written(tier)
    size, size_usdt = base.min_order_size, base.min_order_size_usdt
    if tier.model_fields_set & {"min_order_size", "min_order_size_usdt"}:
        # Two spellings of one limit: a tier that writes either replaces the section's pair,
        # otherwise a section's min_order_size would silently win over the tier's dollars.
        written = (written - {"min_order_size"}) | (_written(tier) & {"min_order_size"})
        size = tier.min_order_size
        size_usdt = size_usdt if tier.min_order_size_usdt is None else tier.min_order_size_usdt
    return TierLimits(
        tier=index,
        min_order_size=size,
        min_order_size_usdt=size_usdt,
        reserve_balance={**base.reserve_balance, **tier.reserve_balance},
        rebalance=merged_rebalance(base.rebalance, tier.rebalance),
        written=written,
        **merged,
    )


def merged_rebalance(base: RebalanceSettings, tier: RebalanceSettings) -> RebalanceSettings:
    """What the tier wrote over what the section wrote; the default target follows the result."""
    written = {key: getattr(base, key) for key in base.model_fields_set}
    written |= {key: getattr(tier, key) for key in tier.model_fields_set}
    return RebalanceSettings.model_validate(written)


def _written(section: "GuardSettings | TierSettings") -> frozenset[str]:
    """The keys that the user wrote, those of ``rebalance`` dotted."""
    nested = (f"rebalance.{key}" for key in section.rebalance.model_fields_set)
    return frozenset({*section.model_fields_set, *nested})
