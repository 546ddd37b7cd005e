"""Annotations and job summaries for GitHub Actions."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from orm_async_tests import db, github
from orm_async_tests.pytest_plugin import findings
from orm_async_tests.pytest_plugin.findings import CONNECTION, Finding
from tests.cli.commands import Done, orm
from tests.matrix.sample_records import make_records

COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")


@pytest.fixture
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the job summary, which contains text from an earlier step."""
    path = tmp_path / "summary.md"
    path.write_text("earlier\n")
    monkeypatch.setenv(github.SUMMARY_VARIABLE, str(path))
    return path


def parse_annotations(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Return the level, the properties and the message of every workflow command."""
    return [
        (level, dict(_split(pair) for pair in properties.split(",")), unquote(message))
        for level, properties, message in COMMAND.findall(text)
    ]


def _split(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    return name, unquote(value)


def test_an_annotation_stays_one_command_whatever_its_texts_have(
    capsys: pytest.CaptureFixture[str],
) -> None:
    message = "100%\r\n::error::x\n<script>"
    github.write([github.Annotation("error", "a,b::c=d\n", message, "a,b.py", 3)], "")
    [line] = capsys.readouterr().err.splitlines()
    assert parse_annotations(line) == [
        ("error", {"file": "a,b.py", "line": "3", "title": "a,b::c=d\n"}, message)
    ]


def test_a_cell_shows_markup_as_text() -> None:
    table = github.render_summary("title", [("a", "b"), ("x|y\nz", "<script>`*_[")])
    assert table.splitlines()[4] == r"| x\|y z | &lt;script>\`\*\_\[ |"


def test_a_long_summary_is_cut_off_below_the_limit(summary: Path) -> None:
    github.write([], "é" * 2**20)
    assert 2**19 < summary.stat().st_size < 2**20
    assert "ends here" in summary.read_text("utf-8", "replace")


def test_audit_annotates_the_lines_of_the_pins(
    summary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    lock = tmp_path / "requirements.txt"
    lock.write_text("sqlalchemy==2.1.4\nasyncpg==0.31.0\n")
    done = orm("audit", str(lock), "--json", "--github")
    assert done.returncode == 1
    levels = {level for level, _, _ in parse_annotations(done.stderr)}
    assert levels == {"error", "warning"}
    lines = {(fields["file"], fields["line"]) for _, fields, _ in parse_annotations(done.stderr)}
    assert lines == {("requirements.txt", "1"), ("requirements.txt", "2")}
    assert summary.read_text("utf-8").startswith("earlier\n## Known defects: requirements.txt\n")


def test_run_writes_a_summary_and_annotates_only_what_is_broken(
    summary: Path, database: db.Database
) -> None:
    done = orm("run", "5", "--json", "--github", on=database)
    assert (done.returncode, parse_annotations(done.stderr)) == (0, [])
    assert re.search(r"\n## 1 HOLDS in .* s\n\n$", summary.read_text("utf-8"))


def test_a_result_that_a_matrix_did_not_expect_is_annotated() -> None:
    from orm_async_tests.cli.matrix import _describe_for_github

    broken, text = _describe_for_github(make_records({5: "HOLDS", 6: "BROKEN"}))
    assert [annotation.title for annotation in broken] == ["BROKEN test6 on one"]
    assert "| one | 1 | 1 |" in text
    partial, _ = _describe_for_github(make_records({5: "HOLDS"})[:-1])
    assert [annotation.title for annotation in partial] == ["partial results"]


def test_the_plugin_annotates_the_line_of_a_finding_once(
    summary: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(Path.cwd()))
    finding = Finding(CONNECTION, "app/report.py:31 in rows", "a connection was not returned")
    findings.write_annotations([("test_a", finding), ("test_b", finding)])
    [(level, fields, message)] = parse_annotations(capsys.readouterr().err)
    assert (level, fields["file"], fields["line"]) == ("error", "app/report.py", "31")
    assert "test: test_a\ntest: test_b\n" in message
    assert "test\\_a, test\\_b" in summary.read_text("utf-8")


@pytest.mark.parametrize("words", [["run", "5"], ["audit"], ["matrix", "5"]])
def test_a_summary_that_cannot_be_written_is_refused_before_the_work(
    words: list[str], tmp_path: Path
) -> None:
    missing = {github.SUMMARY_VARIABLE: str(tmp_path / "missing" / "summary.md")}
    done: Done = orm(*words, "--github", env=missing)
    assert (done.returncode, done.stdout) == (2, "")
    assert github.SUMMARY_VARIABLE in done.stderr
