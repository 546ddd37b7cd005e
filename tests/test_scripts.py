"""Every script holds, and its `check` fails for false observations."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import jsonschema
import pytest
from packaging.requirements import Requirement

from orm_async_tests import catalogue, db, urls
from orm_async_tests.harness.definitions.upstream import collect_defects
from orm_async_tests.harness.definitions.variants import Observation, select_arguments
from orm_async_tests.harness.environment import script_database
from orm_async_tests.harness.environment.requirements import WIRE
from orm_async_tests.harness.report.render import render_full
from orm_async_tests.harness.report.result import Result, document
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script
from orm_async_tests.stack_options import DRIVERS, SQLITE
from orm_async_tests.symptoms import find_scripts
from orm_async_tests.verdicts import HOLDS, UPSTREAM
from orm_async_tests.versions.ranges import within
from tests.lifted_variants import find_changed_when_lifted
from tests.mutants import blanks, changes, swaps
from tests.observed_errors import ErrorRecord, format_anonymously, run_and_collect
from tests.skips import skip_as

ENTRIES = {entry.command: entry for entry in catalogue.read_scripts()}
SCHEMA = jsonschema.Draft202012Validator(  # tests/cli/test_scripts_command.py checks the schema
    json.loads((Path(__file__).parent.parent / "docs/result.schema.json").read_text("utf-8"))
)
KNOWN = {entry.number: entry.symptoms for entry in ENTRIES.values()}


SLOW = re.compile(r"\b(private|standby)_(server|url)\b|create_subprocess_exec|peak_bytes")
SLOW_EXAMPLES = {  # by driver
    "asyncpg": {"test2", "test162", "test187"},
    "psycopg": {"test187"},
}
# These scripts run on another event loop: one of each chapter, one with a server, one with a Wire.
OF_CHAPTERS = {entry.chapter: command for command, entry in reversed(ENTRIES.items())}
LOOP_EXAMPLES = {*OF_CHAPTERS.values(), "test162", "test4"} - {"test2", "test180"}


def is_slow(command: str) -> bool:
    """Return whether the script starts servers or a process, or reads thousands of rows."""
    return SLOW.search(ENTRIES[command].path.read_text("utf-8")) is not None


def is_thorough(command: str, driver: str) -> bool:
    """Return whether only a thorough run includes a script on this driver."""
    if driver == SQLITE:  # SQLite skips all scripts that do not name it
        return "\nALSO = " not in ENTRIES[command].path.read_text("utf-8")
    return is_slow(command) and command not in SLOW_EXAMPLES[driver]


@cache
def load_script(command: str) -> Script:
    return Script.of(ENTRIES[command].load())


CASES = [
    pytest.param(command, driver, marks=(pytest.mark.thorough,) if is_rare else ())
    for command in ENTRIES  # a process loads and runs few scripts on every driver
    for driver in (*DRIVERS, SQLITE)
    for is_rare in [is_thorough(command, driver)]
]


@pytest.fixture
def driven(request: pytest.FixtureRequest, database: db.Database) -> Iterator[db.Database]:
    """This worker's database through a driver, or a SQLite file."""
    if request.param == SQLITE:
        with script_database.open_chosen_database(None, SQLITE, pooler="") as file:
            yield file
        return
    url = urls.with_driver(database.url, request.param)
    yield db.Database(url, database.kind, database.label)


