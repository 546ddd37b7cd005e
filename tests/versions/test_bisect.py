"""A bisection finds the releases with a defect in few runs, without reading version ranges."""

import json
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from orm_async_tests import catalogue
from orm_async_tests.matrix import bisection
from orm_async_tests.matrix.bisection import (
    UNSTABLE,
    ReleaseOutcome,
    Runner,
    bisect_minor_version,
    confirm_changes,
    mark_shown,
    read_outcome,
)
from orm_async_tests.verdicts import BROKEN, CRASH, HOLDS, NOT_RUN, SKIPPED, UPSTREAM
from orm_async_tests.versions import releases
from orm_async_tests.versions.defect_catalogue import load_known_defects
from orm_async_tests.versions.ranges import describe_ranges, format_ranges, within
from tests.cli.commands import orm

COMPAT = Path(__file__).parent.parent.parent / "docs/compat.json"
VERSIONS = [f"2.0.{number}" for number in range(30, 59)]
LOST = "a cancel is lost"
SHOWN = ReleaseOutcome(UPSTREAM, frozenset({LOST}))


def read_compat() -> Any:
    """Return docs/compat.json."""
    return json.loads(COMPAT.read_text("utf-8"))


def cured_by(release: str) -> Callable[[str], ReleaseOutcome]:
    """Return a function that runs a script, which shows its defect before this release."""
    return lambda version: SHOWN if within(version, f"<{release}") else ReleaseOutcome(HOLDS)


def run_document(verdict: str, **more: Any) -> dict[str, Any]:
    """Return the parts of a run on SQLAlchemy 2.1.4 that the bisection reads."""
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


def outcome_of(
    document: dict[str, Any], library: str = "sqlalchemy", version: str = "2.1.4"
) -> ReleaseOutcome:
    """Return the outcome of script 38 in a document."""
    [item] = document["results"]
    return read_outcome(document["stack"], item, {library: version})


def shown_ranges(outcomes: bisection.Outcomes) -> str:
    """Return the ranges of versions that show the lost cancel."""
    return format_ranges([mark_shown(outcomes, LOST)])


def test_a_cure_is_found_with_few_runs() -> None:
    outcomes = bisect_minor_version(VERSIONS, cured_by("2.0.53"))
    assert shown_ranges(outcomes) == ">=2.0.30,<2.0.53"
    assert len(outcomes) <= 3 + len(VERSIONS).bit_length()


def test_a_defect_between_two_equal_outcomes_is_found_only_from_one_of_its_releases() -> None:
    def run(version: str) -> ReleaseOutcome:
        return SHOWN if within(version, ">=2.0.50,<2.0.55") else ReleaseOutcome(HOLDS)

    assert shown_ranges(bisect_minor_version(VERSIONS, run)) == ""
    assert shown_ranges(bisect_minor_version(VERSIONS, run, ["2.0.50"])) == ">=2.0.50,<2.0.55"


def test_a_release_that_did_not_run_says_nothing_and_is_stepped_over() -> None:
    def run(version: str) -> ReleaseOutcome:
        return ReleaseOutcome(NOT_RUN) if version == "2.0.52" else cured_by("2.0.53")(version)

    outcomes = bisect_minor_version(VERSIONS, run)
    assert outcomes["2.0.52"].verdict == NOT_RUN
    assert shown_ranges(outcomes) == ">=2.0.30,<2.0.53"


def test_a_release_beside_a_change_whose_two_runs_differ_says_nothing() -> None:
    outcomes = bisect_minor_version(VERSIONS, cured_by("2.0.53"))
    assert confirm_changes(outcomes, cured_by("2.0.53")) == outcomes
    confirmed = confirm_changes(outcomes, cured_by("2.0.52"))
    assert {version for version in outcomes if confirmed[version] != outcomes[version]} == {
        "2.0.52"
    }
    assert confirmed["2.0.52"].verdict == UNSTABLE
    assert shown_ranges(confirmed) == ">=2.0.30,<2.0.53"


def test_every_minor_version_has_separate_ranges() -> None:
    groups = releases.group_by_minor_version(["2.0.9", "2.0.10", "2.1.0", "2.1.1"])
    assert groups == [["2.0.9", "2.0.10"], ["2.1.0", "2.1.1"]]
    assert releases.group_by_minor_version(["0.31.0", "0.32.0"]) == [["0.31.0", "0.32.0"]]
    marks = [[("2.0.9", True), ("2.0.10", False)], [("2.1.0", False), ("2.1.1", True)]]
    assert format_ranges(marks) == ">=2.0.9,<2.0.10 or ==2.1.1"


