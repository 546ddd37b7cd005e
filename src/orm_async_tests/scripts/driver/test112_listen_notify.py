"""You lose notifications while no connection listens, so read the table after reconnecting.

LISTEN applies to one connection only. When the listening connection breaks, you lose all
notifications until another connection executes LISTEN. Treat a notification as a hint that the
table has new rows. After LISTEN, read all rows that are newer than the last row that you know.

Docs: https://www.postgresql.org/docs/current/sql-notify.html
"""

import asyncio

from sqlalchemy import MetaData, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.harness import Activity, Observation, main_of, right, wrong

ONLY = "asyncpg"
Notifications = asyncio.Queue[str]


class Base(DeclarativeBase):
    metadata = MetaData(schema="test112")


class News(Base):
    __tablename__ = "news"
    id: Mapped[int] = mapped_column(primary_key=True)


async def publish(engine: AsyncEngine, number: int) -> None:
    async with AsyncSession(engine) as session, session.begin():
        session.add(News(id=number))
        await session.execute(select(func.pg_notify("test112", str(number))))


async def listen(connection: AsyncConnection, queue: Notifications) -> None:
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    await driver.add_listener("test112", lambda *arguments: queue.put_nowait(arguments[-1]))


@wrong(engine={"pool_pre_ping": True})
async def listen_again(engine: AsyncEngine, activity: Activity) -> list[str]:
    """lose the connection, miss a notification, and listen again"""
    queue, news = Notifications(), []
    async with engine.connect() as connection:
        await listen(connection, queue)
        await publish(engine, 1)
        news.append(await queue.get())
        await activity.terminate()
    await publish(engine, 2)
    async with engine.connect() as connection:
        await listen(connection, queue)
        await publish(engine, 3)
        return [*news, await queue.get()]


@right(engine={"pool_pre_ping": True})
async def listen_again_and_read(engine: AsyncEngine, activity: Activity) -> list[str]:
    """lose the connection, listen again, and read the newer rows of the table"""
    queue, news = Notifications(), []
    async with engine.connect() as connection:
        await listen(connection, queue)
        await publish(engine, 1)
        news.append(await queue.get())
        await activity.terminate()
    await publish(engine, 2)
    async with engine.connect() as connection, AsyncSession(engine) as session:
        await listen(connection, queue)
        news += map(str, await session.scalars(select(News.id).where(News.id > int(news[-1]))))
        await publish(engine, 3)
        return [*news, await queue.get()]


def check(listen_again: Observation, listen_again_and_read: Observation) -> None:
    assert listen_again.value == ["1", "3"]
    assert listen_again_and_read.value == ["1", "2", "3"]


main = main_of(__name__)
