"""A project with one finding."""

from functools import partial
from pathlib import Path

import pytest

from tests.cli.commands import orm
from tests.lint.lint_project import MODEL, Lint, write


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one finding, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "app"\n', "utf-8")
    write(tmp_path / "app/models.py", MODEL)
    return tmp_path


@pytest.fixture
def lint(project: Path) -> Lint:
    """Return a function that runs `orm-async-tests lint` on the project in this process."""
    return partial(orm, "lint", "-j", "1")
