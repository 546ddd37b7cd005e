"""Many points of a user: few are one statement, more are a COPY; all or nothing."""

from collections.abc import AsyncIterable
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Executable,
    Text,
    bindparam,
    column,
    func,
    literal,
    null,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.models import TrackPoint
from orm_async_tests.service.copying import COLUMNS
from orm_async_tests.service.idempotency import (
    KEY,
    KEYS,
    STORED_ANSWER,
    UNUSED,
    Digest,
    InsertStatements,
    insert_once,
    read_answer,
    store_answer,
)
from orm_async_tests.service.idempotency_table import IdempotencyKey
from orm_async_tests.service.points import POINTS, locked, notified
from orm_async_tests.service.schemas import Loaded, PointIn
from orm_async_tests.service.users import user_not_found

FEW = 100  # points that one statement adds; COPY takes more, for a round trip more
UPLOAD = 3600.0  # seconds that a COPY may take
ANSWER = bindparam("answer", type_=JSONB)


def added(user: CTE) -> CTE:
    """The INSERT of points from an array for each column, in their order."""
    types = {name: POINTS[name].type for name in COLUMNS[1:]}
    arrays = [bindparam(name, type_=ARRAY(each)) for name, each in types.items()]
    columns = [column(name, each) for name, each in types.items()]
    given = func.unnest(*arrays).table_valued(*columns, with_ordinality="number").render_derived()
    rows = select(user.c.id, *(given.c[name] for name in types)).join_from(user, given, true())
    made = insert(TrackPoint).from_select(COLUMNS, rows.order_by(given.c.number))
    return made.returning(notified(POINTS.user_id)).cte("added")


def few() -> InsertStatements:
    """The statements that add points and keep the answer, which is known before."""
    user, first = locked(), locked(UNUSED)
    return InsertStatements(
        select(ANSWER).select_from(user).add_cte(added(user)),
        store_answer(first, ANSWER).add_cte(added(first)),
    )


def opened(user: CTE) -> list[ColumnElement[str]]:
    """What COPY needs of its transaction: the server's patience, and listeners to be told."""
    patience = func.set_config("statement_timeout", "0", True)
    return [patience.label("patience"), notified(user.c.id).label("told")]


def opened_under_key() -> Executable:
    """The same while the key is not used, and takes it; else what was kept under it."""
    user = locked(UNUSED)
    taken = insert(IdempotencyKey).from_select(
        ["key", "request"], select(KEY, literal("", Text)).select_from(user)
    )
    new = taken.on_conflict_do_nothing().returning(KEYS.request, KEYS.answer).cte("new")
    first = select(new.c.request, new.c.answer, *opened(user)).join_from(new, user, true())
    return union_all(first, STORED_ANSWER.add_columns(null(), null()))


NEW = few()
OPENING, OPENING_UNDER_KEY = select(*opened(locked())), opened_under_key()
CLOSING = update(IdempotencyKey).where(KEYS.key == KEY)


async def insert_points(
    session: AsyncSession, user_id: int, points: list[PointIn], key: str | None, request: Digest
) -> Loaded:
    """Add a few points by one statement, once under a key. Raise HTTPException 404 or 409."""
    values = {name: [getattr(point, name) for point in points] for name in COLUMNS[1:]}
    given = {"owner": user_id, ANSWER.key: {"points": len(points)}, **values}
    done = await insert_once(session, NEW, given, key, request)
    if done is None:
        raise user_not_found()
    return Loaded.model_validate(done)


async def copy_points(
    session: AsyncSession,
    user_id: int,
    encoded: AsyncIterable[bytes],
    key: str | None,
    request: Digest,
) -> Loaded:
    """Add encoded points by COPY, once under a key. Raise HTTPException 404 or 409."""
    given = {"owner": user_id, KEY.key: key}
    opening = OPENING if key is None else OPENING_UNDER_KEY
    # A statement begins the transaction: COPY takes part in it (test74).
    row = (await session.execute(opening, given)).one_or_none()
    if row is None and key is not None:
        row = (await session.execute(STORED_ANSWER, given)).one_or_none()
    if row is None:
        raise user_not_found()
    if key is not None and row.answer is not None:
        return Loaded.model_validate(read_answer(row, await request()))
    driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    told = await driver.copy_to_table(
        "track_points",
        source=encoded,
        columns=COLUMNS,
        format="binary",
        timeout=UPLOAD,
    )
    done = {"points": int(told.removeprefix("COPY "))}
    if key is not None:
        await session.execute(CLOSING.values(request=await request(), answer=done), {KEY.key: key})
    return Loaded.model_validate(done)
