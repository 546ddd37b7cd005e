"""What is counted: the main patterns, for so many rows or so many times."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from sqlalchemy import URL, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.ext.asyncio import create_async_engine as make_async_engine
from sqlalchemy.orm import selectinload

from orm_async_tests import db
from orm_async_tests.models import TrackPoint, User
from orm_async_tests.service.app import create_app

MOST = 400  # rows
YIELD_PER = 100
DATE = datetime(2010, 10, 3, 9, 36, 30, tzinfo=UTC)
USERS = "INSERT INTO users (username) SELECT 'walker ' || n FROM generate_series(1, 9) n"
POINTS = f"""INSERT INTO track_points (user_id, lat, lon, date)
    SELECT 1 + n % 8, 47, 12.5, now() FROM generate_series(1, {MOST}) n"""
PAGE = "/users/1/points"


@dataclass(frozen=True)
class World:
    """Sessions, and a service, on one database."""

    engine: AsyncEngine
    Session: async_sessionmaker[AsyncSession]
    Reads: async_sessionmaker[AsyncSession]  # in AUTOCOMMIT
    service: FastAPI


Pattern = Callable[[World, int], Awaitable[Any]]


@asynccontextmanager
async def world_on(url: URL) -> AsyncIterator[World]:
    """A world with users and points."""
    service = create_app(url)
    engine = make_async_engine(url)
    reads = make_async_engine(url, isolation_level="AUTOCOMMIT")
    async with service.router.lifespan_context(service), engine.begin() as connection:
        for statement in (USERS, POINTS):
            await connection.execute(text(statement))
        await connection.commit()
        yield World(engine, db.make_sessions(engine), db.make_sessions(reads), service)
    await engine.dispose()
    await reads.dispose()


def values(many: int) -> list[dict[str, Any]]:
    """Points as dictionaries."""
    return [{"user_id": 9, "lat": 47.0, "lon": 12.5, "date": DATE} for _ in range(many)]


async def add_all(world: World, many: int) -> None:
    async with world.Session() as session:
        session.add_all([TrackPoint(**each) for each in values(many)])
        await session.flush()


async def insert_dictionaries(world: World, many: int) -> None:
    async with world.Session() as session:
        await session.execute(insert(TrackPoint), values(many))


async def core_rows(world: World, many: int) -> None:
    async with world.engine.connect() as connection:
        rows = await connection.execute(select(TrackPoint.__table__).limit(many))
        sum(row.lat for row in rows)


async def columns(world: World, many: int) -> None:
    async with world.Session() as session:
        rows = await session.execute(select(TrackPoint.id, TrackPoint.lat).limit(many))
        sum(row.lat for row in rows)


async def entities(world: World, many: int) -> None:
    async with world.Session() as session:
        points = await session.scalars(select(TrackPoint).limit(many))
        sum(point.lat for point in points)


async def stream(world: World, many: int) -> None:
    query = select(TrackPoint).limit(many).execution_options(yield_per=YIELD_PER)
    async with world.Session() as session:
        points = await session.stream_scalars(query)
        sum([point.lat async for point in points])


async def partitions(world: World, many: int) -> None:
    query = select(TrackPoint).limit(many).execution_options(yield_per=YIELD_PER)
    async with world.Session() as session:
        points = await session.stream_scalars(query)
        sum([point.lat async for some in points.partitions() for point in some])


async def get(world: World, many: int) -> None:
    for number in range(many):
        async with world.Session() as session:
            await session.get_one(TrackPoint, 1 + number % MOST)


async def get_in_autocommit(world: World, many: int) -> None:
    for number in range(many):
        async with world.Reads() as session:
            await session.get_one(TrackPoint, 1 + number % MOST)


async def walk(world: World, many: int) -> None:
    query = select(User).options(selectinload(User.points)).where(User.id == 2)
    for _ in range(many):
        async with world.Session() as session:
            user = (await session.scalars(query)).one()
            sum(point.lat for point in user.points)


async def page(world: World, many: int) -> None:
    for _ in range(many):
        assert await status(world.service, "GET", PAGE) == 200


async def post(world: World, many: int) -> None:
    body = b'{"lat": 47.0, "lon": 12.5, "date": "2010-10-03T09:36:30Z"}'
    for _ in range(many):
        assert await status(world.service, "POST", "/users/9/points", body) == 201


async def status(app: FastAPI, method: str, path: str, body: bytes = b"") -> int:
    """How the service answers to a request, without a socket."""
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode()}
    scope |= {"headers": headers, "query_string": b"", "scheme": "http", "http_version": "1.1"}
    scope |= {"server": ("localhost", 80), "client": ("localhost", 1), "root_path": ""}
    told: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            told.append(message["status"])

    await app(scope, receive, send)
    return told[0]


ROWS, TIMES = (100, MOST), (5, 20)  # counted for both: the difference is that of the rows
PATTERNS: dict[str, tuple[Pattern, tuple[int, int]]] = {
    "add_all: a row": (add_all, ROWS),
    "insert of dictionaries: a row": (insert_dictionaries, ROWS),
    "Core rows: a row": (core_rows, ROWS),
    "columns: a row": (columns, ROWS),
    "entities: a row": (entities, ROWS),
    "stream of entities: a row": (stream, ROWS),
    "partitions of entities: a row": (partitions, ROWS),
    "get: a session": (get, TIMES),
    "get in AUTOCOMMIT: a session": (get_in_autocommit, TIMES),
    "a user with 50 points: a session": (walk, TIMES),
    "the service's page: a request": (page, TIMES),
    "the service's new point: a request": (post, TIMES),
}
