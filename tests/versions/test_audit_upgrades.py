"""The audit compares versions before and after an upgrade, and names the releases with fixes."""

import json
import re
from pathlib import Path

import pytest

from orm_async_tests.versions import pins, ranges
from orm_async_tests.versions.defect_catalogue import match_defects
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


@pytest.mark.parametrize("version", ["2.0.36", "2.0.51", "2.0.58"])
def test_a_lost_commit_is_the_first_defect_of_sqlalchemy_2_0(version: str) -> None:
    installed = [pins.Pin("sqlalchemy", version), pins.Pin("asyncpg", "0.32.0")]
    first, *_ = match_defects(DEFECTS, installed)
    assert first.defect.link.endswith("/13381")
    assert (first.defect.severity, first.fixed_by) == ("loses data", "sqlalchemy 2.1")


def test_the_text_says_which_version_cures_how_many(audit: Audit) -> None:
    done = audit(str(LOCKS / "uv.lock"))
    count = done.stdout.count("  affects   ")
    cured = sum(f"fixed by  sqlalchemy {version}" in done.stdout for version in CURES.values())
    assert cured == len(CURES)
    assert f"\n{count} known defects: " in done.stdout
    assert "  sqlalchemy 2.1.9 fixes " in done.stdout


def test_to_lists_what_is_left_after_an_upgrade(audit: Audit) -> None:
    path = str(LOCKS / "poetry.lock")
    before = {match["defect"] for match in json.loads(audit(path, "--json").stdout)["findings"]}
    done = audit(path, "--to", "SQLAlchemy==2.1.9", "--to", "asyncpg==0.32.0", "--json")
    document = json.loads(done.stdout)
    after = {match["defect"] for match in document["findings"]}
    assert after == names_of_defects(sqlalchemy="2.1.9", asyncpg="0.32.0", greenlet="3.5.6")
    assert {*document["upgrade"]["cures"]} == before - after >= CURES.keys()
    assert document["upgrade"]["adds"] == []
    assert document["upgrade"]["to"] == {"sqlalchemy": "2.1.9", "asyncpg": "0.32.0"}
    text = audit(path, "--to", "sqlalchemy==2.1.9").stdout
    assert f"{path} upgraded to sqlalchemy 2.1.9: asyncpg 0.31.0, greenlet 3.5.6" in text
    assert f"the upgrade fixes 8 of {len(before)} defects, and adds 0" in text


@pytest.mark.parametrize(
    ("option", "mark"),
    [("", "\n  added by  the upgrade\n"), ("--markdown", ", added by the upgrade |")],
)
def test_defects_that_an_upgrade_adds_are_marked(option: str, mark: str, audit: Audit) -> None:
    to = (str(LOCKS / "poetry.lock"), "--to", "sqlalchemy==2.0.58")
    document = json.loads(audit(*to, "--json").stdout)
    assert "test208.OPEN_TRANSACTION" in (added := document["upgrade"]["adds"])
    assert len(added) < len(document["findings"])
    assert audit(*to, *filter(None, [option])).stdout.count(mark) == len(added)


@pytest.mark.parametrize("to", ["sqlalchemy==2.3.0", "asyncpg==0.40"])
def test_the_effect_of_an_upgrade_to_an_unknown_version_is_unknown(to: str, audit: Audit) -> None:
    path = str(LOCKS / "poetry.lock")
    assert "the upgrade fixes" not in audit(path, "--to", to).stdout
    assert json.loads(audit(path, "--to", to, "--json").stdout)["upgrade"].keys() == {"to"}


def test_the_releases_that_fix_most_defects_are_named_with_their_number(
    tmp_path: Path, audit: Audit
) -> None:
    done = audit(str(write(tmp_path, "requirements.txt", BASE)))
    before = names_of_defects(sqlalchemy="2.0.40", asyncpg="0.30.0")
    lines = re.findall(r"^  sqlalchemy (\S+) fixes (\d+) of", done.stdout, re.M)
    fixed = {
        version: before - names_of_defects(sqlalchemy=version, asyncpg="0.30.0")
        for version in (*dict(lines), "2.1")
    }
    assert [version[:4] for version, _ in lines] == ["2.0.", "2.1."]
    assert {version: len(fixed[version]) for version, _ in lines} == {
        version: int(count) for version, count in lines
    }
    first, second = (fixed[version] for version, _ in lines)
    assert len(fixed["2.1"]) < len(first) < len(second)
    assert "test208.OPEN_TRANSACTION" in second - first  # only a later minor version fixes it


def test_sarif_points_at_the_file_for_a_library_that_only_the_upgrade_names(
    tmp_path: Path, audit: Audit
) -> None:
    path = write(tmp_path, "requirements.txt", "asyncpg==0.31.0\n")
    [run] = json.loads(audit(str(path), "--to", "sqlalchemy==2.1.4", "--sarif").stdout)["runs"]
    places = [place for result in run["results"] for place in result["locations"]]
    assert places
    assert all(
        place["physicalLocation"]["artifactLocation"]["uri"] == str(path) for place in places
    )


def test_to_makes_an_unknown_version_known(tmp_path: Path, audit: Audit) -> None:
    path = str(write(tmp_path, "requirements.txt", "sqlalchemy>=2\n"))
    assert audit(path).returncode == 2
    done = audit(path, "--to", "sqlalchemy==2.1.4")
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("release", ["sqlalchemy", "sqlalchemy>=2", "flask==3", "sqlalchemy==new"])
def test_to_another_thing_than_a_release_of_a_library_is_refused(
    release: str, audit: Audit
) -> None:
    done = audit(str(LOCKS / "uv.lock"), "--to", release)
    assert (done.returncode, done.stdout) == (2, "")
    assert "  where: --to\n  fix:   --to sqlalchemy==2.1.9" in done.stderr


def test_two_releases_of_one_library_are_refused(audit: Audit) -> None:
    releases = "--to", "sqlalchemy==2.1.4", "--to", "SQLAlchemy==2.1.9"
    done = audit(str(LOCKS / "uv.lock"), *releases)
    assert done.returncode == 2
    assert "  where: --to\n" in done.stderr


def test_a_later_release_is_assumed_to_have_the_defects_of_the_newest_recorded_one() -> None:
    document = json.loads((ROOT / "docs/compat.json").read_text("utf-8"))
    newest = document["defects"]["stack"]
    for library in ranges.UNKNOWN_FROM:
        later = {**newest, library: f"{newest[library]}.1"}
        assert names_of_defects(**later) == names_of_defects(**newest)