@pytest.mark.parametrize(
    ("shown", "cured", "sentence"),
    [
        (["2.1.4"], "2.1.5", "2.1.4 has the defect, 2.1.5 fixes the defect"),
        (["2.1.3", "2.1.4"], "2.1.5", "2.1.3 and 2.1.4 have the defect, 2.1.5 fixes the defect"),
        (["2.1.2", "2.1.4"], "2.1.5", "2.1.2 to 2.1.4 have the defect, 2.1.5 fixes the defect"),
        (
            ["2.1.0", "2.1.1", "2.1.2"],
            "2.1.3",
            "2.1.0 to 2.1.2 have the defect, 2.1.3 fixes the defect",
        ),
        (
            ["0.30.0", "0.31.0"],
            "0.32.0",
            "0.30.0 and 0.31.0 have the defect, 0.32.0 fixes the defect",
        ),
        (["2.0.9", "2.1.9"], "2.1.10", "2.0.9 and 2.1.9 have the defect, 2.1.10 fixes the defect"),
        (["3.3.9"], "", "3.3.9 has the defect, none of these releases fixes the defect"),
        ([], "2.1.0", "none of these releases has the defect"),
    ],
)
def test_a_sentence_says_which_releases_have_a_defect_and_which_cures_it(
    shown: list[str], cured: str, sentence: str
) -> None:
    versions = [(version, True) for version in shown] + [(cured, False)] * bool(cured)
    assert describe_ranges([versions]) == sentence


def test_releases_without_a_result_are_not_free_of_the_defect() -> None:
    assert describe_ranges([[], []]) == "no release gave a result"


def test_the_sentence_has_a_part_for_each_time_that_a_defect_came_and_went() -> None:
    minor_versions = [
        [
            ("2.0.51", False),
            ("2.0.52", True),
            ("2.0.53", False),
            ("2.0.54", True),
            ("2.0.55", False),
        ],
        [("2.1.0", True), ("2.1.1", True)],
    ]
    assert describe_ranges(minor_versions) == (
        "2.0.52 has the defect, 2.0.53 fixes the defect; "
        "2.0.54 has the defect, 2.0.55 fixes the defect; "
        "2.1.0 and 2.1.1 have the defect, none of these releases fixes the defect"
    )


def test_an_outcome_does_not_depend_on_the_range_that_the_script_declares() -> None:
    """If it did, a bisection would only confirm the declared range."""
    defects = [{"description": LOST}]
    assert outcome_of(run_document("UPSTREAM", defects=defects)) == SHOWN
    assert outcome_of(run_document("BROKEN", defects=defects)) == SHOWN
    cured = run_document("BROKEN", evidence=[{"holds": True}])
    assert outcome_of(cured).verdict == HOLDS
    broken = run_document("BROKEN", evidence=[{"holds": False}])
    assert outcome_of(broken).verdict == BROKEN


def test_a_release_that_was_replaced_by_another_one_has_no_verdict() -> None:
    assert outcome_of(run_document("HOLDS"), "sqlalchemy", "2.1.3").verdict == NOT_RUN
    assert outcome_of(run_document("HOLDS"), "psycopg", "3.3.9").verdict == NOT_RUN


def test_a_release_without_a_wheel_has_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORM_ASYNC_HOME", str(tmp_path))
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(tmp_path)}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    outcome = Runner((38,), "sqlalchemy", "asyncpg")("2.1.4")[38]
    assert outcome.verdict == NOT_RUN
    assert "sqlalchemy==2.1.4" in outcome.why
    assert list((tmp_path / "releases").rglob("*part*")) == []


