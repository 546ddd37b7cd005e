"""FastAPI's usual dependency commits after the answer: a failed commit was a 200.

What stands behind `yield` in a dependency runs when the answer has been sent. A COMMIT may fail,
here by a deferred constraint, and the client has been told that all is well. scope="function" ends
the dependency with the endpoint's function, before the answer.

Symptom: 23505 "duplicate key value violates unique constraint"
Docs: https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from sqlalchemy import MetaData, UniqueConstraint, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Seen, main_of, right, wrong


class Base(DeclarativeBase):
    metadata = MetaData(schema="test50")


class Tour(Base):
    __tablename__ = "tours"
    __table_args__ = (UniqueConstraint("name", deferrable=True, initially="DEFERRED"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


async def posted_twice(engine: AsyncEngine, **scope: Any) -> dict[str, object]:
    """The two answers, and the rows that there are then."""
    from fastapi import Depends, FastAPI
    from httpx import ASGITransport, AsyncClient

    app = FastAPI()

    async def session() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as opened, opened.begin():
            yield opened

    @app.post("/tours")
    async def create(session: Annotated[AsyncSession, Depends(session, **scope)]) -> None:
        session.add(Tour(name="Venediger"))

    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://tours") as client:
        statuses = [(await client.post("/tours")).status_code for _ in range(2)]
    async with AsyncSession(engine) as opened:
        return {"statuses": statuses, "rows": await opened.scalar(select(func.count(Tour.id)))}


@wrong
async def usual_scope(engine: AsyncEngine) -> dict[str, object]:
    """post the same name twice; commit in a dependency"""
    return await posted_twice(engine)


@right
async def function_scope(engine: AsyncEngine) -> dict[str, object]:
    """the same with `scope="function"`"""
    return await posted_twice(engine, scope="function")


def check(usual_scope: Seen, function_scope: Seen) -> None:
    assert usual_scope.value == {"statuses": [200, 200], "rows": 1}
    assert function_scope.value == {"statuses": [200, 500], "rows": 1}


main = main_of(__name__)
