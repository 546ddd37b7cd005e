"""orm-async-tests bench measures whatever it is asked for, and says what it does not know."""

import json

from orm_async_tests import db
from orm_async_tests.cli.bench import workloads
from tests.cli.commands import orm

SMALL = ("--rounds", "1", "--write", "20", "--read", "200", "--gets", "8", "--json")


def test_every_workload_has_equal_answers_and_its_round_trips(database: db.Database) -> None:
    done = orm("bench", *SMALL, on=database)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["workloads"]
    trips = {name: {way["way"]: way["round_trips"] for way in ways} for name, ways in found.items()}
    assert list(found) == list(workloads())
    assert trips["get"]["a session in AUTOCOMMIT"] == 8
    assert trips["get"]["a session"] == 3 * 8
    assert trips["walk"]["one statement with JSON, AUTOCOMMIT"] == 2


def test_an_unknown_workload_is_refused() -> None:
    done = orm("bench", "nothing")
    assert done.returncode == 2
    assert "type:" in done.stderr


def test_options_of_the_comparison_are_refused_without_it() -> None:
    done = orm("bench", "get", "--code")
    assert done.returncode == 2
    assert "--peers" in done.stderr


def test_an_unknown_contender_is_refused_before_anything_starts() -> None:
    done = orm("bench", "get", "--peers", "nothing")
    assert done.returncode == 2
    assert "'nothing' is not a contender" in done.stderr
