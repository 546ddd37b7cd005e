"""Computes entity tags from xmin, the ID of the transaction that last wrote a row."""

import re
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Header, HTTPException, Response
from pydantic import BeforeValidator, WithJsonSchema
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningDelete, ReturningUpdate

from orm_async_tests.models import TrackPoint, User

ANY = "*"
NAMES = {User: "user", TrackPoint: "point"}
TAG = r'(?:W/)?"[!#-~\x80-\xff]*"'
Model = type[User] | type[TrackPoint]
TAGS = rf"[ \t,]*{TAG}(?:[ \t]*,[ \t,]*{TAG})*[ \t,]*"


def parse_tags(lines: list[str]) -> list[str]:
    value = ", ".join(lines)
    if value.strip() == ANY:
        return [ANY]
    if not re.fullmatch(TAGS, value):
        raise ValueError('write * or a list of ETags, for example "1", "2"')
    return re.findall(TAG, value)


IfMatch = Annotated[
    list[str],
    BeforeValidator(parse_tags),
    WithJsonSchema({"type": "string", "pattern": r'^(\*|"[!#-~]*"(, "[!#-~]*")*)$'}),
    Header(description="the ETag that you have read, a list of ETags, or * for any version"),
]


def version_column(model: Model) -> sa.ColumnElement[str]:
    xmin: sa.ColumnElement[Any] = sa.literal_column(f"{model.__tablename__}.xmin")
    return sa.cast(xmin, sa.Text)


def set_etag(response: Response, version: str) -> None:
    response.headers["ETag"] = f'"{version}"'


def is_unchanged(model: Model, if_match: list[str]) -> sa.ColumnElement[bool]:
    """Return an SQL condition that is true if the header If-Match lists the row's version.

    A weak ETag never matches.
    """
    if if_match == [ANY]:
        return sa.true()
    versions = [tag.strip('"') for tag in if_match if tag.startswith('"')]
    # An array makes one statement for any number of tags (test106).
    return version_column(model) == sa.any_(sa.literal(versions, sa.ARRAY(sa.Text)))


def not_found(model: Model) -> HTTPException:
    return HTTPException(404, f"there is no such {NAMES[model]}")


async def write_unchanged(
    session: AsyncSession,
    statement: "ReturningUpdate[*tuple[Any, ...]] | ReturningDelete[*tuple[Any, ...]]",
    model: Model,
    key: int,
    if_match: list[str],
) -> "sa.Row[*tuple[Any, ...]]":
    """Update or delete a row if the header If-Match lists its version.

    Return the values of the RETURNING clause. Raise HTTPException 404 if the row does not exist,
    and 412 if it has another version.
    """
    has_key = model.id == key
    written = await session.execute(statement.where(has_key, is_unchanged(model, if_match)))
    if (row := written.one_or_none()) is not None:
        return row
    if await session.scalar(sa.select(model.id).where(has_key)) is None:
        raise not_found(model)
    raise HTTPException(412, f"the {NAMES[model]} has changed since you read it: read it again")
