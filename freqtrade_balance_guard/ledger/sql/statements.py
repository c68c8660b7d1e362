"""Reads the hand-written SQL that lies beside each store, one named block per statement."""

from pathlib import Path


BEGINS = "-- name: "


def statements(file: Path) -> dict[str, str]:
    """The statements of ``file`` by name, in its order.

    A line ``-- name: <name>`` begins each; what stands before the first one is a remark.

    :raises ValueError: two statements have the same name
    """
    found: dict[str, str] = {}
    _remark, *blocks = f"\n{file.read_text(encoding='utf-8')}".split(f"\n{BEGINS}")
    for block in blocks:
        name, _, text = block.partition("\n")
        if name.strip() in found:
            raise ValueError(f"{file.name} has two statements named {name.strip()}.")
        found[name.strip()] = text.strip()
    return found
