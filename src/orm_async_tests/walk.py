"""A recorded walk, shipped with the package: positions that the scripts store as track points."""

import asyncio
import csv
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from itertools import count, islice
from typing import Any, NamedTuple

Pace = tuple[float, float]  # the shortest and the longest pause, in seconds


class Position(NamedTuple):
    """Degrees (WGS 84) and the moment of the recording."""

    lat: float
    lon: float
    date: datetime


def positions(number: int) -> Iterator[Position]:
    """So many positions: the walk again and again, each time a day later."""
    text = files("orm_async_tests").joinpath("data/walk.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    walk = [
        Position(float(row["lat"]), float(row["lon"]), datetime.fromisoformat(row["date"]))
        for row in rows
    ]
    days = (timedelta(days=day) for day in count())
    again = (each._replace(date=each.date + later) for later in days for each in walk)
    return islice(again, number)


def batches(number: int, size: int, **more: Any) -> Iterator[list[dict[str, Any]]]:
    """`number` positions as columns, with `more` columns, in batches of `size`."""
    rows = ({**each._asdict(), **more} for each in positions(number))
    while batch := list(islice(rows, size)):
        yield batch


def number(text: str) -> int:
    """How many points, enough for two batches. Raises ValueError for fewer."""
    points = int(text)
    if points < 1000:
        raise ValueError(text)
    return points


def pace(text: str) -> Pace:
    """The range of seconds in a text such as "1-5"; raises ValueError for anything else."""
    low, _, high = text.partition("-")
    shortest, longest = float(low), float(high or low)
    if not 0 <= shortest <= longest:
        raise ValueError(text)
    return shortest, longest


async def rest(seconds: Pace) -> None:
    """Pause for a random time in a range, as somebody who walks does."""
    await asyncio.sleep(random.uniform(*seconds))
