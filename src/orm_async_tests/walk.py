"""A recorded walk, shipped with the package: positions that the scripts store as track points."""

import asyncio
import csv
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from itertools import count, islice
from typing import NamedTuple


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


def pace(text: str) -> tuple[float, float]:
    """The range of seconds in a text such as "1-5"; raises ValueError if there is none."""
    low, _, high = text.partition("-")
    shortest, longest = float(low), float(high or low)
    if not 0 <= shortest <= longest:
        raise ValueError(text)
    return shortest, longest


async def rest(seconds: tuple[float, float]) -> None:
    """Pause for a random time in a range, as somebody who walks does."""
    await asyncio.sleep(random.uniform(*seconds))
