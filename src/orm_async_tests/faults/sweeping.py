"""Runs a function many times, each time with a fault at another fault point.

The next sweep first tests the fault points that failed.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from platform import python_version
from typing import Any

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.extras import install_extra
from orm_async_tests.faults import injection
from orm_async_tests.faults.expected_violations import explain_outcome
from orm_async_tests.faults.failed_points import FailedPoints, find_failed_points
from orm_async_tests.faults.fault_points import ANYWHERE, PAIRS, Fault, Point, list_faults
from orm_async_tests.faults.network import Network
from orm_async_tests.faults.outcomes import DONE, SLOW, VIOLATION, Cell, Outcome
from orm_async_tests.faults.report import Report
from orm_async_tests.faults.server_monitor import ServerMonitor
from orm_async_tests.harness.report.phrasing import pluralize
from orm_async_tests.postgres import PrivateServer
from orm_async_tests.stack_options import DRIVERS
from orm_async_tests.urls import DEFAULT_PORT

FIRST, LAST = 30, 10  # the messages to test at both ends of a long run
MAX_RUNS = 3  # attempts at a fault point that some runs do not reach


async def sweep(
    function: injection.Function,
    engine: AsyncEngine,
    *,
    rows: str | None = None,
    kinds: Sequence[str] = (),
    patience: float = injection.SILENT_FOR,
) -> Report:
    """Run `await function(engine)` for every fault at every fault point, and report all violations.

    The query `rows` returns one row of numbers that the function changes, for example counts of
    rows. After a fault, the numbers from `rows` must be unchanged, or changed by the same amounts
    as without a fault.

    The parameter `kinds` contains one kind of fault or several kinds. If `kinds` is empty, the
    sweep injects the kinds of faults that are possible on every server.

    On a silent network, the function may wait `patience` seconds for an answer. Set `patience` to
    more than twice the driver's timeout.

    The sweep sets the application_name of the connections, and disposes the engine after every run.

    Raise CouldNotRun if the function fails without a fault, if the server cannot be monitored, or
    if a sweep does not support the engine's driver.
    Raise CouldNotRun if `kinds` contains "kill", or if the query `rows` does not return one row of
    numbers.
    """
    name = str(getattr(function, "__qualname__", function))
    swept = injection.SweptFunction(
        function, rows, users_name=name, engine=engine, patience=patience
    )
    sweep = Sweep(swept, read_url(engine), select_kinds(kinds, print))
    return Report(await sweep_failed_first([sweep]))


def read_url(engine: AsyncEngine) -> URL:
    """Return the engine's URL. Raise CouldNotRun if a sweep does not support the driver."""
    if engine.driver not in DRIVERS:
        remedy = f"use an engine for {' or '.join(DRIVERS)}"
        place = engine.url.render_as_string()
        raise CouldNotRun(f"the engine uses {engine.driver}", place, remedy)
    return engine.url.set(drivername=f"postgresql+{engine.driver}")  # not psycopg_async


def read_versions(driver: str) -> dict[str, str]:
    return {"python": python_version(), **{name: version(name) for name in ("sqlalchemy", driver)}}


