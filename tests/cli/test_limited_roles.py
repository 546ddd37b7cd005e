"""A server where we may not do everything: what cannot run says so, and the rest is run."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

from orm_async_tests import db
from tests.cli.commands import orm
from tests.conftest import create_database


async def _executed(database: db.Database, *statements: str) -> None:
    async with db.connect(database, "tests", isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)


@contextmanager
def as_role(*granted: str) -> Iterator[db.Database]:
    """A new database, for a role that owns nothing and has these rights."""
    role = f"role_{uuid4().hex}"
    with create_database() as database:
        name = database.url.database
        rights = [
            f"GRANT {right} TO {role}".replace("DATABASE", f"DATABASE {name}") for right in granted
        ]
        asyncio.run(_executed(database, f"CREATE ROLE {role} LOGIN PASSWORD 'x'", *rights))
        try:
            yield replace(database, url=database.url.set(username=role, password="x"))
        finally:
            asyncio.run(_executed(database, f"DROP OWNED BY {role}", f"DROP ROLE {role}"))


def _revoke(database: db.Database, *functions: str) -> None:
    """As another engine that does not have these, or a provider that forbids them."""
    revoked = [f"REVOKE EXECUTE ON FUNCTION {each} FROM PUBLIC" for each in functions]
    with db.open_database("embedded") as server:
        owned = replace(server, url=server.url.set(database=database.url.database))
        asyncio.run(_executed(owned, *revoked))


def test_a_role_that_may_make_nothing_is_told_so() -> None:
    with as_role() as database:
        done = orm("run", "5", on=database)
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be created" in done.stderr
    assert "type:" in done.stderr


def test_a_role_without_schemas_runs_what_needs_none() -> None:
    with as_role("ALL ON SCHEMA public") as database:
        done = orm("run", "5", "45", "--json", on=database)
    verdicts = {each["number"]: each["verdict"] for each in json.loads(done.stdout)["results"]}
    reasons = {each["number"]: each["reason"] for each in json.loads(done.stdout)["results"]}
    assert verdicts == {5: "HOLDS", 45: "SKIPPED"}
    assert "GRANT CREATE ON DATABASE" in reasons[45]


def test_what_calls_functions_that_the_server_refuses_is_skipped_and_the_rest_is_run() -> None:
    refused = "pg_sleep(double precision)", "pg_terminate_backend(integer, bigint)"
    with as_role("ALL ON SCHEMA public", "CREATE ON DATABASE") as database:
        _revoke(database, *refused)
        done = orm("run", "5", "17", "28", "82", "99", "--json", on=database)
    results = json.loads(done.stdout)["results"]
    skipped = {each["number"]: each["reason"] for each in results if each["verdict"] == "SKIPPED"}
    assert "needs pg_sleep()" in skipped.pop(28)
    assert "needs pg_terminate_backend()" in skipped.pop(82)
    assert skipped == {}
    assert done.returncode == 0, done.stderr


def test_a_server_without_advisory_locks_is_not_used() -> None:
    with as_role("ALL ON SCHEMA public", "CREATE ON DATABASE") as database:
        _revoke(database, "pg_try_advisory_lock(bigint)")
        done = orm("run", "5", on=database)
    assert (done.returncode, done.stdout) == (2, "")
    assert "GRANT EXECUTE" in done.stderr


def test_a_role_that_is_no_superuser_is_enough() -> None:
    with as_role("ALL ON SCHEMA public", "CREATE ON DATABASE") as database:
        done = orm("run", "5", "28", "45", "99", "--json", on=database)
    assert done.returncode == 0, done.stderr
