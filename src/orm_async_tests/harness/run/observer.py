"""Runs one variant on a new engine, and records what the variant does."""

import asyncio
import gc
import inspect
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import Any

from sqlalchemy import URL

from orm_async_tests.harness.definitions.variants import (
    Observation,
    Variant,
    checked_out,
    select_arguments,
)
from orm_async_tests.harness.environment.script_database import ScriptDatabase, fill_database
from orm_async_tests.harness.environment.servers import start_servers
from orm_async_tests.harness.report.phrasing import describe
from orm_async_tests.harness.run.fixtures import Fixtures, open_fixtures
from orm_async_tests.harness.run.lock_watch import watch_locks
from orm_async_tests.harness.script import Script
from orm_async_tests.harness.wire.sql_log import TRANSACTION, UNANSWERED, record_sql
from orm_async_tests.harness.wire.wire import Wire
from orm_async_tests.timeline.engine_hooks import record_events
from orm_async_tests.timeline.recording import Recorder
from orm_async_tests.troubles import clear_frames, record_troubles

CLOSED_WITHIN = 5.0  # seconds that disposed engines may take to close their connections


async def observe(
    script: Script,
    variant: Variant,
    database: ScriptDatabase,
    url: URL,
    wire: Wire | None,
    options: Mapping[str, Any],
) -> Observation:
    observation = Observation(variant.kind)
    await database.reset(script.base, script.seed, options)
    open_before = wire.open if wire else 0
    busy = set() if wire else await database.find_busy_backends()
    admin = database.admin
    load_primary = partial(fill_database, script.base, script.seed, options)
    async with start_servers(variant, admin.url, load_primary) as servers:
        with record_troubles() as troubles:
            count = wire.count_round_trips if wire else None
            recorder = Recorder(lambda path: path == script.file, variant.name, describe, count)
            fixtures = Fixtures(variant, url, wire, admin, servers, recorder)
            await _run(fixtures, observation, options)
            gc.collect()  # destroys abandoned objects now, not during the next variant
            await _close(fixtures, observation, open_before)
            gc.collect()
            await asyncio.sleep(0)  # the loop calls what the collector scheduled
    if wire is None:
        await database.end_busy_backends(busy)
    observation.unhandled += troubles.errors
    observation.tasks += troubles.pending_tasks
    observation.warnings = [warning.category.__name__ for warning in troubles.warnings]
    observation.warning_messages = [str(warning.message) for warning in troubles.warnings]
    return observation


async def _run(fixtures: Fixtures, observation: Observation, options: Mapping[str, Any]) -> None:
    variant, wire, recorder = fixtures.variant, fixtures.wire, fixtures.recorder
    async with fixtures.stack:
        available = await open_fixtures(fixtures, variant.parameters)
        arguments = select_arguments(variant.function, {**options, **available})
        available.clear()  # a reference from here would hide a leaked session
        round_trips_before = wire.round_trips if wire else 0
        with _record(fixtures, observation):
            started = time.perf_counter()
            try:
                await _call(variant, arguments, observation, started)
                if observation.error is not None:
                    recorder.add_error(observation.error)
                    clear_frames(observation.error)
            finally:
                arguments.clear()
                await _close_fixtures(fixtures.stack, observation)
                observation.seconds = time.perf_counter() - started
    log = zip(observation.log, observation.sqlstates, strict=True)
    observation.sql = [
        line for line, failure in log if line not in TRANSACTION and failure not in UNANSWERED
    ]
    servers = fixtures.servers
    if wire and servers.private is None and servers.pooler is None:  # the proxy sees neither
        observation.counted = True
        observation.round_trips = wire.round_trips - round_trips_before


@contextmanager
def _record(fixtures: Fixtures, observation: Observation) -> Iterator[None]:
    admin, recorder = fixtures.admin, fixtures.recorder
    if fixtures.wire:
        fixtures.wire.reset_connections()
    with (
        watch_locks(admin.url, recorder),
        record_events(recorder, admin.sync_engine),
        record_sql(observation, admin.sync_engine),
    ):
        yield
    observation.events = recorder.finish()


async def _close(fixtures: Fixtures, observation: Observation, open_before: int) -> None:
    """Cancel running tasks, dispose the engines, and count leaks."""
    running = asyncio.all_tasks() - {asyncio.current_task()}
    observation.tasks += len(running)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    while fixtures.engines:
        engine = fixtures.engines.pop()
        observation.leaked += checked_out(engine)
        await engine.dispose()
    gc.collect()
    wire, variant = fixtures.wire, fixtures.variant
    if wire and wire.open > open_before:
        # Do not wait for a wrong variant whose connection is expected to leak. A variant of
        # another kind leaks only on some releases.
        timeout = 0.0 if variant.leaks and variant.kind == "wrong" else CLOSED_WITHIN
        closed = await asyncio.to_thread(wire.wait_until_closed, open_before, timeout)
        observation.leaked = observation.leaked or int(not closed)


async def _call(
    variant: Variant, arguments: dict[str, Any], observation: Observation, started: float
) -> None:
    try:
        observation.value = await _await_result(variant(**arguments), observation, started)
    except (Exception, asyncio.CancelledError) as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
            raise  # the command is cancelled, for example by Ctrl-C
        observation.error = error


async def _close_fixtures(stack: AsyncExitStack, observation: Observation) -> None:
    """Close the fixtures, and record an error that one of them raises."""
    try:
        await stack.aclose()
    except Exception as error:
        if observation.error is None:
            observation.error = error
        else:
            observation.unhandled.append(f"while its fixtures were closed: {error!r}")


async def _await_result(outcome: Any, observation: Observation, started: float) -> Any:
    """Await a coroutine, or consume an async generator and measure its memory."""
    if not inspect.isasyncgen(outcome):
        return await outcome
    items = 0
    tracemalloc.start()
    try:
        async for _ in outcome:
            items += 1
            if items == 1:
                observation.seconds_to_first = time.perf_counter() - started
        observation.peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return {"items": items}
