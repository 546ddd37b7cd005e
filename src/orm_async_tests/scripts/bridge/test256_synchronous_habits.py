"""AsyncSession has no query(), AsyncEngine has no execute(), and a plain `with` raises TypeError.

AsyncSession and AsyncEngine lack SQLAlchemy's legacy methods. Use select() instead of query(), and
execute statements on a connection instead of the engine. Only SQLModel's own AsyncSession has
exec(), so import it from sqlmodel.ext.asyncio.session. An AsyncConnection lacks the methods of the
ORM, for example add() and get(), so open a session.

Create sessions with `Session = async_sessionmaker(engine)`, because sessionmaker(engine) creates
synchronous sessions. Call the session factory in `async with Session() as session`, and enter
connections with `async with`, too. Loop over the result of execute() with a plain `for`, and over
the result of stream() with `async for`.

Docs: https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html#synopsis-orm
Symptom: you get AttributeError "'AsyncSession' object has no attribute".
Symptom: you get AttributeError "'AsyncEngine' object has no attribute".
Symptom: you get TypeError "Async... object does not support the context manager protocol".
Symptom: you get TypeError "'async for' requires an object with __aiter__ method".
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness import Observation, Sessions, main_of, right, wrong
from orm_async_tests.models import User

IDS = select(User.id)


@wrong
async def query(session: Any) -> dict[str, int]:  # Any hides these errors from the type checker
    """call session.query()"""
    return {"users": len(await session.query(User.id).all())}


@wrong
async def engine_execute(engine: Any) -> dict[str, int]:
    """call engine.execute()"""
    return {"users": len((await engine.execute(IDS)).all())}


@wrong
async def plain_with(Session: Any) -> dict[str, int]:
    """open a session with a plain `with`"""
    with Session() as session:
        return {"users": len((await session.scalars(IDS)).all())}


@wrong
async def async_for(session: Any) -> dict[str, int]:
    """loop with `async for` over `await session.execute()`"""
    return {"users": len([row async for row in await session.execute(IDS)])}


@right
async def connected(engine: AsyncEngine) -> dict[str, int]:
    """use `async with engine.connect()`, select() and execute()"""
    async with engine.connect() as connection:
        return {"users": len((await connection.execute(IDS)).all())}


@right
async def async_with(Session: Sessions) -> dict[str, int]:
    """use `async with Session()`, select() and scalars()"""
    async with Session() as session:
        return {"users": len((await session.scalars(IDS)).all())}


@right
async def streamed(session: AsyncSession) -> dict[str, int]:
    """loop with `async for` over `await session.stream()`"""
    return {"users": len([row async for row in await session.stream(IDS)])}


def check(
    query: Observation,
    engine_execute: Observation,
    plain_with: Observation,
    async_for: Observation,
    connected: Observation,
    async_with: Observation,
    streamed: Observation,
) -> None:
    assert isinstance(query.error, AttributeError)
    assert isinstance(engine_execute.error, AttributeError)
    assert isinstance(plain_with.error, TypeError)
    assert isinstance(async_for.error, TypeError)
    assert connected.value == async_with.value == streamed.value == {"users": 3}


main = main_of(__name__)
