"""The checker in flake8 and pre-commit."""

import importlib.metadata
import pickle
import shlex
from pathlib import Path

import pytest
import yaml

from orm_async_tests.cli import build_parser
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.flake8_plugin import Flake8Plugin
from tests.lint.lint_project import CODE, COLUMN, LINE, MODEL, set_up

ROOT = Path(__file__).parents[2]


def run_plugin(text: str) -> list[tuple[int, int, str]]:
    """Return the findings that flake8 would print for a file."""
    plugin = Flake8Plugin(None, "app/models.py", text.splitlines(keepends=True))
    return [(line, column, message.split()[0]) for line, column, message, _ in plugin.run()]


def test_flake8_gets_the_findings_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    [entry_point] = importlib.metadata.entry_points(group="flake8.extension", name="OAT")
    assert entry_point.load() is Flake8Plugin
    assert run_plugin(MODEL) == [(LINE, COLUMN - 1, CODE)]
    assert run_plugin(MODEL.replace("(UTC))", "(UTC))  # oat: ignore")) == []
    set_up(tmp_path, f'ignore = ["{CODE}"]')
    assert run_plugin(MODEL) == []


def test_an_error_crosses_the_border_between_processes_of_flake8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    set_up(tmp_path, "selekt = []")
    with pytest.raises(CouldNotRun) as refused:
        run_plugin(MODEL)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


def test_pre_commit_checks_the_project_and_not_the_changed_files() -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert hook["pass_filenames"] is False
    program, *arguments = shlex.split(hook["entry"])
    assert program == "orm-async-tests"
    assert build_parser().parse_args(arguments).paths == []
    assert f"id: {hook['id']}" in (ROOT / "docs/lint.md").read_text("utf-8")
