"""Run one way on a fresh engine and see everything that it does."""

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

from orm_async_tests.harness import sql
from orm_async_tests.harness.fixtures import FIXTURES, Place
from orm_async_tests.harness.playground import Playground, load
from orm_async_tests.harness.script import Script
from orm_async_tests.harness.seen import Seen, checked_out
from orm_async_tests.harness.servers import own_servers
from orm_async_tests.harness.ways import Way, called_with
from orm_async_tests.harness.wire import Wire

CLOSED_WITHIN = 5.0  # seconds that disposed engines may take to close their connections


@dataclass
class Observer:
    """Runs ways on a playground, through a wire where there is one."""

    playground: Playground
    url: URL
    wire: Wire | None
    options: Mapping[str, Any]

    async def observe(self, script: Script, way: Way) -> Seen:
        """Load the world, run the way, and say what it did."""
        seen = Seen(way.kind)
        await self.playground.reset(script.base, script.world, self.options)
        open_before = self.wire.open if self.wire else 0
        admin = self.playground.admin
        load_world = partial(load, script.base, script.world, self.options)
        async with own_servers(way, admin.url, load_world) as servers:
            with _troubles(seen):
                place = Place(way, self.url, self.wire, admin, servers)
                await self._run(place, seen)
                gc.collect()  # what is abandoned shows itself now, not in the next way
                await self._close(place, seen, open_before, _patience(way))
                gc.collect()
                await asyncio.sleep(0)  # the loop calls what the collector scheduled
        return seen

    async def _run(self, place: Place, seen: Seen) -> None:
        wanted = {name: each for name, each in FIXTURES.items() if name in place.way.parameters}
        async with AsyncExitStack() as fixtures:
            offered = {
                name: await fixtures.enter_async_context(each(place))
                for name, each in wanted.items()
            }
            arguments = called_with(place.way.function, {**self.options, **offered})
            offered.clear()
            before = self.wire.round_trips if self.wire else 0
            with sql.recorded(seen, self.playground.admin.sync_engine):
                started = time.perf_counter()
                try:
                    await _called(place.way, arguments, seen, started)
                finally:
                    arguments.clear()
                    await _left(fixtures, seen)
                    seen.seconds = time.perf_counter() - started
        seen.sql = [entry for entry in seen.log if entry not in sql.TRANSACTION]
        if self.wire and place.servers.private is None:  # no wire leads to servers of its own
            seen.counted, seen.round_trips = True, self.wire.round_trips - before

    async def _close(self, place: Place, seen: Seen, open_before: int, within: float) -> None:
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


def _patience(way: Way) -> float:
    """The seconds for which a connection may still be closing: none where it is expected to leak.

    A way that is not wrong leaks on some releases alone, and has the time on the others.
    """
    return 0.0 if way.leaks and way.kind == "wrong" else CLOSED_WITHIN


async def _called(way: Way, arguments: dict[str, Any], seen: Seen, started: float) -> None:
    """Call the way, and note its value or its error."""
    try:
        seen.value = await _result(way(**arguments), seen, started)
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and _cancelling():
            raise
        seen.error = error
        _forget_frames(error)


async def _left(fixtures: AsyncExitStack, seen: Seen) -> None:
    """Leave the fixtures: what a session sends at its end, and raises, belongs to the way."""
    try:
        await fixtures.aclose()
    except Exception as error:
        seen.error = seen.error or error


async def _result(outcome: Any, seen: Seen, started: float) -> Any:
    """Await a coroutine; consume an async generator and count its items, watching the memory."""
    if not inspect.isasyncgen(outcome):
        return await outcome
    items = 0
    tracemalloc.start()
    try:
        async for _ in outcome:
            items += 1
            seen.first = seen.first or time.perf_counter() - started
        seen.peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return {"items": items}


def _cancelling() -> bool:
    """Whether the command is being ended, as by Ctrl-C, and not just something inside the way."""
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
def _troubles(seen: Seen) -> Iterator[None]:
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
        seen.warned = [str(each.message) for each in caught]
    finally:
        logging.getLogger().removeHandler(handler)
        loop.set_exception_handler(None)
