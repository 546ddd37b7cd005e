"""A FastAPI dependency commits after the response is sent, so a failed commit still returns 200.

By default, FastAPI first sends the response, and then runs the code that follows the `yield` of a
dependency. In this script, COMMIT fails because of a deferred constraint, but the client has
already received status 200. A dependency with scope="function" exits before the response is sent.

Docs: https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/
Symptom: you get an error (SQLSTATE 23505) "duplicate key value violates unique constraint".
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from sqlalchemy import MetaData, UniqueConstraint, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Http, Observation, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test50")


class Tour(Base):
    __tablename__ = "tours"
    __table_args__ = (UniqueConstraint("name", deferrable=True, initially="DEFERRED"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


async def post_twice(engine: AsyncEngine, client: Any) -> dict[str, object]:
    statuses = [(await client.post("/tours")).status_code for _ in range(2)]
    async with AsyncSession(engine) as session:
        return {"statuses": statuses, "rows": await session.scalar(select(func.count(Tour.id)))}


@wrong
async def usual_scope(engine: AsyncEngine, http: Http) -> dict[str, object]:
    """post the same name twice, and commit in a dependency with the default scope"""
    from fastapi import Depends, FastAPI

    app = FastAPI()

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as session, session.begin():
            yield session

    @app.post("/tours")
    async def create(session: Annotated[AsyncSession, Depends(get_session)]) -> None:
        session.add(Tour(name="Venediger"))

    return await post_twice(engine, await http.client(app, raise_app_exceptions=False))


@right
async def function_scope(engine: AsyncEngine, http: Http) -> dict[str, object]:
    """post the same name twice, and commit in a dependency with `scope="function"`"""
    from fastapi import Depends, FastAPI

    app = FastAPI()

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as session, session.begin():
            yield session

    @app.post("/tours")
    async def create(
        session: Annotated[AsyncSession, Depends(get_session, scope="function")],
    ) -> None:
        session.add(Tour(name="Venediger"))

    return await post_twice(engine, await http.client(app, raise_app_exceptions=False))


def check(usual_scope: Observation, function_scope: Observation) -> None:
    assert usual_scope.value == {"statuses": [200, 200], "rows": 1}
    assert function_scope.value == {"statuses": [200, 500], "rows": 1}


main = main_of(__name__)
