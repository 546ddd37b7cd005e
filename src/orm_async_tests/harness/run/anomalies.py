"""Runs concurrent transactions at every isolation level, to see which anomalies occur."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.db import sqlstate
from orm_async_tests.harness.definitions.variants import Observation, Variant, select_arguments
from orm_async_tests.harness.environment.activity import Activity
from orm_async_tests.harness.environment.script_database import POINTS_PER_USER

OCCURS, PREVENTED = "occurs", "prevented"
LEVELS = ("read_committed", "repeatable_read", "serializable")  # the names of the variants
Row = tuple[str, ...]
Schedule = Callable[..., Awaitable[bool]]
# The type of the function that starts an operation, and returns once it waits for a lock.
Blocked = Callable[[Awaitable[object]], Awaitable["asyncio.Future[object]"]]


def at_each_level(schedules: Mapping[str, Schedule]) -> tuple[Variant, ...]:
    """Return one variant for each isolation level. Every variant runs all schedules.

    A schedule is a function that runs the statements of several transactions in a fixed order.
    CONTRIBUTING.md describes the arguments of a schedule.
    """
    return tuple(_variant(level, schedules) for level in LEVELS)


def _variant(name: str, schedules: Mapping[str, Schedule]) -> Variant:
    level = name.replace("_", " ").upper()

    async def outcomes(engine: AsyncEngine, activity: Activity) -> dict[str, str]:
        return {
            anomaly: await _outcome(schedule, engine, activity, user)
            for user, (anomaly, schedule) in enumerate(schedules.items(), 1)
        }

    outcomes.__name__, outcomes.__doc__ = name, f"run the schedules in sessions at {level}"
    return Variant(outcomes, "variant", engine={"isolation_level": level})


async def _outcome(schedule: Schedule, engine: AsyncEngine, activity: Activity, user: int) -> str:
    """Return "occurs", "prevented" or the SQLSTATE of an error."""

    async def blocked(work: Awaitable[object]) -> asyncio.Future[object]:
        task = asyncio.ensure_future(work)
        await activity.until_blocked()
        return task

    two = POINTS_PER_USER * user
    async with AsyncSession(engine) as a, AsyncSession(engine) as b, AsyncSession(engine) as c:
        available = {"a": a, "b": b, "c": c, "user": user, "one": two - 1, "two": two}
        arguments = select_arguments(schedule, {**available, "blocked": blocked})
        try:
            return OCCURS if await schedule(**arguments) else PREVENTED
        except DBAPIError as error:
            return str(sqlstate(error))


def tabulate_anomalies(results: Iterable[Mapping[str, Observation]]) -> Iterator[Row]:
    """Yield a table with one row per anomaly and one column per isolation level."""
    rows = [
        (name, *(levels[level].value[name] for level in LEVELS))
        for levels in results
        if tuple(levels) == LEVELS
        for name in levels[LEVELS[0]].value or ()
    ]
    if rows:
        yield ("", *(level.replace("_", " ").upper() for level in LEVELS))
    yield from rows
