"""The parameters that several routes have."""

from typing import Annotated

from fastapi import Header, Path, Query
from pydantic.json_schema import SkipJsonSchema

MAX_ID, MAX_PAGE = 2**31 - 1, 1000

Id = Annotated[int, Path(ge=1, le=MAX_ID)]
After = Annotated[int, Query(ge=0, le=MAX_ID, description="the `next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
CacheControl = Annotated[
    str | SkipJsonSchema[None],
    Header(description="no-cache: read what was committed last, not from a standby"),
]


def newest(cache_control: str | None) -> bool:
    """Whether a read must see what was committed last, and so goes where writes go."""
    return "no-cache" in (cache_control or "")
