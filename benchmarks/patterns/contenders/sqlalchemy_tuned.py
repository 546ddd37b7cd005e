"""SQLAlchemy's asyncio ORM on asyncpg, with the fastest functions of SQLAlchemy's public API."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ARRAY, Select, bindparam, column, func, insert, select, text, true, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, aliased, contains_eager

from benchmarks.patterns.contenders import sqlalchemy as idiomatic
from benchmarks.patterns.contenders.sqlalchemy import Library, Mark, connected
from benchmarks.patterns.work import LATEST, WRITTEN, Tally, Work, raw, tuned
from orm_async_tests.models import TrackPoint, User

__all__ = ["connected"]

ALL = ("id", *WRITTEN)
MARKS = Mark.metadata.tables["marks"]
COLUMNS = [attribute.class_attribute for attribute in TrackPoint.__mapper__.column_attrs]
BY_KEY = select(TrackPoint).where(TrackPoint.id == bindparam("key"))
USER = select(User).where(User.id == bindparam("key"))
NEWEST = select(TrackPoint).where(TrackPoint.user_id == bindparam("key"))
NEWEST = NEWEST.order_by(TrackPoint.id.desc()).limit(LATEST)
LATERAL = select(TrackPoint).where(TrackPoint.user_id == User.id)
NEAR = aliased(TrackPoint, LATERAL.order_by(TrackPoint.id.desc()).limit(LATEST).lateral())
WALK = USER.outerjoin(NEAR, true()).options(contains_eager(User.points.of_type(NEAR)))


def arrays_of(rows: Sequence[dict[str, Any]], names: tuple[str, ...]) -> dict[str, list[Any]]:
    """Turn rows into one list for each column, for example "lats" for the column "lat"."""
    return {f"{name}s": [row[name] for row in rows] for name in names}


def unnested(*names: str) -> Select[Any]:
    """Return a SELECT that turns the result of `arrays_of()` into rows."""
    arrays = [bindparam(f"{name}s", type_=ARRAY(MARKS.c[name].type)) for name in names]
    columns = [column(name, MARKS.c[name].type) for name in names]
    return select(func.unnest(*arrays).table_valued(*columns).render_derived(name="new"))


async def copy_records(
    session: AsyncSession, table: str, records: Iterable[Any], columns: tuple[str, ...]
) -> None:
    """Run COPY in the session's transaction.

    Execute a statement first, because COPY does not begin the transaction (test74).
    """
    connection = await (await session.connection()).get_raw_connection()
    driver: Any = connection.driver_connection
    await driver.copy_records_to_table(table, records=records, columns=columns)


@contextmanager
def collector_thresholds(*thresholds: int) -> Iterator[None]:
    """Make garbage collections rare, because they examine all loaded entities but free none."""
    usual = gc.get_threshold()
    gc.set_threshold(*thresholds)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@raw
async def insert_copy(library: Library, work: Work, _: Tally) -> None:
    """send tuples with COPY in the session's transaction"""
    async with library.Session.begin() as session:
        await session.execute(text("SELECT 1"))  # sends BEGIN, which COPY would not (test74)
        await copy_records(session, "marks", work.records, WRITTEN)


@raw
async def insert_copy_dicts(library: Library, work: Work, _: Tally) -> None:
    """send dictionaries with COPY in the session's transaction"""
    async with library.Session.begin() as session:
        await session.execute(text("SELECT 1"))
        records = (tuple(mark.values()) for mark in work.new_rows)
        await copy_records(session, "marks", records, WRITTEN)


@tuned
async def insert_unnest(library: Library, work: Work, _: Tally) -> None:
    """execute insert() with arrays, which unnest() turns into rows"""
    statement = insert(Mark).from_select(WRITTEN, unnested(*WRITTEN))
    # Without "raw", the ORM takes the one set of parameters for one row (test205).
    statement = statement.execution_options(dml_strategy="raw")
    async with library.Session.begin() as session:
        await session.execute(statement, arrays_of(work.new_rows, WRITTEN))


