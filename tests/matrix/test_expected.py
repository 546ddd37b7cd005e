"""What differs by a stack's nature is known, and what nobody expected is told with what to do."""

from dataclasses import fields
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from orm_async_tests.harness.definitions.stack import Stack
from orm_async_tests.harness.environment.script_database import SETTINGS
from orm_async_tests.matrix import expected, records
from tests.cli.commands import orm
from tests.matrix.runs import run_of, written


@pytest.mark.parametrize(
    ("verdict", "pooler", "looked_at"),
    [
        ("BROKEN", "", True),
        ("HOLDS", "", False),
        ("BROKEN", "PgBouncer 1.18.0 session", True),
        ("BROKEN", "PgBouncer 1.18.0 transaction", False),
        ("TIMEOUT", "PgBouncer 1.18.0 transaction", False),
        ("HOLDS", "PgBouncer 1.18.0 transaction", True),
        ("SKIPPED", "PgBouncer 1.18.0 transaction", True),
        ("NOT RUN", "PgBouncer 1.18.0 transaction", True),
        ("SKIPPED", "", False),
    ],
)
def test_what_is_expected_is_expected_on_its_stacks_alone(
    verdict: str, pooler: str, looked_at: bool
) -> None:
    found = [*expected.unexpected(run_of({100: verdict}, pooler=pooler))]
    assert bool(found) is looked_at


def test_a_whole_run_that_lacks_a_script_of_an_expectation_fails(tmp_path: Path) -> None:
    [head, *rest] = run_of({5: "HOLDS"}, driver="psycopg", pooler="PgBouncer 1.18.0 session")
    whole = [{**head, "whole": True}, *rest]
    told = [(each["number"], each["verdict"]) for each, _ in expected.unexpected(whole)]
    assert told == [(31, "NOT RUN"), (84, "NOT RUN"), (161, "NOT RUN")]
    assert [*expected.unexpected(whole[:-1])] == []  # it was killed, which is said anyway
    assert [*expected.unexpected([head, *rest])] == []
    file, junit = written(tmp_path / "one", whole), tmp_path / "junit.xml"
    done = orm("merge", file, "--output", str(tmp_path / "o"), "--junit", str(junit))
    assert done.returncode == 1
    assert "NOT RUN test31 on one" in done.stdout
    assert len([*ElementTree.parse(junit).getroot().iter("failure")]) == 3


@pytest.mark.parametrize(
    ("where", "versions", "applies"),
    [
        ({"settings.jit": "^on$"}, {}, True),
        ({"settings.jit": "^off$"}, {}, False),
        ({"settings.fsync": ""}, {}, False),
        ({"packages.greenlet": r"^3\.", "driver": "asyncpg"}, {}, True),
        ({}, {"sqlalchemy": ">=2.1", "asyncpg": "<0.33"}, True),
        ({}, {"sqlalchemy": "<2.1"}, False),
        ({}, {"psycopg": ">=3"}, False),
    ],
)
def test_a_condition_may_be_on_anything_in_an_identity(
    where: dict[str, str], versions: dict[str, str], applies: bool
) -> None:
    [identity] = records.identities(run_of({})).values()
    entry = expected.Expected(frozenset({5}), where, "a reason", versions=versions)
    assert entry.applies(identity) is applies


def test_the_conditions_of_what_is_expected_name_fields_that_every_identity_has() -> None:
    names = {each.name for each in fields(Stack)} | {f"settings.{name}" for name in SETTINGS}
    used = {name for each in expected.EXPECTED for name in each.where}
    assert {name for name in used - names if not name.startswith("packages.")} == set()


@pytest.mark.parametrize(
    ("other", "entry"),
    [
        ({"sqlalchemy": "2.1.8"}, '    {"sqlalchemy": "==2.1.9"},'),
        ({"driver_version": "0.31.0"}, '    {"asyncpg": "==0.32.0"},'),
        ({"settings": {"jit": "off"}}, '    {"settings.jit": "^on$"},'),
        ({"pooler": ""}, '    {"pooler": "^PgBouncer\\\\ 1\\\\.18\\\\.0\\\\ transaction$"},'),
    ],
)
def test_an_unexpected_result_comes_with_an_entry_to_write_down(
    other: dict[str, Any], entry: str, tmp_path: Path
) -> None:
    files = [
        written(tmp_path / "bad", run_of({5: "BROKEN"})),
        written(tmp_path / "good", run_of({5: "HOLDS"}, stack="two", **other)),
    ]
    done = orm("merge", *files, "--output", str(tmp_path / "both"))
    assert done.returncode == 1
    assert entry in done.stdout.splitlines(), done.stdout


def test_a_defect_outside_its_versions_comes_with_wider_ones(tmp_path: Path) -> None:
    defect = {
        "description": "it fails",
        "versions": {"sqlalchemy": "<2.1"},
        "link": "https://x.example",
    }
    [head, stack, found, end] = run_of({5: "BROKEN"})
    file = written(tmp_path / "bad", [head, stack, {**found, "defects": [defect]}, end])
    done = orm("merge", file, "--output", str(tmp_path / "o"))
    assert '    {"sqlalchemy": "<2.1 or ==2.1.9"},' in done.stdout.splitlines()


def test_diff_says_what_differs_in_the_stacks(tmp_path: Path) -> None:
    old = written(tmp_path / "old", run_of({5: "HOLDS"}, packages={"greenlet": "3.5.5"}))
    new = written(tmp_path / "new", run_of({5: "HOLDS"}, settings={"jit": "off"}))
    done = orm("diff", old, new)
    assert done.returncode == 0
    told = [line for line in done.stdout.splitlines() if line.startswith("stack ")]
    assert told == [
        "stack       packages.greenlet  3.5.5 -> 3.5.6  (one)",
        "stack       settings.jit  on -> off  (one)",
    ]
