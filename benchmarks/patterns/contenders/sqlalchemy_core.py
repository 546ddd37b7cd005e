"""SQLAlchemy Core on asyncpg: statements and rows without sessions or entities."""

from sqlalchemy import ARRAY, Connection, bindparam, func, insert, select, true, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from benchmarks.patterns.contenders.sqlalchemy import Library, Mark, connected
from benchmarks.patterns.work import BATCH, LATEST, Tally, Work, idiomatic, tuned
from orm_async_tests.models import TrackPoint, User

__all__ = ["connected"]

MARKS, POINTS, USERS = (
    entity.metadata.tables[entity.__tablename__] for entity in (Mark, TrackPoint, User)
)
BY_KEY = select(POINTS).where(POINTS.c.id == bindparam("key"))
USER = select(USERS).where(USERS.c.id == bindparam("key"))
NEWEST = select(POINTS).where(POINTS.c.user_id == bindparam("key"))
NEWEST = NEWEST.order_by(POINTS.c.id.desc()).limit(LATEST)
DOCUMENT = select(func.json_agg(func.row_to_json(NEWEST.subquery().table_valued())))
WALK = select(USERS, DOCUMENT.scalar_subquery().label("points"))
WALK = WALK.where(USERS.c.id == bindparam("key"))


@idiomatic
async def insert_many(library: Library, work: Work, _: Tally) -> None:
    """execute insert() with a list of dictionaries"""
    async with library.engine.begin() as connection:
        await connection.execute(insert(MARKS), work.new_rows)


@idiomatic
async def update_many(library: Library, work: Work, _: Tally) -> None:
    """execute update() with bindparam() and a list of dictionaries"""
    changed = update(MARKS).where(MARKS.c.id == bindparam("one")).values(lat=bindparam("new"))
    rows = [{"one": change["id"], "new": change["lat"]} for change in work.changed_rows]
    async with library.engine.begin() as connection:
        await connection.execute(changed, rows)


@idiomatic
async def upsert(library: Library, work: Work, _: Tally) -> None:
    """execute insert() with ON CONFLICT and a list of dictionaries"""
    new = postgresql.insert(MARKS)
    new = new.on_conflict_do_update(index_elements=["id"], set_={"lat": new.excluded.lat})
    async with library.engine.begin() as connection:
        await connection.execute(new, work.changed_rows)


@idiomatic
async def rows(library: Library, work: Work, tally: Tally) -> None:
    """select all rows"""
    async with library.engine.connect() as connection:
        tally.add_objects(await connection.execute(select(POINTS).where(POINTS.c.id <= work.read)))


@tuned
async def rows_tuples(library: Library, work: Work, tally: Tally) -> None:
    """select all rows, and read them by position"""
    async with library.engine.connect() as connection:
        tally.add_tuples(await connection.execute(select(POINTS).where(POINTS.c.id <= work.read)))


@idiomatic
async def stream(library: Library, work: Work, tally: Tally) -> None:
    """stream partitions of rows, with yield_per=1000"""
    points = select(POINTS).where(POINTS.c.id <= work.read)
    async with library.engine.connect() as connection:
        stream = await connection.stream(points.execution_options(yield_per=BATCH))
        async for partition in stream.partitions():
            tally.add_objects(partition)


@tuned
async def get(library: Library, key: int, tally: Tally) -> None:
    """open an AUTOCOMMIT connection per row, and run a prebuilt select()"""
    async with library.reads.connect() as connection:
        tally.add_object((await connection.execute(BY_KEY, {"key": key})).one())


@tuned
async def get_run_sync(library: Library, key: int, tally: Tally) -> None:
    """for each row, run a prebuilt select() on a synchronous connection in run_sync()"""

    def read_point(_: Session) -> None:
        with library.reads.sync_engine.connect() as connection:
            tally.add_object(connection.execute(BY_KEY, {"key": key}).one())

    await library.bridge.run_sync(read_point)


@idiomatic
async def walk(library: Library, work: Work, tally: Tally) -> None:
    """open a connection per user, and run two queries"""
    for key in work.user_ids:
        newest = select(POINTS).where(POINTS.c.user_id == key)
        async with library.engine.connect() as connection:
            user = (await connection.execute(select(USERS).where(USERS.c.id == key))).one()
            tally.add_user_name(user.username)
            newest = newest.order_by(POINTS.c.id.desc()).limit(LATEST)
            tally.add_objects(await connection.execute(newest))


@tuned
async def walk_json(library: Library, work: Work, tally: Tally) -> None:
    """open an AUTOCOMMIT connection per user, and run one statement with JSON"""
    for key in work.user_ids:
        async with library.reads.connect() as connection:
            user = (await connection.execute(WALK, {"key": key})).one()
            tally.add_user_name(user.username)
            tally.add_mappings(user.points)


NEAR = select(POINTS).where(POINTS.c.user_id == USERS.c.id)
LATERAL = NEAR.order_by(POINTS.c.id.desc()).limit(LATEST).lateral()
WALK_ROWS = select(*LATERAL.c, USERS.c.username).join_from(USERS, LATERAL, true())
WALK_ROWS = WALK_ROWS.where(USERS.c.id == bindparam("key"))


@tuned
async def walk_rows(library: Library, work: Work, tally: Tally) -> None:
    """run one LATERAL statement per user on one AUTOCOMMIT connection"""
    async with library.reads.connect() as connection:
        for key in work.user_ids:
            points = (await connection.execute(WALK_ROWS, {"key": key})).all()
            tally.add_user_name(points[0].username)
            tally.add_objects(points)


NEWER = NEWEST.subquery()
ARRAYS = select(
    *(func.array_agg(column, type_=ARRAY(column.type)) for column in NEWER.c)
).subquery()
WALK_ARRAYS = select(USERS.c.username, ARRAYS).join_from(USERS, ARRAYS, true())
WALK_ARRAYS = WALK_ARRAYS.where(USERS.c.id == bindparam("key"))


@tuned
async def walk_arrays(library: Library, work: Work, tally: Tally) -> None:
    """for each user, run a statement that returns every column as an array"""
    async with library.reads.connect() as connection:
        for key in work.user_ids:
            name, *columns = (await connection.execute(WALK_ARRAYS, {"key": key})).one()
            tally.add_user_name(name)
            tally.add_tuples(zip(*columns, strict=True))


@tuned
async def walk_run_sync(library: Library, work: Work, tally: Tally) -> None:
    """in one run_sync(), for each user, run a statement that returns every column as an array"""

    def walk_users(connection: Connection) -> None:
        for key in work.user_ids:
            name, *columns = connection.execute(WALK_ARRAYS, {"key": key}).one()
            tally.add_user_name(name)
            tally.add_tuples(zip(*columns, strict=True))

    async with library.reads.connect() as connection:
        await connection.run_sync(walk_users)
