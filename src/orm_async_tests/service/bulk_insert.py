"""Adds many points of a user, all or none. A few points are added with one statement, and more
points with COPY.
"""

import struct
from collections.abc import AsyncIterable
from datetime import UTC, datetime, timedelta
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

from orm_async_tests.models import TrackPoint, User
from orm_async_tests.service.etags import not_found
from orm_async_tests.service.idempotency import (
    KEY,
    KEYS,
    STORED_ANSWER,
    UNUSED,
    InsertStatements,
    insert_once,
    read_answer,
    store_answer,
)
from orm_async_tests.service.idempotency_table import IdempotencyKey
from orm_async_tests.service.points import POINTS, lock_user, notify_listeners
from orm_async_tests.service.schemas import Loaded, PointIn

COLUMNS = ["user_id", "lat", "lon", "date"]
# The number of fields, then the length and the value of every field: an integer, two floats, and
# the microseconds since EPOCH.
ROW = struct.Struct("!hiiididiq")
HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)  # no flags, no extension
TRAILER = struct.pack("!h", -1)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FEW = 100  # points that one statement adds; COPY takes more of them, for another round trip
COPY_TIMEOUT = 3600.0  # seconds
ANSWER = bindparam("answer", type_=JSONB)


def encode_points(user_id: int, points: list[PointIn]) -> bytes:
    """Return the points of a user in PostgreSQL's binary COPY format, without its header and
    trailer.
    """
    rows = (
        ROW.pack(4, 4, user_id, 8, point.lat, 8, point.lon, 8, (point.date - EPOCH) // MICROSECOND)
        for point in points
    )
    return b"".join(rows)


def insert_arrays(user: CTE) -> CTE:
    """Return the CTE that inserts the points of a user from one array per column, in the order of
    the arrays.
    """
    types = {name: POINTS[name].type for name in COLUMNS[1:]}
    arrays = [bindparam(name, type_=ARRAY(type_)) for name, type_ in types.items()]
    columns = [column(name, type_) for name, type_ in types.items()]
    points = func.unnest(*arrays).table_valued(*columns, with_ordinality="number").render_derived()
    rows = select(user.c.id, *(points.c[name] for name in types)).join_from(user, points, true())
    insertion = insert(TrackPoint).from_select(COLUMNS, rows.order_by(points.c.number))
    return insertion.returning(notify_listeners(POINTS.user_id)).cte("added")


def insert_few() -> InsertStatements:
    """Return the statements that insert the points, and then return the parameter `answer`."""
    user, user_of_new_key = lock_user(), lock_user(UNUSED)
    return InsertStatements(
        select(ANSWER).select_from(user).add_cte(insert_arrays(user)),
        store_answer(user_of_new_key, ANSWER).add_cte(insert_arrays(user_of_new_key)),
    )


def prepare_copy(user: CTE) -> list[ColumnElement[str]]:
    """Return the expressions to run before COPY, which remove the timeout and send a notification
    at COMMIT.
    """
    no_timeout = func.set_config("statement_timeout", "0", True)
    notification = notify_listeners(user.c.id)
    return [no_timeout.label("no_timeout"), notification.label("notification")]


def prepare_copy_under_key() -> Executable:
    """Return the statement that claims an unused idempotency key, or reads the answer stored under
    the key.
    """
    user = lock_user(UNUSED)
    claim = insert(IdempotencyKey).from_select(
        ["key", "request"], select(KEY, literal("", Text)).select_from(user)
    )
    new = claim.on_conflict_do_nothing().returning(KEYS.request, KEYS.answer).cte("new")
    claimed = select(new.c.request, new.c.answer, *prepare_copy(user)).join_from(new, user, true())
    return union_all(claimed, STORED_ANSWER.add_columns(null(), null()))


INSERT_FEW = insert_few()
PREPARE_COPY, PREPARE_COPY_UNDER_KEY = select(*prepare_copy(lock_user())), prepare_copy_under_key()
STORE_ANSWER = update(IdempotencyKey).where(KEYS.key == KEY)


async def insert_points(
    session: AsyncSession, user_id: int, points: list[PointIn], key: str | None, digest: str
) -> Loaded:
    """Add a few points with one statement, and only once for each idempotency key.

    Raise HTTPException 404 if the user does not exist, and 409 if another request used the key.
    """
    columns = {name: [getattr(point, name) for point in points] for name in COLUMNS[1:]}
    parameters = {"owner": user_id, ANSWER.key: {"points": len(points)}, **columns}
    answer = await insert_once(session, INSERT_FEW, parameters, key, digest)
    if answer is None:
        raise not_found(User)
    return Loaded.model_validate(answer)


async def copy_points(
    session: AsyncSession,
    user_id: int,
    encoded_points: AsyncIterable[bytes],
    key: str | None,
    digest: str,
) -> Loaded:
    """Add points that are in the format of COPY, and only once for each idempotency key.

    Raise HTTPException 404 if the user does not exist, and 409 if another request used the key.
    """
    parameters = {"owner": user_id, KEY.key: key}
    # COPY joins the transaction that this statement begins (test74).
    preparation = PREPARE_COPY if key is None else PREPARE_COPY_UNDER_KEY
    row = (await session.execute(preparation, parameters)).one_or_none()
    if row is None and key is not None:  # another request may have claimed the key meanwhile
        row = (await session.execute(STORED_ANSWER, parameters)).one_or_none()
    if row is None:
        raise not_found(User)
    if key is not None and row.answer is not None:
        return Loaded.model_validate(read_answer(row, digest))
    driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    tag = await driver.copy_to_table(
        "track_points",
        source=encoded_points,
        columns=COLUMNS,
        format="binary",
        timeout=COPY_TIMEOUT,
    )
    answer = {"points": int(tag.removeprefix("COPY "))}
    if key is not None:
        stored = STORE_ANSWER.values(request=digest, answer=answer)
        await session.execute(stored, {KEY.key: key})
    return Loaded.model_validate(answer)
