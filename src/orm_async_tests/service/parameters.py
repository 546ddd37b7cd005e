"""The parameters that several routes have."""

from typing import Annotated

from fastapi import Path, Query

MAX_ID, MAX_PAGE = 2**31 - 1, 1000

Id = Annotated[int, Path(ge=1, le=MAX_ID)]
After = Annotated[int, Query(ge=0, le=MAX_ID, description="the `next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
