"""Files without Python code: docker-compose.yml, shell scripts and generated texts."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from orm_async_tests import catalogue

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The parsed docker-compose.yml."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return loaded


def test_compose_creates_the_documented_database(compose: dict[str, Any]) -> None:
    database = compose["services"]["db"]
    assert "version" not in compose
    assert database["image"] == "postgres:18"
    assert set(database["environment"].values()) == {"docker"}
    assert "log_statement=all" in database["command"]


def test_compose_is_reached_from_this_machine_only(compose: dict[str, Any]) -> None:
    [port] = compose["services"]["db"]["ports"]
    assert port.startswith("127.0.0.1:")


def test_compose_is_healthy_when_tcp_answers(compose: dict[str, Any]) -> None:
    """While the image initializes the volume, a server answers only on the Unix socket."""
    assert "-h 127.0.0.1" in compose["services"]["db"]["healthcheck"]["test"][1]


def test_compose_mounts_the_volume_at_the_folder_of_the_image(compose: dict[str, Any]) -> None:
    assert compose["services"]["db"]["volumes"] == ["data:/var/lib/postgresql"]


def test_the_image_has_an_init_process_that_forwards_signals() -> None:
    """The kernel drops signals to process 1 until Python has installed its handlers."""
    assert 'ENTRYPOINT ["tini", "--"]' in (ROOT / "Dockerfile").read_text("utf-8")


def test_every_script_is_a_command() -> None:
    entry_points = importlib.metadata.entry_points(group="console_scripts")
    commands = {entry_point.name: entry_point for entry_point in entry_points}
    for script in catalogue.read_scripts():
        [command] = commands[script.command].load().args
        assert command.args == (script.load().__name__,)
        assert callable(script.load().main)


def test_the_lock_names_no_source() -> None:
    lock = tomllib.loads((ROOT / "poetry.lock").read_text("utf-8"))
    assert [package["name"] for package in lock["package"] if "source" in package] == []


def test_generated_texts_are_fresh() -> None:
    check = [sys.executable, str(ROOT / "tools/generate.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_check_of_generated_texts_names_a_stale_file(tmp_path: Path) -> None:
    copy = subprocess.run(["cp", "-r", *(str(ROOT / name) for name in COPIED), str(tmp_path)])
    assert copy.returncode == 0
    readme = tmp_path / "README.md"
    readme.write_text(readme.read_text("utf-8").replace("[Loading](", "[Loaded]("), "utf-8")
    check = [sys.executable, str(tmp_path / "tools/generate.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 1
    assert "README.md" in done.stderr


COPIED = ("README.md", "pyproject.toml", "docs", "tools")


def test_poetryw_without_a_python_says_what_to_type(tmp_path: Path) -> None:
    for program in ("dirname", "mkdir"):
        (tmp_path / program).symlink_to(shutil.which(program) or "")
    (tmp_path / "poetryw").write_text((ROOT / "poetryw").read_text("utf-8"), "utf-8")
    shell = ["/bin/sh", str(tmp_path / "poetryw"), "run", "test1"]
    done = subprocess.run(shell, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 2
    assert [line.strip().partition(":")[0] for line in done.stderr.splitlines()][1:] == [
        "where",
        "fix",
    ]


@pytest.mark.parametrize("name", ["poetryw", ".ci/run"])
def test_a_shell_script_can_be_executed(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
