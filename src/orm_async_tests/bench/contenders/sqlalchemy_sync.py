"""SQLAlchemy's synchronous ORM on psycopg: what asyncio costs and gives."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import URL, create_engine, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session, sessionmaker

from orm_async_tests.bench.contenders.given import (
    BATCH,
    LATEST,
    TASKS,
    Given,
    Login,
    Tally,
    idiomatic,
)
from orm_async_tests.bench.tables import Mark
from orm_async_tests.models import TrackPoint, User


@dataclass(frozen=True)
class Library:
    """Sessions, and threads that are there."""

    Session: sessionmaker[Session]
    threads: ThreadPoolExecutor


@asynccontextmanager
async def connected(login: Login, size: int) -> AsyncIterator[Library]:
    """A pool whose connections are open."""
    url = URL.create("postgresql+psycopg", login.user, login.password, None, None, login.database)
    url = url.set(query={"host": login.host, "port": str(login.port)})
    engine = create_engine(url, pool_size=size, max_overflow=0)
    with ExitStack() as opened:
        for _ in range(size):
            opened.enter_context(engine.connect())
    with ThreadPoolExecutor(TASKS) as threads:
        yield Library(sessionmaker(engine, expire_on_commit=False), threads)
    engine.dispose()


@idiomatic
async def insert_objects(library: Library, given: Given) -> None:
    """add_all"""
    with library.Session.begin() as session:
        session.add_all([Mark(**mark) for mark in given.marks])


@idiomatic
async def insert_bulk(library: Library, given: Given) -> None:
    """insert() with a list of dictionaries"""
    with library.Session.begin() as session:
        session.execute(insert(Mark), given.marks)


@idiomatic
async def update_bulk(library: Library, given: Given) -> None:
    """update() with a list of dictionaries"""
    rows = [{"id": change["id"], "lat": change["lat"]} for change in given.changes]
    with library.Session.begin() as session:
        session.execute(update(Mark), rows)


@idiomatic
async def upsert(library: Library, given: Given) -> None:
    """insert() with ON CONFLICT and a list of dictionaries"""
    new = postgresql.insert(Mark)
    new = new.on_conflict_do_update(index_elements=["id"], set_={"lat": new.excluded.lat})
    with library.Session.begin() as session:
        session.execute(new, given.changes)


@idiomatic
async def rows(library: Library, given: Given) -> Tally:
    """entities"""
    tally = given.tally()
    with library.Session() as session:
        tally.objects(session.scalars(select(TrackPoint).where(TrackPoint.id <= given.read)))
    return tally


@idiomatic
async def stream(library: Library, given: Given) -> Tally:
    """entities one by one, yield_per=1000"""
    tally = given.tally()
    every = select(TrackPoint).where(TrackPoint.id <= given.read)
    with library.Session() as session:
        for point in session.scalars(every.execution_options(yield_per=BATCH)):
            tally.object(point)
    return tally


@idiomatic
async def get(library: Library, given: Given) -> Tally:
    """session.get(), each in a session of its own"""
    tally = given.tally()
    for key in given.keys:
        with library.Session() as session:
            tally.object(session.get_one(TrackPoint, key))
    return tally


@idiomatic
async def tasks(library: Library, given: Given) -> Tally:
    """session.get(), each in a session of its own, in ten threads"""
    tally = given.tally()

    def some(keys: list[int]) -> Tally:
        found = given.tally()
        for key in keys:
            with library.Session() as session:
                found.object(session.get_one(TrackPoint, key))
        return found

    for found in library.threads.map(some, given.shares):
        tally.add(found)
    return tally


@idiomatic
async def walk(library: Library, given: Given) -> Tally:
    """session.get() and a query, in a session for each user"""
    tally = given.tally()
    for key in given.users:
        newest = select(TrackPoint).where(TrackPoint.user_id == key)
        with library.Session() as session:
            tally.user(session.get_one(User, key).username)
            newest = newest.order_by(TrackPoint.id.desc()).limit(LATEST)
            tally.objects(session.scalars(newest))
    return tally
