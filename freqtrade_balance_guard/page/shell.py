"""Renders the page's shell, and hands out the few files that it needs. There is no data in it."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, select_autoescape

from freqtrade_balance_guard.version import __version__


FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
TYPES = {".js": "text/javascript", ".css": "text/css", ".txt": "text/plain"}


class StaticFile(NamedTuple):
    """A file of ours and what it is."""

    content: bytes
    media_type: str


@cache
def environment() -> Environment:
    """The templates, with everything escaped that is put into them."""
    return Environment(
        loader=FileSystemLoader(FOLDER / "templates"), autoescape=select_autoescape()
    )


def page_shell() -> str:
    """The page without data: its layout, the login form, and where its script is."""
    return environment().get_template("page.html").render(version=__version__)


def static_file(name: str) -> StaticFile | None:
    """A file by its exact name; None where there is none: no path is ever followed."""
    if name not in {one.name for one in STATIC.iterdir()}:
        return None
    return StaticFile((STATIC / name).read_bytes(), TYPES[Path(name).suffix])


def static_text(name: str) -> str:
    """The same as text, for a file that has all in itself."""
    return (STATIC / name).read_text(encoding="utf-8")
