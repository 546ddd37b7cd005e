"""The JSON documents of the service, from which FastAPI writes the OpenAPI description."""

import re
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Item = TypeVar("Item")

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
Degrees = Annotated[float, Field(strict=True, allow_inf_nan=False, description="degrees, WGS 84")]
Latitude = Annotated[Degrees, Field(ge=-90, le=90)]
Longitude = Annotated[Degrees, Field(ge=-180, le=180)]


FIRST, LAST = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))
OUT_OF_RANGE = f"a date must lie after {FIRST.isoformat()} and before {LAST.isoformat()}"
RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)


def to_utc(moment: datetime) -> datetime:
    """Convert a moment to UTC. Raises ValueError if Python cannot represent the result."""
    try:
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(OUT_OF_RANGE) from None


def to_storable(moment: datetime) -> datetime:
    """Convert a moment to UTC. Raises ValueError where asyncpg would store infinity (test171)."""
    moment = to_utc(moment)
    if not FIRST < moment < LAST:
        raise ValueError(OUT_OF_RANGE)
    return moment


def parse_date_time(text: object) -> datetime:
    """Read a date-time of RFC 3339. Raises ValueError.

    pydantic alone takes a number for seconds since 1970.
    """
    if not isinstance(text, str) or not RFC_3339.fullmatch(text):
        raise ValueError("write date, time and offset, for example 2010-10-03T09:36:30Z")
    return datetime.fromisoformat(text.upper())


def parse_moment(text: object) -> datetime:
    """Read a date-time as a moment in UTC. Raises ValueError."""
    return to_utc(parse_date_time(text))


def parse_storable(text: object) -> datetime:
    """Read a date-time that the database can store, as a moment in UTC. Raises ValueError."""
    return to_storable(parse_date_time(text))


# JSON Schema cannot limit a date-time, so the description excludes the first and the last day.
STORABLE = Field(json_schema_extra={"pattern": "^(?!0001-01-01|9999-12-31)"})
Moment = Annotated[datetime, BeforeValidator(parse_moment)]
Recorded = Annotated[datetime, STORABLE, BeforeValidator(parse_storable)]


class Document(BaseModel):
    """The base of all documents. An unknown member is an error; an ORM object is a valid source."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class UserIn(Document):
    """A new user, or the changes of a user."""

    username: Name


class UserOut(Document):
    """A user."""

    id: int
    username: str
    created_at: datetime
    updated_at: datetime


class PointIn(Document):
    """A position of a walk, and the time at which it was recorded."""

    lat: Latitude
    lon: Longitude
    date: Recorded


class PointPatch(Document):
    """The new values of a point's fields. A field that is absent or null is not changed."""

    lat: Latitude | None = None
    lon: Longitude | None = None
    date: Recorded | None = None


class PointOut(Document):
    """A point."""

    id: int
    user_id: int
    lat: float
    lon: float
    date: datetime


class Page(BaseModel, Generic[Item]):
    """A page of a list by id. `next` is the parameter `after` of the next page, or null."""

    items: list[Item]
    next: int | None


class Loaded(Document):
    """The number of points that a bulk load has added."""

    points: int


class Problem(BaseModel):
    """An error, as described by RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
