"""Schedules of transactions that read and write each other's rows, and what became of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from orm_async_tests.harness.definitions.observation import Observation, sqlstate
from orm_async_tests.harness.definitions.variants import Variant, select_arguments
from orm_async_tests.harness.environment.activity import Activity
from orm_async_tests.harness.environment.script_database import POINTS

OCCURS, PREVENTED = "occurs", "prevented"
LEVELS = ("read_committed", "repeatable_read", "serializable")  # the names of the variants
Row = tuple[str, ...]
Schedule = Callable[..., Awaitable[bool]]
# Starts something that has to wait for a lock, and returns once it waits.
Blocked = Callable[[Awaitable[object]], Awaitable["asyncio.Future[object]"]]


def at_each_level(schedules: Mapping[str, Schedule]) -> tuple[Variant, Variant, Variant]:
    """A variant for each isolation level, which runs the schedules that show these anomalies.

    A schedule says whether the anomaly occurred. It asks by name for the sessions `a`, `b` and
    `c`; for `user`, whom no other schedule uses, and the ids `one` and `two` of the user's points,
    whose lon are 15 and 16; for `blocked`, which starts something that has to wait.
    """
    read_committed, repeatable_read, serializable = (_variant(level, schedules) for level in LEVELS)
    return read_committed, repeatable_read, serializable


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
    """Whether it "occurs", is "prevented", or the SQLSTATE with which a transaction failed."""

    async def blocked(work: Awaitable[object]) -> asyncio.Future[object]:
        task = asyncio.ensure_future(work)
        await activity.until_blocked()
        return task

    two = POINTS * user
    async with AsyncSession(engine) as a, AsyncSession(engine) as b, AsyncSession(engine) as c:
        offered = {"a": a, "b": b, "c": c, "user": user, "one": two - 1, "two": two}
        arguments = select_arguments(schedule, {**offered, "blocked": blocked})
        try:
            return OCCURS if await schedule(**arguments) else PREVENTED
        except DBAPIError as error:
            return str(sqlstate(error))


def table(results: Iterable[Mapping[str, Observation]]) -> Iterator[Row]:
    """The head, then one row an anomaly: its name and its outcome at each level.

    Results of which the variants are not the levels have no rows; no rows at all, no head.
    """
    rows = [row for seen in results if tuple(seen) == LEVELS for row in _rows(seen)]
    if rows:
        yield ("", *(level.replace("_", " ").upper() for level in LEVELS))
    yield from rows


def _rows(seen: Mapping[str, Observation]) -> Iterator[Row]:
    for name in seen[LEVELS[0]].value or ():
        yield (name, *(seen[level].value[name] for level in LEVELS))
