"""Entity tags: a row's xmin, the id of the transaction that last wrote it."""

import re
from typing import Annotated, Any

from fastapi import Header
from pydantic import BeforeValidator, WithJsonSchema
from sqlalchemy import ARRAY, ColumnElement, Text, any_, cast, literal, literal_column, true

from orm_async_tests.models import TrackPoint, User

ANY = "*"
TAG = r'(?:W/)?"[!#-~\x80-\xff]*"'
TAGS = rf"[ \t,]*{TAG}(?:[ \t]*,[ \t,]*{TAG})*[ \t,]*"


def parse_tags(lines: list[str]) -> list[str]:
    """Return the tags of all If-Match lines, joined as RFC 9110 says. Raises ValueError."""
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


def version_column(model: type[User] | type[TrackPoint]) -> ColumnElement[str]:
    """Return the column that differs between the versions of a row."""
    xmin: ColumnElement[Any] = literal_column(f"{model.__tablename__}.xmin")
    return cast(xmin, Text)


def format_etag(version: str) -> str:
    """Return the ETag of a version."""
    return f'"{version}"'


def is_unchanged(model: type[User] | type[TrackPoint], if_match: list[str]) -> ColumnElement[bool]:
    """Return the SQL condition that a row has a version in If-Match. A weak tag never matches."""
    if if_match == [ANY]:
        return true()
    versions = [tag.strip('"') for tag in if_match if tag.startswith('"')]
    # An array makes one statement for any number of tags (test106).
    return version_column(model) == any_(literal(versions, ARRAY(Text)))