def test_an_installation_that_cannot_be_imported_has_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORM_ASYNC_HOME", str(tmp_path))
    runner = Runner((38,), "sqlalchemy", "asyncpg")
    package = releases.release_folder("sqlalchemy", "2.1.4") / "sqlalchemy"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('half a wheel')\n")
    outcome = runner("2.1.4")[38]
    assert (outcome.verdict, outcome.why.endswith("half a wheel")) == (NOT_RUN, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["999"],
        ["5-7"],
        ["38", "--since", "old"],
        ["38", "--since", "1.4"],
        ["38", "--until", "1"],
        ["38", "--library", "asyncpg", "--driver", "psycopg"],
        ["38", "--driver", "aiopg"],
        ["38", "--with", "asyncpg"],
        ["38", "--with", "sqlalchemy==2.0.36"],
        ["38", "--with", "greenlet==3.1"],
    ],
)
def test_a_bisection_that_cannot_run_is_refused(arguments: list[str]) -> None:
    done = orm("bisect", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "  fix:   " in done.stderr


def test_a_bisection_with_a_release_that_does_not_exist_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(releases, "list_releases", lambda _library: ["0.30.0", "0.31.0"])
    done = orm("bisect", "38", "--with", "asyncpg==99")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("there is no release 99 of asyncpg\n  where: --with\n")
    assert releases.find_release("asyncpg", "0.31", "--with") == "0.31.0"


@pytest.fixture
def recorded_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let script 190 show its defect on SQLAlchemy 2.1.3 and 2.1.4, without running releases."""
    [defect] = [defect for defect in load_known_defects() if defect.name == "test190.DEFECT"]
    shown = ReleaseOutcome(UPSTREAM, frozenset({defect.description}))

    def run(_runner: Runner, version: str) -> dict[int, ReleaseOutcome]:
        return {190: shown if version in ("2.1.3", "2.1.4") else ReleaseOutcome(HOLDS)}

    monkeypatch.setattr(Runner, "__call__", run)
    published = [f"2.1.{number}" for number in range(8)]
    monkeypatch.setattr(releases, "list_releases", lambda _library: published)


@pytest.mark.usefixtures("recorded_runs")
def test_bisect_prints_a_sentence_and_the_entry_only_if_asked() -> None:
    sentence = "2.1.3 and 2.1.4 have the defect, 2.1.5 fixes the defect"
    done = orm("bisect", "190", "--every")
    assert done.returncode == 0
    assert done.stdout.endswith(f"unique() and columns(): {sentence}\n")
    assert "Upstream(" not in done.stdout
    with_entry = orm("bisect", "190", "--every", "--entry").stdout
    assert sentence in with_entry
    entry = '    {"sqlalchemy": ">=2.1.3,<2.1.5"},\n'
    assert entry in with_entry.partition("\nUpstream(\n")[2]
    assert '    "wrong result",\n)' in with_entry
    [row] = json.loads(orm("bisect", "190", "--every", "--json").stdout)
    assert (row["shown"], row["sentence"]) == (">=2.1.3,<2.1.5", sentence)


@pytest.mark.usefixtures("recorded_runs")
def test_a_bisection_between_two_releases_runs_both_and_no_others() -> None:
    done = orm("bisect", "190", "--since", "2.1.3", "--until", "2.1.5", "--every")
    assert [line.split()[0] for line in done.stdout.splitlines()[2:5]] == [
        "2.1.3",
        "2.1.4",
        "2.1.5",
    ]
    empty = orm("bisect", "190", "--since", "2.1.3", "--until", "2.1.2")
    assert (empty.returncode, empty.stdout) == (2, "")
    assert "there is no release of sqlalchemy from 2.1.3 to 2.1.2" in empty.stderr


@pytest.mark.usefixtures("recorded_runs")
@pytest.mark.parametrize(
    ("verdict", "code", "count", "sentence"),
    [
        (NOT_RUN, 2, 0, "unique() and columns(): no release gave a result"),
        (SKIPPED, 2, 0, "unique() and columns(): no release gave a result"),
        (CRASH, 1, 5, "broken without a known defect on sqlalchemy >=2.1.0,<=2.1.7"),
    ],
)
def test_a_script_that_fails_or_runs_nowhere_does_not_look_like_success(
    verdict: str, code: int, count: int, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = ReleaseOutcome(verdict, why="it has no wheel")
    monkeypatch.setattr(Runner, "__call__", lambda *_: {190: outcome})
    done = orm("bisect", "190", "--since", "2.1.0")
    assert done.returncode == code
    assert f"\n{count} of 8 releases of sqlalchemy were run\n" in done.stdout
    assert done.stdout.endswith(f"{sentence}\n")
    refusal = "the script ran on none of these releases: it has no wheel\n  where: sqlalchemy 2.1.0"
    assert (refusal in done.stderr) == (code == 2)


def test_the_range_of_each_defect_agrees_with_the_recorded_runs() -> None:
    recorded = read_compat()["defects"]
    defects = {defect.name: defect for defect in load_known_defects()}
    wrong, alone = [], set()
    for row in recorded["rows"]:
        defect, pins = defects[row["defect"]], row.get("with", {})
        if not pins:
            alone.add((row["defect"], row["script"], row["library"]))
        for version in row["run"]:
            libraries = {**recorded["stack"], **pins, row["library"]: version}
            declared = all(within(libraries[k], v) for k, v in defect.versions.items())
            if declared != bool(row["shown"] and within(version, row["shown"])):
                wrong.append((defect.name, row["script"], libraries))
    assert wrong == []
    assert alone == {
        (defect.name, script.number, library)
        for defect in defects.values()
        for library in set(defect.versions) - {"python"}
        for script in defect.scripts
    }
    assert len(COMPAT.read_text("utf-8").splitlines()) <= 300


def test_a_recorded_run_shows_each_defect() -> None:
    shown = {row["defect"] for row in read_compat()["defects"]["rows"] if row["shown"]}
    assert shown == {defect.name for defect in load_known_defects()}


def test_each_claim_holds_on_the_releases_that_its_script_is_about_and_on_no_others() -> None:
    since = {script.number: script.since for script in catalogue.read_scripts()}
    wrong, recorded = [], list[int]()
    for row in read_compat()["claims"]["rows"]:
        recorded += row["scripts"]
        for number, version in product(row["scripts"], row["run"]):
            about = re.sub(r"^(?=\d)", ">=", since[number] or "")
            if within(version, about) != within(version, row["holds"]):
                wrong.append((number, version))
    assert wrong == []
    assert len(recorded) == len({*recorded})
    assert {number for number, release in since.items() if release} <= {*recorded}
