"""Defines the JSON documents and the parameters that several routes share."""

import re
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Item = TypeVar("Item")

MAX_ID = 2**31 - 1
FIRST, LAST = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))
OUT_OF_RANGE = f"a date must lie after {FIRST.isoformat()} and before {LAST.isoformat()}"
RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)


def to_utc(moment: datetime) -> datetime:
    """Convert a moment to UTC, or raise ValueError if Python cannot represent it in UTC."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(OUT_OF_RANGE) from None


def parse_moment(text: object) -> datetime:
    """Parse a date-time in the form of RFC 3339, and return it in UTC.

    By default, pydantic would also accept numbers, as seconds since 1970.
    """
    if not isinstance(text, str) or not RFC_3339.fullmatch(text):
        raise ValueError("write a date, a time and a UTC offset, for example 2010-10-03T09:36:30Z")
    return to_utc(datetime.fromisoformat(text.upper()))


def check_storable(moment: datetime) -> datetime:
    """Refuse a date-time that asyncpg would store as infinity (test171)."""
    if not FIRST < moment < LAST:
        raise ValueError(OUT_OF_RANGE)
    return moment


def parse_integer(text: str) -> int:
    if not re.fullmatch(r"0|[1-9][0-9]*", text):
        raise ValueError("write a whole number in decimal digits, for example 10")
    return int(text)


Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
Degrees = Annotated[float, Field(strict=True, allow_inf_nan=False, description="degrees, WGS 84")]
Latitude = Annotated[Degrees, Field(ge=-90, le=90)]
Longitude = Annotated[Degrees, Field(ge=-180, le=180)]
Moment = Annotated[datetime, BeforeValidator(parse_moment)]
Recorded = Annotated[
    Moment,
    AfterValidator(check_storable),
    # JSON Schema cannot limit a date-time, so the description excludes the first and the last day.
    Field(json_schema_extra={"pattern": "^(?!0001-01-01|9999-12-31)"}),
]
DECIMAL = BeforeValidator(parse_integer)
EventId = Annotated[int, Field(ge=0, le=MAX_ID), DECIMAL]
Id = Annotated[int, Field(ge=1, le=MAX_ID), DECIMAL, Path()]
After = Annotated[EventId, Query(description="the value of `next` from the previous page")]
Limit = Annotated[
    int, Field(ge=1, le=1000), DECIMAL, Query(description="the number of items on a page")
]


class Input(BaseModel):
    """A JSON document from a client. An unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class Output(BaseModel):
    """A JSON document of the service, made from a row or a stored answer."""

    model_config = ConfigDict(from_attributes=True)


class UserIn(Input):
    """The fields for creating or changing a user."""

    username: Name


class UserOut(Output):
    """A user."""

    id: int
    username: str
    created_at: datetime
    updated_at: datetime


class PointIn(Input):
    """A position, and the time at which it was recorded."""

    lat: Latitude
    lon: Longitude
    date: Recorded


class PointPatch(Input):
    """New values for fields of a point. Absent or null fields keep their old values."""

    lat: Latitude | None = None
    lon: Longitude | None = None
    date: Recorded | None = None


class PointOut(Output):
    """A point."""

    id: int
    user_id: int
    lat: float
    lon: float
    date: datetime


class Page(BaseModel, Generic[Item]):
    """A page of a list, sorted by id.

    To get the next page, pass `next` as the parameter `after`. On the last page, `next` is null.
    """

    items: list[Item]
    next: int | None


class Loaded(Output):
    """The number of points that an upload added."""

    points: int


class Problem(BaseModel):
    """A description of an error, as RFC 9457 defines it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
