"""Optimistic locking with entity tags. The tag of a row is its xmin, which is the id of the
transaction that last wrote the row.
"""

import re
from typing import Annotated, Any

from fastapi import Header, HTTPException, Response
from sqlalchemy import ARRAY, ColumnElement, Row, Text, any_, cast, literal, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningDelete, ReturningUpdate

from orm_async_tests.models import TrackPoint, User

ANY = "*"
TAG = '"[!#-~]*"'
Model = type[User] | type[TrackPoint]

IfMatch = Annotated[
    str,
    Header(
        pattern=rf"^(\*|{TAG}( *, *{TAG})*)$",
        description="the ETag that you have read, a list of ETags, or * for any version",
    ),
]


def version_column(model: Model) -> ColumnElement[str]:
    xmin: ColumnElement[Any] = literal_column(f"{model.__tablename__}.xmin")
    return cast(xmin, Text).label("version")


def set_etag(response: Response, version: str) -> None:
    response.headers["ETag"] = f'"{version}"'


def not_found(model: Model) -> HTTPException:
    return HTTPException(404, f"there is no such {'user' if model is User else 'point'}")


async def write_unchanged(
    session: AsyncSession,
    statement: "ReturningUpdate[*tuple[Any, ...]] | ReturningDelete[*tuple[Any, ...]]",
    model: Model,
    key: int,
    if_match: str,
) -> "Row[*tuple[Any, ...]]":
    """Update or delete a row if If-Match lists the row's version. Return the result of the
    statement's RETURNING clause.

    Raise HTTPException 404 if the row does not exist, and 412 if the row has another version.
    """
    statement = statement.where(model.id == key)
    if if_match != ANY:
        # An array makes one statement for any number of tags (test106).
        versions = literal([tag.strip('"') for tag in re.findall(TAG, if_match)], ARRAY(Text))
        statement = statement.where(version_column(model) == any_(versions))
    if (row := (await session.execute(statement)).one_or_none()) is not None:
        return row
    if await session.scalar(select(model.id).where(model.id == key)) is None:
        raise not_found(model)
    raise HTTPException(412, "the row has changed since you read it: read it again")
