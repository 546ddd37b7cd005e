"""Runs the tested function with one fault, and records what the fault leaves behind."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from numbers import Number
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.fault_points import SILENT, USUAL, Point
from orm_async_tests.faults.network import Network, refuse_tls
from orm_async_tests.faults.outcomes import DONE, OPEN, Outcome
from orm_async_tests.faults.server_monitor import ServerMonitor
from orm_async_tests.faults.suspensions import Suspensions
from orm_async_tests.harness import checked_out
from orm_async_tests.harness.report.phrasing import pluralize
from orm_async_tests.troubles import clear_frames, record_troubles

Function = Callable[[AsyncEngine], Awaitable[Any]]
RELEASED_WITHIN = 5.0  # seconds from the start of the function
SILENT_FOR = 3.0  # seconds until the caller is cancelled, if its driver has not released it
# Seconds after the cancel: asyncpg itself waits 2 s, and psycopg waits 5 s or 10 s.
CLOSED_WITHIN = {"asyncpg": 4.0, "psycopg": 12.0}
SETTLED_WITHIN = 3.0  # seconds until the server and the event loop have to be idle
MAX_USES = 4  # the number of attempts to use the engine again


@dataclass(frozen=True)
class SweptFunction:
    """A function, and the settings of its sweeps."""

    function: Function
    rows: str | None = None  # a query of one row of numbers that the function changes
    warm: bool = True  # whether the pool has a connection before the function starts
    timed: bool = True  # whether its engine has the driver's timeouts on a silent network
    kinds: frozenset[str] = frozenset(USUAL)  # the faults in a sweep of all patterns
    users_name: str = ""  # of a user's function, for example module:function
    engine: AsyncEngine | None = None  # the engine of a user's function
    patience: float = SILENT_FOR  # the seconds that a silent network may keep the caller waiting

    @property
    def name(self) -> str:
        return self.users_name or str(getattr(self.function, "__name__", self.function))


@dataclass(frozen=True)
class Setup:
    """The tested function, its engine and its server."""

    swept: SweptFunction
    make_engine: Callable[[], AsyncEngine]
    monitor: ServerMonitor
    network: Network | None = None


async def run_point(setup: Setup, point: Point, expected_change: tuple[Any, ...] = ()) -> Outcome:
    engine = setup.make_engine()
    with _instrument_connections(engine, setup):
        if setup.swept.warm:
            await _ping(engine)
        before = await _read_numbers(setup)
        with record_troubles() as troubles:
            released, tasks = await _run_function(setup, engine, point)
            if point.fault.kind == "kill" and released.delivered:
                await setup.monitor.restart()
            states, leaked_tasks = await _settle(setup.monitor, tasks)
            tasks.clear()
            await _collect_garbage()  # otherwise the garbage would show at the next point
            failed_uses = await _use_again(engine)
            orphans = await _dispose_and_count_orphans(engine, setup.monitor)
            await _collect_garbage()
        after = await _read_numbers(setup)
    return replace(
        released,
        backend_states=states,
        leaked_tasks=leaked_tasks,
        change=tuple(new - old for new, old in zip(after, before, strict=True)),
        expected_change=expected_change,
        troubles=tuple(troubles.messages),
        failed_uses=failed_uses,
        orphans=orphans,
    )


class Delivery:
    """Injects a fault, and records where the function was suspended."""

    def __init__(self, point: Point, monitor: ServerMonitor) -> None:
        self.delivered = False
        self.first_at = time.perf_counter()  # the time of the first fault, or of the start
        self._point, self._monitor = point, monitor
        self._kinds = point.fault.kind.split("+")
        self._labels: list[str] = []
        self._expire: Callable[[], None]

    @property
    def label(self) -> str:
        return ", then ".join(self._labels) if len(self._labels) == len(self._kinds) else ""

    @asynccontextmanager
    async def limit(self) -> AsyncIterator[None]:
        """Open a block that the faults `timeout` and `scope` can interrupt."""
        loop = asyncio.get_running_loop()
        if self._kinds == ["scope"]:
            from anyio import fail_after

            with fail_after(None) as scope:
                self._expire = lambda: setattr(scope, "deadline", loop.time())
                try:
                    yield
                finally:
                    self.delivered = scope.cancel_called
            return
        timeout = asyncio.timeout(None)
        self._expire = lambda: timeout.reschedule(loop.time())
        try:
            async with timeout:
                yield
        finally:
            self.delivered |= timeout.expired()

    def deliver(self, suspensions: Suspensions) -> None:
        kind = self._kinds[len(self._labels)]
        if not self._labels:
            self.first_at = time.perf_counter()
            if self._point.then:
                suspensions.act_again(self._point.then)
        self._labels.append(suspensions.describe())
        arrived = self._inject(kind, suspensions)
        self.delivered = arrived and bool(self.label)

    def _inject(self, kind: str, suspensions: Suspensions) -> bool:
        """Inject a fault, and return whether it certainly took effect."""
        match kind:
            case "cancel":
                return suspensions.main.cancel()
            case "shutdown":
                is_cancelled, *_ = [task.cancel() for task in suspensions.tasks]
                return is_cancelled
            case "timeout" | "scope" if not suspensions.main.done():
                self._expire()
            case "terminate" if not suspensions.main.done():
                return self._monitor.terminate_backends() > 0
            case "kill" if not suspensions.main.done():
                self._monitor.kill()
                return True
        return False


@contextmanager
def _instrument_connections(engine: AsyncEngine, setup: Setup) -> Iterator[None]:
    """Set an application_name on new connections, and send them through the proxy."""

    def change_parameters(
        _dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]
    ) -> None:
        names = {"application_name": setup.monitor.name}
        if engine.driver == "asyncpg":
            settings = parameters.get("server_settings") or {}
            parameters["server_settings"] = {**settings, **names}
        else:
            parameters.update(names)
        if setup.network is not None:
            refuse_tls(parameters)
            without_tls = {"ssl": False} if engine.driver == "asyncpg" else {"sslmode": "disable"}
            parameters.update(host="127.0.0.1", port=setup.network.port, **without_tls)

    # A listener works without a change to the user's engine.
    event.listen(engine.sync_engine, "do_connect", change_parameters)
    try:
        yield
    finally:
        event.remove(engine.sync_engine, "do_connect", change_parameters)


async def _run_function(
    setup: Setup, engine: AsyncEngine, point: Point
) -> tuple[Outcome, list[asyncio.Task[Any]]]:
    """Run the function, and return its outcome and the tasks that it started."""
    fault, network = point.fault, setup.network
    delivery = Delivery(point, setup.monitor)

    async def run() -> None:
        async with delivery.limit():
            try:
                await setup.swept.function(engine)
            except SystemExit as error:  # would end the event loop, and so the sweep
                raise RuntimeError(f"the function called sys.exit({error.code!r})") from None

    at = 0 if fault.is_at_message else point.at
    suspensions = Suspensions(at, fault.moment, delivery.deliver)
    if network is not None:
        network.arm(point.at, fault.moment, fault.kind)
    counts: list[int] = []
    needed_cancel = False
    with suspensions.instrument_tasks():
        main = asyncio.get_running_loop().create_task(run())
        main.add_done_callback(lambda _: counts.append(checked_out(engine)))
        is_silent = fault.kind in SILENT and bool(point.at)
        await asyncio.wait({main}, timeout=setup.swept.patience if is_silent else RELEASED_WITHIN)
        if is_silent and not main.done():
            needed_cancel = main.cancel()
            await asyncio.wait({main}, timeout=CLOSED_WITHIN[engine.driver])
        main.cancel()  # if it is still running
    result, message = _read_result(main)
    outcome = Outcome(
        point,
        label=delivery.label,
        count=suspensions.count,
        delivered=delivery.delivered,
        result=result,
        message=message,
        needed_cancel=needed_cancel,
        seconds=time.perf_counter() - delivery.first_at,
        checked_out=counts[0] if counts else 0,
    )
    if network is not None:
        outcome = replace(outcome, count=network.sent, delivered=network.is_delivered)
        network.heal()
    return outcome, suspensions.tasks


def _read_result(main: asyncio.Task[Any]) -> tuple[str, str]:
    if not main.done():
        return "", ""
    if main.cancelled():
        return "CancelledError", ""
    error = main.exception()
    if error is None:
        return DONE, ""
    clear_frames(error)
    return type(error).__name__, _first_line(error)


async def _settle(
    monitor: ServerMonitor, tasks: list[asyncio.Task[Any]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Wait for the tasks and the backends, and cancel tasks that take too long.

    Return the states of remaining backends and the names of cancelled tasks.
    """
    deadline = time.perf_counter() + SETTLED_WITHIN
    while True:
        running = [task for task in tasks if not task.done()]
        states = await monitor.read_states()
        if not running and not set(states) & set(OPEN):
            return (), ()
        if time.perf_counter() > deadline:
            break
    names = tuple(getattr(task.get_coro(), "__qualname__", repr(task)) for task in running)
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running, timeout=SETTLED_WITHIN)
    return tuple(states), names


