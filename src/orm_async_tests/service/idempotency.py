"""Handles idempotency keys. A repeated request with the same idempotency key gets the first answer
and writes nothing (test154).
"""

import hashlib
from typing import Annotated, Any, NamedTuple

from fastapi import Header, HTTPException
from pydantic import Field
from sqlalchemy import Executable, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.service.schemas import Omittable

Document = dict[str, Any]
Key = Annotated[
    Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,100}$")] | None,
    Omittable(),
    Header(
        alias="Idempotency-Key",
        description="repeat a request with the same key to get the first response again",
    ),
]
ALWAYS = "true"
UNUSED = "NOT EXISTS (SELECT FROM service.idempotency_keys WHERE key = :key)"
STORED = "SELECT request, answer FROM service.idempotency_keys WHERE key = :key"
READ_STORED = text(STORED).columns(request=Text, answer=JSONB)


def digest_of(request: str) -> str:
    """Return the SHA-256 of a request. Requests that use the same key must have the same
    SHA-256.
    """
    return hashlib.sha256(request.encode("utf-8", "surrogatepass")).hexdigest()


class Insertion(NamedTuple):
    """Two INSERT statements that return the answer: one for a request without a key, and one for a
    request with a key.
    """

    plain: Executable
    keyed: Executable


def build_insertion(ctes: str, answer: str) -> Insertion:
    """Return the two statements that insert a row with these CTEs.

    Every CTE in `ctes` contains the placeholder `{condition}`. A CTE must insert nothing if
    `{condition}` is false. The last CTE in `ctes` must be named `inserted`. `answer` is an SQL
    expression that computes the answer from a row of the CTE `inserted`. The server evaluates the
    expression `answer`, so that it stores and returns the same answer.

    The statement for a request with a key returns one row with the stored digest and the stored
    answer. If an earlier request used the key, the statement returns the row that this request
    stored. The statement for a request with a key returns no row in two cases: nothing was
    inserted, or another request has used the key since the statement began.
    """
    plain = f"WITH {ctes.format(condition=ALWAYS)} SELECT {answer} AS answer FROM inserted"
    keyed = f"""
        WITH {ctes.format(condition=UNUSED)}, stored AS (
            INSERT INTO service.idempotency_keys (key, request, answer)
            SELECT :key, :digest, {answer} FROM inserted
            ON CONFLICT DO NOTHING RETURNING request, answer
        ) SELECT request, answer FROM stored UNION ALL {STORED}
    """
    return Insertion(
        text(plain).columns(answer=JSONB), text(keyed).columns(request=Text, answer=JSONB)
    )


async def insert_once(
    session: AsyncSession,
    insertion: Insertion,
    parameters: Document,
    key: str | None,
    digest: str,
) -> Document | None:
    """Insert a row, unless a request with the same key has already inserted it. Return the answer.

    Return None if a condition of the INSERT was false. Raise HTTPException 409 if a different
    request has used the key.
    """
    if key is None:
        answer: Document | None = await session.scalar(insertion.plain, parameters)
        return answer
    keyed = {**parameters, "key": key, "digest": digest}
    row = (await session.execute(insertion.keyed, keyed)).one_or_none()
    if row is None:
        row = (await session.execute(READ_STORED, {"key": key})).one_or_none()
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
