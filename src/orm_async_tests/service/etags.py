"""Entity tags: a row's xmin, the transaction that wrote it last, kept by the server itself."""

from typing import Annotated, Any

from fastapi import Header
from sqlalchemy import ColumnElement, Text, cast, literal_column

from orm_async_tests.models import TrackPoint, User

IfMatch = Annotated[str, Header(description="the ETag that was read", pattern=r'^"\d{1,10}"$')]


def version(model: type[User] | type[TrackPoint]) -> ColumnElement[str]:
    """The column that tells versions of a row apart."""
    xmin: ColumnElement[Any] = literal_column(f"{model.__tablename__}.xmin")
    return cast(xmin, Text)


def etag(found: str) -> str:
    """The tag of this version."""
    return f'"{found}"'


def wanted(if_match: str) -> str:
    """The version that the caller has read."""
    return if_match.strip('"')
