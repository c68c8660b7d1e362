"""From pydantic's errors to one sentence: the full key, the value, and what is allowed."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from freqtrade_balance_guard.money import format_amount
from freqtrade_balance_guard.settings.model import GuardSettings
from freqtrade_balance_guard.settings.redaction import fold, scrub
from freqtrade_balance_guard.settings.venue import CCXT_SECTIONS


SECTION = "balance_guard"

# What an object, a list or a required key must look like; by the last name of the key.
SHAPES = {
    "": 'an object such as {"min_order_size_usdt": 2.5}',
    "reserve_balance": 'an object of currencies and amounts such as {"USDT": 5}',
    "dry_run_wallet": 'an amount, or an object of currencies and amounts such as {"USDT": 1000}',
    "rebalance": 'an object such as {"enabled": true}',
    "tiers": 'a list of objects such as [{"up_to": 100, "position_size_percent": 90}]',
    "ledger": 'an object such as {"account": "kraken-main"}',
    "venues": 'an object of venues such as {"second": {"name": "kraken"}}',
    "events": 'an object of events such as {"fed-dec": {"closes": "2026-12-10T19:00:00Z"}}',
    "outcomes": 'an object of venues such as {"poly": {"yes": "7132", "no": "9021"}}',
    "arbitrage": 'an object such as {"unhedged_policy": "hold"}',
    "breaker": 'an object such as {"losses": 3, "window": 3600}',
    "min_inventory": 'an object such as {"bot": {"BTC": 0.01}}',
    "futures": 'an object such as {"max_margin_usage": 80}',
    "alerts": 'an object such as {"utilization_percent": 80}',
    "metrics": 'an object such as {"enabled": true}',
    "pair_whitelist": 'a list of pairs such as ["BTC/USDT"]',
    "pair_blacklist": 'a list of pairs such as ["BTC/USDT"]',
    "ccxt_config": 'an object such as {"enableRateLimit": true}',
    "ccxt_sync_config": 'an object such as {"enableRateLimit": true}',
    "ccxt_async_config": 'an object such as {"enableRateLimit": true}',
    "name": 'the exchange\'s name as ccxt knows it, such as "kraken"',
}
_LONGEST_VALUE = 60


def first_sentence(error: ValidationError) -> str:
    """The first error, in the order in which the settings are documented, as one sentence."""
    return _sentence(error.errors(include_url=False)[0])


def all_sentences(error: ValidationError) -> list[str]:
    """Every error once, in the order in which the settings are documented."""
    return list(dict.fromkeys(_sentence(details) for details in error.errors(include_url=False)))


def _sentence(details: Any) -> str:
    parts = [part for part in details["loc"] if not str(part).startswith("<")]
    context: Mapping[str, Any] = details.get("ctx") or {}
    kind: str = details["type"]
    if parts and parts[-1] == "[key]":
        allowed = context.get("allowed", "text")
        return f"{key_path(parts[:-2])} has the key {_shown(parts[-2])}; it must be {allowed}."
    key = key_path(parts)
    if kind == "contradiction":
        return f"{key}{context['where']} {context['says']}."
    if kind == "extra_forbidden":
        return _unknown_key(parts)
    if kind == "missing":
        return f"{key} is missing; it must be {_shape(parts)}."
    if kind == "invalid_key":
        return f"{key_path(parts[:-1])} has the key {_shown(parts[-1])}; it must be text in quotes."
    allowed = f"{context.get('allowed', _shape(parts))}{context.get('hint', '')}"
    shown = context.get("shown")
    if shown == "":
        return f"{key} has a wrong kind of value (not shown here); it must be {allowed}."
    return f"{key} is {shown_value(details['input'], parts) if shown is None else _json(shown)}" + (
        f"; it must be {allowed}."
    )


def key_path(parts: Iterable[object]) -> str:
    """The key as people write it: ``balance_guard.tiers[1].up_to``."""
    path = SECTION
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif re.fullmatch(r"[\w-]{1,60}", str(part)):
            path += f".{part}"
        else:
            path += f"[{_json(str(part))}]"
    return path


def _shape(parts: Sequence[object]) -> str:
    names = [part for part in parts if isinstance(part, str)]
    if parts and isinstance(parts[-1], int):
        return 'an object of limits such as {"up_to": 100}' if names == ["tiers"] else "text"
    if len(parts) == 2 and parts[0] == "venues":
        return 'an object such as {"name": "kraken"}'
    return SHAPES.get(names[-1] if names else "", "an object")


def shown_value(value: object, parts: Sequence[object]) -> str:
    """A value for a sentence: short, on one line, without secrets."""
    # A level forgotten below "venues" puts a key or a secret where something else belongs.
    if list(parts[:1]) == ["venues"]:
        harmless = len(parts) > 2 and parts[2] not in CCXT_SECTIONS
        return (
            _shown(scrub(value))
            if harmless and not isinstance(value, dict | list)
            else _kind(value)
        )
    return _shown(scrub(value))


def _shown(value: object) -> str:
    if isinstance(value, Decimal):
        return format_amount(value) if value.is_finite() else str(value)
    try:
        return _json(value)
    except (TypeError, ValueError, RecursionError):  # odd keys, thousands of digits, deep nesting
        return _kind(value)


def _json(value: object) -> str:
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        value = f"{value[:_LONGEST_VALUE]}..."
    text = json.dumps(value, ensure_ascii=False, default=_kind)
    if not text.isprintable():
        text = json.dumps(value, default=_kind)
    # Text is cut before it is quoted, anything else after it is written.
    too_long = not isinstance(value, str) and len(text) > _LONGEST_VALUE
    return f"{text[:_LONGEST_VALUE]}..." if too_long else text


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple | set):
        return "a list"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float | Decimal):
        return "a number" if not isinstance(value, bool) else str(value).lower()
    return "null" if value is None else f"a {type(value).__name__}"


def _unknown_key(parts: Sequence[object]) -> str:
    """The value of an unknown key is never shown: it may be a misspelt credential."""
    key, where = str(parts[-1]), parts[:-1]
    start = f"{key_path(parts)} is not a known setting"
    siblings = list(_model_at(where).model_fields)
    guess = closest(key, siblings)
    if guess:
        return f'{start}; did you mean "{guess}"?'
    elsewhere = [path for path in _all_paths() if path.rpartition(".")[2] == key]
    if elsewhere:
        return f'{start} there; it belongs to "{SECTION}.{elsewhere[0]}".'
    return f"{start}; the settings known there are {', '.join(siblings)}."


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known name that ``word`` most likely stands for, or None."""
    by_fold = {fold(name): name for name in known}
    found = difflib.get_close_matches(fold(word), by_fold, n=1, cutoff=0.75)
    return by_fold[found[0]] if found else None


def _model_at(parts: Sequence[object]) -> type[BaseModel]:
    model: type[BaseModel] = GuardSettings
    for part in parts:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside ``tuple[Model, ...]``, ``dict[str, Model]`` or plain ``Model``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(inner) for inner in get_args(annotation))
    return next((model for model in found if model), None)


def _all_paths() -> list[str]:
    """Keys of the section itself, then those of its objects ("rebalance.order")."""
    paths = list(GuardSettings.model_fields)
    for name in list(paths):
        field = GuardSettings.model_fields[name]
        inner = _model_in(field.annotation)
        if inner is not None and name not in {"tiers", "venues"}:
            paths += [f"{name}.{key}" for key in inner.model_fields]
    return paths
