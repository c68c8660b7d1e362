"""What scripts share that write a page, or a part of it, from the code itself."""

import argparse
from collections.abc import Callable
from pathlib import Path


def between(page: Path, text: str, begin: str, end: str, content: str) -> str:
    """``text`` of ``page`` with ``content`` instead of what stood between its two markers.

    :raises SystemExit: a marker is missing
    """
    before, found, rest = text.partition(begin)
    _, found_too, after = rest.partition(end)
    if not (found and found_too):
        raise SystemExit(f"{page.name} has lost its markers.")
    return f"{before}{begin}{content}{end}{after}"


def write_or_check(doc: str | None, page: Path, updated: Callable[[str], str]) -> int:
    """The command line of such a script: rewrite ``page``, or with ``--check`` only compare.

    :param updated: makes the fresh page of the present one, which is empty if there is none
    :return: the exit code: 1 if it was only compared, and is out of date
    """
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only tell whether it is up to date")
    check = parser.parse_args().check
    present = page.read_text(encoding="utf-8") if page.exists() else ""
    fresh = updated(present)
    if check:
        print("up to date" if fresh == present else "out of date: run this script")
        return int(fresh != present)
    page.write_text(fresh, encoding="utf-8")
    return 0
