"""The cache and parallel processes do not change the findings."""

import json
from collections.abc import Iterable
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from unittest.mock import Mock

import pytest

from orm_async_tests.lint.checker import Checker
from orm_async_tests.lint.finding import Finding, Fix, Location, UnreadFile
from orm_async_tests.lint.lint_settings import Settings
from orm_async_tests.lint.project_check import check
from orm_async_tests.lint.result_cache import FOLDER, FileResult, decode, encode
from orm_async_tests.lint.suppressions import Suppression
from tests.cli.commands import orm, orm_process

TYPES = "from sqlalchemy.ext.asyncio import AsyncSession as Session\n"
NO_TYPES = "class Session: ...\n"
USE = """\
from types_of_app import Session

async def remove(session: Session, user: object) -> None:
    session.delete(user)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in the current folder, with one finding that depends on another module."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "types_of_app.py").write_text(TYPES, "utf-8")
    (tmp_path / "use.py").write_text(USE, "utf-8")
    return tmp_path


def codes(names: Iterable[str]) -> list[str]:
    """Check files with the cache, and return the codes of the findings."""
    settings = Settings(root=Path.cwd(), uses_cache=True)
    return [finding.code for finding in check(list(map(Path, names)), settings).findings]


def test_what_has_not_changed_is_not_checked_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ("types_of_app.py", "use.py")
    assert codes(files) == ["OAT103"]
    monkeypatch.setattr(Checker, "check_file", None)
    (project / "use.py").touch()
    assert codes(files) == ["OAT103"]


def test_a_changed_module_changes_the_results_of_those_that_import_it(project: Path) -> None:
    files = ("types_of_app.py", "use.py")
    assert codes(files) == ["OAT103"]
    (project / "types_of_app.py").write_text(NO_TYPES, "utf-8")
    assert codes(files) == []
    (project / "types_of_app.py").write_text("from elsewhere import Session\n", "utf-8")
    assert codes(files) == []
    (project / "elsewhere.py").write_text(TYPES, "utf-8")
    assert codes((*files, "elsewhere.py")) == ["OAT103"]


def test_a_new_module_that_is_not_checked_changes_the_results(project: Path) -> None:
    (project / "types_of_app.py").unlink()
    (project / "use.py").write_text(USE.replace("types_of_app", "lib.types_of_app"), "utf-8")
    assert codes(["use.py"]) == []
    (project / "lib").mkdir()
    assert codes(["use.py"]) == []
    (project / "lib/types_of_app").mkdir()
    assert codes(["use.py"]) == []
    (project / "lib/types_of_app/__init__.py").write_text(TYPES, "utf-8")
    assert codes(["use.py"]) == ["OAT103"]


def test_a_module_behind_another_one_counts_although_it_was_known(project: Path) -> None:
    """The second file uses a value that the check of the first file has computed."""
    (project / "types_of_app.py").write_text("from elsewhere import Session\n", "utf-8")
    (project / "elsewhere.py").write_text(TYPES, "utf-8")
    (project / "other.py").write_text(USE, "utf-8")
    files = ("elsewhere.py", "other.py", "types_of_app.py", "use.py")
    assert codes(files) == ["OAT103", "OAT103"]
    (project / "elsewhere.py").write_text(NO_TYPES, "utf-8")
    assert codes(files) == []


def test_a_changed_call_changes_the_results_of_the_called_module(project: Path) -> None:
    files = ("types_of_app.py", "use.py")
    (project / "use.py").write_text(USE.replace(": Session", ""), "utf-8")
    assert codes(files) == []
    call = "async def clear(session: Session) -> None:\n    await remove(session, 1)\n"
    imports = "from use import remove\n"
    (project / "types_of_app.py").write_text(TYPES + imports + call, "utf-8")
    assert codes(files) == ["OAT103"]
    (project / "types_of_app.py").write_text(TYPES + imports, "utf-8")
    assert codes(files) == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"modules": [[1]], "files": {"use.py": 1}}'])
def test_a_damaged_cache_is_not_used(project: Path, text: str) -> None:
    assert codes(["use.py"]) == ["OAT103"]
    [path] = (project / FOLDER).glob("*.json")
    path.write_text(text, "utf-8")
    assert codes(["use.py"]) == ["OAT103"]


def test_the_cache_keeps_few_files(project: Path) -> None:
    for number in range(12):
        (project / f"{number}.py").touch()
        codes([f"{number}.py"])
    assert len(list((project / FOLDER).glob("*.json"))) == 8


def test_a_result_survives_the_cache() -> None:
    place, other = Location("a.py", 1, 2, 3, 4), Location("b.py", 5, 6, 7, 8)
    finding = Finding("OAT201", place, "message", "remedy", other, "later", Fix(place, "x"))
    result = FileResult(
        [finding, Finding("OAT601", place, "message", "remedy")],
        comments=[Suppression(place, "OAT2", is_bare_noqa=False)],
        unread=UnreadFile("a.py", 1, "message"),
        modules=["a.py"],
    )
    assert json.loads(json.dumps(result, default=encode), object_hook=decode) == result


def test_a_killed_process_is_reported(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(200):
        (project / f"use{number}.py").touch()
    monkeypatch.setattr(futures, "ProcessPoolExecutor", Mock(side_effect=BrokenProcessPool))
    done = orm("lint", "--no-cache", "-j", "2")
    assert done.returncode == 2
    assert "-j 1" in done.stderr


def test_a_cache_that_cannot_be_written_leaves_no_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "replace", Mock(side_effect=OSError(28, "no space left")))
    assert codes(["use.py"]) == ["OAT103"]
    assert [path.name for path in (project / FOLDER).iterdir()] == [".gitignore"]


def test_processes_find_the_same_as_one(project: Path) -> None:
    for number in range(210):
        (project / f"use{number}.py").write_text(USE, "utf-8")
    options = ("lint", "--no-cache", "--format", "concise")
    one, two = (orm_process(*options, "-j", jobs) for jobs in ("1", "2"))
    assert one.returncode == two.returncode == 1
    assert one.stdout == two.stdout
    assert one.stdout.count("\n") == 211
