"""A background task runs after the request's session has ended: its rows are lost.

FastAPI runs background tasks when the answer is sent. The session that was handed to one is closed,
works again all the same (test64), and nobody commits it. A task opens a session of its own; what
must not be lost goes into a table as a job (test99).

Docs: https://fastapi.tiangolo.com/tutorial/background-tasks/
"""

from collections.abc import AsyncIterator
from typing import Annotated

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Http, Observation, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"
seed = None


async def add(session: AsyncSession) -> None:
    session.add(User(username="walker"))
    await session.flush()


async def rows(engine: AsyncEngine) -> dict[str, int | None]:
    async with AsyncSession(engine) as session:
        return {"rows": await session.scalar(select(func.count(User.id)))}


@wrong
async def the_requests_session(engine: AsyncEngine, http: Http) -> dict[str, int | None]:
    """add a row in a background task, with the request's session"""
    from fastapi import BackgroundTasks, Depends, FastAPI

    app, kept = FastAPI(), list[AsyncSession]()

    async def session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as opened, opened.begin():
            kept.append(opened)
            yield opened

    @app.post("/users")
    async def create(
        session: Annotated[AsyncSession, Depends(session, scope="function")], tasks: BackgroundTasks
    ) -> None:
        tasks.add_task(add, session)

    await (await http.client(app)).post("/users")
    await kept[0].close()
    return await rows(engine)


@right
async def a_session_of_its_own(engine: AsyncEngine, http: Http) -> dict[str, int | None]:
    """the same with a session of its own"""
    from fastapi import BackgroundTasks, FastAPI

    app = FastAPI()

    async def add_in_a_session() -> None:
        async with AsyncSession(engine) as session, session.begin():
            await add(session)

    @app.post("/users")
    async def create(tasks: BackgroundTasks) -> None:
        tasks.add_task(add_in_a_session)

    await (await http.client(app)).post("/users")
    return await rows(engine)


def check(the_requests_session: Observation, a_session_of_its_own: Observation) -> None:
    assert the_requests_session.value == {"rows": 0}
    assert a_session_of_its_own.value == {"rows": 1}


main = main_of(__name__)
