"""The Python interpreters of stacks, and the environments for them."""

import importlib.metadata
from pathlib import Path

import pytest

from orm_async_tests.matrix import environments


def test_a_python_that_does_not_start_is_replaced_by_the_one_of_pyenv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim, installed = tmp_path / "python3.98", tmp_path / "versions/3.98.1/bin/python"
    installed.parent.mkdir(parents=True)
    for path, text in ((shim, "#!/bin/sh\nexit 127\n"), (installed, "#!/bin/sh\n")):
        path.write_text(text)
        path.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert environments.find_interpreter("3.98") == str(installed)


def test_an_environment_has_the_installed_versions_and_a_new_version_gets_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = {"sqlalchemy": "2.1.4", "asyncpg": "0.32.0"}
    created = []

    def read_version(name: str) -> str:
        if (version := installed.get(name.lower())) is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    def create(_version: str, folder: Path, _python: object, requirements: list[str]) -> None:
        created.append(requirements)
        folder.mkdir()
        (folder / "complete").touch()

    monkeypatch.setenv("ORM_ASYNC_HOME", str(tmp_path))
    monkeypatch.setattr(importlib.metadata, "version", read_version)
    monkeypatch.setattr(environments, "_create_environment", create)
    first = environments.prepare_interpreter("3.99")
    assert environments.prepare_interpreter("3.99") == first
    installed["sqlalchemy"] = "2.1.9"
    assert environments.prepare_interpreter("3.99") != first
    assert [[line.partition("==")[2] for line in lines] for lines in created] == [
        ["0.32.0", "2.1.4"],
        ["0.32.0", "2.1.9"],
    ]
