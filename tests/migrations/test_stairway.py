"""If a revision is upgraded, downgraded and upgraded again, tables and rows stay the same."""

from alembic.script import ScriptDirectory
from pytest_alembic import MigrationContext
from sqlalchemy import Engine, MetaData, select, text
from sqlalchemy.schema import CreateIndex, CreateTable

from orm_async_tests import migrations
from orm_async_tests.service import idempotency_table

VERSION_TABLES = {"alembic_version", "service.alembic_version"}
SCHEMAS = (None, idempotency_table.Base.metadata.schema)
ROWS = {  # inserted once a revision has created its tables
    "97eeeb1ead54": [
        "INSERT INTO users (username) VALUES ('walker')",
        "INSERT INTO track_points (user_id, lat, lon, date) VALUES (1, 45, 14, '2010-10-03')",
    ],
    "c41f7a9d20be": ["INSERT INTO service.idempotency_keys (key, request) VALUES ('k', 'r')"],
}


def read_tables(engine: Engine) -> dict[str, tuple[list[str], list[tuple[object, ...]]]]:
    """Map each table's name to the DDL of the table and its indexes, and to its rows."""
    tables = {}
    metadata = MetaData()
    with engine.connect() as connection:
        for schema in SCHEMAS:
            metadata.reflect(connection, schema)
        for name in metadata.tables.keys() - VERSION_TABLES:
            table = metadata.tables[name]
            indexes = sorted(str(CreateIndex(index)) for index in table.indexes)
            ddl = [str(CreateTable(table).compile(engine)), *indexes]
            tables[name] = ddl, [tuple(row) for row in connection.execute(select(table))]
    return tables


def test_every_revision_goes_up_down_and_up_with_rows_present(
    alembic_runner: MigrationContext, alembic_engine: Engine
) -> None:
    config = alembic_runner.command_executor.alembic_config
    revisions = list(ScriptDirectory.from_config(config).walk_revisions())[::-1]
    for script in revisions:
        revision, parent = script.revision, script.down_revision or "base"
        before = read_tables(alembic_engine)
        alembic_runner.raw_command("upgrade", revision)
        up = read_tables(alembic_engine)
        alembic_runner.raw_command("downgrade", parent)
        assert read_tables(alembic_engine) == before
        alembic_runner.raw_command("upgrade", revision)
        assert read_tables(alembic_engine) == up
        with alembic_engine.begin() as connection:
            for insert in ROWS.get(revision, []):
                connection.execute(text(insert))

    history = migrations.HISTORIES[config.config_ini_section]
    assert {script.revision for script in revisions} == migrations.revisions(history).keys()
    tables = read_tables(alembic_engine)
    assert all(rows for _, rows in tables.values()), "ROWS must fill every table"
