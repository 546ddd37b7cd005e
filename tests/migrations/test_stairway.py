"""Every step of both branches goes up, down and up again, and the rows below it survive."""

from alembic.script import ScriptDirectory
from pytest_alembic import MigrationContext
from sqlalchemy import Engine, text

from orm_async_tests import migrations

POINT = "(user_id, lat, lon, date) VALUES (1, 45, 14, '2010-10-03 09:36:30')"
ROWS = {  # what is written once a revision has made its tables
    "97eeeb1ead54": [
        "INSERT INTO users (username) VALUES ('walker')",
        f"INSERT INTO track_points {POINT}",
    ],
    "c41f7a9d20be": ["INSERT INTO service.idempotency_keys (key, request) VALUES ('k', 'r')"],
}
Content = dict[str, list[str]]


def content(engine: Engine) -> Content:
    """The rows of each table of ours, as PostgreSQL prints them."""
    with engine.connect() as connection:
        tables = set(connection.scalars(text(migrations.TABLES))) - {"public.alembic_version"}
        rows = {
            table: connection.scalars(text(f"SELECT t::text FROM {table} t ORDER BY 1"))
            for table in tables
        }
        return {table: list(each) for table, each in rows.items()}


def test_every_step_goes_up_down_and_up_with_rows_present(
    alembic_runner: MigrationContext, alembic_engine: Engine
) -> None:
    directory = ScriptDirectory.from_config(alembic_runner.command_executor.alembic_config)
    steps = list(reversed(list(directory.walk_revisions())))
    for step in steps:
        before = content(alembic_engine)
        down = f"{step.revision}@{step.down_revision or 'base'}"
        alembic_runner.raw_command("upgrade", step.revision)
        alembic_runner.raw_command("downgrade", down)
        assert content(alembic_engine) == before, step.revision
        alembic_runner.raw_command("upgrade", step.revision)
        with alembic_engine.begin() as connection:
            for insert in ROWS.get(step.revision, []):
                connection.execute(text(insert))
    assert {step.revision for step in steps} == migrations.revisions()
    assert all(content(alembic_engine).values()), "a table without rows: name some in ROWS"
