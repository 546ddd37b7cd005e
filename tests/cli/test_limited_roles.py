"""With a role that has few privileges, scripts that need more privileges are skipped."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

from orm_async_tests import db
from tests.cli.commands import DATABASE_COMMANDS, Done, call, orm
from tests.conftest import create_database, execute


@contextmanager
def open_as_role(*privileges: str) -> Iterator[db.Database]:
    """Create a database, and open it as a role that has only these privileges."""
    role = f"role_{uuid4().hex}"
    with create_database() as database:
        name = database.url.database
        grants = [
            f"GRANT {privilege} TO {role}".replace("DATABASE", f"DATABASE {name}")
            for privilege in privileges
        ]
        execute(database, f"CREATE ROLE {role} LOGIN PASSWORD 'x'", *grants)
        try:
            yield replace(database, url=database.url.set(username=role, password="x"))
        finally:
            execute(database, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def _revoke(database: db.Database, *functions: str) -> None:
    """Forbid the role to call these functions, as hosting providers do."""
    statements = [f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC" for name in functions]
    with db.open_database("embedded") as server:
        as_owner = replace(server, url=server.url.set(database=database.url.database))
        execute(as_owner, *statements)


def serve(database: db.Database) -> Done:
    """Call the command `serve`, which must refuse the database."""
    main, arguments = DATABASE_COMMANDS["serve"]
    return call(main, *arguments, on=database)


def test_a_role_that_may_create_nothing_gets_an_error_with_a_remedy() -> None:
    with open_as_role() as database:
        done = orm("run", "5", on=database)
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be created" in done.stderr
    assert "fix:" in done.stderr


def test_alembic_serve_and_doctor_name_the_right_that_a_role_lacks() -> None:
    with open_as_role() as database:
        upgraded = orm("db", "alembic", "upgrade", "head", on=database)
        served = serve(database)
        checked = orm("doctor", on=database)
    for done in (upgraded, served):
        assert "the server refused a statement: permission denied for schema public" in done.stderr
    assert "the role may not" in checked.stdout
    for done, printed in (
        (upgraded, upgraded.stderr),
        (served, served.stderr),
        (checked, checked.stdout),
    ):
        assert done.returncode == 2
        assert "GRANT CREATE ON SCHEMA" in printed


def test_a_read_only_database_is_refused(database: db.Database) -> None:
    options = {"options": "-c default_transaction_read_only=on"}
    with create_database() as empty:
        read_only = replace(empty, url=empty.url.update_query_dict(options))
        upgraded = orm("db", "alembic", "upgrade", "head", on=read_only)
        served = serve(read_only)
        checked = orm("doctor", on=read_only)
    ran = orm("run", "5", on=replace(database, url=database.url.update_query_dict(options)))
    for done in (upgraded, served, checked, ran):
        assert done.returncode == 2
        assert "name the primary server" in done.stdout + done.stderr


def test_a_role_that_may_not_create_schemas_runs_scripts_that_need_none() -> None:
    with open_as_role("ALL ON SCHEMA public") as database:
        done = orm("run", "5", "45", "--json", on=database)
    [lazy_loading, own_tables] = json.loads(done.stdout)["results"]
    assert (lazy_loading["verdict"], own_tables["verdict"]) == ("HOLDS", "SKIPPED")
    assert "GRANT CREATE ON DATABASE" in own_tables["reason"]


def test_scripts_that_call_a_forbidden_function_are_skipped() -> None:
    refused = "pg_sleep(double precision)", "pg_terminate_backend(integer, bigint)"
    with open_as_role("ALL ON SCHEMA public", "CREATE ON DATABASE") as database:
        _revoke(database, *refused)
        done = orm("run", "5", "17", "34", "82", "99", "--json", on=database)
    results = json.loads(done.stdout)["results"]
    skipped = {
        result["number"]: result["reason"] for result in results if result["verdict"] == "SKIPPED"
    }
    assert "needs pg_sleep()" in skipped.pop(34)
    assert "needs pg_terminate_backend()" in skipped.pop(82)
    assert skipped == {}
    assert done.returncode == 0, done.stderr


def test_a_server_without_advisory_locks_is_refused() -> None:
    with open_as_role("ALL ON SCHEMA public", "CREATE ON DATABASE") as database:
        _revoke(database, "pg_try_advisory_lock(bigint)")
        done = orm("run", "5", on=database)
    assert (done.returncode, done.stdout) == (2, "")
    assert "GRANT EXECUTE" in done.stderr


def test_an_ordinary_role_is_enough() -> None:
    with open_as_role("ALL ON SCHEMA public", "CREATE ON DATABASE") as database:
        done = orm("run", "5", "28", "45", "99", "--json", on=database)
    assert done.returncode == 0, done.stderr
