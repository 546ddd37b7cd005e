"""orm-async-tests bench measures whatever it is asked for, and says what it does not know."""

import json

from orm_async_tests import db
from tests.cli.commands import orm

SMALL = ("--rounds", "1", "--write", "20", "--read", "200", "--gets", "8", "--json")


def test_without_peers_sqlalchemy_is_measured_beside_asyncpg(database: db.Database) -> None:
    done = orm("bench", "walk", *SMALL, on=database)
    assert done.returncode == 0, done.stderr
    [walk] = json.loads(done.stdout)["workloads"]
    contenders = {each["contender"] for each in walk["patterns"]}
    assert contenders == {"asyncpg", "sqlalchemy", "sqlalchemy_tuned", "sqlalchemy_core"}


def test_an_unknown_workload_is_refused() -> None:
    done = orm("bench", "nothing")
    assert done.returncode == 2
    assert "type:" in done.stderr


def test_an_unknown_contender_is_refused_before_anything_starts() -> None:
    done = orm("bench", "get", "--peers", "nothing")
    assert done.returncode == 2
    assert "'nothing' is not a contender" in done.stderr
