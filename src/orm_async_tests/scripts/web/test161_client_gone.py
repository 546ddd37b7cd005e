"""When its client has gone an endpoint works on and commits; a stream rolls back.

Uvicorn tells only those who ask for the next message. An endpoint does not, so give its writes a
key for another try (test154). StreamingResponse does, and AnyIO cancels it; on asyncpg its query
lives on in the server (test37). A server of ASGI 2.4 fails a stream at its next part instead.

Docs: https://asgi.readthedocs.io/en/latest/specs/www.html#disconnect-receive-event
"""

import asyncio
from collections.abc import AsyncIterator
from socket import create_server

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Activity, Seen, Sessions, main_of, way
from orm_async_tests.models import User

NAME = select(User.username).where(User.id == 1)
CHANGE = update(User).where(User.id == 1).values(username="guide")


async def change(Session: Sessions) -> AsyncIterator[str]:
    async with Session() as session:
        await session.execute(CHANGE)
        await session.commit()
    yield "done"


async def name_after(
    session: AsyncSession, Session: Sessions, activity: Activity, streams: bool
) -> str | None:
    """The name, when the client has gone while its request waited for this session's lock."""
    import uvicorn
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse, Response, StreamingResponse

    app, listening = FastAPI(), create_server(("127.0.0.1", 0))
    web = uvicorn.Server(uvicorn.Config(app, log_config=None))

    @app.get("/")
    async def respond() -> Response:
        parts = change(Session)
        return StreamingResponse(parts) if streams else JSONResponse([each async for each in parts])

    await session.execute(NAME.with_for_update())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(web.serve([listening]))
        answer, client = await asyncio.open_connection(*listening.getsockname())
        client.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        await activity.until_blocked()
        client.write_eof()
        await answer.read()  # until uvicorn has noticed, and hangs up as well
        client.close()
        web.should_exit = True
        await session.rollback()
    return await session.scalar(NAME)


@way
async def endpoint(session: AsyncSession, Session: Sessions, activity: Activity) -> str | None:
    """an endpoint that writes"""
    return await name_after(session, Session, activity, streams=False)


@way
async def stream(session: AsyncSession, Session: Sessions, activity: Activity) -> str | None:
    """a stream that writes"""
    return await name_after(session, Session, activity, streams=True)


def check(endpoint: Seen, stream: Seen) -> None:
    assert endpoint.value == "guide"
    assert stream.value == "username-1"


main = main_of(__name__)
