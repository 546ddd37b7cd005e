"""Insert, update and upsert of many rows."""

from typing import Any

from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.dialects import postgresql

from orm_async_tests.bench.tables import Mark, arrays_of, unnested
from orm_async_tests.bench.workload import Workload
from orm_async_tests.bench.world import World

NAMES = ("user_id", "lat", "lon", "date")
ALL = ("id", *NAMES)
INSERT = "INSERT INTO marks (user_id, lat, lon, date) VALUES ($1, $2, $3, $4)"
UPDATE = """UPDATE marks SET lat = new.lat FROM unnest($1::int[], $2::float8[]) AS new (id, lat)
    WHERE marks.id = new.id"""
UPSERT = """INSERT INTO marks (id, user_id, lat, lon, date) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (id) DO UPDATE SET lat = excluded.lat"""
FILL = """INSERT INTO marks SELECT n, 1, 1.25, n % 180 + 0.5, now()
    FROM generate_series(1, $1::int) n"""
TABLE = Mark.metadata.tables["marks"]
MARKS = TABLE.c


def values_of(rows: list[dict[str, Any]], names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """The rows as tuples."""
    return [tuple(row[name] for name in names) for row in rows]


async def emptied(world: World) -> None:
    await world.raw.execute("TRUNCATE marks RESTART IDENTITY")


async def half_there(world: World) -> None:
    await emptied(world)
    await world.raw.execute(FILL, world.sizes.write // 2)


async def all_there(world: World) -> None:
    await emptied(world)
    await world.raw.execute(FILL, world.sizes.write)


async def written(world: World) -> tuple[Any, ...]:
    sums = "SELECT count(*), sum(id), sum(lat), sum(lon) FROM marks"
    return tuple(await world.raw.fetchrow(sums))


async def copy_raw(world: World) -> None:
    records = values_of(world.marks(), NAMES)
    await world.raw.copy_records_to_table("marks", records=records, columns=NAMES)


async def insert_raw(world: World) -> None:
    await world.raw.executemany(INSERT, values_of(world.marks(), NAMES))


async def copy_in_session(world: World) -> None:
    async with world.Session.begin() as session:
        await session.execute(text("SELECT 1"))  # BEGIN is sent by the first statement (test74)
        connection = await (await session.connection()).get_raw_connection()
        driver: Any = connection.driver_connection
        records = values_of(world.marks(), NAMES)
        await driver.copy_records_to_table("marks", records=records, columns=NAMES)


async def insert_from_unnest(world: World) -> None:
    async with world.Session.begin() as session:
        made = insert(TABLE).from_select(NAMES, unnested(*NAMES))
        await session.execute(made, arrays_of(world.marks(), NAMES))


async def insert_core(world: World) -> None:
    async with world.engine.begin() as connection:
        await connection.execute(insert(TABLE), world.marks())


async def insert_bulk(world: World) -> None:
    async with world.Session.begin() as session:
        await session.execute(insert(Mark), world.marks())


async def insert_objects(world: World) -> None:
    async with world.Session.begin() as session:
        session.add_all(Mark(**mark) for mark in world.marks())


async def update_raw(world: World) -> None:
    await world.raw.execute(UPDATE, *arrays_of(world.changes(), ("id", "lat")).values())


async def update_from_unnest(world: World) -> None:
    async with world.Session.begin() as session:
        new = unnested("id", "lat").subquery().c
        changed = update(Mark).values(lat=new.lat).where(MARKS.id == new.id)
        arrays = arrays_of(world.changes(), ("id", "lat"))
        await session.execute(changed, arrays, execution_options={"synchronize_session": False})


async def update_core(world: World) -> None:
    changed = update(TABLE).where(MARKS.id == bindparam("one"))
    changed = changed.values(lat=bindparam("new"))
    rows = [{"one": row["id"], "new": row["lat"]} for row in world.changes()]
    async with world.engine.begin() as connection:
        await connection.execute(changed, rows)


async def update_bulk(world: World) -> None:
    rows = [{"id": row["id"], "lat": row["lat"]} for row in world.changes()]
    async with world.Session.begin() as session:
        await session.execute(update(Mark), rows)


async def update_objects(world: World) -> None:
    async with world.Session.begin() as session:
        for mark in await session.scalars(select(Mark)):
            mark.lat = 1.5


async def upsert_raw(world: World) -> None:
    await world.raw.executemany(UPSERT, values_of(world.changes(), ALL))


async def upsert_bulk(world: World) -> None:
    new = postgresql.insert(Mark)
    new = new.on_conflict_do_update(index_elements=["id"], set_={"lat": new.excluded.lat})
    async with world.Session.begin() as session:
        await session.execute(new, world.changes())


async def upsert_core(world: World) -> None:
    new = postgresql.insert(TABLE)
    new = new.on_conflict_do_update(index_elements=["id"], set_={"lat": new.excluded.lat})
    async with world.engine.begin() as connection:
        await connection.execute(new, world.changes())


async def upsert_from_unnest(world: World) -> None:
    new = postgresql.insert(TABLE).from_select(ALL, unnested(*ALL))
    new = new.on_conflict_do_update(index_elements=["id"], set_={"lat": new.excluded.lat})
    async with world.Session.begin() as session:
        await session.execute(new, arrays_of(world.changes(), ALL))


INSERTS = Workload(
    "insert rows",
    {
        "asyncpg: COPY": copy_raw,
        "asyncpg: executemany": insert_raw,
        "COPY in the session's transaction": copy_in_session,
        "INSERT from unnest": insert_from_unnest,
        "Core: executemany": insert_core,
        "ORM: bulk insert": insert_bulk,
        "ORM: add_all": insert_objects,
    },
    emptied,
    written,
)
UPDATES = Workload(
    "update rows",
    {
        "asyncpg: UPDATE from unnest": update_raw,
        "UPDATE from unnest": update_from_unnest,
        "Core: executemany": update_core,
        "ORM: bulk update by key": update_bulk,
        "ORM: objects": update_objects,
    },
    all_there,
    written,
)
UPSERTS = Workload(
    "upsert rows, half of them new",
    {
        "asyncpg: executemany": upsert_raw,
        "INSERT from unnest": upsert_from_unnest,
        "Core: executemany": upsert_core,
        "ORM: bulk insert": upsert_bulk,
    },
    half_there,
    written,
)
