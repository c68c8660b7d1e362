"""The way in: from the value of ``config["balance_guard"]`` to settings, or to one sentence."""

import difflib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from freqtrade_balance_guard.errors import SettingsError
from freqtrade_balance_guard.settings.messages import SECTION, all_sentences, first_sentence
from freqtrade_balance_guard.settings.model import GuardSettings
from freqtrade_balance_guard.settings.redaction import fold


def load_settings(section: object) -> GuardSettings:
    """Read and check a ``balance_guard`` section, as a file or freqtrade's environment gives it.

    A section with ``"enabled": false`` is checked like any other: a wrong key would otherwise
    surface on the day the guard is switched on.

    :param section: the value of ``config["balance_guard"]``, whatever it is
    :raises SettingsError: one sentence about the first problem; never shows a secret
    """
    try:
        return GuardSettings.model_validate(section)
    except ValidationError as error:
        problem = first_sentence(error)
    # Outside the handler, so that the values in pydantic's error do not travel along.
    raise SettingsError(problem)


def settings_problems(section: object) -> list[str]:
    """All mistakes in a section, one sentence each; what can only be seen in a section that is
    right so far (a target below what is enough) comes when the others are corrected.
    """
    try:
        GuardSettings.model_validate(section)
    except ValidationError as error:
        return all_sentences(error)
    return []


def without_mistakes(section: object) -> dict[str, Any]:
    """A copy of a section without the keys that are wrong, so that the rest can be looked at.

    Empty where no key is to blame.
    """
    kept = deepcopy(dict(section)) if isinstance(section, Mapping) else {}
    while True:
        try:
            GuardSettings.model_validate(kept)
        except ValidationError as error:
            places = dict.fromkeys(details["loc"] for details in error.errors())
            if not any([_remove(kept, place) for place in places]):
                return {}
        else:
            return kept


def _remove(section: dict[str, Any], place: Iterable[int | str]) -> bool:
    """Remove the innermost key on the way to ``place``; False where there is none."""
    owner: dict[str, Any] | None = None
    name, inner = "", section
    for part in place:
        if str(part).startswith("<"):
            continue  # pydantic's mark of a choice, no key
        if not isinstance(inner, dict) or part not in inner:
            break
        owner, name, inner = inner, str(part), inner[str(part)]
    if owner is None:
        return False
    del owner[name]
    return True


def misspelt_section(config_keys: Iterable[str]) -> str | None:
    """The top-level key that was probably meant to be ``balance_guard``; None if there is none.

    freqtrade accepts unknown sections without a word, so a misspelt one would leave the trader
    unguarded. A key that starts with "_", "#" or "/" is a section that was put aside.
    """
    keys = [key for key in config_keys if isinstance(key, str)]
    if SECTION in keys:
        return None
    wanted = fold(SECTION)
    for key in keys:
        if key[:1] in {"_", "#", "/"}:
            continue
        if difflib.SequenceMatcher(None, fold(key), wanted).ratio() >= 0.85:
            return key
    return None
