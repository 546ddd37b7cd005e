"""Expected differences between stacks, and the output about unexpected differences."""

import re
from dataclasses import fields
from pathlib import Path
from xml.etree import ElementTree

import pytest

from orm_async_tests.harness.definitions.stack import Stack
from orm_async_tests.harness.environment.script_database import SETTINGS
from orm_async_tests.matrix import records
from orm_async_tests.matrix.expected_differences import Expected, find_unexpected, read_expected
from tests.cli.commands import orm
from tests.matrix.sample_records import make_records, write_records


@pytest.mark.parametrize(
    ("verdict", "pooler", "is_unexpected"),
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
def test_a_script_may_fail_on_the_stacks_of_its_entry_only(
    verdict: str, pooler: str, is_unexpected: bool
) -> None:
    unexpected = [*find_unexpected(make_records({100: verdict}, pooler=pooler))]
    assert bool(unexpected) is is_unexpected


def test_a_complete_run_without_a_script_of_an_entry_fails(tmp_path: Path) -> None:
    [head, *rest] = make_records({5: "HOLDS"}, driver="psycopg", pooler="PgBouncer 1.18.0 session")
    complete = [{**head, "whole": True}, *rest]
    missing = [(record["number"], record["verdict"]) for record, _ in find_unexpected(complete)]
    assert missing == [(number, "NOT RUN") for number in (31, 84, 227, 242, 231, 161)]
    assert [*find_unexpected(complete[:-1])] == []  # a killed run, which merge reports
    assert [*find_unexpected([head, *rest])] == []
    file, junit = write_records(tmp_path / "one", complete), tmp_path / "junit.xml"
    done = orm("merge", file, "--output", str(tmp_path / "o"), "--junit", str(junit))
    assert done.returncode == 1
    assert "NOT RUN test31 on one" in done.stdout
    assert len([*ElementTree.parse(junit).getroot().iter("failure")]) == 6


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
def test_a_condition_may_be_on_any_field_of_an_identity(
    where: dict[str, str], versions: dict[str, str], applies: bool
) -> None:
    [identity] = records.identities(make_records({})).values()
    entry = Expected(frozenset({5}), where, "always", "a reason", versions=versions)
    assert entry.applies(identity) is applies


def test_the_entries_name_fields_that_every_identity_has() -> None:
    names = {field.name for field in fields(Stack)} | {f"settings.{name}" for name in SETTINGS}
    used = {name for entry in read_expected() for name in entry.where}
    assert {name for name in used - names if not name.startswith("packages.")} == set()


def test_the_words_of_an_entry_name_its_drivers_versions_and_pooler_modes() -> None:
    for entry in read_expected():
        named = set(re.findall(r"\basyncpg|psycopg|PgBouncer|transaction|\d+[.][.\d]+", entry.when))
        ranges = {re.sub("[^.0-9,]", "", text) for text in entry.versions.values()}
        expected = {number for text in ranges for number in text.split(",")}
        expected |= set(re.findall("asyncpg|psycopg|PgBouncer|transaction", str(entry.where)))
        assert expected <= named, entry.when


def test_diff_prints_what_differs_in_the_stacks(tmp_path: Path) -> None:
    old = write_records(
        tmp_path / "old", make_records({5: "HOLDS"}, packages={"greenlet": "3.5.5"})
    )
    new = write_records(tmp_path / "new", make_records({5: "HOLDS"}, settings={"jit": "off"}))
    done = orm("diff", old, new)
    assert done.returncode == 0
    lines = [line for line in done.stdout.splitlines() if line.startswith("stack ")]
    assert lines == [
        "stack       packages.greenlet  3.5.5 -> 3.5.6  (one)",
        "stack       settings.jit  on -> off  (one)",
    ]
