"""Idempotency keys: a write that is sent again is answered again, and done once (test154)."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Header, HTTPException
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from orm_async_tests.service.tables import IdempotencyKey

Document = dict[str, Any]
Digest = Callable[[], Awaitable[str]]
Key = Annotated[
    Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,100}$")] | SkipJsonSchema[None],
    Header(
        alias="Idempotency-Key",
        description="sent again with the same request, it is answered as the first one was",
    ),
]


def digest_of(request: str) -> Digest:
    """Computes the SHA-256 of a request that is known as a whole."""

    async def digest() -> str:
        return hashlib.sha256(request.encode("utf-8", "surrogatepass")).hexdigest()

    return digest


async def run_once(
    session: AsyncSession,
    key: str | None,
    request: Digest,
    work: Callable[[], Awaitable[Document]],
) -> Document:
    """Do the work and remember its answer under the key, in the same transaction.

    request: computes the request's digest; it is called after the body has been consumed.
    A second request with the key waits for the first one's end. Raises HTTPException 409 if the
    key was used for another request.
    """
    if key is None:
        return await work()
    claim = insert(IdempotencyKey).values(key=key, request="").on_conflict_do_nothing()
    if (await session.execute(claim.returning(IdempotencyKey.key))).first():
        answer = await work()
        kept = await session.get_one(IdempotencyKey, key)
        kept.request, kept.answer = await request(), answer
        return answer
    kept = await session.get_one(IdempotencyKey, key)
    if kept.request != await request():
        raise HTTPException(409, "this Idempotency-Key was used for another request")
    assert kept.answer is not None
    return kept.answer
