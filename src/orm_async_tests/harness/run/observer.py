"""Runs one variant on a new engine, and records what the variant does."""

import asyncio
import gc
import inspect
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import URL

from orm_async_tests.harness.definitions.variants import (
    Observation,
    Variant,
    checked_out,
    select_arguments,
)
from orm_async_tests.harness.environment.script_database import ScriptDatabase, load
from orm_async_tests.harness.environment.servers import start_servers
from orm_async_tests.harness.report.phrasing import describe
from orm_async_tests.harness.run.fixtures import Fixtures, open_fixtures
from orm_async_tests.harness.run.lock_watch import watch_locks
from orm_async_tests.harness.script import Script
from orm_async_tests.harness.wire import sql_log
from orm_async_tests.harness.wire.wire import Wire
from orm_async_tests.timeline.engine_hooks import record_events
from orm_async_tests.timeline.recording import Recorder
from orm_async_tests.troubles import clear_frames, record_troubles

CLOSED_WITHIN = 5.0  # seconds that disposed engines may take to close their connections


@dataclass
class Observer:
    """Runs a script's variants on one database. If the database allows a proxy, the proxy counts
    the variants' round trips.
    """

    database: ScriptDatabase
    url: URL
    wire: Wire | None
    options: Mapping[str, Any]

    async def observe(self, script: Script, variant: Variant) -> Observation:
        """Reset the database, run the variant, and return what the variant did."""
        observation = Observation(variant.kind)
        await self.database.reset(script.base, script.seed, self.options)
        open_before = self.wire.open if self.wire else 0
        busy = set() if self.wire else await self.database.busy_backends()
        admin = self.database.admin
        load_primary = partial(load, script.base, script.seed, self.options)
        async with start_servers(variant, admin.url, load_primary) as servers:
            with record_troubles() as troubles:
                count = self.wire.count_round_trips if self.wire else None
                recorder = Recorder(lambda path: path == script.file, variant.name, describe, count)
                fixtures = Fixtures(variant, self.url, self.wire, admin, servers, recorder)
                await self._run(fixtures, observation)
                gc.collect()  # what is abandoned shows itself now, not during the next variant
                await self._close(fixtures, observation, open_before)
                gc.collect()
                await asyncio.sleep(0)  # the loop calls what the collector scheduled
        if self.wire is None:
            await self.database.end_busy_backends(busy)
        observation.unhandled += troubles.errors
        observation.tasks += troubles.pending_tasks
        observation.warnings = [warning.category.__name__ for warning in troubles.warnings]
        observation.warning_messages = [str(warning.message) for warning in troubles.warnings]
        return observation

    async def _run(self, fixtures: Fixtures, observation: Observation) -> None:
        variant, recorder = fixtures.variant, fixtures.recorder
        async with fixtures.stack:
            available = await open_fixtures(fixtures, variant.parameters)
            arguments = select_arguments(variant.function, {**self.options, **available})
            available.clear()  # as below: a reference from here would hide a leaked session
            round_trips_before = self.wire.round_trips if self.wire else 0
            with self._record(recorder, observation):
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
        observation.sql = [line for line in observation.log if line not in sql_log.TRANSACTION]
        if self.wire and fixtures.servers.private is None:  # no wire leads to private servers
            observation.counted = True
            observation.round_trips = self.wire.round_trips - round_trips_before

    @contextmanager
    def _record(self, recorder: Recorder, observation: Observation) -> Iterator[None]:
        """Record the variant's statements and events while the block runs."""
        admin = self.database.admin
        if self.wire:
            self.wire.reset_connections()
        with (
            watch_locks(admin.url, recorder),
            sql_log.record_sql(observation, admin.sync_engine),
            record_events(recorder, admin.sync_engine),
        ):
            yield
        observation.events = recorder.finish()

    async def _close(self, fixtures: Fixtures, observation: Observation, open_before: int) -> None:
        """Cancel the tasks that still run and dispose the engines. Count the leaked connections and
        tasks.
        """
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
        if self.wire and self.wire.open > open_before:
            # Waiting for a wrong variant that is expected to leak would be in vain. A variant of
            # another kind leaks on some releases only.
            in_vain = fixtures.variant.leaks and fixtures.variant.kind == "wrong"
            timeout = 0.0 if in_vain else CLOSED_WITHIN
            closed = await asyncio.to_thread(self.wire.wait_until_closed, open_before, timeout)
            observation.leaked = observation.leaked or int(not closed)


async def _call(
    variant: Variant, arguments: dict[str, Any], observation: Observation, started: float
) -> None:
    """Call the variant, and record its value or its error."""
    try:
        observation.value = await _await_result(variant(**arguments), observation, started)
    except (Exception, asyncio.CancelledError) as error:
        task = asyncio.current_task()
        is_command_cancelled = task is not None and task.cancelling() > 0  # as by Ctrl-C
        if isinstance(error, asyncio.CancelledError) and is_command_cancelled:
            raise
        observation.error = error


async def _close_fixtures(stack: AsyncExitStack, observation: Observation) -> None:
    """Close the fixtures. If a session sends or raises something while it closes, record this as
    part of the variant.

    If the variant already raised an error, record an error during closing as unhandled.
    """
    try:
        await stack.aclose()
    except Exception as error:
        if observation.error is None:
            observation.error = error
        else:
            observation.unhandled.append(f"while its fixtures were closed: {error!r}")


async def _await_result(outcome: Any, observation: Observation, started: float) -> Any:
    """Await a coroutine. If the value is an async generator, consume it, and record its memory and
    the time to its first item.
    """
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
