"""Runs the tested function with a fault at one fault point, and records what the fault leaves
behind.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.errors import CouldNotRun, install_extra
from orm_async_tests.faults.fault_points import Point
from orm_async_tests.faults.network import Network, refuse_tls
from orm_async_tests.faults.report import DONE, OPEN, Outcome
from orm_async_tests.faults.server_monitor import ServerMonitor
from orm_async_tests.faults.suspensions import Suspensions, describe_suspension
from orm_async_tests.harness import checked_out
from orm_async_tests.troubles import clear_frames, record_troubles

Work = Callable[[AsyncEngine], Awaitable[Any]]
RELEASED_WITHIN = 5.0  # seconds from the start of the work
SILENT_FOR = 3.0  # seconds until the caller is cancelled, if its driver has not released it
CLOSED_WITHIN = {"asyncpg": 4.0, "psycopg": 12.0}  # after that: they wait 2 s, and 5 or 10
SETTLED_WITHIN = 3.0  # seconds until the server and the event loop have to be idle
LIMITS = ("timeout", "scope")  # faults that limit the time of the caller
MAX_USES = 4  # the number of attempts to use the engine again


@dataclass(frozen=True)
class Target:
    """The tested function, with the engine and the server that the faults disturb."""

    work: Work
    make_engine: Callable[[], AsyncEngine]
    monitor: ServerMonitor
    rows: str | None  # A query of one row of numbers that the work changes
    warm: bool = True  # whether the pool has a connection before the work starts
    network: Network | None = None
    patience: float = SILENT_FOR  # the seconds that a silent network may keep the caller waiting


async def run_point(target: Target, point: Point, expected_change: tuple[Any, ...] = ()) -> Outcome:
    """Run the tested function with the fault at this fault point, and return the outcome."""
    engine = target.make_engine()
    with _instrument_connections(engine, target):
        if target.warm:
            await _ping(engine)
        before = await _read_numbers(target)
        with record_troubles() as troubles:
            released, tasks = await _run_work(target, engine, point)
            if point.fault.kind == "kill" and released.delivered:
                await target.monitor.restart()
            states, leaked_tasks = await _settle(target.monitor, tasks)
            tasks.clear()
            gc.collect()  # so that garbage shows now, and not at the next point
            await asyncio.sleep(0)
            failed_uses = await _use_again(engine)
            orphans = await _dispose_and_count_orphans(engine, target.monitor)
            gc.collect()
            await asyncio.sleep(0)
        after = await _read_numbers(target)
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


class AnyioScope:
    """A wrapper that gives `anyio.fail_after()` the methods of `asyncio.timeout()`. Raises
    CouldNotRun.
    """

    def __init__(self) -> None:
        try:
            from anyio import fail_after
        except ImportError:
            problem = "AnyIO is not installed, but its scope should expire"
            raise CouldNotRun(problem, "the fault `scope`", install_extra("anyio")) from None
        self._manager = fail_after(None)

    async def __aenter__(self) -> None:
        self._scope = self._manager.__enter__()

    async def __aexit__(self, *error: Any) -> bool | None:
        return self._manager.__exit__(*error)

    def reschedule(self, when: float) -> None:
        """Let the timeout fire when the event loop's clock reaches `when`, in seconds."""
        self._scope.deadline = when

    def expired(self) -> bool:
        return self._scope.cancel_called


class Delivery:
    """Injects a fault, and records the line of code at which the tested function was suspended."""

    def __init__(self, point: Point, monitor: ServerMonitor) -> None:
        self.limit = AnyioScope() if point.fault.kind == "scope" else asyncio.timeout(None)
        self.label = ""
        self.delivered = False
        self.first_at = time.perf_counter()  # of the first fault; before it, of the start
        self._point = point
        self._monitor = monitor

    def deliver_first(self, suspensions: Suspensions) -> None:
        """Deliver the fault. For a pair of faults, inject the first one."""
        self.first_at = time.perf_counter()
        label = describe_suspension(*suspensions.suspended)
        delivered = self._deliver(self._point.fault.first_kind, suspensions)
        if self._point.then:
            suspensions.act_later(
                self._point.then, lambda later: self._deliver_second(later, label)
            )
        else:
            self.label, self.delivered = label, delivered

    def _deliver_second(self, suspensions: Suspensions, first_label: str) -> None:
        self.label = f"{first_label}, then {describe_suspension(*suspensions.suspended)}"
        self.delivered = self._deliver(self._point.fault.second_kind, suspensions)

    def _deliver(self, kind: str, suspensions: Suspensions) -> bool:
        """Deliver a fault. Return False if the task had already finished before the fault."""
        match kind:
            case "cancel":
                return suspensions.main.cancel()
            case "shutdown":
                results = [task.cancel() for task in suspensions.tasks]
                return results[0]
            case "timeout" | "scope" if not suspensions.main.done():
                self.limit.reschedule(asyncio.get_running_loop().time())
                return True
            case "terminate" if not suspensions.main.done():
                return self._monitor.terminate_backends() > 0
            case "kill" if not suspensions.main.done():
                self._monitor.kill()
                return True
        return False


