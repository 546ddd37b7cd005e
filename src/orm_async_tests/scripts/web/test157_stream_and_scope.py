"""A stream from a function-scoped session takes a connection again and keeps it.

The session is closed when the endpoint's function returns, and the stream begins after that: a
closed session works again (test64), so it takes a connection that nobody gives back. A generator
that streams opens a session of its own.

Docs: https://fastapi.tiangolo.com/advanced/custom-response/#streamingresponse
"""

from collections.abc import AsyncIterator
from typing import Annotated

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Http, Observation, checked_out, main_of, right, wrong
from orm_async_tests.models import User

Sent = dict[str, object]


async def names(session: AsyncSession) -> AsyncIterator[str]:
    for name in await session.scalars(select(User.username).order_by(User.id)):
        yield name[-1]


@wrong
async def the_requests_session(engine: AsyncEngine, http: Http) -> Sent:
    """stream from the session of the dependency"""
    from fastapi import Depends, FastAPI, responses

    app, kept = FastAPI(), list[AsyncSession]()

    async def session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as opened:
            kept.append(opened)
            yield opened

    @app.get("/names")
    async def stream(
        session: Annotated[AsyncSession, Depends(session, scope="function")],
    ) -> responses.StreamingResponse:
        return responses.StreamingResponse(names(session))

    answer = await (await http.client(app)).get("/names")
    sent = {"names": answer.text, "connections in use": checked_out(engine)}
    await kept[0].close()
    return sent


@right
async def a_session_of_its_own(engine: AsyncEngine, http: Http) -> Sent:
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

    answer = await (await http.client(app)).get("/names")
    return {"names": answer.text, "connections in use": checked_out(engine)}


def check(the_requests_session: Observation, a_session_of_its_own: Observation) -> None:
    assert the_requests_session.value == {"names": "123", "connections in use": 1}
    assert a_session_of_its_own.value == {"names": "123", "connections in use": 0}


main = main_of(__name__)
