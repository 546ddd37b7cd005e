"""Idempotency keys: a repeated request with the same key gets the first answer and writes nothing
(test154). The table of the keys has a separate schema, and a separate history of migrations.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Header, HTTPException
from sqlalchemy import DateTime, MetaData, func
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from orm_async_tests.models import NAMING_CONVENTION

Answer = dict[str, Any]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{0,100}$",
        description="repeat a request with the same key to get the first response again",
    ),
]


class Base(DeclarativeBase):
    metadata = MetaData(schema="service", naming_convention=NAMING_CONVENTION)
    type_annotation_map = {datetime: DateTime(timezone=True), Answer: JSONB}


class IdempotencyKey(Base):
    """A key that a request has used, the digest of the request, and its answer. The column `answer`
    is null while the request is running.
    """

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[str]
    answer: Mapped[Answer | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


CLAIM = insert(IdempotencyKey).on_conflict_do_nothing().returning(IdempotencyKey)


def digest_of(request: str) -> str:
    """Return the SHA-256 of a request. Requests with the same key must have the same SHA-256."""
    return hashlib.sha256(request.encode("utf-8", "surrogatepass")).hexdigest()


async def answer_once(
    session: AsyncSession, key: str, digest: str, work: Callable[[], Awaitable[Answer]]
) -> Answer:
    """Run `work` and return its answer. If the key has been used, return the stored answer.

    If another request with the same key is running, the INSERT of the key waits until this other
    request commits or rolls back. Raise HTTPException 409 if a different request used the key.
    """
    if not key:
        return await work()
    claim = await session.scalar(CLAIM, {"key": key, "request": digest})
    if claim is not None:
        claim.answer = await work()
        return claim.answer
    used = await session.get_one(IdempotencyKey, key)
    if used.request != digest or used.answer is None:
        raise HTTPException(409, "this Idempotency-Key was already used for another request")
    return used.answer
