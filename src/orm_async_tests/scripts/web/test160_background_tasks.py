"""If a background task uses the request's session, the rows of the task may be lost.

FastAPI runs background tasks after the response. With Depends(..., scope="function"), the session
is closed before the background task runs, and nobody commits the transaction that the task begins.
With the default scope of a FastAPI dependency, the rows of a background task are committed, but the
request holds its connection until the task ends. Open a separate session in the background task. If
work must not be lost, store it as a job in a table (test99).

Docs: https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Http, Observation, checked_out, main_of, right, wrong
from orm_async_tests.models import User

ALSO = "aiosqlite"
seed = None


async def count_users(session: AsyncSession) -> int | None:
    return await session.scalar(select(func.count(User.id)))


async def add_user(_: AsyncEngine, session: AsyncSession) -> None:
    session.add(User(username="walker"))
    await session.flush()


async def add_user_in_own_session(engine: AsyncEngine, _: AsyncSession) -> None:
    async with AsyncSession(engine) as session, session.begin():
        await add_user(engine, session)


async def post(
    engine: AsyncEngine,
    http: Http,
    scope: Literal["function", "request"],
    task: Callable[[AsyncEngine, AsyncSession], Awaitable[None]],
) -> dict[str, int | None]:
    from fastapi import BackgroundTasks, Depends, FastAPI

    app, in_use, sessions = FastAPI(), list[int](), list[AsyncSession]()

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as session, session.begin():
            sessions.append(session)
            await count_users(session)
            yield session

    async def work(session: AsyncSession) -> None:
        in_use.append(checked_out(engine))
        await task(engine, session)

    @app.post("/users")
    async def create(
        session: Annotated[AsyncSession, Depends(get_session, scope=scope)], tasks: BackgroundTasks
    ) -> None:
        tasks.add_task(work, session)

    await (await http.client(app)).post("/users")
    await sessions[0].close()
    async with AsyncSession(engine) as session:
        return {"rows": await count_users(session), "connections before the task": in_use[0]}


@wrong
async def function_scope(engine: AsyncEngine, http: Http) -> dict[str, int | None]:
    """with Depends(scope="function"), use the request's session in the background task"""
    return await post(engine, http, "function", add_user)


@wrong
async def request_scope(engine: AsyncEngine, http: Http) -> dict[str, int | None]:
    """with Depends(scope="request"), use the request's session in the background task"""
    return await post(engine, http, "request", add_user)


@right
async def own_session(engine: AsyncEngine, http: Http) -> dict[str, int | None]:
    """with Depends(scope="function"), open a session in the background task"""
    return await post(engine, http, "function", add_user_in_own_session)


def check(
    function_scope: Observation, request_scope: Observation, own_session: Observation
) -> None:
    assert function_scope.value == {"rows": 0, "connections before the task": 0}
    assert request_scope.value == {"rows": 1, "connections before the task": 1}
    assert own_session.value == {"rows": 1, "connections before the task": 0}


main = main_of(__name__)
