"""`audit` finds the defects that affect the versions in a lock file."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from orm_async_tests import catalogue
from orm_async_tests.harness.script import Script
from orm_async_tests.verdicts import SEVERITIES
from orm_async_tests.versions import defect_catalogue, pins, ranges
from orm_async_tests.versions.defect_catalogue import load_known_defects
from tests.versions.audit_calls import (
    BASE,
    CURES,
    DEFECTS,
    LOCKS,
    ROOT,
    Audit,
    names_of_defects,
    write,
)

FORMATS = sorted(path.name for path in LOCKS.iterdir())
EDITABLE = "-e git+https://git.example/sqlalchemy.git@rel_2_0_40#egg=sqlalchemy"


def test_the_defects_read_from_the_scripts_text_are_those_that_the_scripts_define() -> None:
    read = {
        (
            script.number,
            defect.description,
            tuple(defect.versions.items()),
            defect.link,
            defect.severity,
        )
        for defect in DEFECTS
        for script in defect.scripts
    }
    assert read == {
        (
            script.number,
            defect.description,
            tuple(defect.versions.items()),
            defect.link,
            defect.severity,
        )
        for script in catalogue.read_scripts()
        for defect in Script.of(script.load()).defects
    }


def test_every_defect_has_its_own_name_and_text() -> None:
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS)
    assert len({defect.description for defect in DEFECTS}) == len(DEFECTS)


@pytest.mark.parametrize(
    "arguments", ['"hangs", {}, "https://x", "bad"', '"hangs", {}, "https://x"']
)
def test_a_defect_without_one_of_the_severities_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    path = write(tmp_path, "shared.py", f"HANGS = Upstream({arguments})\n")
    monkeypatch.setattr(defect_catalogue, "SHARED_FILE", path)
    with pytest.raises(ValueError, match=r"shared\.py, HANGS"):
        load_known_defects()


@pytest.mark.parametrize("name", FORMATS)
def test_a_lock_file_of_each_format_names_its_defects_and_their_cures(
    name: str, audit: Audit
) -> None:
    done = audit(str(LOCKS / name), "--json")
    assert (done.returncode, done.stderr) == (1, "")
    document = json.loads(done.stdout)
    assert document["versions"].items() >= {"sqlalchemy": "2.1.4", "asyncpg": "0.31.0"}.items()
    findings = {finding["defect"]: finding for finding in document["findings"]}
    assert {name: findings[name]["cured_by"]["sqlalchemy"] for name in CURES} == CURES
    assert findings["CLOSE_HANGS"]["cured_by"] == {"asyncpg": "0.32"}
    assert findings["test193.DEFECT"]["condition"] == "python <3.12"
    assert "test30.DEFECT" not in findings


def test_a_lock_file_of_the_older_line_names_cures_of_that_line(
    tmp_path: Path, audit: Audit
) -> None:
    text = (LOCKS / "poetry.lock").read_text("utf-8").replace("2.1.4", "2.0.36")
    done = audit(str(write(tmp_path, "poetry.lock", text)), "--json")
    cures = {
        finding["defect"]: finding["cured_by"] for finding in json.loads(done.stdout)["findings"]
    }
    assert cures["test190.DEFECT"] == {"sqlalchemy": "2.0.56"}
    assert cures["test194.DEFECT"] == {"sqlalchemy": "2.0.55"}
    assert cures["LEFT_OPEN"] == {"sqlalchemy": "2.0.38", "asyncpg": "0.32"}
    absent = {"CLOSE_HANGS", "DEAD_IN_THE_POOL", "CANCEL_IS_LOGGED", "test145.DEFECT"}
    assert not absent & cures.keys()


def test_the_projects_own_lock_names_only_what_the_scripts_show_today(audit: Audit) -> None:
    done = audit(str(ROOT / "poetry.lock"), "--json")
    locked = {pin.library: pin.version for pin in pins.read_pins(ROOT / "poetry.lock")}
    shown = {
        defect.description
        for script in catalogue.read_scripts()
        for defect in Script.of(script.load()).defects
        if "python" not in defect.versions and defect.applies(locked)
    }
    assert {finding["description"] for finding in json.loads(done.stdout)["findings"]} == shown


def test_without_a_file_the_running_environment_is_audited(audit: Audit) -> None:
    done = audit("--json")
    document = json.loads(done.stdout)
    assert document["versions"] == {pin.library: pin.version for pin in pins.installed_pins()}
    assert done.returncode == int(bool(document["findings"]))


def test_known_versions_without_a_defect_exit_with_zero(
    tmp_path: Path, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(defect_catalogue, "load_known_defects", list)
    done = audit(str(write(tmp_path, "requirements.txt", BASE)))
    assert (done.returncode, done.stderr) == (0, "")
    assert "no known defect affects these versions" in done.stdout


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        (f"{EDITABLE}\nasyncpg==0.30.0\n", "sqlalchemy"),
        ("sqlalchemy @ file:///croot/sqlalchemy_1/work\nasyncpg==0.30.0\n", "sqlalchemy"),
        ("asyncpg==0.32.0\n", "sqlalchemy"),
        ("sqlalchemy>=2\nasyncpg==0.32.0\n", "sqlalchemy"),
        ("sqlalchemy==2.0.*\nasyncpg==0.32.0\n", "sqlalchemy"),
        ("sqlalchemy==1.4.54\nasyncpg==0.29.0\n", "sqlalchemy 1.4.54"),
        ("sqlalchemy==2.0.0b3\n", "sqlalchemy 2.0.0b3"),
        ("sqlalchemy==2.2.0\n", "sqlalchemy 2.2.0"),
        ("sqlalchemy==2.2.0\nasyncpg==0.33.0\n", "asyncpg 0.33.0"),
    ],
)
def test_an_unknown_version_is_not_an_all_clear(
    tmp_path: Path, audit: Audit, text: str, unknown: str
) -> None:
    path = str(write(tmp_path, "requirements.txt", text))
    done = audit(path)
    assert done.returncode == 2
    assert f"unknown: {unknown}: " in done.stdout
    assert "no known defect affects these versions" not in done.stdout
    assert unknown in done.stderr
    assert "  fix:   pin " in done.stderr
    for option in ("--json", "--markdown", "--sarif"):
        assert audit(path, option).returncode == 2
    assert unknown in json.loads(audit(path, "--json").stdout)["unknown"]


def test_an_unknown_version_is_shown_beside_defects_of_other_versions(
    tmp_path: Path, audit: Audit
) -> None:
    text = "sqlalchemy==2.1.4\nasyncpg>=0.30\n"
    done = audit(str(write(tmp_path, "requirements.txt", text)))
    assert done.returncode == 1
    assert (
        "unknown: asyncpg: requirements.txt, line 2, pins no version: asyncpg>=0.30" in done.stdout
    )


def test_a_defect_of_a_driver_needs_that_driver() -> None:
    assert "DEAD_IN_THE_POOL" in names_of_defects(sqlalchemy="2.1.4", asyncpg="0.32.0")
    assert "DEAD_IN_THE_POOL" not in names_of_defects(sqlalchemy="2.1.4", psycopg="3.3.9")
    assert "test190.DEFECT" in names_of_defects(sqlalchemy="2.1.4", psycopg="3.3.9")


def test_a_defect_of_an_old_python_does_not_affect_a_newer_one() -> None:
    assert "test193.DEFECT" in names_of_defects(sqlalchemy="2.1.4", python="3.11.7")
    assert "test193.DEFECT" not in names_of_defects(sqlalchemy="2.1.4", python="3.13.0")


def test_the_worst_defects_come_first(audit: Audit) -> None:
    text = audit(str(LOCKS / "uv.lock")).stdout
    shown = re.findall(r"^  severity  (.+)$", text, re.MULTILINE)
    document = json.loads(audit(str(LOCKS / "uv.lock"), "--json").stdout)
    assert shown == [finding["severity"] for finding in document["findings"]]
    assert shown == sorted(shown, key=[*SEVERITIES].index)
    assert len({*shown}) > 2


def test_two_versions_of_a_library_are_both_named(tmp_path: Path, audit: Audit) -> None:
    text = (LOCKS / "uv.lock").read_text("utf-8") + '[[package]]\nname = "sqlalchemy"\n'
    path = str(write(tmp_path, "uv.lock", f'{text}version = "2.0.40"\n'))
    document = json.loads(audit(path, "--json").stdout)
    assert document["versions"]["sqlalchemy"] == "2.1.4, 2.0.40"
    findings = {finding["defect"]: finding for finding in document["findings"]}
    assert findings["test190.DEFECT"]["hits"] == {"sqlalchemy": "2.1.4, 2.0.40"}
    assert findings["test190.DEFECT"]["cured_by"] == {"sqlalchemy": "2.1.6, 2.0.56"}
    assert "  affects   sqlalchemy 2.1.4, 2.0.40 with asyncpg 0.31.0\n" in audit(path).stdout


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_requirements_file_may_be_named_requirements_lock(
    name: str, tmp_path: Path, audit: Audit
) -> None:
    done = audit(str(write(tmp_path, name, BASE)))
    assert (done.returncode, done.stderr) == (1, "")


def test_markdown_has_a_row_for_each_defect(audit: Audit) -> None:
    findings = json.loads(audit(str(LOCKS / "uv.lock"), "--json").stdout)["findings"]
    done = audit(str(LOCKS / "uv.lock"), "--markdown")
    assert done.returncode == 1
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert len(rows) == len(findings) + 2
    assert len({row.replace("\\|", "").count("|") for row in rows}) == 1
    for row, finding in zip(rows[2:], findings, strict=True):
        assert row.startswith(f"| {finding['severity']} | [")
        assert f"]({finding['link']}) |" in row
        assert row.endswith(f"| {', '.join(finding['shown_by'])} |")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("poetry.lock", "[[package", "not valid TOML"),
        ("poetry.lock", '[[package]]\nname = "flask"\nversion = "3"\n', "pins none"),
        ("pyproject.toml", '[project]\nname = "shop"\n', "pins none"),
        ("poetry.lock", '[[package]]\nname = "sqlalchemy"\nversion = "newest"\n', "not a version"),
        ("poetry.lock", "package = 3\n", "pins none"),
        ("poetry.lock", "package = [3]\n", "pins none"),
        ("poetry.lock", "\udcff", "not text"),
        ("Pipfile.lock", "{", "not a Pipfile.lock"),
        ("Pipfile.lock", "{}", "pins none"),
        ("Pipfile.lock", '{"default": {"sqlalchemy": 3}}', "not a Pipfile.lock"),
        ("Pipfile.lock", '{"default": []}', "not a Pipfile.lock"),
        ("requirements.txt", "sqlalchemy=2.1.4\n", "not a requirement"),
        ("requirements.txt", "sqlalchemy>=2\n", "line 1, pins no version"),
        ("requirements.txt", "", "pins none"),
        ("requirements.txt", "-r missing.txt\n", "No such file"),
        ("requirements.txt", "-r .\n", "Is a directory"),
        ("requirements.txt", "-r https://index.example/base.txt\n", "does not download"),
        ("requirements.txt", "# coding: nonsense\n", "not text"),
        ("requirements.txt", "\udcff", "not text"),
        ("environment.yml", "name: shop\n", "not a requirement"),
    ],
)
def test_a_file_that_cannot_be_audited_says_what_to_type(
    tmp_path: Path, name: str, text: str, message: str, audit: Audit
) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    done = audit(str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert f"  where: {tmp_path}" in done.stderr
    assert "  fix:   " in done.stderr
    assert path.read_bytes() == text.encode("utf-8", "surrogateescape")


def test_a_missing_file_and_sarif_without_a_file_are_refused(tmp_path: Path, audit: Audit) -> None:
    assert audit(str(tmp_path / "no.lock")).returncode == 2
    assert audit(str(tmp_path / "no.txt")).returncode == 2
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
        assert result["level"] in ("error", "warning", "note")
        [place] = (location["physicalLocation"] for location in result["locations"])
        assert unquote(place["artifactLocation"]["uri"]) == path.as_posix()
        line = lines[place["region"]["startLine"] - 1]
        assert "2.1.4" in line or "0.31.0" in line
    assert {result["ruleId"] for result in run["results"]} == set(ids)


def test_the_unknown_versions_begin_where_the_declared_versions_end() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = pyproject["project"]["optional-dependencies"]
    ends = {
        requirement.name: bound.version
        for requirement in map(Requirement, extras["scripts"] + extras["psycopg"])
        for bound in requirement.specifier
        if bound.operator == "<"
    }
    assert ends.items() >= ranges.UNKNOWN_FROM.items()


def test_the_known_versions_begin_where_the_recorded_runs_begin() -> None:
    run: dict[str, set[str]] = {}
    for row in json.loads((ROOT / "docs/compat.json").read_text("utf-8"))["defects"]["rows"]:
        run.setdefault(row["library"], set()).update(row["run"])
    assert {name: min(versions, key=Version) for name, versions in run.items()} == ranges.KNOWN_FROM


def test_the_example_of_the_documents_is_what_is_printed(
    monkeypatch: pytest.MonkeyPatch, audit: Audit
) -> None:
    monkeypatch.chdir(LOCKS)
    printed = audit("poetry.lock").stdout.split("\n\n")
    page = (ROOT / "docs/audit.md").read_text("utf-8")
    example = page.partition("$ orm-async-tests audit poetry.lock\n")[2].partition("```")[0]
    shown = [part.strip() for part in re.split(r"\n\n|\.\.\.\n", example)]
    assert len(shown) > 3
    assert [part for part in shown if part not in map(str.strip, printed)] == []


def test_neither_sqlalchemy_nor_a_server_is_needed_to_read_the_defects() -> None:
    read = "from orm_async_tests.versions import defect_catalogue as c; c.load_known_defects()"
    heavy = "print({'sqlalchemy', 'asyncpg', 'rich'} & sys.modules.keys() or 'nothing')"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {read}; {heavy}"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "nothing\n")


@pytest.mark.parametrize("name", FORMATS)
def test_the_lock_files_of_tests_name_no_real_host(name: str) -> None:
    hosts = re.findall(r"https?://([^/\s\"']+)", (LOCKS / name).read_text("utf-8"))
    assert {*hosts} <= {"index.example"}