@contextmanager
def exclude_old_objects() -> Iterator[None]:
    """Exclude existing objects from the frequent garbage collections of a sweep."""
    is_outermost = gc.get_freeze_count() == 0
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        if is_outermost:
            gc.unfreeze()


async def _collect_garbage() -> None:
    gc.collect()
    await asyncio.sleep(0)  # runs the callbacks of what was collected


async def _ping(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        if await connection.scalar(text("select 1")) != 1:
            raise RuntimeError("SELECT 1 did not return 1")


async def _use_again(engine: AsyncEngine) -> tuple[str, ...]:
    errors: list[str] = []
    for _ in range(MAX_USES):
        try:
            async with asyncio.timeout(RELEASED_WITHIN):
                await _ping(engine)
            break
        except Exception as error:
            errors.append(f"{type(error).__name__}: {_first_line(error)}")
    return tuple(errors)


async def _dispose_and_count_orphans(engine: AsyncEngine, monitor: ServerMonitor) -> int:
    with suppress(TimeoutError):
        async with asyncio.timeout(RELEASED_WITHIN):
            await engine.dispose()
    deadline = time.perf_counter() + SETTLED_WITHIN
    while await monitor.read_states():
        if time.perf_counter() > deadline:
            return monitor.terminate_backends()
    return 0


async def _read_numbers(setup: Setup) -> tuple[Any, ...]:
    query = setup.swept.rows
    if query is None:
        return ()
    try:
        rows = await setup.monitor.query(query)
    except SQLAlchemyError as error:
        problem = f"failed: {_first_line(getattr(error, 'orig', error))}"
    else:
        if len(rows) == 1 and all(isinstance(value, Number) for value in rows[0]):
            return rows[0]
        problem = f"returned {rows[0] if len(rows) == 1 else pluralize(len(rows), 'row')}"
    raise CouldNotRun(
        f"the query {query!r} {problem}",
        "the option --rows, or the argument `rows`",
        "use a query that returns one row of numbers, for example 'select count(*) from orders'",
    )


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