@dataclass(frozen=True)
class Sweep:
    """A function to test, and the faults to inject."""

    swept: injection.SweptFunction
    url: URL
    kinds: tuple[str, ...] = ANYWHERE
    loop: str = "asyncio"  # the name of the event loop in tokens
    timeouts: Mapping[str, float] = field(default_factory=dict)  # `connect_args` of new engines
    private: PrivateServer | None = None  # the server that the kind "kill" may kill
    prepare: Callable[[], AbstractAsyncContextManager[None]] = nullcontext  # the database

    @property
    def driver(self) -> str:
        return self.url.get_driver_name()

    def failed_points(self, folder: Path) -> FailedPoints:
        return find_failed_points(folder, self.swept.name, self.swept.rows, self.driver, self.loop)

    async def run(self) -> AsyncIterator[Cell]:
        if self.private is None:
            refuse_kill(self.kinds)
        async with self.prepare():
            for fault in list_faults(self.kinds):
                start = Point(self.driver, self.loop, self.swept.name, fault, 0)
                with self._open_setup(fault) as setup:
                    cell = await _sweep_fault(setup, start)
                yield cell
                if any(not item.point.at and item.status == VIOLATION for item in cell.outcomes):
                    return

    async def repeat_point(
        self, point: Point, folder: Path | None, option: str, remedy: str
    ) -> Outcome:
        """Run a fault point that may have failed, and forget the failure if the point passes."""
        outcome = explain_outcome(await self.run_point(point), read_versions(self.driver))
        if not outcome.reached:
            count = pluralize(outcome.count, "point")
            problem = f"with this fault, {point.function} has only {count}"
            raise CouldNotRun(f"{problem}, and no point {point.where}", option, remedy)
        if folder and outcome.status != VIOLATION:
            self.failed_points(folder).forget(point)
        return outcome

    async def run_point(self, point: Point) -> Outcome:
        async with self.prepare():
            with self._open_setup(point.fault) as setup:
                baseline = await injection.run_point(setup, replace(point, at=0, then=0))
                return await _run_until_reached(setup, point, baseline.change)

    @contextmanager
    def _open_setup(self, fault: Fault) -> Iterator[injection.Setup]:
        if fault.kind == "scope" and not find_spec("anyio"):
            problem = "the fault `scope` needs AnyIO, which is not installed"
            raise CouldNotRun(problem, "--fault scope", install_extra("anyio"))
        monitor = ServerMonitor(self.url, self.private)
        with monitor.running(), injection.exclude_old_objects(), ExitStack() as stack:
            network = None
            if fault.is_at_message:
                host = self.url.host or self.url.query.get("host") or "127.0.0.1"
                if not isinstance(host, str):
                    raise CouldNotRun(
                        "network faults need a URL with one host, but this URL has several hosts",
                        "the engine's URL",
                        "add the option --fault cancel, or use a URL that has one host",
                    )
                network = Network(host, self.url.port or DEFAULT_PORT)
                stack.enter_context(network.running())
            yield injection.Setup(self.swept, self._make_engine, monitor, network)

    def _make_engine(self) -> AsyncEngine:
        timeouts = dict(self.timeouts)
        return self.swept.engine or create_async_engine(self.url, connect_args=timeouts)


async def _sweep_fault(setup: injection.Setup, start: Point) -> Cell:
    first, second = [await _run_without_fault(setup, start) for _ in range(2)]
    counts = first.count, second.count
    outcomes = []
    if first.violations and second.violations:
        outcomes = [explain_outcome(second, read_versions(start.driver))]
        if outcomes[0].status == VIOLATION:  # every fault point would have this violation too
            return Cell(start.function, start.fault, counts, tuple(outcomes))
    for at in list_points(max(counts), start.fault):
        point = replace(start, at=at)
        if start.fault.kind in PAIRS:
            outcomes += [pair async for pair in _sweep_pairs(setup, point, second.change)]
            continue
        outcome = await _run_until_reached(setup, point, second.change)
        if outcome.reached or at <= min(counts):  # otherwise, this run has no such fault point
            outcomes.append(outcome)
    if start.fault.kind in PAIRS:
        counts = len(outcomes), len(outcomes)
    return Cell(start.function, start.fault, counts, tuple(outcomes))


async def _sweep_pairs(
    setup: injection.Setup, first: Point, change: tuple[Any, ...]
) -> AsyncIterator[Outcome]:
    """Inject a second fault at each later suspension, and yield the outcomes."""
    for then in count(1):
        outcome = await _run_until_reached(setup, replace(first, then=then), change, max_runs=1)
        if not outcome.reached:
            return
        if outcome.delivered:
            yield outcome


