"""FastAPI's usual dependency commits after the answer: a failed commit was a 200.

What stands behind `yield` in a dependency runs after the answer: if COMMIT fails, as here by a
deferred constraint, the client was told that all is well. scope="function" ends it before that.

Symptom: 23505 "duplicate key value violates unique constraint"
Docs: https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/
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


async def posted_twice(engine: AsyncEngine, client: Any) -> dict[str, object]:
    statuses = [(await client.post("/tours")).status_code for _ in range(2)]
    async with AsyncSession(engine) as session:
        return {"statuses": statuses, "rows": await session.scalar(select(func.count(Tour.id)))}


@wrong
async def usual_scope(engine: AsyncEngine, http: Http) -> dict[str, object]:
    """post the same name twice; commit in a dependency"""
    from fastapi import Depends, FastAPI

    app = FastAPI()

    async def session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as opened, opened.begin():
            yield opened

    @app.post("/tours")
    async def create(session: Annotated[AsyncSession, Depends(session)]) -> None:
        session.add(Tour(name="Venediger"))

    return await posted_twice(engine, await http.client(app, raise_app_exceptions=False))


@right
async def function_scope(engine: AsyncEngine, http: Http) -> dict[str, object]:
    """the same with `scope="function"`"""
    from fastapi import Depends, FastAPI

    app = FastAPI()

    async def session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as opened, opened.begin():
            yield opened

    @app.post("/tours")
    async def create(
        session: Annotated[AsyncSession, Depends(session, scope="function")],
    ) -> None:
        session.add(Tour(name="Venediger"))

    return await posted_twice(engine, await http.client(app, raise_app_exceptions=False))


def check(usual_scope: Observation, function_scope: Observation) -> None:
    assert usual_scope.value == {"statuses": [200, 200], "rows": 1}
    assert function_scope.value == {"statuses": [200, 500], "rows": 1}


main = main_of(__name__)
