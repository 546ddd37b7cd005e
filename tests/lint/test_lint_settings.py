"""The settings of a project, and its baseline."""

from pathlib import Path
from textwrap import dedent

import pytest

from tests.lint.lint_project import (
    CLOCK,
    CODE,
    MODEL,
    Lint,
    findings_of,
    paths_of,
    set_up,
    write,
)


def test_settings_come_from_the_project_of_the_path(
    lint: Lint, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(project, f'ignore = ["{CODE}"]')
    (project / "elsewhere").mkdir()
    assert paths_of(lint) == []
    monkeypatch.chdir(project / "elsewhere")
    assert paths_of(lint, "../app") == []
    assert paths_of(lint, "../app", "--select", CODE) == []


def test_without_pyproject_toml_imports_start_in_the_current_folder(
    lint: Lint, project: Path
) -> None:
    (project / "pyproject.toml").unlink()
    dependency = """\
        from sqlalchemy.ext.asyncio import AsyncSession
        async def get_session():
            async with AsyncSession() as session:
                yield session
                await session.commit()
        """
    write(project / "app/db.py", dedent(dependency))
    write(project / "app/main.py", "from app.db import get_session\nuse = Depends(get_session)\n")
    assert paths_of(lint, "app", "--select", "OAT301") == ["app/db.py"]
    write(project / "requirements.txt", "fastapi==0.115.0\n")
    assert paths_of(lint, "app", "--select", "OAT301") == []


def test_a_project_does_not_reach_beyond_its_repository(lint: Lint, project: Path) -> None:
    set_up(project, f'ignore = ["{CODE}"]')
    write(project / "inner/pyproject.toml", "[project]")
    write(project / "inner/models.py", MODEL)
    assert paths_of(lint, "inner") == []
    (project / "inner/.git").mkdir()
    assert paths_of(lint, "inner") == ["inner/models.py"]


@pytest.mark.parametrize(
    "settings",
    [
        'ignore = ["OAT6"]',
        'exclude = ["app/"]',
        'exclude = ["models.py"]',
        '[tool.orm-async-tests.lint.per-file-ignores]\n"app/*" = ["ALL"]',
    ],
)
def test_a_setting_drops_findings(lint: Lint, project: Path, settings: str) -> None:
    set_up(project, settings)
    assert paths_of(lint) == []


@pytest.mark.parametrize("name", ["app.db:Database.session", "app.db:Database.current"])
def test_a_setting_names_a_method_that_returns_a_session(
    lint: Lint, project: Path, name: str
) -> None:
    database = (
        "class Database:\n    def session(self): ...\n    @property\n    def current(self): ...\n"
    )
    write(project / "app/db.py", database)
    access = name.rpartition(".")[2].replace("session", "session()")
    use = f"async def save(db: Database) -> None:\n    db.{access}.commit()\n"
    write(project / "app/models.py", f"from app.db import Database\n{use}")
    assert paths_of(lint) == []
    set_up(project, f'sessions = ["{name}"]')
    assert paths_of(lint) == ["app/models.py"]


def test_an_unknown_rule_in_the_settings_is_named(lint: Lint, project: Path) -> None:
    set_up(project, 'ignore = ["OAT6", "OAT999"]')
    assert lint().stderr.startswith("there is no rule 'OAT999'\n")


def test_settings_in_the_table_above_are_refused(lint: Lint, project: Path) -> None:
    write(project / "pyproject.toml", f'[tool.orm-async-tests]\nignore = ["{CODE}"]')
    done = lint()
    assert done.returncode == 2
    assert "[tool.orm-async-tests.lint]" in done.stderr


@pytest.mark.parametrize(
    "settings",
    [
        "selekt = []",
        'select = "OAT1"',
        'select = ["OAT6", "OAT999"]',
        "exclude = [1]",
        'dialect = "postgres"',
        'fastapi = "latest"',
        "fastapi = 0.118",
        'preview = "yes"',
        'sessions = ["app db"]',
        'per-file-ignores = ["a"]',
        'per-file-ignores = {"a" = ["E501"]}',
        "baseline = 1",
        "select = [",
    ],
)
def test_a_wrong_setting_is_refused(lint: Lint, project: Path, settings: str) -> None:
    set_up(project, settings)
    done = lint()
    assert done.returncode == 2
    assert "pyproject.toml" in done.stderr
    assert [line.strip().partition(":")[0] for line in done.stderr.splitlines()[-2:]] == [
        "where",
        "fix",
    ]


def test_the_baseline_hides_known_findings_although_lines_move(lint: Lint, project: Path) -> None:
    assert lint("--baseline", "known.json", "--write-baseline").returncode == 0
    assert lint("--baseline", "known.json").returncode == 0
    write(project / "app/models.py", MODEL.replace("class Row", "x = 1\n\nclass Row"))
    assert lint("--baseline", "known.json").returncode == 0
    with (project / "app/models.py").open("a") as file:
        file.write(f"    at: Mapped[datetime] = mapped_column({CLOCK})\n")
    assert len(findings_of(lint, "--baseline", "known.json")) == 1
    write(project / "app/models.py", "")
    done = lint("--baseline", "known.json")
    assert done.returncode == 0
    assert "--write-baseline" in done.stderr
    (project / "app/models.py").unlink()
    assert "--write-baseline" in lint("--baseline", "known.json").stderr


def test_a_known_finding_may_occur_where_the_checker_did_not_look(
    lint: Lint, project: Path
) -> None:
    lint("--baseline", "known.json", "--write-baseline")
    write(project / "app/empty.py", "")
    assert lint("--baseline", "known.json", "app/empty.py").stderr == ""
    assert lint("--baseline", "known.json", "--select", "OAT1").stderr == ""
    write(project / "app/models.py", "(")
    assert "--write-baseline" not in lint("--baseline", "known.json").stderr


def test_a_baseline_keeps_the_findings_of_unchecked_files(lint: Lint, project: Path) -> None:
    write(project / "service/pyproject.toml", "")
    write(project / "service/models.py", MODEL)
    lint("--baseline", "known.json", "--write-baseline")
    before = (project / "known.json").read_text("utf-8")
    lint("--baseline", "known.json", "--write-baseline", "--select", "OAT1")
    lint("--baseline", "known.json", "--write-baseline", "service")
    write(project / "service/models.py", "(")
    lint("--baseline", "known.json", "--write-baseline", "service")
    assert (project / "known.json").read_text("utf-8") == before
    (project / "service/models.py").unlink()
    lint("--baseline", "known.json", "--write-baseline", "service")
    assert "service" not in (project / "known.json").read_text("utf-8")
    assert lint("--baseline", "known.json").stderr == ""


def test_the_paths_in_a_baseline_do_not_depend_on_the_project(lint: Lint, project: Path) -> None:
    write(project / "service/pyproject.toml", "")
    write(project / "service/models.py", MODEL)
    lint("--baseline", "known.json", "--write-baseline")
    assert lint("--baseline", "known.json", "service").returncode == 0
    (project / "link").symlink_to(project)
    assert lint("--baseline", "known.json", str(project / "link/app")).returncode == 0


def test_a_path_with_a_space_is_quoted_in_the_remedy(lint: Lint) -> None:
    assert "--baseline 'a b.json' --write" in lint("--baseline", "a b.json").stderr


def test_a_setting_names_the_baseline(lint: Lint, project: Path) -> None:
    set_up(project, 'baseline = "known.json"')
    assert lint("--write-baseline").returncode == 0
    assert lint().returncode == 0


@pytest.mark.parametrize("text", ["[]", "{", '{"schema": 9}', '{"schema": 1, "findings": [1]}'])
def test_a_damaged_baseline_is_refused(lint: Lint, project: Path, text: str) -> None:
    write(project / "known.json", text)
    assert lint("--baseline", "known.json").returncode == 2
    assert lint("--baseline", "known.json", "--write-baseline").returncode == 2
    assert (project / "known.json").read_text("utf-8") == text
