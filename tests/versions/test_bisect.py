"""The releases in which a defect shows are found with few runs, and only by runs."""

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from orm_async_tests import catalogue
from orm_async_tests.versions import releases
from orm_async_tests.versions.bisect import (
    BROKEN,
    HOLDS,
    NOT_RUN,
    UNSTABLE,
    UPSTREAM,
    Outcome,
    Runner,
    bisected,
    confirmed,
    outcomes,
    spans,
)
from orm_async_tests.versions.compat import read
from orm_async_tests.versions.known import known_defects
from orm_async_tests.versions.ranges import as_ranges, within
from tests.cli.commands import orm

COMPAT = Path(__file__).parent.parent.parent / "docs/compat.json"
LINE = [f"2.0.{number}" for number in range(30, 59)]
LOST = "a cancel is lost"
SHOWN = Outcome(UPSTREAM, frozenset({LOST}))


def until(fixed: str) -> Callable[[str], Outcome]:
    """A script that shows its defect before this release."""
    return lambda version: SHOWN if within(version, f"<{fixed}") else Outcome(HOLDS)


def document(verdict: str, **more: Any) -> dict[str, Any]:
    """What a run on SQLAlchemy 2.1.4 printed, in so far as it is read."""
    result = {
        "number": 38,
        "verdict": verdict,
        "reason": "a reason",
        "defects": [],
        "evidence": [],
        **more,
    }
    stack = {"sqlalchemy": "2.1.4", "driver": "asyncpg", "driver_version": "0.32.0"}
    return {"stack": stack, "results": [result]}


def outcome(
    printed: dict[str, Any], library: str = "sqlalchemy", version: str = "2.1.4"
) -> Outcome:
    """What is read of that."""
    return outcomes(printed, {library: version})[38]


def test_a_repair_is_found_with_few_runs() -> None:
    found = bisected(LINE, until("2.0.53"))
    assert as_ranges([spans(found, LOST)]) == ">=2.0.30,<2.0.53"
    assert len(found) <= 3 + len(LINE).bit_length()


def test_a_defect_of_the_middle_is_found_where_one_of_its_releases_is_run() -> None:
    def run(version: str) -> Outcome:
        return SHOWN if within(version, ">=2.0.50,<2.0.55") else Outcome(HOLDS)

    assert as_ranges([spans(bisected(LINE, run), LOST)]) == ""
    assert as_ranges([spans(bisected(LINE, run, ["2.0.50"]), LOST)]) == ">=2.0.50,<2.0.55"


def test_a_release_that_was_not_run_says_nothing_and_is_stepped_over() -> None:
    def run(version: str) -> Outcome:
        return Outcome(NOT_RUN) if version == "2.0.52" else until("2.0.53")(version)

    found = bisected(LINE, run)
    assert found["2.0.52"].word == NOT_RUN
    assert as_ranges([spans(found, LOST)]) == ">=2.0.30,<2.0.53"


def test_a_release_beside_a_change_that_says_two_things_says_nothing() -> None:
    found = bisected(LINE, until("2.0.53"))
    assert confirmed(found, until("2.0.53")) == found
    again = confirmed(found, until("2.0.52"))
    assert {version for version in found if again[version] != found[version]} == {"2.0.52"}
    assert again["2.0.52"].word == UNSTABLE
    assert as_ranges([spans(again, LOST)]) == ">=2.0.30,<2.0.53"


def test_ranges_are_those_of_each_line() -> None:
    lines = releases.lines(["2.0.9", "2.0.10", "2.1.0", "2.1.1"])
    assert lines == [["2.0.9", "2.0.10"], ["2.1.0", "2.1.1"]]
    assert releases.lines(["0.31.0", "0.32.0"]) == [["0.31.0", "0.32.0"]]
    spans = [[("2.0.9", True), ("2.0.10", False)], [("2.1.0", False), ("2.1.1", True)]]
    assert as_ranges(spans) == ">=2.0.9,<2.0.10 or ==2.1.1"


