"""If a response streams from a function-scoped session, the pool never gets the connection back.

FastAPI closes a function-scoped session when the endpoint function returns, but the response starts
to stream later. A stream that uses a closed session begins a new transaction (test64), and nothing
returns its connection to the pool. Open a session inside the generator that streams.

Docs: https://fastapi.tiangolo.com/advanced/custom-response/#streamingresponse
"""

from collections.abc import AsyncIterator
from typing import Annotated

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Http, Observation, checked_out, main_of, right, wrong
from orm_async_tests.models import User

Outcome = dict[str, object]


async def names(session: AsyncSession) -> AsyncIterator[str]:
    for name in await session.scalars(select(User.username).order_by(User.id)):
        yield name[-1]


@wrong
async def request_session(engine: AsyncEngine, http: Http) -> Outcome:
    """stream from the session of a function-scoped dependency"""
    from fastapi import Depends, FastAPI, responses

    app, sessions = FastAPI(), list[AsyncSession]()

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as session:
            sessions.append(session)
            yield session

    @app.get("/names")
    async def stream(
        session: Annotated[AsyncSession, Depends(get_session, scope="function")],
    ) -> responses.StreamingResponse:
        return responses.StreamingResponse(names(session))

    response = await (await http.client(app)).get("/names")
    outcome = {"names": response.text, "connections in use": checked_out(engine)}
    await sessions[0].close()
    return outcome


@right
async def own_session(engine: AsyncEngine, http: Http) -> Outcome:
    """stream from a session that the generator opens"""
    from fastapi import FastAPI, responses

    app = FastAPI()

    async def names_in_a_session() -> AsyncIterator[str]:
        async with AsyncSession(engine) as session:
            async for name in names(session):
                yield name

    @app.get("/names")
    async def stream() -> responses.StreamingResponse:
        return responses.StreamingResponse(names_in_a_session())

    response = await (await http.client(app)).get("/names")
    return {"names": response.text, "connections in use": checked_out(engine)}


def check(request_session: Observation, own_session: Observation) -> None:
    assert request_session.value == {"names": "123", "connections in use": 1}
    assert own_session.value == {"names": "123", "connections in use": 0}


main = main_of(__name__)
