"""The files for Docker, as far as they can be tried without an engine."""

import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml


ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
COMPOSE = sorted([*(ROOT / "docker").glob("*.yml"), ROOT / "monitoring" / "docker-compose.yml"])
# What the compose specification allows, as far as these files use it.
TOP = {"services", "volumes"}
SERVICE = set(
    """
    build image restart volumes ports command entrypoint environment depends_on healthcheck
    """.split()
)


def healthcheck():
    path = ROOT / "docker" / "healthcheck.py"
    spec = importlib.util.spec_from_file_location("healthcheck", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_image_is_built_on_a_pinned_release_and_keeps_freqtrades_command():
    newest = re.search(r"NEWEST := (\S+)", (ROOT / "Makefile").read_text())
    assert newest is not None and f"ARG FREQTRADE={newest[1]}\n" in DOCKERFILE
    assert "FROM freqtradeorg/freqtrade:${FREQTRADE}" in DOCKERFILE
    assert 'ENTRYPOINT ["balance-guard"]' in DOCKERFILE and 'CMD ["trade"]' in DOCKERFILE
    assert "[metrics,postgres]" in DOCKERFILE and "HEALTHCHECK" in DOCKERFILE
    assert "USER root" not in DOCKERFILE


@pytest.mark.acceptance
def test_what_the_image_copies_is_enough_to_build_the_package(tmp_path):
    source = tmp_path / "balance-guard"
    source.mkdir()
    for line in re.findall(r"^COPY --chown=\S+ (.+) /tmp/balance-guard\S*$", DOCKERFILE, re.M):
        for name in line.split():
            if (ROOT / name).is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, source / name, ignore=ignore)
            else:
                shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(tmp_path)]
    subprocess.run([*pip, str(source)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("exchanges/support.json") for name in names)
    assert any(name.endswith(".sql") for name in names) and not any("tests/" in n for n in names)


def test_the_health_check_reads_the_containers_own_configuration():
    options = healthcheck().options
    words = [
        "python",
        "balance-guard",
        "trade",
        "--config",
        "a.json",
        "-c",
        "b.json",
        "--userdir=u",
    ]
    assert options(words) == ["--config", "a.json", "-c", "b.json", "--userdir", "u"]
    assert options(["balance-guard", "trade"]) == []


@pytest.mark.parametrize(
    ("alive", "host", "healthy"),
    [(True, "here", True), (False, "here", False), (True, "elsewhere", False)],
)
def test_only_a_live_bot_of_this_container_is_healthy(alive, host, healthy):
    bots = [{"alive": alive, "host": host}, {"alive": True, "host": "third"}]
    assert healthcheck().is_alive({"bots": bots}, "here") is healthy
    assert not healthcheck().is_alive({}, "here")


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_compose_files_say_only_what_compose_knows_and_publish_on_this_machine_only(path):
    compose = yaml.safe_load(path.read_text())
    assert {key for key in compose if not key.startswith("x-")} <= TOP
    named = set(compose.get("volumes") or ())
    for name, service in compose["services"].items():
        assert set(service) <= SERVICE, name
        assert ("build" in service or ":" in service["image"]) and "restart" in service
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        for other in service.get("depends_on", ()):
            assert "healthcheck" in compose["services"][other]
        for volume in service["volumes"]:
            source, target = volume.split(":")[:2]
            assert source.startswith((".", "/")) or source in named, volume
            assert target.startswith("/")
        if "build" in service:
            context = (path.parent / service["build"]["context"]).resolve()
            assert (context / service["build"]["dockerfile"]).exists()


def test_every_compose_file_is_named_in_the_docs():
    pages = "\n".join(page.read_text() for page in (ROOT / "docs").rglob("*.md"))
    for path in COMPOSE:
        assert f"{path.parent.name}/{path.name}" in pages, path
