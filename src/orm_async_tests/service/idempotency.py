"""Handles idempotency keys. A repeated request with the same key gets the first answer and writes
nothing (test154).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header, HTTPException
from pydantic import Field
from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Executable,
    FromClause,
    Text,
    bindparam,
    exists,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert

from orm_async_tests.service.idempotency_table import IdempotencyKey
from orm_async_tests.service.parameters import Omittable

Document = dict[str, Any]
Key = Annotated[
    Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,100}$")] | None,
    Omittable(),
    Header(
        alias="Idempotency-Key",
        description="repeat a request with the same key to get the first response again",
    ),
]
KEYS = IdempotencyKey.__table__.c
KEY, REQUEST = bindparam("used_key", type_=Text), bindparam("digest", type_=Text)
STORED_ANSWER = select(KEYS.request, KEYS.answer).where(KEYS.key == KEY)
UNUSED = ~exists(select(literal_column("1")).where(KEYS.key == KEY))


def digest_of(request: str) -> str:
    """Return the SHA-256 of a request. Two requests with the same key must have the same
    SHA-256.
    """
    return hashlib.sha256(request.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class InsertStatements:
    """The SQL statements of an INSERT that returns the JSON document of the response.

    `plain` is the statement for a request without an idempotency key. `plain` returns the document
    of the new row. `keyed` is the statement for a request with a key, which store_answer() makes.
    `keyed` stores the document under the key, and returns the stored digest and document.
    """

    plain: Executable
    keyed: Executable


def build_statements(
    name: str, build_insert: Callable[..., ReturningInsert[Any]]
) -> InsertStatements:
    """Return the statements for an INSERT whose response has the new row under the given name.

    `build_insert` returns the INSERT. Its arguments are conditions. If one of them is false, the
    INSERT must insert nothing. The RETURNING clause of the INSERT has the fields of the model and
    `version`.
    """
    plain, keyed = build_insert().cte("inserted"), build_insert(UNUSED).cte("inserted")
    return InsertStatements(
        select(build_answer(name, plain)), store_answer(keyed, build_answer(name, keyed))
    )


def build_answer(name: str, rows: CTE) -> ColumnElement[Any]:
    """Return the SQL expression for the answer. The server writes the answer, so it stores exactly
    what it returns.
    """
    names = literal_column(f"'{name}'", Text), literal_column("'version'", Text)
    row = func.to_jsonb(rows.table_valued())
    return func.jsonb_build_object(names[0], row, names[1], rows.c.version, type_=JSONB)


def store_answer(rows: FromClause, answer: ColumnElement[Any]) -> "CompoundSelect[Any, Any]":
    """Return the statement that stores the answer and the digest of the request under the key.

    The statement returns one row with the stored digest and the stored answer, even if the key was
    used before. The statement returns no row if `rows` is empty, or if another request has used the
    key since the statement began.
    """
    insert_key = insert(IdempotencyKey).from_select(
        ["key", "request", "answer"], select(KEY, REQUEST, answer).select_from(rows)
    )
    returning = insert_key.on_conflict_do_nothing().returning(KEYS.request, KEYS.answer)
    stored = returning.cte("stored")
    return union_all(select(stored.c.request, stored.c.answer), STORED_ANSWER)


async def insert_once(
    session: AsyncSession,
    statements: InsertStatements,
    parameters: Document,
    key: str | None,
    digest: str,
) -> Document | None:
    """Insert a row, unless a request with the same key has already inserted it. Return the answer.

    Return None if the conditions of the INSERT were false. Raise HTTPException 409 if a different
    request has used the key.
    """
    if key is None:
        answer: Document | None = await session.scalar(statements.plain, parameters)
        return answer
    keyed = {**parameters, KEY.key: key, REQUEST.key: digest}
    row = (await session.execute(statements.keyed, keyed)).one_or_none()
    if row is None:
        row = (await session.execute(STORED_ANSWER, keyed)).one_or_none()
        await session.rollback()  # of a row that was inserted before the other request committed
    return read_answer(row, digest) if row else None


def read_answer(row: Any, digest: str) -> Document:
    """Return the answer that is stored under a key. Raise HTTPException 409 if the answer belongs
    to a different request.
    """
    if row.request != digest:
        raise HTTPException(409, "this Idempotency-Key was already used for another request")
    answer: Document = row.answer
    return answer
