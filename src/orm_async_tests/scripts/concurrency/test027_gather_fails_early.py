"""If a task in gather() fails, closing the shared session hides the error and leaks a pool slot.

When one task fails, gather() raises the error at once, but the other tasks continue. On asyncpg,
the session cannot roll back while another task uses its connection. The InterfaceError of a failed
rollback hides the error of your task. After a failed rollback, the session's connection stays
checked out until garbage collection. A TaskGroup waits until all of its tasks have ended before it
raises an error.

Docs: https://docs.python.org/3/library/asyncio-task.html#asyncio.gather
Docs: https://github.com/sqlalchemy/sqlalchemy/issues/10092
Symptom: you get InterfaceError "another operation is in progress" on asyncpg.
"""

from asyncio import TaskGroup, create_task, gather, wait

from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, Upstream, checked_out, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"
DEFECT = Upstream(
    "closing a session that a task still uses hides your error and leaks a pool slot",
    {"sqlalchemy": ">=2.0,<2.2", "asyncpg": ">=0.30,<0.33"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/10092",
    "breaks the pool",
)
LOCK = select(User.id).where(User.id == 1).with_for_update()


async def fail() -> None:
    raise ValueError


@wrong(leaks=True, warns=True, unhandled=True)
async def gathered(engine: AsyncEngine, other: AsyncEngine) -> dict[str, object]:
    """in gather(), run one task that queries and one task that raises ValueError"""
    tasks, releases, arrived = [], [], False

    def release(_: object) -> None:
        releases.append(create_task(holder.rollback()))

    async with other.connect() as holder:
        await holder.execute(LOCK)
        # The query ends after SQLAlchemy has begun to close the session.
        event.listen(engine.sync_engine, "rollback", release, once=True)
        try:
            async with AsyncSession(engine) as session:
                await session.execute(select(1))
                tasks = [create_task(session.execute(LOCK)), create_task(fail())]
                await gather(*tasks)
        except Exception as error:
            arrived = isinstance(error, ValueError)
        await wait([*tasks, *releases])  # the script must not end before its tasks
    return {"your error arrived": arrived, "connections in use": checked_out(engine)}


@right
async def grouped(engine: AsyncEngine) -> dict[str, object]:
    """in a TaskGroup, run one task that queries and one task that raises ValueError"""
    arrived = False
    try:
        async with AsyncSession(engine) as session:
            await session.execute(select(1))
            async with TaskGroup() as tasks:
                tasks.create_task(session.execute(LOCK))
                tasks.create_task(fail())
    except* ValueError as errors:
        arrived = len(errors.exceptions) == 1
    return {"your error arrived": arrived, "connections in use": checked_out(engine)}


def check(gathered: Observation, grouped: Observation) -> None:
    assert grouped.value == {
        "your error arrived": True,
        "connections in use": 0,
    }  # no slot of the pool is in use

    assert gathered.value["connections in use"] == int(not gathered.value["your error arrived"])
    with DEFECT:
        assert gathered.value == {"your error arrived": True, "connections in use": 0}


main = main_of(__name__)
