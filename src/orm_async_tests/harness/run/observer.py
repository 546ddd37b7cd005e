"""Run one variant on a fresh engine and see everything that it does."""

import asyncio
import gc
import inspect
import logging
import time
import traceback
import tracemalloc
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import URL

from orm_async_tests.harness.definitions.observation import Observation, checked_out
from orm_async_tests.harness.definitions.variants import Variant, select_arguments
from orm_async_tests.harness.environment.private_servers import own_servers
from orm_async_tests.harness.environment.script_database import Playground, load
from orm_async_tests.harness.run.fixtures import FIXTURES, Place
from orm_async_tests.harness.script import Script
from orm_async_tests.harness.wire import sql_log
from orm_async_tests.harness.wire.wire import Wire

CLOSED_WITHIN = 5.0  # seconds that disposed engines may take to close their connections


@dataclass
class Observer:
    """Runs variants on a playground, through a wire where there is one."""

    playground: Playground
    url: URL
    wire: Wire | None
    options: Mapping[str, Any]

    async def observe(self, script: Script, variant: Variant) -> Observation:
        """Load the world, run the variant, and say what it did."""
        seen = Observation(variant.kind)
        await self.playground.reset(script.base, script.world, self.options)
        open_before = self.wire.open if self.wire else 0
        admin = self.playground.admin
        load_world = partial(load, script.base, script.world, self.options)
        async with own_servers(variant, admin.url, load_world) as servers:
            with _troubles(seen):
                place = Place(variant, self.url, self.wire, admin, servers)
                await self._run(place, seen)
                gc.collect()  # what is abandoned shows itself now, not in the next variant
                await self._close(place, seen, open_before, _patience(variant))
                gc.collect()
                await asyncio.sleep(0)  # the loop calls what the collector scheduled
        return seen

    async def _run(self, place: Place, seen: Observation) -> None:
        wanted = {name: each for name, each in FIXTURES.items() if name in place.variant.parameters}
        async with AsyncExitStack() as fixtures:
            offered = {
                name: await fixtures.enter_async_context(each(place))
                for name, each in wanted.items()
            }
            arguments = select_arguments(place.variant.function, {**self.options, **offered})
            offered.clear()
            before = self.wire.round_trips if self.wire else 0
            with sql_log.recorded(seen, self.playground.admin.sync_engine):
                started = time.perf_counter()
                try:
                    await _called(place.variant, arguments, seen, started)
                finally:
                    arguments.clear()
                    await _left(fixtures, seen)
                    seen.seconds = time.perf_counter() - started
        seen.sql = [entry for entry in seen.log if entry not in sql_log.TRANSACTION]
        if self.wire and place.servers.private is None:  # no wire leads to servers of its own
            seen.counted, seen.round_trips = True, self.wire.round_trips - before

    async def _close(
        self, place: Place, seen: Observation, open_before: int, within: float
    ) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        seen.tasks += len(left)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        while place.engines:
            engine = place.engines.pop()
            seen.leaked += checked_out(engine)
            await engine.dispose()
        gc.collect()
        if self.wire and self.wire.open > open_before:
            closed = await asyncio.to_thread(self.wire.closed, open_before, within)
            seen.leaked = seen.leaked or int(not closed)


def _patience(variant: Variant) -> float:
    """The seconds for which a connection may still be closing: none where it is expected to leak.

    A variant that is not wrong leaks on some releases alone, and has the time on the others.
    """
    return 0.0 if variant.leaks and variant.kind == "wrong" else CLOSED_WITHIN


async def _called(
    variant: Variant, arguments: dict[str, Any], seen: Observation, started: float
) -> None:
    """Call the variant, and note its value or its error."""
    try:
        seen.value = await _result(variant(**arguments), seen, started)
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and _cancelling():
            raise
        seen.error = error
        _forget_frames(error)


async def _left(fixtures: AsyncExitStack, seen: Observation) -> None:
    """Leave the fixtures: what a session sends at its end, and raises, belongs to the variant."""
    try:
        await fixtures.aclose()
    except Exception as error:
        seen.error = seen.error or error


async def _result(outcome: Any, seen: Observation, started: float) -> Any:
    """Await a coroutine; consume an async generator and count its items, watching the memory."""
    if not inspect.isasyncgen(outcome):
        return await outcome
    items = 0
    tracemalloc.start()
    try:
        async for _ in outcome:
            items += 1
            seen.seconds_to_first = seen.seconds_to_first or time.perf_counter() - started
        seen.peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return {"items": items}


def _cancelling() -> bool:
    """Return whether the whole command is being cancelled, for example by Ctrl-C."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _forget_frames(error: BaseException) -> None:
    """Let go of what an error's frames hold, as a caller does who has handled it."""
    chain: BaseException | None = error
    while chain is not None:
        traceback.clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__


class _Errors(logging.Handler):
    """Notes what libraries log as errors, which is where they put what they cannot raise."""

    def __init__(self, unhandled: list[str]) -> None:
        super().__init__(logging.ERROR)
        self.unhandled = unhandled

    def emit(self, record: logging.LogRecord) -> None:
        self.unhandled.append(f"{record.name}: {record.getMessage()}")


@contextmanager
def _troubles(seen: Observation) -> Iterator[None]:
    """Collect warnings, logged errors, lost exceptions and lost tasks into seen."""
    loop, handler = asyncio.get_running_loop(), _Errors(seen.unhandled)

    def lost(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "task" in context and "exception" not in context:
            seen.tasks += 1  # it was garbage before its end
        else:
            seen.unhandled.append(str(context.get("exception") or context["message"]))

    loop.set_exception_handler(lost)
    logging.getLogger().addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        seen.warnings = [each.category.__name__ for each in caught]
        seen.warning_messages = [str(each.message) for each in caught]
    finally:
        logging.getLogger().removeHandler(handler)
        loop.set_exception_handler(None)
