"""Runs freqtrade's own tests twice, plain and guarded: ``python scripts/host_suite.py CHECKOUT``.

CHECKOUT is a folder with freqtrade's ``tests``; its release should be the installed one. Where the
releases differ some tests fail in both runs, and only what passes plain has to pass guarded. In the
guarded run every live or dry-run bot must be a ``GuardedBot`` with neutral settings, or its test
fails. More arguments go to pytest (default: ``tests/freqtradebot``).
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree


HERE = Path(__file__).resolve().parent


def outcomes(checkout: Path, arguments: list[str], *, guarded: bool) -> dict[str, bool]:
    """Test -> whether it passed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        plugin = ["-p", "host_suite_plugin"] if guarded else []
        paths = [str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header"),
                *(*plugin, f"--junitxml={report}", *arguments),
            ],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdout=subprocess.DEVNULL,
            check=False,
        )
        cases = ElementTree.parse(report).iter("testcase")
        return {
            f"{case.get('classname')}::{case.get('name')}": not any(
                child.tag in ("failure", "error") for child in case
            )
            for case in cases
        }


def main() -> int:
    checkout, arguments = Path(sys.argv[1]).resolve(), sys.argv[2:] or ["tests/freqtradebot"]
    plain = outcomes(checkout, arguments, guarded=False)
    guarded = outcomes(checkout, arguments, guarded=True)
    worse = sorted(name for name, passed in plain.items() if passed and not guarded.get(name))
    sys.stdout.write(
        f"{len(plain)} tests; pass plain: {sum(plain.values())}, guarded: {sum(guarded.values())}\n"
    )
    for name in worse:
        sys.stdout.write(f"fails guarded only: {name}\n")
    return 1 if worse or not any(plain.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
