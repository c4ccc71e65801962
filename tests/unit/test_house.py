"""The house itself: who imports whom, what is pinned, what the image and the compose file hold."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from portbook.session import read_config

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))
COMPOSE: dict[str, Any] = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text("utf-8"))

a_requirements_file = pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
a_service = pytest.mark.parametrize("name", COMPOSE["services"])


def test_imports_keep_to_their_contracts() -> None:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    ran = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_provides_a_package_of_our_name(package: str) -> None:
    # Two wheels with one top-level name overwrite each other's files without a word.
    assert set(packages_distributions().get(package, [])) <= {PROJECT["project"]["name"]}


def test_every_folder_of_code_is_in_the_wheel() -> None:
    code = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench", "examples"}
    assert code == set(PACKAGES)


@a_requirements_file
def test_requirements_name_no_index_and_no_folder(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    strange = [
        line
        for line in lines
        if not re.match(r"^(\S+==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?)$", line)
    ]
    assert strange == []


@a_requirements_file
def test_every_requirement_has_a_hash(path: Path) -> None:
    pinned = re.split(r"^(?=\S)", path.read_text("utf-8"), flags=re.MULTILINE)[1:]
    assert pinned
    assert [pin for pin in pinned if "--hash=sha256:" not in pin] == []


def test_requirement_files_agree_on_every_version() -> None:
    versions: dict[str, set[str]] = {}
    for path in REQUIREMENTS:
        for name, version in re.findall(r"^(\S+)==(\S+)", path.read_text("utf-8"), re.MULTILINE):
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_everything_the_project_asks_for_is_pinned() -> None:
    groups = PROJECT["dependency-groups"]
    fixed = PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"]
    asked = [*fixed, *chain(*groups.values())]
    names = {re.split(r"[\[<>=!~; ]", line)[0].lower().replace("_", "-").replace(".", "-") for line in asked}
    pinned = {
        name
        for path in REQUIREMENTS
        for name in re.findall(r"^(\S+)==", path.read_text("utf-8"), re.MULTILINE)
    }
    assert names - pinned == set()


def test_setup_does_nothing_when_all_is_there(tmp_path: Path) -> None:
    for name in ("requirements", "scripts", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "scripts").unlink()
    (tmp_path / "scripts").mkdir()
    setup = tmp_path / "scripts" / "setup"
    setup.write_text((ROOT / "scripts" / "setup").read_text("utf-8"))
    asked = subprocess.run(
        ["sh", "-c", 'echo "$(pwd) $(cat requirements/*.txt pyproject.toml | cksum)"'],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / ".venv" / "made-from").write_text(asked.stdout)
    ran = subprocess.run(["sh", setup, "/no/python"], capture_output=True, text=True, timeout=10)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_setup_says_which_python_it_needs(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.18" && exit 0\nexit 1\n')
    old.chmod(0o755)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "run.txt").touch()
    (tmp_path / "pyproject.toml").touch()
    setup = tmp_path / "scripts" / "setup"
    setup.write_text((ROOT / "scripts" / "setup").read_text("utf-8"))
    ran = subprocess.run(["sh", setup, old, "command line"], capture_output=True, text=True, timeout=10)
    assert ran.returncode == 2
    assert "needs Python 3.11 or newer" in ran.stderr
    assert "Python 3.9.18" in ran.stderr
    assert "make setup PYTHON=" in ran.stderr


@a_service
def test_every_service_has_a_health_check_but_the_one_that_ends(name: str) -> None:
    check = COMPOSE["services"][name].get("healthcheck", {})
    assert check.get("disable") is True if name == "migrate" else check.get("test")


@a_service
def test_images_are_pinned_to_a_version(name: str) -> None:
    _, _, tag = COMPOSE["services"][name]["image"].rpartition(":")
    assert re.match(r"^\d", tag)


def test_the_image_has_our_version() -> None:
    assert COMPOSE["services"]["gateway"]["image"] == f"portbook:{PROJECT['project']['version']}"


@a_service
def test_no_service_has_a_secret_written_into_it(name: str) -> None:
    for key, value in (COMPOSE["services"][name].get("environment") or {}).items():
        if "PASSWORD" in key or "TOKEN" in key or "DATABASE_URL" in key:
            without = re.sub(r"\$\{[A-Z_]+:\?[^}]+\}", "", value)
            assert without in ("", "postgresql://portbook:@postgres:5432/portbook")


@pytest.mark.parametrize("name", ["gateway", "worker"])
def test_gateway_and_workers_wait_for_the_migration_and_the_stores(name: str) -> None:
    waits = {other: how["condition"] for other, how in COMPOSE["services"][name]["depends_on"].items()}
    assert waits == {
        "migrate": "service_completed_successfully",
        "postgres": "service_healthy",
        "valkey": "service_healthy",
    }


def test_workers_can_be_scaled() -> None:
    worker = COMPOSE["services"]["worker"]
    assert "container_name" not in worker
    assert "ports" not in worker


def test_the_configuration_of_the_compose_file_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://portbook@postgres:5432/portbook")
    monkeypatch.setenv("REDIS_URL", "redis://valkey:6379/0")
    config = read_config(ROOT / "examples" / "compose" / "portbook.yaml")
    assert set(COMPOSE["services"]["gateway"]["environment"]) == {"DATABASE_URL", "REDIS_URL"}
    assert (
        config.register.redis.get_secret_value() == COMPOSE["services"]["worker"]["environment"]["REDIS_URL"]
    )


def test_the_image_runs_as_nobody_special_from_hashed_requirements() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8")
    final = lines[lines.rindex("FROM ") :]
    assert re.search(r"^USER (?!root\b|0\b)\w+$", final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    installs = re.findall(r"pip install (.*)", lines)
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
    assert {f"COPY {name} {name}" for name in PACKAGES} <= set(lines.splitlines())
