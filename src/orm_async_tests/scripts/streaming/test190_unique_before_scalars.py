"""scalars() of a stream keeps the stream's unique() and columns().

scalars() of an execute() has always kept them. Before 2.0.56 and 2.1.6, the scalars of a stream
came from the result beneath it, which ignored both calls: you could not stream objects with a
joined collection, and columns() returned the first column in any case. On older versions, take the
values from rows.

Docs: https://docs.sqlalchemy.org/en/21/changelog/changelog_21.html#change-2.1.6
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from orm_async_tests.harness import Observation, Upstream, main_of, right, variant
from orm_async_tests.models import User

ALSO = "aiosqlite"
DEFECT = Upstream(
    "scalars() of a stream forgets the stream's unique() and columns()",
    {"sqlalchemy": ">=2.0,<2.0.56 or >=2.1,<2.1.6"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13688",
    "wrong result",
)
JOINED = select(User).options(joinedload(User.points)).order_by(User.id)
NAMES = select(User.id, User.username).order_by(User.id)


@variant
async def executed(session: AsyncSession) -> dict[str, object]:
    """execute(): unique().scalars(), and columns(1).scalars()"""
    users = (await session.execute(JOINED)).unique().scalars().all()
    names = (await session.execute(NAMES)).columns(1).scalars().all()
    return {"points": [len(user.points) for user in users], "names": names}


@variant
async def streamed(session: AsyncSession) -> dict[str, object]:
    """stream(): columns(1).scalars()"""
    return {"names": await (await session.stream(NAMES)).columns(1).scalars().all()}


@variant
async def streamed_objects(session: AsyncSession) -> dict[str, object]:
    """stream(): unique().scalars() of users joined with their points"""
    users = await (await session.stream(JOINED)).unique().scalars().all()
    return {"points": [len(user.points) for user in users]}


@right
async def from_rows(session: AsyncSession) -> dict[str, object]:
    """stream(): objects and names from the rows"""
    rows = await session.stream(JOINED)
    points = [len(user.points) async for (user,) in rows.unique()]
    names = [name async for _, name in await session.stream(NAMES)]
    return {"points": points, "names": names}


def check(
    executed: Observation,
    streamed: Observation,
    streamed_objects: Observation,
    from_rows: Observation,
) -> None:
    names = ["username-1", "username-2", "username-3"]
    assert executed.value == from_rows.value == {"points": [2, 2, 2], "names": names}
    with DEFECT:
        assert streamed.value == {"names": names}
        assert streamed_objects.value == {"points": [2, 2, 2]}


main = main_of(__name__)
