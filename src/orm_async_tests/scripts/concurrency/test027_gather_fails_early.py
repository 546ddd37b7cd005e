"""When gather() fails early, leaving the session loses your error and a slot.

gather() raises the first error at once and lets its other tasks run on. On asyncpg the
session cannot roll back while one of them uses its connection: an InterfaceError takes the
place of yours, and the connection stays checked out until it is garbage. A TaskGroup ends
its tasks before it raises. psycopg waits for them.

Symptom: asyncpg: InterfaceError "another operation is in progress"
Symptom: asyncpg: SAWarning "garbage collector is trying to clean up non-checked-in connection"
Docs: https://docs.python.org/3/library/asyncio-task.html#asyncio.gather
Docs: https://github.com/sqlalchemy/sqlalchemy/issues/10092
"""

from asyncio import TaskGroup, create_task, gather, wait

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, Upstream, checked_out, main_of, right, wrong

ALSO = "aiosqlite"
DEFECT = Upstream(
    "leaving a session that a task still uses loses your error, and the pool's slot",
    {"sqlalchemy": ">=2.0,<2.2", "asyncpg": ">=0.30,<0.33"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/10092",
    "breaks the pool",
)
SLOW = select(func.pg_sleep(0.05))


async def mistake() -> None:
    raise ValueError


@wrong(leaks=True, warns=True, unhandled=True)
async def gathered(engine: AsyncEngine) -> dict[str, object]:
    """gather(): a query, and a mistake"""
    tasks = []
    try:
        async with AsyncSession(engine) as session:
            await session.execute(select(1))
            tasks = [create_task(session.execute(SLOW)), create_task(mistake())]
            await gather(*tasks)
    except Exception as error:
        await wait(tasks)  # for the sake of this script
        return {
            "my error arrived": isinstance(error, ValueError),
            "connections in use": checked_out(engine),
        }
    return {"my error arrived": False, "connections in use": 0}


@right
async def grouped(engine: AsyncEngine) -> dict[str, object]:
    """TaskGroup: the same query, and the same mistake"""
    mine = False
    try:
        async with AsyncSession(engine) as session:
            await session.execute(select(1))
            async with TaskGroup() as tasks:
                tasks.create_task(session.execute(SLOW))
                tasks.create_task(mistake())
    except* ValueError as errors:
        mine = len(errors.exceptions) == 1
    return {"my error arrived": mine, "connections in use": checked_out(engine)}


def check(gathered: Observation, grouped: Observation) -> None:
    assert grouped.value == {
        "my error arrived": True,
        "connections in use": 0,
    }  # my error arrives, and no slot is taken

    assert gathered.value["connections in use"] == int(not gathered.value["my error arrived"])
    with DEFECT:
        assert gathered.value == {"my error arrived": True, "connections in use": 0}


main = main_of(__name__)
