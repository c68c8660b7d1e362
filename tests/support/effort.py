"""How long the property tests look: ``EXAMPLES=10`` in the environment tries ten times as many."""

import os


def examples(number: int) -> int:
    """``number`` in ``make test``, a multiple of it in ``make soak``."""
    return number * int(os.environ.get("EXAMPLES", "1"))
