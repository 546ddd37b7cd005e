"""inspect() of an AsyncEngine raises NoInspectionAvailable: inspect a connection in run_sync().

The inspector sends SQL without an await, so it needs a synchronous Connection, which run_sync()
passes to your function. Inside run_sync(), turn the result of the inspector into plain data,
because the inspector cannot send SQL after run_sync() has returned.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#using-the-inspector-to-inspect-schema-objects
Symptom: you get NoInspectionAvailable (code xd3s)
"Inspection on an AsyncEngine is currently not supported".
"""

from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.harness import Observation, main_of, right, wrong

ALSO = "aiosqlite"


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


@wrong
async def the_engine(engine: AsyncEngine) -> set[str]:
    """inspect the engine"""
    return set(inspect(engine).get_table_names())


@right
async def a_connection_in_run_sync(engine: AsyncEngine) -> set[str]:
    """inspect the connection inside run_sync()"""
    async with engine.connect() as connection:
        return await connection.run_sync(tables)


def check(the_engine: Observation, a_connection_in_run_sync: Observation) -> None:
    assert the_engine.code == "xd3s"
    assert {"users", "track_points"} <= set(a_connection_in_run_sync.value or ())


main = main_of(__name__)