@pytest.mark.parametrize(("command", "driven"), CASES, indirect=["driven"])
def test_a_script_holds_has_its_symptoms_can_fail_and_its_right_variants_need_no_harness(
    command: str, driven: db.Database
) -> None:
    entry, script = ENTRIES[command], load_script(command)
    result, errors = run_and_collect(script, driven, is_traced=is_slow(command))
    skip_as(result)
    assert result.verdict.word in (HOLDS, UPSTREAM), "\n".join(
        text for _, text in render_full(result)
    )
    SCHEMA.validate(json.loads(json.dumps(document([result]))))
    if find_missing_symptoms(entry, driven.driver, errors):
        _, errors = run_and_collect(script, driven, is_traced=True)
    missing = find_missing_symptoms(entry, driven.driver, errors)
    assert missing == [], "no variant raises the error of these `Symptom:` sentences"
    needed = "to find the script by the errors of these variants, write `Symptom:` sentences"
    assert unnamed(entry, result) == [], needed
    bare = [name for name, it in result.observations.items() if nameless(it.value)]
    assert bare == [], 'these variants must name what they return, for example {"rows": 3}'
    blank = blanks(result.observations)
    passed = [name for name, mutant in blank if not refutes(result, mutant, Exception)]
    assert passed == [], "`check` must read what these variants produced"
    passed = [name for name, mutant in swaps(result) if not refutes(result, mutant)]
    assert passed == [], "`check` must assert how these variants differ"
    if result.verdict.word == HOLDS:
        read = {place: [refutes(result, it) for it in them] for place, them in changes(result)}
        passed = [place for place, refuted in read.items() if not any(refuted)]
        assert passed == [], "`check` reads these attributes, but accepts incorrect values of them"
    if driven.driver == DRIVERS[0]:
        changed = find_changed_when_lifted(result, driven)
        assert changed == [], "without the harness, these variants do something else"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=() if command in LOOP_EXAMPLES else (pytest.mark.thorough,))
        for command in ENTRIES
    ],
)
def test_a_script_holds_in_another_event_loop_and_without_a_wire_unless_it_needs_one(
    command: str, database: db.Database
) -> None:
    script = load_script(command)
    wired = WIRE in script.requirements
    tls = database.url.update_query_dict({"ssl": "prefer"})
    result = run_script(script, database if wired else replace(database, url=tls), loop="uvloop")
    assert result.stack.loop == "uvloop"
    skip_as(result)
    assert result.verdict.word in (HOLDS, UPSTREAM), result.verdict.reason
    assert {observation.counted for observation in result.observations.values()} == {wired}


@pytest.mark.parametrize("command", ENTRIES)
def test_what_a_script_says_of_versions_and_defects_can_be_read(command: str) -> None:
    script = load_script(command)
    assert within("2.1.9", script.since)
    assert Requirement(script.only or "asyncpg").name in DRIVERS
    assert script.also in ("", SQLITE)
    for defect in script.defects:
        assert not defect.applies({"sqlalchemy": "1.4", "asyncpg": "0.1", "psycopg": "1"})
        assert not defect.description.endswith(".")
        assert re.fullmatch(r"https://\S+", defect.link)


def find_missing_symptoms(
    file: catalogue.ScriptFile, driver: str, errors: list[ErrorRecord]
) -> list[str]:
    """Return the symptoms of the script for this driver that did not occur."""
    expected = [symptom for symptom in file.symptoms if symptom.driver in ("", driver)]
    return [
        symptom.description
        for symptom in expected
        if not any(error.matches(symptom) for error in errors)
    ]


def unnamed(entry: catalogue.ScriptFile, result: Result) -> list[str]:
    """Return the wrong variants whose tracebacks do not lead to a script with symptoms."""
    return [
        name
        for name, observation in result.observations.items()
        if entry.symptoms and observation.kind == "wrong" and observation.error
        if entry.number
        not in find_scripts(format_anonymously(observation.error, entry.number), KNOWN)
    ]


def refutes(
    result: Result,
    observations: Mapping[str, Observation],
    errors: type[Exception] = AssertionError,
) -> bool:
    """Return whether `check` raises one of the errors, or shows other defects than the result."""
    script = result.script
    offered = {**script.defaults, "stack": result.stack, **observations}
    with collect_defects() as shown:
        try:
            script.check(**select_arguments(script.check, offered))
        except Exception as error:
            return isinstance(error, errors)
    return tuple(defect for defect in script.defects if defect in shown) != result.verdict.defects


def nameless(value: object) -> bool:
    """Return whether a value explains nothing by itself: a number, a boolean or a plain tuple."""
    bare = isinstance(value, tuple) and not hasattr(value, "_fields")
    inside = isinstance(value, list) and any(map(nameless, value))
    return bare or inside or isinstance(value, int | float)
