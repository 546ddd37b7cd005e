"""Even a response stream that sends no SQL keeps the connection of the request's session.

FastAPI runs the code after a dependency's `yield` only after the last byte of the response. After a
query in the endpoint, the session's transaction stays open until the response stream ends. A few
open streams can exhaust the pool (test32). A dependency with scope="function" exits before the
response stream starts.

Docs: https://fastapi.tiangolo.com/advanced/advanced-dependencies/#early-exit-and-scope
"""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Http, Observation, checked_out, main_of, right, wrong
from orm_async_tests.models import User

Outcome = dict[str, str]


async def events(engine: AsyncEngine) -> AsyncIterator[str]:
    for _ in range(3):
        yield str(checked_out(engine))


async def stream_events(
    engine: AsyncEngine, http: Http, scope: Literal["function", "request"]
) -> Outcome:
    from fastapi import Depends, FastAPI, responses

    app = FastAPI()

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as session:
            yield session

    @app.get("/events")
    async def stream(
        session: Annotated[AsyncSession, Depends(get_session, scope=scope)],
    ) -> responses.StreamingResponse:
        await session.get_one(User, 1)
        return responses.StreamingResponse(events(engine))

    response = await (await http.client(app)).get("/events")
    return {"connections in use": response.text}


@wrong
async def request_scope(engine: AsyncEngine, http: Http) -> Outcome:
    """stream with the session of a dependency that has the default scope"""
    return await stream_events(engine, http, "request")


@right
async def function_scope(engine: AsyncEngine, http: Http) -> Outcome:
    """stream with the session of a dependency that has `scope="function"`"""
    return await stream_events(engine, http, "function")


@right
async def closed_session(engine: AsyncEngine, http: Http) -> Outcome:
    """close the session in the endpoint, then stream the response"""
    from fastapi import FastAPI, responses

    app = FastAPI()

    @app.get("/events")
    async def stream() -> responses.StreamingResponse:
        async with AsyncSession(engine) as session:
            await session.get_one(User, 1)
        return responses.StreamingResponse(events(engine))

    response = await (await http.client(app)).get("/events")
    return {"connections in use": response.text}


def check(
    request_scope: Observation, function_scope: Observation, closed_session: Observation
) -> None:
    assert request_scope.value == {"connections in use": "111"}
    assert function_scope.value == closed_session.value == {"connections in use": "000"}


main = main_of(__name__)
