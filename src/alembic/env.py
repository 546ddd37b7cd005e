"""Alembic's environment: an async engine on the chosen database, or a connection that is handed in.

Inside a running event loop hand a connection in, since asyncio.run() refuses to nest:

    config.attributes["connection"] = sync_connection  # within await connection.run_sync(...)
"""

import asyncio
import sys
from logging.config import fileConfig
from typing import Any

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.schema import CreateSchema

from alembic import context
from orm_async_tests import db, migrations, postgres
from orm_async_tests.errors import COULD_NOT_RUN, CouldNotRun
from orm_async_tests.models import Base
from orm_async_tests.service import tables

LINE = migrations.LINES[context.config.config_ini_section]
METADATA = {migrations.TRACKS: Base.metadata, migrations.SERVICE: tables.Base.metadata}[LINE]
OPTIONS: dict[str, Any] = {"target_metadata": METADATA, "version_table_schema": METADATA.schema}


def is_ours(name: str | None, kind: str, _: object) -> bool:
    """Whether autogenerate looks at it: scripts and the other line have schemas of their own."""
    return kind != "schema" or name == METADATA.schema


def prepare(connection: Connection) -> None:
    """Wait for the lock, create the branch's schema, and separate the branches of an old database.

    The lock of `upgrade()` is held until the transaction ends, so commands that run at the same
    time take turns.
    """
    migrations.lock(connection)
    migrations.separate(connection)
    if METADATA.schema and not inspect(connection).has_schema(METADATA.schema):
        connection.execute(CreateSchema(METADATA.schema))


def configure_and_run(connection: Connection) -> None:
    """Run the migrations that the command asked for, in one transaction."""
    context.configure(
        connection=connection,
        include_schemas=True,
        include_name=is_ours,
        compare_type=True,
        compare_server_default=True,
        **OPTIONS,
    )
    with context.begin_transaction():
        context.run_migrations()


def refuse_or_run(connection: Connection) -> None:
    """Run the migrations under a lock that other commands wait for, unless the database is foreign.

    The session holds the lock, not a transaction, because a migration may commit on its own
    (`autocommit_block()`). It ends with the connection. Raises CouldNotRun.
    """
    migrations.lock_session(connection)
    connection.commit()  # the next transaction sees what the holder before has committed
    migrations.refuse_foreign(connection)
    prepare(connection)
    connection.commit()
    configure_and_run(connection)


async def online(database: db.Database) -> None:
    """Connect to the chosen database, and leave nothing open."""
    async with db.connect(database, "alembic") as connection:
        await connection.run_sync(refuse_or_run)


def offline() -> None:
    """Print the SQL instead (--sql); this needs no database."""
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


def run() -> None:
    """Choose between the three."""
    handed_in = context.config.attributes.get("connection")
    if context.is_offline_mode():
        offline()
    elif isinstance(handed_in, Engine):
        with handed_in.begin() as connection:
            prepare(connection)
            configure_and_run(connection)
    elif handed_in is not None:
        prepare(handed_in)
        configure_and_run(handed_in)
    else:
        choice = context.get_x_argument(as_dictionary=True).get("db")
        purpose = postgres.SERVICE if LINE is migrations.SERVICE else postgres.SCRIPTS
        with db.open_database(choice, purpose=purpose) as database:
            asyncio.run(online(database))


if context.config.config_file_name is not None:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)
try:
    run()
except CouldNotRun as error:
    if "connection" in context.config.attributes:
        raise
    print(error, file=sys.stderr)
    raise SystemExit(COULD_NOT_RUN) from None
