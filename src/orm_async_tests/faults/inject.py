"""Inject a fault at one point, and see what became of the work, the pool and the server."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.faults.delivery import LIMITS, Delivery
from orm_async_tests.faults.network import Network, refuse_tls
from orm_async_tests.faults.outcome import DONE, OPEN, Outcome, Point
from orm_async_tests.faults.patterns import Work
from orm_async_tests.faults.server import Server
from orm_async_tests.faults.suspensions import Suspensions
from orm_async_tests.harness import checked_out
from orm_async_tests.troubles import clear_frames, record_troubles

RELEASED_WITHIN = 5.0  # seconds from the start of the work
SILENT_FOR = 3.0  # seconds until the caller is cancelled, if its driver has not released it
CLOSED_WITHIN = {"asyncpg": 4.0, "psycopg": 12.0}  # after that: they wait 2 s, and 5 or 10
SETTLED_WITHIN = 3.0  # seconds until nothing is left in the server
USES = 4  # tries of the next use


@dataclass(frozen=True)
class Subject:
    """What faults are injected into: work, the engine that it is given, what it changes."""

    work: Work
    make_engine: Callable[[], AsyncEngine]
    server: Server
    rows: str | None
    warm: bool = True
    network: Network | None = None
    patience: float = SILENT_FOR


async def inject(subject: Subject, point: Point, whole: tuple[Any, ...] = ()) -> Outcome:
    """The outcome of the work with a fault at this point; a point 0 has none."""
    outcome = Outcome(point, whole=whole)
    engine = subject.make_engine()
    with _reached(engine, subject):
        if subject.warm:
            await _use(engine)
        before = await _values(subject)
        with record_troubles() as troubles:
            tasks = await _run(subject, engine, outcome)
            if point.fault.kind == "kill" and outcome.delivered:
                await subject.server.start()
            await _settled(subject.server, tasks, outcome)
            tasks.clear()
            gc.collect()  # what is abandoned shows itself now, not at the next point
            await asyncio.sleep(0)
            await _next_use(engine, outcome)
            outcome.orphans = await _disposed(engine, subject.server)
            gc.collect()
            await asyncio.sleep(0)
        outcome.troubles = troubles.messages
        after = await _values(subject)
    outcome.change = tuple(new - old for new, old in zip(after, before, strict=True))
    return outcome


@contextmanager
def _reached(engine: AsyncEngine, subject: Subject) -> Iterator[None]:
    """Name the connections that the engine makes in the block, and lead them through the network.

    Whoever made the engine need not know of it.
    """

    def name(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
        names = {"application_name": subject.server.name}
        if engine.driver == "asyncpg":
            settings = parameters.get("server_settings") or {}
            parameters["server_settings"] = {**settings, **names}
        else:
            parameters.update(names)
        if subject.network is not None:
            refuse_tls(parameters)
            off = {"ssl": False} if engine.driver == "asyncpg" else {"sslmode": "disable"}
            parameters.update(host="127.0.0.1", port=subject.network.port, **off)

    event.listen(engine.sync_engine, "do_connect", name)
    try:
        yield
    finally:
        event.remove(engine.sync_engine, "do_connect", name)


async def _run(subject: Subject, engine: AsyncEngine, outcome: Outcome) -> list[asyncio.Task[Any]]:
    """Run the work until it ends or is given up; the tasks that were made."""
    fault, at = outcome.point.fault, outcome.point.at
    delivery = Delivery(outcome, subject.server)

    async def work() -> None:
        if fault.kind not in LIMITS:
            await subject.work(engine)
            return
        async with delivery.limit:
            await subject.work(engine)

    watched = Suspensions(0 if fault.by_message else at, fault.moment, delivery.first)
    if subject.network is not None:
        subject.network.arm(at, fault.moment, fault.kind)
    with watched.watching():
        main = asyncio.get_running_loop().create_task(work())
        main.add_done_callback(lambda _: _note(outcome, checked_out(engine)))
        await _ended(main, outcome, subject.patience, CLOSED_WITHIN[engine.driver])
    outcome.seconds = time.perf_counter() - delivery.since
    outcome.counted = watched.count
    if fault.kind in LIMITS:
        outcome.delivered = delivery.limit.expired()
    _note_end(outcome, main)
    if subject.network is not None:
        outcome.delivered, outcome.counted = subject.network.cut, subject.network.sent
        subject.network.heal()
    return watched.tasks


async def _ended(
    main: asyncio.Task[Any], outcome: Outcome, patience: float, after_a_cancel: float
) -> None:
    """Wait for the end of the work, or give it up; of a silent server, after a cancel."""
    if not (outcome.point.fault.silent and outcome.point.at):
        await asyncio.wait({main}, timeout=RELEASED_WITHIN)
        return
    await asyncio.wait({main}, timeout=patience)
    if not main.done():
        outcome.waited = main.cancel()
        await asyncio.wait({main}, timeout=after_a_cancel)


def _note(outcome: Outcome, count: int) -> None:
    outcome.checked_out = count


def _note_end(outcome: Outcome, main: asyncio.Task[Any]) -> None:
    """How the work ended; nothing if it has not."""
    if not main.done():
        main.cancel()
        return
    if main.cancelled():
        outcome.ended = "CancelledError"
        return
    error = main.exception()
    outcome.ended = type(error).__name__ if error else DONE
    outcome.error = str(error).partition("\n")[0] if error else ""
    if error is not None:
        clear_frames(error)


async def _settled(server: Server, tasks: list[asyncio.Task[Any]], outcome: Outcome) -> None:
    """Wait until no task is left and no backend is at work, or note those that are."""
    deadline = time.perf_counter() + SETTLED_WITHIN
    while True:
        left = [task for task in tasks if not task.done()]
        states = await server.states()
        if not left and not set(states) & set(OPEN):
            return
        if time.perf_counter() > deadline:
            break
    outcome.states = states
    outcome.tasks = [getattr(task.get_coro(), "__qualname__", repr(task)) for task in left]
    for task in left:
        task.cancel()
    await asyncio.wait(left, timeout=SETTLED_WITHIN) if left else None


async def _use(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.scalar(text("select 1"))  # a connection may work, and answer nothing


async def _next_use(engine: AsyncEngine, outcome: Outcome) -> None:
    for _ in range(USES):
        try:
            async with asyncio.timeout(RELEASED_WITHIN):
                await _use(engine)
            return
        except Exception as error:
            first = str(error).partition("\n")[0]
            outcome.retries.append(f"{type(error).__name__}: {first}")


async def _disposed(engine: AsyncEngine, server: Server) -> int:
    """Dispose the engine; how many of its connections are still there, which are then ended."""
    with suppress(TimeoutError):
        async with asyncio.timeout(RELEASED_WITHIN):
            await engine.dispose()
    deadline = time.perf_counter() + SETTLED_WITHIN
    while await server.states():
        if time.perf_counter() > deadline:
            return server.terminate()
    return 0


async def _values(subject: Subject) -> tuple[Any, ...]:
    """What the work may change, as numbers."""
    if subject.rows is None:
        return ()
    [row] = await subject.server.rows(subject.rows)
    return row
