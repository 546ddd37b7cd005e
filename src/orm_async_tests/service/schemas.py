"""What the service takes and gives: the documents of its OpenAPI description."""

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

Item = TypeVar("Item")

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
Latitude = Annotated[
    float, Field(ge=-90, le=90, allow_inf_nan=False, description="degrees, WGS 84")
]
Longitude = Annotated[
    float, Field(ge=-180, le=180, allow_inf_nan=False, description="degrees, WGS 84")
]


FIRST, LAST = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))
BEYOND = f"it is not after {FIRST.isoformat()} and before {LAST.isoformat()}"


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC; raises ValueError if Python has none."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(BEYOND) from None


def finite(moment: datetime) -> datetime:
    """The moment; raises ValueError for the two that asyncpg stores as infinities (test171)."""
    if not FIRST < moment < LAST:
        raise ValueError(BEYOND)
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]
# JSON Schema knows no limits of a date-time: the description leaves out the two days whole.
INSIDE = Field(json_schema_extra={"pattern": "^(?!0001-01-01|9999-12-31)"})
Recorded = Annotated[Moment, AfterValidator(finite), INSIDE]


class Document(BaseModel):
    """A document without other members than it names, read from an ORM object too."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class UserIn(Document):
    """A user to be made, or what a user becomes."""

    username: Name


class UserOut(Document):
    """A user."""

    id: int
    username: str
    created_at: datetime
    updated_at: datetime


class PointIn(Document):
    """A position of a walk, and the moment when it was recorded."""

    lat: Latitude
    lon: Longitude
    date: Recorded


class PointPatch(Document):
    """What changes of a point; what is left out stays."""

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
    """Some items in the order of their ids; `next` is the `after` of the next page, if any."""

    items: list[Item]
    next: int | None


class Loaded(Document):
    """How many points a bulk load has added."""

    points: int


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
