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

from orm_async_tests.harness import Seen, main_of, right, wrong
from orm_async_tests.models import User

world = None


async def add(session: AsyncSession) -> None:
    session.add(User(username="walker"))
    await session.flush()


async def add_in_its_own(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session, session.begin():
        await add(session)


async def rows(engine: AsyncEngine, own: bool) -> dict[str, int | None]:
    """The rows that are there after a request with a background task."""
    from fastapi import BackgroundTasks, Depends, FastAPI
    from httpx import ASGITransport, AsyncClient

    app, kept = FastAPI(), list[AsyncSession]()

    async def session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as opened, opened.begin():
            kept.append(opened)
            yield opened

    @app.post("/users")
    async def create(
        session: Annotated[AsyncSession, Depends(session, scope="function")], tasks: BackgroundTasks
    ) -> None:
        tasks.add_task(add_in_its_own, engine) if own else tasks.add_task(add, session)

    async with AsyncClient(transport=ASGITransport(app), base_url="http://users") as client:
        await client.post("/users")
    await kept[0].close()
    async with AsyncSession(engine) as opened:
        return {"rows": await opened.scalar(select(func.count(User.id)))}


@wrong
async def the_requests_session(engine: AsyncEngine) -> dict[str, int | None]:
    """add a row in a background task, with the request's session"""
    return await rows(engine, own=False)


@right
async def a_session_of_its_own(engine: AsyncEngine) -> dict[str, int | None]:
    """the same with a session of its own"""
    return await rows(engine, own=True)


def check(the_requests_session: Seen, a_session_of_its_own: Seen) -> None:
    assert the_requests_session.value == {"rows": 0}
    assert a_session_of_its_own.value == {"rows": 1}


main = main_of(__name__)
