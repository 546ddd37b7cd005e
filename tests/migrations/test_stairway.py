"""Each step of both lines goes up, down and up, and finds tables and rows as they were."""

from alembic.script import ScriptDirectory
from pytest_alembic import MigrationContext
from sqlalchemy import Engine, MetaData, select, text
from sqlalchemy.schema import CreateIndex, CreateTable

from orm_async_tests import migrations
from orm_async_tests.service import tables

VERSIONS = {"alembic_version", "service.alembic_version"}
SCHEMAS = (None, tables.Base.metadata.schema)
ROWS = {  # what is written once a revision has made its tables
    "97eeeb1ead54": [
        "INSERT INTO users (username) VALUES ('walker')",
        "INSERT INTO track_points (user_id, lat, lon, date) VALUES (1, 45, 14, '2010-10-03')",
    ],
    "c41f7a9d20be": ["INSERT INTO service.idempotency_keys (key, request) VALUES ('k', 'r')"],
}


def content(engine: Engine) -> dict[str, tuple[list[str], list[tuple[object, ...]]]]:
    """Of each table of ours: the statements that make it and its indexes, and its rows."""
    found = {}
    metadata = MetaData()
    with engine.connect() as connection:
        for schema in SCHEMAS:
            metadata.reflect(connection, schema)
        for name in metadata.tables.keys() - VERSIONS:
            table = metadata.tables[name]
            indexes = [str(CreateIndex(each)) for each in table.indexes]
            made_by = [str(CreateTable(table).compile(engine)), *sorted(indexes)]
            found[name] = made_by, [tuple(row) for row in connection.execute(select(table))]
    return found


def test_each_step_goes_up_down_and_up_with_rows_present(
    alembic_runner: MigrationContext, alembic_engine: Engine
) -> None:
    config = alembic_runner.command_executor.alembic_config
    directory, line = (
        ScriptDirectory.from_config(config),
        migrations.LINES[config.config_ini_section],
    )
    steps = list(reversed(list(directory.walk_revisions())))
    for step in steps:
        here, below = step.revision, step.down_revision or "base"
        seen = [content(alembic_engine)]
        for command, to in ("upgrade", here), ("downgrade", below), ("upgrade", here):
            alembic_runner.raw_command(command, to)
            seen.append(content(alembic_engine))
        before, up, down, again = seen
        assert (down, again) == (before, up)
        with alembic_engine.begin() as connection:
            for insert in ROWS.get(here, []):
                connection.execute(text(insert))

    assert {step.revision for step in steps} == migrations.revisions(line)
    assert all(rows for _, rows in content(alembic_engine).values()), "name some in ROWS"
