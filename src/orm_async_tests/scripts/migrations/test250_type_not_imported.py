"""Autogenerate does not import your column types: the new revision raises NameError.

Autogenerate writes the module name of your column type into the revision, but does not import the
module. Add the import of your column type in a render_item function of env.py, or in the template
script.py.mako. A render_item function can write the database's type into the revision instead of
your column type.

Docs: https://alembic.sqlalchemy.org/en/latest/autogenerate.html#affecting-the-rendering-of-types-themselves
Symptom: you get NameError "name ... is not defined" with "upgrade" in the traceback.
"""

from typing import Any, Literal

from sqlalchemy import Column, Connection, Integer, MetaData, Table, TypeDecorator, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase

from alembic import command
from orm_async_tests.harness import Observation, alembic_environment, main_of, right, wrong

SCHEMA = "test250"
COLUMN = text(
    f"SELECT data_type FROM information_schema.columns WHERE table_schema = '{SCHEMA}'"
    " AND column_name = 'length'"
)


class Kilometers(TypeDecorator[int]):
    impl = Integer
    cache_ok = True


class Base(DeclarativeBase):
    metadata = MetaData(schema=SCHEMA)


def import_type(kind: str, item: object, autogen_context: Any) -> str | Literal[False]:
    if kind != "type" or not isinstance(item, Kilometers):
        return False
    autogen_context.imports.add(f"from {Kilometers.__module__} import Kilometers")
    return repr(item)


def name_type(kind: str, item: object, _context: Any) -> str | Literal[False]:
    return "sa.Integer()" if kind == "type" and isinstance(item, Kilometers) else False


async def autogenerate_and_upgrade(engine: AsyncEngine, **options: Any) -> dict[str, Any]:
    models = MetaData(schema=Base.metadata.schema)
    Table("walks", models, Column("length", Kilometers))

    def run(connection: Connection) -> None:
        with alembic_environment(
            connection=connection,
            version_table_schema=SCHEMA,
            target_metadata=models,
            include_schemas=True,
            include_name=lambda name, kind, _: kind != "schema" or name == SCHEMA,
            **options,
        ) as config:
            command.revision(config, autogenerate=True)
            command.upgrade(config, "head")

    async with engine.begin() as connection:
        await connection.run_sync(run)
        return {"type": await connection.scalar(COLUMN)}


@wrong
async def by_default(engine: AsyncEngine) -> dict[str, Any]:
    """run `alembic revision --autogenerate`, then `alembic upgrade`"""
    return await autogenerate_and_upgrade(engine)


@right
async def imported(engine: AsyncEngine) -> dict[str, Any]:
    """autogenerate with a render_item function that imports the column type"""
    return await autogenerate_and_upgrade(engine, render_item=import_type)


@right
async def named(engine: AsyncEngine) -> dict[str, Any]:
    """autogenerate with a render_item function that writes the database's type"""
    return await autogenerate_and_upgrade(engine, render_item=name_type)


def check(by_default: Observation, imported: Observation, named: Observation) -> None:
    assert isinstance(by_default.error, NameError)
    assert imported.value == named.value == {"type": "integer"}


main = main_of(__name__)
