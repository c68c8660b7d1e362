"""The section as JSON schema, for editors that complete and check config.json."""

from decimal import Decimal
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from freqtrade_balance_guard.money import to_float
from freqtrade_balance_guard.settings.messages import SECTION
from freqtrade_balance_guard.settings.model import GuardSettings
from freqtrade_balance_guard.settings.redaction import fold
from freqtrade_balance_guard.settings.sections import TierSettings
from freqtrade_balance_guard.settings.venue import VenueSettings


FREQTRADE_SCHEMA = "https://schema.freqtrade.io/schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
# The keys that do something in this release. Every other key is read and checked, and no more.
IN_EFFECT = frozenset(
    """
    enabled min_order_size_usdt min_order_size position_size_percent position_size_basis
    min_balance_threshold reserve_balance tiers balance_cache_duration
    post_trade_refresh_window ledger debug_validation rebalance
    emergency_rebalance_cooldown venues arbitrage
    alerts metrics futures events
    """.split()
)
IN_EFFECT_IN_A_TIER = IN_EFFECT | {"up_to"}
LATER = "Checked now, takes effect in a later release."
# Spellings that freqtrade's own "exchange" section knows, beside ours.
_OTHER_SPELLINGS = ("api_key", "apiKey", "accountId", "walletAddress", "privateKey")


class _Generator(GenerateJsonSchema):
    """Defaults that are Decimals stay numbers; names stay as the user writes them."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, Decimal):
            dft = to_float(dft)
        if isinstance(dft, float) and dft.is_integer():
            return int(dft)
        return super().encode_default(dft)

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        drawn = super().dict_schema(schema)
        if "patternProperties" in drawn:
            drawn["additionalProperties"] = False
        return drawn

    def get_title_from_name(self, name: str) -> str:
        return name


def section_schema() -> dict[str, Any]:
    """JSON schema of the value of ``balance_guard``.

    It cannot express what holds between values: ascending tiers, a target that is enough, names
    that differ only in case. ``load_settings`` decides; the schema helps while typing.
    """
    schema: JsonSchemaValue = GuardSettings.model_json_schema(schema_generator=_Generator)
    schema["description"] = (
        "Settings of freqtrade-balance-guard: seconds, percents, stake currency."
    )
    for section in (schema, *schema["$defs"].values()):
        for drawn in section["properties"].values():
            if drawn.get("default", ...) is None:
                del drawn["default"]  # "not written" is no value that a user could write
    _mark_later(schema["properties"], IN_EFFECT)
    _mark_later(schema["$defs"][TierSettings.__name__]["properties"], IN_EFFECT_IN_A_TIER)
    venue = schema["$defs"][VenueSettings.__name__]["properties"]
    for spelling in _OTHER_SPELLINGS:
        name = "key" if fold(spelling) == "apikey" else _known_name(spelling)
        venue[spelling] = venue[name]
    return schema


def _mark_later(properties: dict[str, Any], in_effect: frozenset[str]) -> None:
    for key in properties.keys() - in_effect:
        properties[key]["description"] = f"{properties[key].get('description', '')} {LATER}".strip()


def _known_name(spelling: str) -> str:
    return next(name for name in VenueSettings.model_fields if fold(name) == fold(spelling))


def config_schema(*, with_freqtrade: bool = True) -> dict[str, Any]:
    """JSON schema of a whole config.json, to be named in its ``$schema``.

    :param with_freqtrade: also refer to freqtrade's own published schema
    """
    section = section_schema()
    schema: dict[str, Any] = {"$schema": DIALECT, "title": f"freqtrade config with {SECTION}"}
    if with_freqtrade:
        schema["allOf"] = [{"$ref": FREQTRADE_SCHEMA}]
    definitions = section.pop("$defs")
    schema |= {"type": "object", "properties": {SECTION: section}, "$defs": definitions}
    return schema