@tuned
async def update_unnest(library: Library, work: Work, _: Tally) -> None:
    """execute update() with arrays and unnest"""
    new = unnested("id", "lat").subquery().c
    changed = update(Mark).values(lat=new.lat).where(Mark.id == new.id)
    changed = changed.execution_options(synchronize_session=False)
    async with library.Session.begin() as session:
        await session.execute(changed, arrays_of(work.changed_rows, ("id", "lat")))


@tuned
async def upsert_unnest(library: Library, work: Work, _: Tally) -> None:
    """execute insert() with ON CONFLICT, arrays and unnest"""
    new = postgresql.insert(Mark).from_select(ALL, unnested(*ALL))
    new = new.on_conflict_do_update(index_elements=["id"], set_={"lat": new.excluded.lat})
    new = new.execution_options(dml_strategy="raw")
    async with library.Session.begin() as session:
        await session.execute(new, arrays_of(work.changed_rows, ALL))


@raw
async def upsert_copy(library: Library, work: Work, _: Tally) -> None:
    """send rows with COPY to a temporary table, and upsert them from there"""
    there = text("SELECT id, user_id, lat, lon, date FROM new").columns(*MARKS.c)
    new = postgresql.insert(MARKS).from_select(ALL, there)
    new = new.on_conflict_do_update(index_elements=["id"], set_={"lat": new.excluded.lat})
    async with library.Session.begin() as session:
        await session.execute(text("CREATE TEMP TABLE new (LIKE marks) ON COMMIT DROP"))
        records = (tuple(change.values()) for change in work.changed_rows)
        await copy_records(session, "new", records, ALL)
        await session.execute(new)


@tuned
async def rows_collector(library: Library, work: Work, tally: Tally) -> None:
    """load all entities, with high garbage collection thresholds"""
    with collector_thresholds(200_000, 50, 1000):
        await idiomatic.rows(library, work, tally)


@tuned
async def rows_columns(library: Library, work: Work, tally: Tally) -> None:
    """select the columns of the entity"""
    async with library.Reads() as session:
        tally.add_objects(await session.execute(select(*COLUMNS).where(TrackPoint.id <= work.read)))


@tuned
async def stream_collector(library: Library, work: Work, tally: Tally) -> None:
    """stream partitions of entities, with high garbage collection thresholds"""
    with collector_thresholds(50_000, 50, 1000):  # the entities of a batch live until its end
        await idiomatic.stream_partitions(library, work, tally)


@tuned
async def get_autocommit(library: Library, key: int, tally: Tally) -> None:
    """open an AUTOCOMMIT session per row, and call session.get()"""
    async with library.Reads() as session:
        tally.add_object(await session.get_one(TrackPoint, key))


@tuned
async def get_select(library: Library, key: int, tally: Tally) -> None:
    """open an AUTOCOMMIT session per row, and run a prebuilt select()"""
    async with library.Reads() as session:
        tally.add_object((await session.scalars(BY_KEY, {"key": key})).one())


@tuned
async def get_run_sync(library: Library, key: int, tally: Tally) -> None:
    """for each row, run a prebuilt select() on a synchronous session in run_sync()"""

    def read_point(_: Session) -> None:
        with Session(library.reads.sync_engine) as session:
            tally.add_object(session.scalars(BY_KEY, {"key": key}).one())

    await library.bridge.run_sync(read_point)


@tuned
async def walk_autocommit(library: Library, work: Work, tally: Tally) -> None:
    """open an AUTOCOMMIT session per user, and run two prebuilt statements"""
    for key in work.user_ids:
        async with library.Reads() as session:
            user = (await session.scalars(USER, {"key": key})).one()
            tally.add_user_name(user.username)
            tally.add_objects(await session.scalars(NEWEST, {"key": key}))


@tuned
async def walk_lateral(library: Library, work: Work, tally: Tally) -> None:
    """open an AUTOCOMMIT session per user, and run a LATERAL query with contains_eager()"""
    for key in work.user_ids:
        async with library.Reads() as session:
            user = (await session.scalars(WALK, {"key": key})).unique().one()
            tally.add_user_name(user.username)
            tally.add_objects(user.points)
