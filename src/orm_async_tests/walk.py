"""Reads a recorded walk from a file in the package. The scripts store the positions of the walk as
track points.
"""

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
    """A position in degrees (WGS 84), with the time of its recording."""

    lat: float
    lon: float
    date: datetime


def generate_positions(number: int) -> Iterator[Position]:
    """Yield as many positions as `number` says. At the end of the walk, repeat the walk on the next
    day.
    """
    text = files("orm_async_tests").joinpath("data/walk.csv").read_text("utf-8")
    walk = [
        Position(float(row["lat"]), float(row["lon"]), datetime.fromisoformat(row["date"]))
        for row in csv.DictReader(text.splitlines())
    ]
    repeated = (
        position._replace(date=position.date + timedelta(days=day))
        for day in count()
        for position in walk
    )
    return islice(repeated, number)


def batch_rows(number: int, size: int, **columns: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield rows for the table `track_points`. Each batch has `size` rows. `number` says how many
    rows to yield. Each row has the given columns.
    """
    rows = ({**position._asdict(), **columns} for position in generate_positions(number))
    while batch := list(islice(rows, size)):
        yield batch


def parse_count(text: str) -> int:
    """Parse a number of points. The number must be at least 1000, because 1000 points fill two
    batches. Raises ValueError.
    """
    points = int(text)
    if points < 1000:
        raise ValueError(text)
    return points


def parse_pace(text: str) -> Pace:
    """Parse a range of seconds, for example "1-5" or "2". Raises ValueError."""
    low, _, high = text.partition("-")
    shortest, longest = float(low), float(high or low)
    if not 0 <= shortest <= longest:
        raise ValueError(text)
    return shortest, longest


async def pause(seconds: Pace) -> None:
    """Sleep for a random time between two limits in seconds."""
    await asyncio.sleep(random.uniform(*seconds))
