"""The Alembic environment, which uses the caller's connection or connects to the chosen database.

Inside a running event loop, pass a connection, because asyncio.run() cannot be nested:

    config.attributes["connection"] = sync_connection  # within await connection.run_sync(...)
"""

import asyncio
import sys
from logging.config import fileConfig
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.schema import CreateSchema

from alembic import context
from orm_async_tests import db, migrations, postgres
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.exit_codes import run_command
from orm_async_tests.models import Base
from orm_async_tests.service import idempotency_table

HISTORY = migrations.HISTORIES[context.config.config_ini_section]
METADATA = {
    migrations.TRACKING: Base.metadata,
    migrations.SERVICE: idempotency_table.Base.metadata,
}[HISTORY]
OPTIONS: dict[str, Any] = {"target_metadata": METADATA, "version_table_schema": METADATA.schema}


def include_name(name: str | None, kind: str, _: object) -> bool:
    """Return whether Alembic's autogenerate compares a schema or a table with the models.

    Autogenerate ignores the schemas in which scripts create their own tables. The Alembic histories
    TRACKING and SERVICE use different schemas, so autogenerate compares only the tables of one
    history.
    """
    return kind != "schema" or name == METADATA.schema


def prepare(connection: Connection) -> None:
    """Wait for the migration lock, and separate the version tables of the two Alembic histories. If
    the schema of the migrated history is missing, create the schema.

    The migration lock is held until the connection's transaction ends.
    """
    migrations.lock_transaction(connection)
    migrations.separate_histories(connection)
    if METADATA.schema and not inspect(connection).has_schema(METADATA.schema):
        connection.execute(CreateSchema(METADATA.schema))


def configure_and_run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        include_schemas=True,
        include_name=include_name,
        compare_type=True,
        compare_server_default=True,
        **OPTIONS,
    )
    with context.begin_transaction():
        context.run_migrations()


def refuse_or_run(connection: Connection) -> None:
    """Run the migrations, but refuse the database of another program.

    The connection holds the migration lock until the connection is closed. A transaction cannot
    hold the migration lock, because a migration may commit its transaction in `autocommit_block()`.
    """
    connection.execute(text(f"SELECT pg_advisory_lock({migrations.LOCK})"))
    connection.commit()  # the next transaction sees what the previous holder has committed
    migrations.refuse_foreign(connection)
    prepare(connection)
    connection.commit()
    configure_and_run(connection)


async def connect_and_run(database: db.Database) -> None:
    async with db.connect(database, "alembic") as connection:
        with migrations.explain_refusals(database.label):
            await connection.run_sync(refuse_or_run)


def print_sql() -> None:
    """Print the migrations as SQL without a connection, for Alembic's option `--sql`."""
    context.configure(
        dialect_name="postgresql",
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        **OPTIONS,
    )
    with context.begin_transaction():
        if METADATA.schema:
            context.execute(CreateSchema(METADATA.schema, if_not_exists=True))
        context.run_migrations()


def run() -> int:
    passed = context.config.attributes.get("connection")
    if context.is_offline_mode():
        print_sql()
    elif isinstance(passed, Engine):
        with passed.begin() as connection:
            prepare(connection)
            configure_and_run(connection)
    elif passed is not None:
        prepare(passed)
        configure_and_run(passed)
    else:
        arguments = context.get_x_argument(as_dictionary=True)
        if unknown := arguments.keys() - {"db"}:
            raise CouldNotRun(f"the argument {min(unknown)!r} is unknown", "-x", "-x db=URL")
        option = context.config.attributes.get("option", "-x db")
        kind = postgres.SERVICE if HISTORY is migrations.SERVICE else postgres.SCRIPTS
        with db.open_database(arguments.get("db"), cluster_kind=kind, option=option) as database:
            print(f"db: {database.label}, {database.driver}", file=sys.stderr)
            asyncio.run(connect_and_run(database))
    return 0


config_file = context.config.config_file_name
if config_file is not None and context.config.attributes.get("configure_logger", True):
    fileConfig(config_file, disable_existing_loggers=False)
if "connection" in context.config.attributes:
    run()
elif code := run_command(run):
    raise SystemExit(code)
