"""The versions of a lock file lead to the defects that hit them."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from orm_async_tests import catalogue, errors
from orm_async_tests.cli import parser
from orm_async_tests.harness.script import Script
from orm_async_tests.versions import known, pins, ranges
from orm_async_tests.versions.audit import findings
from tests.cli.commands import Done, orm

ROOT = Path(__file__).parent.parent.parent
LOCKS = (
    Path(__file__).parent / "locks"
)  # made by uv and Poetry, pdm.lock by hand; most files are left out
FORMATS = ["poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "requirements.txt"]
Audit = Callable[..., Done]
CURED = {"DEAD_IN_THE_POOL": "2.1.5", "test190.DEFECT": "2.1.6", "CANCEL_IS_LOGGED": "2.1.9"}


@pytest.fixture
def audit(capsys: pytest.CaptureFixture[str]) -> Audit:
    """The command, in this process: it starts nothing."""

    def audited(*words: str) -> Done:
        arguments = parser().parse_args(["audit", *words])
        code = errors.exit_code(lambda: int(arguments.run(arguments)))
        printed = capsys.readouterr()
        return Done(words, code, printed.out, printed.err)

    return audited


def hits(**versions: str) -> set[str]:
    """The names of the defects of these versions."""
    have = [pins.Pin(library, version) for library, version in versions.items()]
    return {each.defect.name for each in findings(known.known_defects(), have)}


def written(folder: Path, name: str, text: str) -> Path:
    """A file with this text."""
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_what_is_read_of_defects_is_what_the_scripts_say() -> None:
    read = {
        (entry.number, each.what, tuple(each.versions.items()), each.link)
        for each in known.known_defects()
        for entry in each.scripts
    }
    assert read == {
        (entry.number, each.what, tuple(each.versions.items()), each.link)
        for entry in catalogue.read_scripts()
        for each in Script.of(entry.load()).defects
    }


def test_each_defect_has_a_name_and_a_text_of_its_own() -> None:
    defects = known.known_defects()
    assert len({each.name for each in defects}) == len({each.what for each in defects})
    assert len({each.name for each in defects}) == len(defects)


@pytest.mark.parametrize("name", FORMATS)
def test_a_lock_file_of_each_format_names_its_defects_and_their_cures(
    name: str, audit: Audit
) -> None:
    done = audit(str(LOCKS / name), "--json")
    assert (done.returncode, done.stderr) == (1, "")
    document = json.loads(done.stdout)
    assert document["versions"].items() >= {"sqlalchemy": "2.1.4", "asyncpg": "0.31.0"}.items()
    found = {each["defect"]: each for each in document["findings"]}
    assert {each: found[each]["cured_by"]["sqlalchemy"] for each in CURED} == CURED
    assert found["CLOSE_HANGS"]["cured_by"] == {"asyncpg": "0.32"}
    assert found["test193.DEFECT"]["condition"] == "python <3.12"
    assert "test30.DEFECT" not in found


def test_a_lock_file_of_the_older_line_names_cures_of_that_line(
    tmp_path: Path, audit: Audit
) -> None:
    text = (LOCKS / "poetry.lock").read_text("utf-8").replace("2.1.4", "2.0.36")
    done = audit(str(written(tmp_path, "poetry.lock", text)), "--json")
    found = {each["defect"]: each for each in json.loads(done.stdout)["findings"]}
    assert found["test190.DEFECT"]["cured_by"] == {"sqlalchemy": "2.0.56"}
    assert found["test194.DEFECT"]["cured_by"] == {"sqlalchemy": "2.0.55"}
    assert found["LEFT_OPEN"]["cured_by"] == {"sqlalchemy": "2.0.38", "asyncpg": "0.32"}
    assert (
        not {"CLOSE_HANGS", "DEAD_IN_THE_POOL", "CANCEL_IS_LOGGED", "test145.DEFECT"} & found.keys()
    )


def test_todays_lock_names_only_what_the_scripts_show_today(audit: Audit) -> None:
    done = audit(str(ROOT / "poetry.lock"), "--json")
    locked = {pin.library: pin.version for pin in pins.read(ROOT / "poetry.lock")}
    shown = {
        each.what
        for entry in catalogue.read_scripts()
        for each in Script.of(entry.load()).defects
        if "python" not in each.versions and each.applies(locked)
    }
    assert {each["what"] for each in json.loads(done.stdout)["findings"]} == shown


def test_without_a_file_the_running_environment_is_audited(audit: Audit) -> None:
    done = audit("--json")
    document = json.loads(done.stdout)
    assert document["versions"] == {pin.library: pin.version for pin in pins.installed()}
    assert done.returncode == int(bool(document["findings"]))


def test_versions_without_a_defect_exit_with_zero(tmp_path: Path, audit: Audit) -> None:
    done = audit(str(written(tmp_path, "requirements.txt", "asyncpg==0.32.0\n")))
    assert done.returncode == 0
    assert "no known defect hits these versions" in done.stdout


def test_a_defect_of_a_driver_needs_that_driver() -> None:
    assert "DEAD_IN_THE_POOL" in hits(sqlalchemy="2.1.4", asyncpg="0.32.0")
    assert "DEAD_IN_THE_POOL" not in hits(sqlalchemy="2.1.4", psycopg="3.3.9")
    assert "test190.DEFECT" in hits(sqlalchemy="2.1.4", psycopg="3.3.9")


def test_a_defect_of_an_old_python_is_not_one_of_a_newer_one() -> None:
    assert "test193.DEFECT" in hits(sqlalchemy="2.1.4", python="3.11.7")
    assert "test193.DEFECT" not in hits(sqlalchemy="2.1.4", python="3.13.0")


def test_a_table_for_people_says_what_cures_how_many(tmp_path: Path, audit: Audit) -> None:
    done = audit(str(LOCKS / "uv.lock"))
    count = done.stdout.count("  hits  ")
    cured = sum(f"cured by  sqlalchemy {minor}" in done.stdout for minor in CURED.values())
    assert cured == len(CURED)
    assert f"\n{count} known defects\n" in done.stdout
    assert "  sqlalchemy 2.1.9 cures " in done.stdout


def test_requirements_may_be_unpinned_included_and_of_other_kinds(
    tmp_path: Path, audit: Audit
) -> None:
    written(tmp_path, "base.txt", "-r top.txt\nSQLAlchemy[asyncio] == 2.1.4  # pinned\n")
    text = "-r base.txt\n--index-url x\nasyncpg>=0.30\n./local\ngit+https://x/y.git\npsycopg==3.*\n"
    have = pins.read(written(tmp_path, "top.txt", text))
    found = {pin.library: (pin.version, pin.path and pin.path.name, pin.line) for pin in have}
    assert found == {
        "sqlalchemy": ("2.1.4", "base.txt", 2),
        "asyncpg": ("", "top.txt", 3),
        "psycopg": ("", "top.txt", 6),
    }
    done = audit(str(tmp_path / "top.txt"))
    assert "not pinned, so nothing is known of them: asyncpg, psycopg" in done.stdout


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("poetry.lock", "[[package"),
        ("poetry.lock", '[[package]]\nname = "flask"\nversion = "3"\n'),
        ("pyproject.toml", '[project]\nname = "shop"\n'),
        ("poetry.lock", '[[package]]\nname = "sqlalchemy"\nversion = "newest"\n'),
        ("poetry.lock", "package = 3\n"),
        ("requirements.txt", "sqlalchemy=2.1.4\n"),
        ("requirements.txt", "sqlalchemy>=2\n"),
        ("requirements.txt", ""),
        ("requirements.txt", "-r missing.txt\n"),
        ("poetry.lock", "\udcff"),
    ],
)
def test_a_file_that_cannot_be_audited_says_what_to_type(
    tmp_path: Path, name: str, text: str, audit: Audit
) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    done = audit(str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"  where: {tmp_path}" in done.stderr
    assert "  type:  orm-async-tests audit FILE" in done.stderr


def test_a_missing_file_and_sarif_without_a_file_are_refused(tmp_path: Path, audit: Audit) -> None:
    assert audit(str(tmp_path / "no.lock")).returncode == 2
    assert audit("--sarif").returncode == 2


@pytest.mark.parametrize("name", FORMATS)
def test_sarif_has_what_a_code_host_needs_and_points_at_the_pinned_version(
    name: str, audit: Audit
) -> None:
    path = LOCKS / name
    done = audit(str(path), "--sarif")
    assert done.returncode == 1
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["version"] == "2.1.0"
    [run] = document["runs"]
    driver, rules = run["tool"]["driver"], run["tool"]["driver"]["rules"]
    assert driver["name"] == "orm-async-tests"
    ids = [rule["id"] for rule in rules]
    assert len(set(ids)) == len(ids)
    assert all(rule["shortDescription"]["text"] and rule["helpUri"] for rule in rules)
    lines = path.read_text("utf-8").splitlines()
    for result in run["results"]:
        assert result["ruleId"] in ids
        assert result["level"] == "warning"
        [place] = (each["physicalLocation"] for each in result["locations"])
        assert place["artifactLocation"]["uri"] == path.as_posix()
        assert any(v in lines[place["region"]["startLine"] - 1] for v in ("2.1.4", "0.31.0"))
    assert {each["ruleId"] for each in run["results"]} == set(ids)


def test_what_is_not_known_yet_begins_where_the_declared_versions_end() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["psycopg"]]
    ends = {
        each.name: bound.version
        for each in map(Requirement, declared)
        for bound in each.specifier
        if bound.operator == "<"
    }
    assert ends.items() >= ranges.UNKNOWN_FROM.items()


def test_the_example_of_the_documents_is_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(LOCKS)
    printed = orm("audit", "poetry.lock").stdout.split("\n\n")
    page = (ROOT / "docs/audit.md").read_text("utf-8")
    example = page.partition("$ orm-async-tests audit poetry.lock\n")[2].partition("```")[0]
    shown = [part.strip() for part in re.split(r"\n\n|\.\.\.\n", example)]
    assert [part for part in shown if part not in map(str.strip, printed)] == []


def test_neither_sqlalchemy_nor_a_server_is_needed_to_read_the_defects() -> None:
    code = "import sys; from orm_async_tests.versions import known; known.known_defects()"
    heavy = "print({'sqlalchemy', 'asyncpg', 'rich'} & sys.modules.keys() or 'nothing')"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {heavy}"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "nothing\n")


@pytest.mark.parametrize("name", FORMATS)
def test_the_lock_files_of_tests_name_no_real_host(name: str) -> None:
    hosts = re.findall(r"https?://([^/\s\"']+)", (LOCKS / name).read_text("utf-8"))
    assert {*hosts} <= {"index.example"}