def test_an_outcome_does_not_depend_on_the_versions_that_the_script_claims() -> None:
    """Else what is found would be what was typed."""
    said = [{"what": LOST}]
    assert outcome(document("UPSTREAM", defects=said)) == SHOWN
    assert outcome(document("BROKEN", defects=said)) == SHOWN
    gone = document("BROKEN", evidence=[{"holds": True}])
    assert outcome(gone).word == HOLDS
    broken = document("BROKEN", evidence=[{"holds": False}])
    assert outcome(broken).word == BROKEN


def test_a_release_that_is_not_the_one_that_ran_has_no_verdict() -> None:
    assert outcome(document("HOLDS"), "sqlalchemy", "2.1.3").word == NOT_RUN
    assert outcome(document("HOLDS"), "psycopg", "3.3.9").word == NOT_RUN


def test_a_release_without_a_wheel_has_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(tmp_path)}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    found = Runner((38,), "sqlalchemy", "asyncpg", tmp_path)("2.1.4")[38]
    assert found.word == NOT_RUN
    assert "sqlalchemy==2.1.4" in found.why
    assert list((tmp_path / "releases").rglob("*part*")) == []


def test_an_installation_that_does_not_import_has_no_verdict(tmp_path: Path) -> None:
    runner = Runner((38,), "sqlalchemy", "asyncpg", tmp_path)
    folder = releases.folder("sqlalchemy", "2.1.4", tmp_path) / "sqlalchemy"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('half a wheel')\n")
    found = runner("2.1.4")[38]
    assert (found.word, found.why.endswith("half a wheel")) == (NOT_RUN, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["999"],
        ["5-7"],
        ["38", "--since", "old"],
        ["38", "--library", "asyncpg", "--driver", "psycopg"],
        ["38", "--driver", "aiopg"],
        ["38", "--with", "asyncpg"],
        ["38", "--with", "sqlalchemy==2.0.36"],
    ],
)
def test_a_bisection_of_nothing_is_refused(arguments: list[str]) -> None:
    done = orm("bisect", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "  type:  " in done.stderr


def test_the_versions_of_each_defect_are_those_that_runs_showed() -> None:
    recorded = read(COMPAT)["defects"]
    defects = {each.name: each for each in known_defects()}
    wrong, alone = [], set()
    for row in recorded["rows"]:
        defect, beside = defects[row["defect"]], row.get("with", {})
        if not beside:
            alone.add((row["defect"], row["script"], row["library"]))
        for version in row["run"]:
            libraries = {**recorded["stack"], **beside, row["library"]: version}
            claimed = all(within(libraries[k], v) for k, v in defect.versions.items())
            if claimed != bool(row["shown"] and within(version, row["shown"])):
                wrong.append((defect.name, row["script"], libraries))
    assert wrong == []
    assert alone == {
        (each.name, entry.number, library)
        for each in defects.values()
        for library in set(each.versions) - {"python"}
        for entry in each.scripts
    }
    assert len(COMPAT.read_text("utf-8").splitlines()) <= 300


def test_each_defect_is_shown_by_a_run() -> None:
    shown = {row["defect"] for row in read(COMPAT)["defects"]["rows"] if row["shown"]}
    assert shown == {each.name for each in known_defects()}


def test_each_claim_holds_on_the_releases_that_its_script_is_about_and_on_no_others() -> None:
    since = {entry.number: entry.since for entry in catalogue.read_scripts()}
    wrong, told = [], list[int]()
    for row in read(COMPAT)["claims"]["rows"]:
        told += row["scripts"]
        for number, version in product(row["scripts"], row["run"]):
            about = re.sub(r"^(?=\d)", ">=", since[number] or "")
            if within(version, about) != within(version, row["holds"]):
                wrong.append((number, version))
    assert wrong == []
    assert len(told) == len({*told})
    assert {number for number, first in since.items() if first} <= {*told}
