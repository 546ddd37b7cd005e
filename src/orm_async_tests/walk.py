"""Reads the GPS recording of a walk, and makes rows for the scripts' tables."""

import asyncio
import csv
import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from itertools import count, islice
from typing import Any

Pace = tuple[float, float]  # the shortest and the longest pause, in seconds


def batch_rows(number: int, size: int, **columns: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield `number` rows for the table `track_points`, in lists of `size` rows.

    Positions are in degrees (WGS 84). After the last row of data/walk.csv, the rows start again
    with the next day.
    """
    text = files("orm_async_tests").joinpath("data/walk.csv").read_text("utf-8")
    walk = [
        (float(row["lat"]), float(row["lon"]), datetime.fromisoformat(row["date"]))
        for row in csv.DictReader(text.splitlines())
    ]
    rows = (
        {"lat": lat, "lon": lon, "date": date + timedelta(days=day), **columns}
        for day in count()
        for lat, lon, date in walk
    )
    numbered = islice(rows, number)
    while batch := list(islice(numbered, size)):
        yield batch


def parse_pace(text: str) -> Pace:
    """Parse a range of seconds, for example "1-5" or "2"."""
    low, _, high = text.partition("-")
    shortest, longest = float(low), float(high or low)
    if not 0 <= shortest <= longest < math.inf:
        raise ValueError(text)
    return shortest, longest


async def pause(seconds: Pace) -> None:
    await asyncio.sleep(random.uniform(*seconds))
