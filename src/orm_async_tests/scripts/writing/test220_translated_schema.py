"""A statement's schema_translate_map does not apply to the flush that the statement triggers.

Execution options of a statement do not apply to the INSERT of a flush that the statement triggers.
Without schema_translate_map, the flush writes the rows of a tenant to the wrong schema, and raises
no error. Put schema_translate_map on the engine, or on the session's connection. Since SQLAlchemy
2.1, you can also put schema_translate_map on the session (test137).

Docs: https://docs.sqlalchemy.org/en/21/core/connections.html#translation-of-schema-names
"""

from typing import Any

from sqlalchemy import MetaData, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Observation, main_of, right, wrong

TENANT: dict[str, Any] = {"schema_translate_map": {"test220": "test220_alps"}}


class Base(DeclarativeBase):
    metadata = MetaData(schema="test220")


class Tour(Base):
    __tablename__ = "tours"

    id: Mapped[int] = mapped_column(primary_key=True)


async def seed(connection: AsyncConnection) -> None:
    for command in (
        "DROP SCHEMA IF EXISTS test220_alps CASCADE",
        "CREATE SCHEMA test220_alps",
        "CREATE TABLE test220_alps.tours (LIKE test220.tours INCLUDING INDEXES)",
    ):
        await connection.execute(text(command))


@wrong
async def of_a_statement(session: AsyncSession) -> dict[str, list[int]]:
    """add a row, and pass schema_translate_map to the query"""
    session.add(Tour(id=1))
    tours = await session.scalars(select(Tour.id), execution_options=TENANT)
    return {"the tenant's tours": [*tours]}


@right
async def of_the_connection(session: AsyncSession) -> dict[str, list[int]]:
    """pass schema_translate_map to the session's connection, add a row, and query"""
    await session.connection(execution_options=TENANT)
    session.add(Tour(id=1))
    tours = await session.scalars(select(Tour.id))
    return {"the tenant's tours": [*tours]}


@right
async def of_the_engine(engine: AsyncEngine) -> dict[str, list[int]]:
    """pass schema_translate_map to the engine, add a row, and query"""
    async with AsyncSession(engine.execution_options(**TENANT)) as session:
        session.add(Tour(id=1))
        tours = await session.scalars(select(Tour.id))
        return {"the tenant's tours": [*tours]}


def check(
    of_a_statement: Observation, of_the_connection: Observation, of_the_engine: Observation
) -> None:
    assert of_a_statement.value == {"the tenant's tours": []}
    assert "INTO test220.tours" in of_a_statement.sql[0]
    assert of_the_connection.value == of_the_engine.value == {"the tenant's tours": [1]}


main = main_of(__name__)
