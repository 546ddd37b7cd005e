"""If the client disconnects, an ordinary endpoint still commits, but a stream rolls back.

Commit before you return a StreamingResponse, because a disconnect cancels the generator of the
response. Clients may repeat a write if they do not get the answer, so use idempotency keys
(test154). The query of a cancelled stream may keep running on the server (test37).

Docs: https://asgi.readthedocs.io/en/latest/specs/www.html#disconnect-receive-event
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.harness import Activity, Http, Observation, Sessions, main_of, variant
from orm_async_tests.harness.definitions.known_defects import (
    CANCEL_IS_LOGGED,
    DEAD_IN_THE_POOL,
    LEFT_OPEN,
)
from orm_async_tests.models import User

SELECT_NAME = select(User.username).where(User.id == 1)
RENAME = update(User).where(User.id == 1).values(username="guide")


async def name_after(session: AsyncSession, activity: Activity, http: Http, app: Any) -> Any:
    await session.execute(SELECT_NAME.with_for_update())
    reader, writer = await asyncio.open_connection(*await http.serve(app))
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    await activity.until_blocked()  # the endpoint waits for the lock of this session
    writer.write_eof()
    await reader.read()  # wait until uvicorn closes the connection
    writer.close()
    await session.rollback()
    await http.aclose()  # wait for the end of the request
    return {"name": await session.scalar(SELECT_NAME)}


@variant
async def endpoint(session: AsyncSession, Session: Sessions, activity: Activity, http: Http) -> Any:
    """disconnect the client while an endpoint updates a row"""
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    async def respond() -> None:
        async with Session() as other, other.begin():
            await other.execute(RENAME)

    return await name_after(session, activity, http, app)


@variant(leaks=True, unhandled=True)
async def stream(session: AsyncSession, Session: Sessions, activity: Activity, http: Http) -> Any:
    """disconnect the client while a streaming response updates a row"""
    from fastapi import FastAPI, responses

    app = FastAPI()

    async def parts() -> AsyncIterator[str]:
        async with Session() as other, other.begin():
            await other.execute(RENAME)
        yield "done"

    @app.get("/")
    async def respond() -> responses.StreamingResponse:
        return responses.StreamingResponse(parts())

    return await name_after(session, activity, http, app)


def check(endpoint: Observation, stream: Observation) -> None:
    assert endpoint.value == {"name": "guide"}
    with DEAD_IN_THE_POOL:
        assert stream.value == {"name": "username-1"}
    with CANCEL_IS_LOGGED:
        assert stream.unhandled == []
    with LEFT_OPEN:
        assert stream.leaked == 0


main = main_of(__name__)
