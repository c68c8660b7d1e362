"""Builds the packages of a release and checks them: everything that needs no credentials.

    python scripts/release.py [--tag v0.2.0] [--python python3.12]

Ends with 1 and one sentence if anything is not as it must be.
"""

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path


ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
PACKAGE = "freqtrade_balance_guard"
MUST_BE_IN_WHEEL = (f"{PACKAGE}/py.typed", f"{PACKAGE}/version.py", "licenses/LICENSE")


class NotReady(Exception):
    """The release cannot be made as it is."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", help="the tag that the version must agree with")
    parser.add_argument("--python", default=sys.executable, help="for the trial installation")
    options = parser.parse_args()
    try:
        version = agreed_version(options.tag)
        wheel, sdist = build(version)
        check_contents(wheel, sdist)
        run(sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist))
        try_wheel(wheel, version, options.python)
    except (NotReady, subprocess.CalledProcessError) as error:
        print(f"Not ready: {error}", file=sys.stderr)
        return 1
    print(f"{wheel.name} and {sdist.name} are ready in {DIST}.")
    return 0


def run(*command: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotReady(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def agreed_version(tag: str | None) -> str:
    """The version, if package, changelog and tag agree on it."""
    text = (ROOT / PACKAGE / "version.py").read_text(encoding="utf-8")
    version = re.search(r'__version__ = "([^"]+)"', text)
    if version is None:
        raise NotReady("version.py names no version")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[([0-9][^\]]*)\]", changelog, re.MULTILINE)
    if newest is None or newest[1] != version[1]:
        named = newest[1] if newest else "nothing"
        raise NotReady(f"version.py says {version[1]}, the newest heading of CHANGELOG.md {named}")
    if tag is not None and not re.search(rf"^## \[{re.escape(version[1])}\] - \d", changelog, re.M):
        raise NotReady(f"the heading of {version[1]} in CHANGELOG.md has no date")
    if tag is not None and tag != f"v{version[1]}":
        raise NotReady(f"the tag is {tag}, the version {version[1]}")
    return version[1]


def build(version: str) -> tuple[Path, Path]:
    """Wheel and sdist of what is committed, nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "tree.tar"
        run("git", "archive", "--output", str(archive), "HEAD")
        with tarfile.open(archive) as tree:
            tree.extractall(Path(folder) / "tree", filter="data")
        DIST.mkdir(exist_ok=True)
        run(sys.executable, "-m", "build", "--outdir", str(DIST), cwd=Path(folder) / "tree")
    return (
        DIST / f"{PACKAGE}-{version}-py3-none-any.whl",
        DIST / f"{PACKAGE}-{version}.tar.gz",
    )


def check_contents(wheel: Path, sdist: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    for wanted in MUST_BE_IN_WHEEL:
        if not any(name.endswith(wanted) for name in names):
            raise NotReady(f"{wheel.name} lacks {wanted}")
    strange = [
        name
        for name in names
        if not name.startswith((f"{PACKAGE}/", f"{PACKAGE}-")) or "tests/" in name
    ]
    if strange:
        raise NotReady(f"{wheel.name} holds what does not belong there: {strange[:5]}")
    with tarfile.open(sdist) as tree:
        names = tree.getnames()
    for wanted in ("pyproject.toml", "README.md", "LICENSE", f"{PACKAGE}/py.typed"):
        if not any(name.endswith(f"/{wanted}") for name in names):
            raise NotReady(f"{sdist.name} cannot be built from: it lacks {wanted}")
    if any("/tests/" in name for name in names):
        raise NotReady(f"{sdist.name} holds tests")


def try_wheel(wheel: Path, version: str, python: str) -> None:
    """Install it into an empty environment and ask for its version."""
    with tempfile.TemporaryDirectory() as folder:
        run(python, "-m", "venv", folder)
        binaries = Path(folder) / "bin"
        run(str(binaries / "python"), "-m", "pip", "install", "--quiet", str(wheel))
        said = run(str(binaries / "balance-guard"), "--version", cwd=Path(folder))
    if version not in said:
        raise NotReady(f"the installed wheel says {said.strip()} instead of {version}")


if __name__ == "__main__":
    sys.exit(main())