@contextmanager
def _instrument_connections(engine: AsyncEngine, target: Target) -> Iterator[None]:
    """While the block runs, give the engine's connections an application_name and the address of
    the proxy.

    Event listeners set the name and the address, so that the user's engine needs no changes.
    """

    def change_parameters(
        _dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]
    ) -> None:
        names = {"application_name": target.monitor.name}
        if engine.driver == "asyncpg":
            settings = parameters.get("server_settings") or {}
            parameters["server_settings"] = {**settings, **names}
        else:
            parameters.update(names)
        if target.network is not None:
            refuse_tls(parameters)
            without_tls = {"ssl": False} if engine.driver == "asyncpg" else {"sslmode": "disable"}
            parameters.update(host="127.0.0.1", port=target.network.port, **without_tls)

    event.listen(engine.sync_engine, "do_connect", change_parameters)
    try:
        yield
    finally:
        event.remove(engine.sync_engine, "do_connect", change_parameters)


async def _run_work(
    target: Target, engine: AsyncEngine, point: Point
) -> tuple[Outcome, list[asyncio.Task[Any]]]:
    """Run the tested function until it ends, or until the sweep gives up waiting.

    Return what the caller saw, and the tasks that the function started.
    """
    fault, network = point.fault, target.network
    delivery = Delivery(point, target.monitor)

    async def run() -> None:
        async with delivery.limit:
            await target.work(engine)

    at = 0 if fault.is_at_message else point.at
    suspensions = Suspensions(at, fault.moment, delivery.deliver_first)
    if network is not None:
        network.arm(point.at, fault.moment, fault.kind)
    counts: list[int] = []
    with suspensions.instrument_tasks():
        main = asyncio.get_running_loop().create_task(run())
        main.add_done_callback(lambda _: counts.append(checked_out(engine)))
        needed_cancel = await _await_or_cancel(main, point, target.patience, engine.driver)
    seconds = time.perf_counter() - delivery.first_at
    count, delivered = suspensions.count, delivery.delivered
    if fault.kind in LIMITS:
        delivered = delivery.limit.expired()
    result, message = _read_result(main)
    if network is not None:
        count, delivered = network.sent, network.is_delivered
        network.heal()
    outcome = Outcome(
        point,
        label=delivery.label,
        count=count,
        delivered=delivered,
        result=result,
        message=message,
        needed_cancel=needed_cancel,
        seconds=seconds,
        checked_out=counts[0] if counts else 0,
    )
    return outcome, suspensions.tasks


async def _await_or_cancel(
    main: asyncio.Task[Any], point: Point, patience: float, driver: str
) -> bool:
    """Wait until the tested function ends. Return whether the sweep had to cancel the function
    because the network was silent.
    """
    if not (point.fault.is_silent and point.at):
        await asyncio.wait({main}, timeout=RELEASED_WITHIN)
        return False
    await asyncio.wait({main}, timeout=patience)
    if main.done():
        return False
    needed_cancel = main.cancel()
    await asyncio.wait({main}, timeout=CLOSED_WITHIN[driver])
    return needed_cancel


def _read_result(main: asyncio.Task[Any]) -> tuple[str, str]:
    """Return the function's result as a word, and the message of its error."""
    if not main.done():
        main.cancel()
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
    """Wait until all tasks are done and all server processes are idle.

    Cancel the tasks if the wait takes too long. Return the states of the server processes that are
    still busy, and the names of the unfinished tasks.
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


async def _ping(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        if await connection.scalar(text("select 1")) != 1:
            raise RuntimeError("SELECT 1 did not return 1")


async def _use_again(engine: AsyncEngine) -> tuple[str, ...]:
    """Use the engine again and again, until it works. Return the errors of the failed uses."""
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
    """Dispose the engine. Dispose the engine. Terminate the connections that are still open, and
    return their number.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(RELEASED_WITHIN):
            await engine.dispose()
    deadline = time.perf_counter() + SETTLED_WITHIN
    while await monitor.read_states():
        if time.perf_counter() > deadline:
            return monitor.terminate_backends()
    return 0


async def _read_numbers(target: Target) -> tuple[Any, ...]:
    """Return the row of numbers that the tested function may change in the database."""
    if target.rows is None:
        return ()
    [row] = await target.monitor.query(target.rows)
    return row


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
