"""Wraps functions of freqtrade's classes, and takes the wraps off again.

/reload_config builds a new bot and keeps the imported classes, so a wrap is installed once per
process; a bot that is not guarded any more has none in its call stack.
"""

import functools
from collections.abc import Callable
from typing import Any


MARK = "_balance_guard_hook"

_originals: dict[tuple[Any, str], Any] = {}


def wrap(
    owner: Any,
    name: str,
    make: Callable[[Callable[..., Any]], Callable[..., Any]],
    *,
    keep: bool = False,
) -> bool:
    """Replace ``owner.name`` by ``make(original)``, unless that was done before.

    :param owner: a class or a module
    :param keep: ``unwrap_all`` leaves it where it is
    :return: False where ``owner`` itself has no such function
    """
    original = vars(owner).get(name)
    if original is None:
        return False
    if not getattr(original, MARK, False):
        wrapper = make(original)
        if not isinstance(original, type):
            functools.update_wrapper(wrapper, original)
        setattr(wrapper, MARK, True)
        setattr(owner, name, wrapper)
        if not keep:
            _originals[owner, name] = original
    return True


def unwrap_all() -> None:
    """Give every wrapped function back, unless another wrapper has taken the place of ours."""
    for (owner, name), original in list(_originals.items()):
        if getattr(vars(owner).get(name), MARK, False):
            setattr(owner, name, original)
        del _originals[owner, name]
