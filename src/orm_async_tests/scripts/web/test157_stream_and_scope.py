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

from orm_async_tests.harness import Seen, checked_out, main_of, right, wrong
from orm_async_tests.models import User

Sent = dict[str, object]


async def names(session: AsyncSession) -> AsyncIterator[str]:
    for name in await session.scalars(select(User.username).order_by(User.id)):
        yield name[-1]


async def own_session(engine: AsyncEngine) -> AsyncIterator[str]:
    async with AsyncSession(engine) as session:
        async for name in names(session):
            yield name


async def streamed(engine: AsyncEngine, kept: list[AsyncSession], own: bool) -> Sent:
    """The body, and the connections that are out when it has ended."""
    from fastapi import Depends, FastAPI
    from fastapi.responses import StreamingResponse
    from httpx import ASGITransport, AsyncClient

    app = FastAPI()

    async def session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as opened:
            kept.append(opened)
            yield opened

    @app.get("/names")
    async def stream(
        session: Annotated[AsyncSession, Depends(session, scope="function")],
    ) -> StreamingResponse:
        return StreamingResponse(own_session(engine) if own else names(session))

    async with AsyncClient(transport=ASGITransport(app), base_url="http://names") as client:
        body = (await client.get("/names")).text
    return {"names": body, "connections in use": checked_out(engine)}


@wrong
async def the_requests_session(engine: AsyncEngine) -> Sent:
    """stream from the session of the dependency"""
    kept: list[AsyncSession] = []
    seen = await streamed(engine, kept, own=False)
    await kept[0].close()
    return seen


@right
async def a_session_of_its_own(engine: AsyncEngine) -> Sent:
    """stream from a session that the generator opens"""
    return await streamed(engine, [], own=True)


def check(the_requests_session: Seen, a_session_of_its_own: Seen) -> None:
    assert the_requests_session.value == {"names": "123", "connections in use": 1}
    assert a_session_of_its_own.value == {"names": "123", "connections in use": 0}


main = main_of(__name__)
