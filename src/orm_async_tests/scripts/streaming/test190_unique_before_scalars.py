"""scalars() on the result of stream() respects an earlier unique() or columns().

Before SQLAlchemy 2.0.56 and 2.1.6, scalars() on a stream ignored unique(), so you could not stream
objects with a joined collection. Before SQLAlchemy 2.0.56 and 2.1.6, scalars() on a stream ignored
columns(), and returned the first column. If you use a release before SQLAlchemy 2.0.56 or 2.1.6,
take the values from the rows of the stream instead of calling scalars().

Docs: https://docs.sqlalchemy.org/en/21/changelog/changelog_21.html#change-2.1.6
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from orm_async_tests.harness import Observation, Upstream, main_of, right, variant
from orm_async_tests.models import User

ALSO = "aiosqlite"
DEFECT = Upstream(
    "scalars() on a stream ignores an earlier unique() and columns()",
    {"sqlalchemy": ">=2.0,<2.0.56 or >=2.1,<2.1.6"},
    "https://github.com/sqlalchemy/sqlalchemy/issues/13688",
    "wrong result",
)
JOINED = select(User).options(joinedload(User.points)).order_by(User.id)
NAMES = select(User.id, User.username).order_by(User.id)


@variant
async def executed(session: AsyncSession) -> dict[str, object]:
    """call unique().scalars() and columns(1).scalars() on results of execute()"""
    users = (await session.execute(JOINED)).unique().scalars().all()
    names = (await session.execute(NAMES)).columns(1).scalars().all()
    return {"points": [len(user.points) for user in users], "names": names}


@variant
async def streamed(session: AsyncSession) -> dict[str, object]:
    """call columns(1).scalars() on a stream"""
    return {"names": await (await session.stream(NAMES)).columns(1).scalars().all()}


@variant
async def streamed_objects(session: AsyncSession) -> dict[str, object]:
    """call unique().scalars() on a stream of users joined with their points"""
    users = await (await session.stream(JOINED)).unique().scalars().all()
    return {"points": [len(user.points) for user in users]}


@right
async def from_rows(session: AsyncSession) -> dict[str, object]:
    """take users and usernames from the rows of streams"""
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