async def _run_without_fault(setup: injection.Setup, start: Point) -> Outcome:
    outcome = await injection.run_point(setup, start)
    if outcome.result != DONE:
        raised = f"raises {outcome.result}: {outcome.message}"
        problem = raised if outcome.result else "does not end within some seconds"
        raise CouldNotRun(
            f"without a fault the function {problem}",
            start.function,
            "correct the function: it must succeed when no fault is injected",
        )
    return replace(outcome, expected_change=outcome.change)


async def _run_until_reached(
    setup: injection.Setup, point: Point, change: tuple[Any, ...], *, max_runs: int = MAX_RUNS
) -> Outcome:
    """Repeat a run until the function reaches the fault point."""
    outcome = await injection.run_point(setup, point, change)
    for _ in range(1, max_runs):
        if outcome.reached or outcome.violations:
            break
        outcome = await injection.run_point(setup, point, change)
    if not outcome.violations or not SLOW.issuperset(outcome.violations):
        return outcome
    # A slow machine can cause these violations too, so a second run must confirm them.
    confirmation = await injection.run_point(setup, point, change)
    if confirmation.violations.keys() == outcome.violations.keys():
        return confirmation
    return replace(confirmation, unconfirmed=outcome.violations)


def select_kinds(kinds: Sequence[str], say: Callable[[str], None]) -> tuple[str, ...]:
    """Return these kinds of faults, or the default kinds if `kinds` is empty.

    The default kinds do not contain "scope" if AnyIO is missing.
    """
    if kinds:
        return (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if find_spec("anyio"):
        return ANYWHERE
    install = install_extra("anyio")
    say(
        f"skipped the fault `scope`, because AnyIO is not installed; to install it, type: {install}"
    )
    return tuple(kind for kind in ANYWHERE if kind != "scope")


def refuse_kill(kinds: Sequence[str]) -> None:
    """Raise CouldNotRun for the fault "kill", which needs a private server."""
    if "kill" in kinds:
        raise CouldNotRun(
            "the fault `kill` works only with a private server that this project starts",
            "--fault kill",
            "use a pattern of this project: orm-async-tests faults --fault kill --pattern transfer",
        )


def list_points(count: int, fault: Fault) -> list[int]:
    """Return the numbers of the fault points to test, without the middle of a long list."""
    numbers = list(range(1, count + 1))
    if fault.is_at_message and count > FIRST + LAST:
        return numbers[:FIRST] + numbers[-LAST:]
    return numbers


async def sweep_failed_first(
    sweeps: Sequence[Sweep],
    folder: Path | None = None,
    say: Callable[[str], None] = print,
    report_cell: Callable[[Cell], None] = lambda _: None,
) -> list[Cell]:
    """Run the sweeps of one function, and return one cell for every fault.

    The fault points that failed in the previous sweep run first, and the function `say` prints
    their results. The parameter `folder` is the folder that stores failed fault points.
    """
    failed_points = sweeps[0].failed_points(folder) if folder else None
    versions = read_versions(sweeps[0].driver)
    kinds = [kind for sweep in sweeps for kind in sweep.kinds]
    points = failed_points.select(kinds) if failed_points else []
    if points:
        say(f"{points[0].function}: points that failed last time run first ({len(points)})")
    failures = []
    for point in points:
        sweep = next(sweep for sweep in sweeps if point.fault.kind in sweep.kinds)
        outcome = explain_outcome(await sweep.run_point(point), versions)
        if outcome.status == VIOLATION:
            failures.append(outcome)
            say(f"fails again: {point.token}")
        else:
            say(f"passes now: {point.token}")
    cells = []
    for sweep in sweeps:
        async for cell in sweep.run():
            # A failure in either run counts, so it replaces the other outcome of its fault point.
            again = [failure for failure in failures if failure.point.fault == cell.fault]
            by_point = {outcome.point: outcome for outcome in (*cell.outcomes, *again)}
            outcomes = tuple(explain_outcome(outcome, versions) for outcome in by_point.values())
            cells.append(replace(cell, outcomes=outcomes))
            report_cell(cells[-1])
    if failed_points:
        failed_points.replace(kinds, [outcome.point for outcome in Report(cells).violating])
    return cells
