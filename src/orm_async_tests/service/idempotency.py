"""Handles idempotency keys.

A repeated request with the same key gets the first answer again, and writes nothing (test154).
"""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from fastapi import Header, HTTPException
from sqlalchemy import Executable, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.models import User
from orm_async_tests.service.etags import not_found

Document = dict[str, Any]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,100}$",
        description="repeat a request with the same key to get the first response again",
    ),
]
ALWAYS = "true"
UNUSED = "NOT EXISTS (SELECT FROM service.idempotency_keys WHERE key = :key)"
STORED = "SELECT request, answer FROM service.idempotency_keys WHERE key = :key"
READ_STORED = text(STORED).columns(request=Text, answer=JSONB)


def digest_of(request: str) -> str:
    """Return a request's SHA-256, to recognize a different request with the same key."""
    return hashlib.sha256(request.encode("utf-8", "surrogatepass")).hexdigest()


class Insertion(NamedTuple):
    """Two statements, each of which inserts a row and returns the answer to a request.

    Requests with an idempotency key use the statement `keyed`, and requests without a key use the
    statement `plain`.
    """

    plain: Executable
    keyed: Executable


def build_insertion(build_ctes: Callable[[str], str], answer: str) -> Insertion:
    """Return two statements that insert a row with common table expressions (CTEs).

    The CTEs of `build_ctes(condition)` insert a row only if the SQL condition is true. The last of
    these CTEs must have the name `inserted`. The SQL expression `answer` computes the answer from
    the inserted row.

    The statement `keyed` returns the stored digest and answer. The statement `keyed` returns no row
    if nothing was inserted, or if another request is using the key.
    """
    plain = f"WITH {build_ctes(ALWAYS)} SELECT {answer} AS answer FROM inserted"
    keyed = f"""
        WITH {build_ctes(UNUSED)}, stored AS (
            INSERT INTO service.idempotency_keys (key, request, answer)
            SELECT :key, :digest, {answer} FROM inserted
            ON CONFLICT DO NOTHING RETURNING request, answer
        ) SELECT request, answer FROM stored UNION ALL {STORED}
    """
    return Insertion(
        text(plain).columns(answer=JSONB), text(keyed).columns(request=Text, answer=JSONB)
    )


async def insert_once(
    session: AsyncSession, insertion: Insertion, parameters: Document, key: str, digest: str
) -> Document:
    """Insert a row, but only once for each idempotency key. Return the answer.

    Raise HTTPException 404 if the user does not exist, and 409 if another request used the key.
    """
    if not key:
        answer: Document | None = await session.scalar(insertion.plain, parameters)
        if answer is None:
            raise not_found(User)
        return answer
    keyed = {**parameters, "key": key, "digest": digest}
    row = (await session.execute(insertion.keyed, keyed)).one_or_none()
    if row is None:
        row = (await session.execute(READ_STORED, {"key": key})).one_or_none()
        await session.rollback()  # removes a row inserted before the other request committed
    if row is None:
        raise not_found(User)
    return read_answer(row, digest)


def read_answer(row: Any, digest: str) -> Document:
    if row.request != digest:
        raise HTTPException(409, "another request has used this Idempotency-Key: choose a new key")
    answer: Document = row.answer
    return answer
