"""Entity tags: a row's xmin, the transaction that wrote it last, kept by the server itself."""

import re
from typing import Annotated, Any

from fastapi import Header
from pydantic import BeforeValidator, WithJsonSchema
from sqlalchemy import ARRAY, ColumnElement, Text, any_, cast, literal, literal_column, true

from orm_async_tests.models import TrackPoint, User

ANY = "*"
TAG = r'(?:W/)?"[!#-~\x80-\xff]*"'
TAGS = rf"[ \t,]*{TAG}(?:[ \t]*,[ \t,]*{TAG})*[ \t,]*"


def tags(lines: list[str]) -> list[str]:
    """The tags of the header's lines, as RFC 9110 joins them. Raises ValueError for others."""
    value = ", ".join(lines)
    if value.strip() == ANY:
        return [ANY]
    if not re.fullmatch(TAGS, value):
        raise ValueError('it is * or a list of ETags, such as "1", "2"')
    return re.findall(TAG, value)


IfMatch = Annotated[
    list[str],
    BeforeValidator(tags),
    WithJsonSchema({"type": "string", "pattern": r'^(\*|"[!#-~]*"(, "[!#-~]*")*)$'}),
    Header(description="the ETag that was read, a list of them, or * for whichever it is"),
]


def version(model: type[User] | type[TrackPoint]) -> ColumnElement[str]:
    """The column that tells versions of a row apart."""
    xmin: ColumnElement[Any] = literal_column(f"{model.__tablename__}.xmin")
    return cast(xmin, Text)


def etag(found: str) -> str:
    """The tag of this version."""
    return f'"{found}"'


def unchanged(model: type[User] | type[TrackPoint], if_match: list[str]) -> ColumnElement[bool]:
    """Whether a row is a version that the caller has read: a weak tag never says so."""
    if if_match == [ANY]:
        return true()
    read = [tag.strip('"') for tag in if_match if tag.startswith('"')]
    return version(model) == any_(literal(read, ARRAY(Text)))  # one statement for all (test106)
