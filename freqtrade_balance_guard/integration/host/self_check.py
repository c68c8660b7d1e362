"""What we rely on in freqtrade, with the reason, and the check at start that it is still so.

The contract test runs this table against the oldest and the newest supported release. If a row
differs at start, the bot runs, exits work, entries are refused, and one sentence says why.
"""

import importlib
import inspect
import sys
from typing import Any

from packaging.version import InvalidVersion, Version

from freqtrade_balance_guard.integration.host.relied_on import BACKTEST, COMMON, LIVE, Relied


OLDEST_SUPPORTED = Version("2026.3")


def differences(live: bool, *, backtest: bool = False) -> list[str]:
    """One short text for each row that is not as we know it; empty if all is well.

    :param live: check also what only a live or dry-run bot needs
    :param backtest: check also what only a backtest needs
    """
    found = [] if (text := _version_difference()) is None else [text]
    for relied in (*COMMON, *(LIVE if live else ()), *(BACKTEST if backtest else ())):
        text = _difference(relied)
        if text is not None:
            found.append(text)
    return found


def parameters_of(function: Any) -> str:
    """The parameters of ``function`` as the table writes them: names, ``*`` and ``**`` only."""
    signature = inspect.signature(function)
    names: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not any(
            name.startswith("*") for name in names
        ):
            names.append("*")
        # str() of a parameter is how it is written, with its stars, annotation and default.
        stars = len(str(parameter)) - len(str(parameter).lstrip("*"))
        names.append("*" * stars + parameter.name)
    return ", ".join(names)


def _difference(relied: Relied) -> str | None:
    try:
        function: Any = importlib.import_module(relied.module)
        for part in relied.name.split("."):
            function = getattr(function, part)
    except (ImportError, AttributeError):
        return f"{relied.name} is missing"
    if _is_mock(function):
        # Somebody tests with a double in its place; it has no signature to compare.
        return None
    parameters = parameters_of(function)
    if parameters != relied.parameters:
        return f"{relied.name}({parameters}) instead of ({relied.parameters})"
    return None


def _is_mock(function: Any) -> bool:
    mock = sys.modules.get("unittest.mock")
    return mock is not None and isinstance(function, mock.NonCallableMock)


def _version_difference() -> str | None:
    from freqtrade import __version__

    try:
        version = Version(__version__)
    except InvalidVersion:
        # A development checkout ("2026.10-dev-abc"): only the signatures can tell.
        return None
    if version < OLDEST_SUPPORTED:
        return f"freqtrade {__version__} is older than {OLDEST_SUPPORTED}"
    return None
