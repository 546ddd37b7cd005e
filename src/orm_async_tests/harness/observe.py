"""Run one way on a fresh engine and see everything that it does."""

import asyncio
import gc
import inspect
import logging
import time
import traceback
import tracemalloc
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from orm_async_tests import db
from orm_async_tests.harness import sql
from orm_async_tests.harness.activity import Activity
from orm_async_tests.harness.playground import Playground
from orm_async_tests.harness.ways import Seen, called_with, checked_out, terms
from orm_async_tests.harness.wire import Wire
from orm_async_tests.server import private_server

CLOSED_WITHIN = 5.0  # seconds that disposed engines may take to close their connections


@dataclass
class Observer:
    """Runs ways on a playground, through a wire where there is one."""

    playground: Playground
    url: URL
    wire: Wire | None
    options: Mapping[str, Any]
    engines: list[AsyncEngine] = field(default_factory=list)

    async def observe(self, script: ModuleType, function: Callable[..., Any]) -> Seen:
        """Load the world, run the way, and say what it did."""
        how = terms(function)
        seen = Seen(how.kind)
        await self.playground.reset(script, self.options)
        open_before = self.wire.open if self.wire else 0
        with self._private(function) as private, _troubles(seen):
            async with self._offered(function, private) as offered:
                await self._run(function, offered, seen)
                offered.clear()
                gc.collect()  # what is abandoned shows itself now, not in the next way
            await self._close(seen, open_before, CLOSED_WITHIN * (not how.leaks))
            gc.collect()
            await asyncio.sleep(0)  # the loop calls what the collector scheduled
        return seen

    def make_engine(self, url: URL | None = None, **options: Any) -> AsyncEngine:
        """A cold engine for a way; it is disposed when the way has ended."""
        engine = db.make_engine(url or self.url, **options)
        self.engines.append(engine)
        return engine

    @contextmanager
    def _private(self, function: Callable[..., Any]) -> Iterator[dict[str, Any]]:
        """A private server, for a way that asks for it or its URL."""
        wanted = inspect.signature(function).parameters
        if not {"private_server", "private_url"} & wanted.keys():
            yield {}
            return
        with private_server() as server:
            url = db.with_driver(db.socket_url(server.login), self.url.get_driver_name())
            yield {"private_server": server, "private_url": url}

    @asynccontextmanager
    async def _offered(
        self, function: Callable[..., Any], private: Mapping[str, Any]
    ) -> AsyncIterator[dict[str, Any]]:
        activity = Activity(self.playground.admin)
        if "server" in inspect.signature(function).parameters:
            await activity.mark()
        engine = self.make_engine(**terms(function).engine)
        async with engine.connect() as connection:  # warm: what is counted is the way's own
            await connection.execute(text("SELECT 1"))
        yield {
            "engine": engine,
            "Session": async_sessionmaker(engine),
            "session": async_sessionmaker(engine)(),
            "make_engine": self.make_engine,
            "url": self.url,
            "server": activity,
            "wire": self.wire,
            **private,
            **self.options,
        }

    async def _run(self, function: Callable[..., Any], offered: dict[str, Any], seen: Seen) -> None:
        arguments = called_with(function, offered)
        session = offered["session"]
        before = self.wire.round_trips if self.wire else 0
        with sql.recorded(seen, self.playground.admin.sync_engine):
            started = time.perf_counter()
            try:
                seen.value = await _result(function(**arguments), seen, started)
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and _cancelling():
                    raise
                seen.error = error
                _forget_frames(error)
            finally:
                await session.close()
                seen.seconds = time.perf_counter() - started
        seen.sql = [entry for entry in seen.log if entry not in sql.TRANSACTION]
        seen.round_trips = self.wire.round_trips - before if self.wire else None

    async def _close(self, seen: Seen, open_before: int, within: float) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        seen.tasks += len(left)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        while self.engines:
            engine = self.engines.pop()
            seen.leaked += checked_out(engine)
            await engine.dispose()
        gc.collect()
        if self.wire and self.wire.open > open_before:
            closed = await asyncio.to_thread(self.wire.closed, open_before, within)
            seen.leaked = seen.leaked or int(not closed)


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
    finally:
        logging.getLogger().removeHandler(handler)
        loop.set_exception_handler(None)
