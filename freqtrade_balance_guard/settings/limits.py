"""The limits that hold for one tier: its own values over those of the section."""

from dataclasses import dataclass
from decimal import Decimal

from freqtrade_balance_guard.money import HUNDRED, ZERO
from freqtrade_balance_guard.settings.sections import (
    PositionSizeBasis,
    RebalanceSettings,
    Section,
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


def merged_rebalance(base: RebalanceSettings, tier: RebalanceSettings) -> RebalanceSettings:
    """What the tier wrote over what the section wrote; the default target follows the result."""
    written = {key: getattr(base, key) for key in base.model_fields_set}
    written |= {key: getattr(tier, key) for key in tier.model_fields_set}
    return RebalanceSettings.model_validate(written)


def written_keys(section: Section, rebalance: RebalanceSettings) -> frozenset[str]:
    """The keys that the user wrote, those of ``rebalance`` dotted."""
    nested = (f"rebalance.{key}" for key in rebalance.model_fields_set)
    return frozenset({*section.model_fields_set, *nested})
