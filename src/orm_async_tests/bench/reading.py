"""Many rows, a stream of them, single rows by key, and a user with the latest points."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import selectinload

from orm_async_tests.bench.workload import Workload
from orm_async_tests.bench.world import TASKS, USERS, World
from orm_async_tests.models import TrackPoint, User

Sums = tuple[int, float]

BATCH, LATEST = 1000, 50
POINTS = TrackPoint.__table__.c
ATTRIBUTES = [
    TrackPoint.id,
    TrackPoint.user_id,
    TrackPoint.lat,
    TrackPoint.lon,
    TrackPoint.date,
    TrackPoint.created_at,
    TrackPoint.updated_at,
]
COLUMNS = "id, user_id, lat, lon, date, created_at, updated_at"
EVERY = f"SELECT {COLUMNS} FROM track_points"
ONE = f"SELECT {COLUMNS} FROM track_points WHERE id = $1"
USER = "SELECT id, username, created_at, updated_at FROM users WHERE id = $1"
NEWEST = f"{EVERY} WHERE user_id = $1 ORDER BY id DESC LIMIT {LATEST}"


def sums(rows: Any) -> Sums:
    """How many rows there are, and the sum of their latitudes."""
    latitudes = [row.lat for row in rows]
    return len(latitudes), sum(latitudes)


async def fetch_raw(world: World) -> Sums:
    latitudes = [row["lat"] for row in await world.raw.fetch(EVERY)]
    return len(latitudes), sum(latitudes)


async def rows_core(world: World) -> Sums:
    async with world.engine.connect() as connection:
        return sums(await connection.execute(select(TrackPoint.__table__)))


async def columns_orm(world: World) -> Sums:
    async with world.Session() as session:
        return sums(await session.execute(select(*ATTRIBUTES)))


async def entities_orm(world: World) -> Sums:
    async with world.Session() as session:
        return sums(await session.scalars(select(TrackPoint)))


async def stream_raw(world: World) -> Sums:
    count, total = 0, 0.0
    async with world.raw.transaction():
        async for row in world.raw.cursor(EVERY, prefetch=BATCH):
            count, total = count + 1, total + row["lat"]
    return count, total


async def stream_core(world: World) -> Sums:
    count, total = 0, 0.0
    async with world.engine.connect() as connection:
        found = await connection.stream(
            select(TrackPoint.__table__), execution_options={"yield_per": BATCH}
        )
        async for rows in found.partitions():
            count, total = count + len(rows), total + sum(row.lat for row in rows)
    return count, total


async def stream_entities(world: World) -> Sums:
    count, total = 0, 0.0
    every = select(TrackPoint).execution_options(yield_per=BATCH)
    async with world.Session() as session:
        found = await session.stream_scalars(every)
        async for points in found.partitions():
            count, total = count + len(points), total + sum(point.lat for point in points)
    return count, total


async def stream_one_by_one(world: World) -> Sums:
    count, total = 0, 0.0
    every = select(TrackPoint).execution_options(yield_per=BATCH)
    async with world.Session() as session:
        async for point in await session.stream_scalars(every):
            count, total = count + 1, total + point.lat
    return count, total


async def get_raw(world: World, key: int) -> float:
    return float((await world.pool.fetchrow(ONE, key))["lat"])


async def get_core(world: World, key: int) -> float:
    async with world.engine.connect() as connection:
        auto = await connection.execution_options(isolation_level="AUTOCOMMIT")
        one = select(TrackPoint.__table__).where(POINTS.id == key)
        return float((await auto.execute(one)).one().lat)


async def get_from(sessions: async_sessionmaker[AsyncSession], key: int) -> float:
    async with sessions() as session:
        return (await session.get_one(TrackPoint, key)).lat


async def get_orm(world: World, key: int) -> float:
    return await get_from(world.Session, key)


async def get_autocommit(world: World, key: int) -> float:
    return await get_from(world.Reads, key)


def in_turn(get: Callable[[World, int], Awaitable[float]]) -> Callable[[World], Awaitable[float]]:
    """Rows by their keys, one after the other."""

    async def way(world: World) -> float:
        return sum([await get(world, 1 + n) for n in range(world.sizes.gets)])

    return way


def at_once(get: Callable[[World, int], Awaitable[float]]) -> Callable[[World], Awaitable[float]]:
    """Rows by their keys, shared between tasks."""

    async def some(world: World, first: int) -> float:
        return sum([await get(world, 1 + n) for n in range(first, world.sizes.gets, TASKS)])

    async def way(world: World) -> float:
        return sum(await asyncio.gather(*(some(world, first) for first in range(TASKS))))

    return way


async def walk_raw(world: World, user: int) -> float:
    await world.raw.fetchrow(USER, user)
    return float(sum(row["lat"] for row in await world.raw.fetch(NEWEST, user)))


async def walk_two_queries(world: World, user: int) -> float:
    newest = select(TrackPoint).where(TrackPoint.user_id == user)
    async with world.Session() as session:
        await session.get_one(User, user)
        found = await session.scalars(newest.order_by(TrackPoint.id.desc()).limit(LATEST))
        return sum(point.lat for point in found)


async def walk_two_queries_core(world: World, user: int) -> float:
    newest = select(TrackPoint.__table__).where(POINTS.user_id == user)
    async with world.Reads() as session:
        (await session.execute(select(User.__table__).where(User.id == user))).one()
        found = await session.execute(newest.order_by(POINTS.id.desc()).limit(LATEST))
        return float(sum(point.lat for point in found))


async def walk_json(world: World, user: int) -> float:
    newest = select(TrackPoint.__table__).where(POINTS.user_id == user)
    points = newest.order_by(POINTS.id.desc()).limit(LATEST).subquery()
    document = select(func.json_agg(func.row_to_json(points.table_valued()))).scalar_subquery()
    async with world.Reads() as session:
        found = await session.execute(select(User.__table__, document).where(User.id == user))
        return float(sum(point["lat"] for point in found.one()[-1]))


async def walk_selectin(world: World, user: int) -> float:
    whole = select(User).where(User.id == user).options(selectinload(User.points))
    async with world.Session() as session:
        points = (await session.scalars(whole)).one().points
        return sum(point.lat for point in points[-LATEST:])


def of_users(
    walk: Callable[[World, int], Awaitable[float]],
) -> Callable[[World], Awaitable[float]]:
    """A walk of each user, one after the other."""

    async def way(world: World) -> float:
        users = min(world.sizes.gets // 4, USERS)
        return sum([await walk(world, 1 + n) for n in range(users)])

    return way


ROWS = Workload(
    "read rows",
    {
        "asyncpg: fetch": fetch_raw,
        "Core: rows": rows_core,
        "ORM: columns": columns_orm,
        "ORM: entities": entities_orm,
    },
)
STREAM = Workload(
    "stream rows",
    {
        "asyncpg: cursor": stream_raw,
        "Core: partitions": stream_core,
        "ORM: partitions of entities": stream_entities,
        "ORM: entities one by one": stream_one_by_one,
    },
)
GETS = {
    "asyncpg: pool": get_raw,
    "Core in AUTOCOMMIT": get_core,
    "a session in AUTOCOMMIT": get_autocommit,
    "a session": get_orm,
}
GET = Workload("get by key", {label: in_turn(get) for label, get in GETS.items()})
GET_AT_ONCE = Workload("get by key, 10 tasks", {name: at_once(get) for name, get in GETS.items()})
WALKS = Workload(
    "a user with the latest 50 points",
    {
        "asyncpg: two queries": of_users(walk_raw),
        "one statement with JSON, AUTOCOMMIT": of_users(walk_json),
        "Core: two queries, AUTOCOMMIT": of_users(walk_two_queries_core),
        "ORM: two queries": of_users(walk_two_queries),
        "ORM: selectinload of all": of_users(walk_selectin),
    },
)
