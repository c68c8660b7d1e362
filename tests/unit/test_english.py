"""Strings, docstrings and comments of the package are in house English.

The rules: docs/contributing/english.md. ``python tests/unit/test_english.py`` prints what is left.
"""

import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import freqtrade_balance_guard


ROOT = Path(freqtrade_balance_guard.__file__).parent
DOCS = ROOT.parent / "docs"
PAGES = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")]
# A word in quotes is a name: a state in the database, a kind of fault.
BANNED = re.compile(
    r"(?<![.{\w])(?!(?<=[\"'])\w+[\"'])"
    r"(told|nobody|somebody|refus(?:e|es|ed|al|als|ing)|became of|vouch\w*)\b",
    re.IGNORECASE,
)
# Since Python 3.12 the text of an f-string is a token of its own.
TEXT = (tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", -1))
# Lines that are left in a room: a column of a table of 0.1. It may only shrink.
ALLOWED: dict[str, int] = {"arbitrage": 1}


def banned_words(source: str) -> Iterator[tuple[int, str]]:
    """Line and word of each banned word in a string or a comment."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in TEXT:
            for found in BANNED.finditer(token.string):
                yield token.start[0] + token.string[: found.start()].count("\n"), found[0]


def room_of(path: Path) -> str:
    """``cli``, ``integration/orders``, or the file's own name."""
    parts = path.relative_to(ROOT).parts
    deep = 2 if parts[0] == "integration" else 1
    return "/".join(parts[:deep]) if len(parts) > 1 else parts[0]


FOUND = [
    (room_of(path), f"{path.relative_to(ROOT)}:{line}: {word}")
    for path in sorted(ROOT.rglob("*.py"))
    for line, word in banned_words(path.read_text(encoding="utf-8"))
]
ROOMS = sorted({room_of(path) for path in ROOT.rglob("*.py")})


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_no_banned_words_beyond_those_that_are_left(room: str) -> None:
    words = [where for found, where in FOUND if found == room]
    assert len(words) <= ALLOWED.get(room, 0), "\n".join(words)


def test_the_list_of_what_is_left_names_rooms_that_exist() -> None:
    assert sorted(ALLOWED.keys() - set(ROOMS)) == []


# It quotes them.
PAGES_LEFT = {"contributing/english.md"}


@pytest.mark.parametrize("page", sorted(set(PAGES) - PAGES_LEFT))
def test_a_page_has_no_banned_words(page: str) -> None:
    assert banned_lines((DOCS / page).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_a_page_at_the_top_has_no_banned_words(page: str) -> None:
    assert banned_lines((DOCS.parent / page).read_text(encoding="utf-8")) == []


def banned_lines(text: str) -> list[str]:
    """Lines with a banned word; in code (`refused`) it is a name."""
    return [line for line in text.splitlines() if BANNED.search(re.sub(r"`[^`]*`", "", line))]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('x = "nobody knows"  # told', ["nobody", "told"]),
        ('"""What became of it."""', ["became of"]),
        ('f"{x} was refused by {y}"', ["refused"]),
        ("told = refused = 1", []),
        ('state = "refused"', []),
        ("\"WHERE state <> 'refused'\"", []),
    ],
)
def test_words_are_found_in_text_and_not_in_names(source: str, words: list[str]) -> None:
    assert sorted(word for _, word in banned_words(source)) == sorted(words)


if __name__ == "__main__":
    for room, count in sorted(Counter(room for room, _ in FOUND).items()):
        print(f'    "{room}": {count},')  # noqa: T201
