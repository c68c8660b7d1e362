"""The ``balance_guard`` section of config.json: read, checked and frozen.

Needs pydantic and the standard library only; freqtrade is not imported.
"""

from freqtrade_balance_guard.settings.limits import TierLimits
from freqtrade_balance_guard.settings.loading import (
    load_settings,
    misspelt_section,
    settings_problems,
)
from freqtrade_balance_guard.settings.messages import SECTION
from freqtrade_balance_guard.settings.model import BOT_VENUE, GuardSettings
from freqtrade_balance_guard.settings.redaction import REDACTED, scrub
from freqtrade_balance_guard.settings.sections import (
    AlertSettings,
    ArbitrageSettings,
    BreakerSettings,
    EventSettings,
    FuturesSettings,
    LedgerSettings,
    MetricsSettings,
    OutcomePair,
    RebalanceSettings,
    TierSettings,
)
from freqtrade_balance_guard.settings.venue import VenueSettings


__all__ = [
    "BOT_VENUE",
    "REDACTED",
    "SECTION",
    "AlertSettings",
    "ArbitrageSettings",
    "BreakerSettings",
    "EventSettings",
    "FuturesSettings",
    "GuardSettings",
    "LedgerSettings",
    "MetricsSettings",
    "OutcomePair",
    "RebalanceSettings",
    "TierLimits",
    "TierSettings",
    "VenueSettings",
    "load_settings",
    "misspelt_section",
    "scrub",
    "settings_problems",
]
