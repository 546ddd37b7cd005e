"""Idempotency keys: a write that is sent again is answered again, and done once (test154)."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header, HTTPException
from pydantic import BaseModel, Field
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
Digest = Callable[[], Awaitable[str]]
Key = Annotated[
    Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,100}$")] | None,
    Omittable(),
    Header(
        alias="Idempotency-Key",
        description="sent again with the same request, it is answered as the first one was",
    ),
]
KEYS = IdempotencyKey.__table__.c
KEY, REQUEST = bindparam("used_key", type_=Text), bindparam("digest", type_=Text)
KEPT = select(KEYS.request, KEYS.answer).where(KEYS.key == KEY)
UNUSED = ~exists(select(literal_column("1")).where(KEYS.key == KEY))


def digest_of(request: str) -> Digest:
    """Computes the SHA-256 of a request that is known as a whole."""

    async def digest() -> str:
        return hashlib.sha256(request.encode("utf-8", "surrogatepass")).hexdigest()

    return digest


@dataclass(frozen=True)
class Creation:
    """The statements that make a row and give the request's answer: for once, and under a key."""

    alone: Executable
    once: Executable


def creation(
    name: str, document: type[BaseModel], made: Callable[..., ReturningInsert[Any]]
) -> Creation:
    """The statements of an INSERT that returns the document's members and the version.

    made: builds it, to insert on these conditions only. The answer has the document by its name.
    """
    one, first = made().cte("made"), made(UNUSED).cte("made")
    return Creation(
        select(answer(name, document, one)), remembered(first, answer(name, document, first))
    )


def answer(name: str, document: type[BaseModel], made: CTE) -> ColumnElement[Any]:
    """The answer as JSON, written by the server: the same now and when it is asked for again."""
    members = [each for name in document.model_fields for each in (quoted(name), made.c[name])]
    whole = func.jsonb_build_object(*members)
    both = quoted(name), whole, quoted("version"), made.c.version
    return func.jsonb_build_object(*both, type_=JSONB)


def quoted(name: str) -> ColumnElement[str]:
    """The name as a string of SQL."""
    return literal_column(f"'{name}'", Text)


def remembered(made: FromClause, answer: ColumnElement[Any]) -> "CompoundSelect[Any, Any]":
    """The statement that keeps the answer under the key, with the request; its row has both.

    The row is the one that was kept before, if the key is not UNUSED. There is no row if none was
    made, nor if another request has taken the key since the statement began.
    """
    kept = insert(IdempotencyKey).from_select(
        ["key", "request", "answer"], select(KEY, REQUEST, answer).select_from(made)
    )
    new = kept.on_conflict_do_nothing().returning(KEYS.request, KEYS.answer).cte("new")
    return union_all(select(new.c.request, new.c.answer), KEPT)


async def create(
    session: AsyncSession,
    statements: Creation,
    values: Document,
    key: str | None,
    request: Digest,
) -> Document | None:
    """Make a row, once under a key; the answer, or None if there was nothing to add it to.

    Raises HTTPException 409 if the key was used for another request.
    """
    if key is None:
        made: Document | None = await session.scalar(statements.alone, values)
        return made
    given = {**values, KEY.key: key, REQUEST.key: await request()}
    row = (await session.execute(statements.once, given)).one_or_none()
    if row is None:
        row = (await session.execute(KEPT, given)).one_or_none()
        await session.rollback()  # what was made before another request with the key had ended
    return answer_kept(row, given[REQUEST.key]) if row else None


def answer_kept(row: Any, request: str) -> Document:
    """The answer that was kept; raises HTTPException 409 if it was another request's."""
    if row.request != request:
        raise HTTPException(409, "this Idempotency-Key was used for another request")
    kept: Document = row.answer
    return kept
