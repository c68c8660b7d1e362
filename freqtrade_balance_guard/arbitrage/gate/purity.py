"""Debug check of ``on_books``: it runs in the engine's thread, and may look at its books only."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar


R = TypeVar("R")

# Parts of file names: what belongs to the bot's own thread.
FORBIDDEN = (
    "freqtrade/persistence/",
    "freqtrade/data/dataprovider",
    "/sqlalchemy/",
)
FORBIDDEN_MODULES = ("sqlite3", "_sqlite3")


class Impure(Exception):
    """``on_books`` used what belongs to the bot's own thread."""


def checked(work: Callable[[], R]) -> R:
    """Call ``work``; every call that it makes is looked at. Slow: for ``debug_validation``.

    :raises Impure: it used trades, the data provider or a database
    """

    def look(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            name = frame.f_code.co_filename.replace("\\", "/")
            if any(part in name for part in FORBIDDEN):
                raise Impure(f"on_books must not use {frame.f_code.co_qualname} ({name})")
        elif event == "c_call" and getattr(argument, "__module__", None) in FORBIDDEN_MODULES:
            raise Impure(f"on_books must not use a database ({argument.__name__})")

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        return work()
    finally:
        sys.setprofile(before)
