"""The events that the observer records about tasks and connections."""

from collections.abc import Sequence
from dataclasses import asdict, replace

import pytest

from orm_async_tests import catalogue, db, urls
from orm_async_tests.harness.report.result import Result, as_json
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script
from orm_async_tests.stack_options import DRIVERS
from orm_async_tests.timeline.event_list import Event, Kind, from_json
from tests.harness.example_scripts import CANCELLED, HEAD, ran

FIRST = len(HEAD.splitlines()) + 1  # the number of the first line of a script's body
SHARED = """
    @wrong
    async def one(session):
        await session.connection()
        await asyncio.gather(*(session.execute(text("SELECT pg_sleep(0)")) for _ in range(2)))
"""
EXHAUSTED = """
    @wrong(engine={"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.01})
    async def one(Session):
        async with Session() as first:
            await first.execute(text("SELECT 1"))
            async with Session() as second:
                await second.execute(text("SELECT 2"))
"""
LEFT_RUNNING = """
    @variant(tasks=True)
    async def one(Session):
        async def query():
            async with Session() as session:
                await session.execute(text("SELECT 1"))
                kept.set()
                await asyncio.Event().wait()
        kept = asyncio.Event()
        asyncio.create_task(query())
        await kept.wait()
"""


NEVER_SENT = """
    @variant
    async def one(session):
        user = await session.get(User, 1)
        try:
            user.points
        except MissingGreenlet:
            pass
"""


SAME_STATEMENT = """
    @right
    async def one(session):
        await session.execute(text("SELECT 1"))
        await session.execute(text("SELECT 1"))
        def execute(sync):
            sync.execute(text("SELECT 1"))
            sync.execute(text("SELECT 1"))
        await session.run_sync(execute)
        await session.execute(text("SELECT 1"))
"""


def events(result: Result, *kinds: Kind, variant: str = "one") -> list[Event]:
    """Return a variant's events of these kinds."""
    return [event for event in result.observations[variant].events if event.kind in kinds]


def lines(events: Sequence[Event]) -> list[int]:
    """Return the lines of events, counted from the first line of the script's body."""
    return [event.line - FIRST for event in events]


def use_driver(database: db.Database, driver: str) -> db.Database:
    return replace(database, url=urls.with_driver(database.url, driver))


def run_numbered(number: str, database: db.Database) -> Result:
    """Return the result of a numbered script."""
    [entry] = catalogue.select([number])
    return run_script(Script.of(entry.load()), database)


def test_a_second_task_on_a_session_waits_until_the_first_one_is_answered(
    database: db.Database,
) -> None:
    result = ran(SHARED, database)
    [busy] = events(result, "busy")
    first, second = events(result, "statement")
    assert (first.task, second.task) == (2, 3)
    assert busy.holders == (2,)
    assert busy.task == 3
    assert second.start >= first.end >= busy.start
    assert first.begins
    assert not second.begins
    assert lines([busy, first, second]) == [4, 4, 4]  # where the tasks were created


def test_the_same_statement_is_recorded_at_every_line_that_sends_it(database: db.Database) -> None:
    result = ran(SAME_STATEMENT, database)
    assert lines(events(result, "statement")) == [3, 4, 6, 7, 9]


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_lazy_load_that_raises_an_error_sends_no_statement(
    database: db.Database, driver: str
) -> None:
    result = ran(NEVER_SENT, use_driver(database, driver))
    [sent] = [event for event in events(result, "statement") if event.is_sent]
    assert result.observations["one"].log == ["BEGIN", sent.text, "ROLLBACK"]


def test_a_task_that_waits_for_the_pool_gets_the_error_at_its_line(database: db.Database) -> None:
    result = ran(EXHAUSTED, database)
    [wait], [error] = events(result, "pool"), events(result, "error")
    assert wait.error == error.error == "TimeoutError (code 3o7r)"
    assert lines([wait, error]) == [6, 6]
    assert events(result, "statement", "rollback")[0].begins
    assert lines(events(result, "rollback")) == [3]  # `async with` closes the session


def test_a_statement_that_the_server_blocks_names_the_connection_that_has_the_lock(
    database: db.Database,
) -> None:
    result = run_numbered("24", database)
    one, three = (events(result, "lock", variant=name) for name in result.observations)
    assert [lock.holders for lock in one] == [(2,)]
    assert [lock.holders for lock in three] == [(1,), (1,), (1,)]
    waits = events(result, "busy", variant="one_session")
    assert [wait.connection for wait in waits] == [1, 1]


def test_a_task_that_the_harness_creates_for_a_script_is_a_task_of_the_script(
    database: db.Database,
) -> None:
    result = run_numbered("88", database)
    [lock] = events(result, "lock", variant="read_committed")
    tasks = [event.task for event in events(result, "task", variant="read_committed")]
    assert (lock.task, lock.holders, tasks) == (2, (1,), [1, 2])


def test_a_task_that_the_variant_leaves_behind_ends_with_the_recording(
    database: db.Database,
) -> None:
    result = ran(LEFT_RUNNING, database)
    task, behind = events(result, "task")
    assert behind.end <= task.end
    assert events(result, "cancel") == []


def test_every_round_trip_belongs_to_a_line_also_those_of_a_ping(database: db.Database) -> None:
    for number in ("5", "22"):
        for variant in as_json(run_numbered(number, database))["variants"]:
            assert sum(line["round_trips"] for line in variant["lines"]) == variant["round_trips"]


def test_events_are_the_same_after_they_were_written_and_read(database: db.Database) -> None:
    result = ran(EXHAUSTED, database)
    [variant] = as_json(result)["variants"]
    read = from_json(variant["events"], variant["log"])
    recorded = result.observations["one"].events
    assert list(map(asdict, read)) == [asdict(event) | {"path": ""} for event in recorded]


def test_a_cancel_ends_the_statement_and_the_task(database: db.Database) -> None:
    result = ran(CANCELLED, database)
    [statement], [cancel] = events(result, "statement"), events(result, "cancel")
    assert statement.error == "CancelledError"
    assert lines([statement]) == [5]
    assert cancel.task == statement.task == 2
