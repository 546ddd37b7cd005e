"""Sweep a piece of work: inject a fault at every one of its points, one after the other.

Points that failed are remembered, and the next run of a command or a test sweeps them first.
"""

import gc
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import count
from pathlib import Path
from platform import python_version
from typing import Any

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.expected_violations import explain, explain_outcome
from orm_async_tests.faults.fault_points import ANYWHERE, Fault, Point, list_faults, parse_point
from orm_async_tests.faults.injection import SILENT_FOR, Target, Work, run_point
from orm_async_tests.faults.network import PORT, open_network
from orm_async_tests.faults.report import (
    DONE,
    OPEN_BACKEND,
    ORPHAN,
    TASK,
    Cell,
    Outcome,
    Report,
    format_point,
)
from orm_async_tests.faults.server_monitor import ServerMonitor, open_monitor
from orm_async_tests.postgres import PrivateServer

FIRST, LAST = 30, 10  # the messages at which faults are injected, if there are more
MAX_RUNS = 3  # of a point that some runs do not reach
SLOW = {OPEN_BACKEND, ORPHAN, TASK}  # violations that a stalled machine can cause too


async def sweep(
    work: Work,
    engine: AsyncEngine,
    *,
    rows: str | None = None,
    kinds: Sequence[str] = ANYWHERE,
    patience: float = SILENT_FOR,
) -> Report:
    """Run `await work(engine)` once for every point and fault, and report all violations.

    `rows` is a query that returns one row of numbers, for example a count. The work changes these
    numbers. After every point they must have changed as in a run without faults, or not at all.

    The sweep gives the engine's connections an application_name, and disposes the engine after
    every point. `patience` is the number of seconds for which a silent network may keep the caller
    waiting; choose more than twice the driver's timeout.

    Raises CouldNotRun if the work fails without faults, if the server cannot be monitored, or for
    the kind "kill", which needs a private server.
    """
    name = str(getattr(work, "__qualname__", work))
    swept = Sweep(
        work, lambda: engine, engine.url, name, tuple(kinds), rows=rows, patience=patience
    )
    versions = read_versions(engine.driver)
    return Report([explain(cell, versions) async for cell in swept.run()])


def read_versions(driver: str) -> dict[str, str]:
    """Return the versions of Python and the libraries, by the names that defects use."""
    names = ("sqlalchemy", driver)
    return {"python": python_version(), **{name: version(name) for name in names}}


@dataclass(frozen=True)
class Sweep:
    """A piece of work, the faults to inject, and how to run them."""

    work: Work
    make_engine: Callable[[], AsyncEngine]
    url: URL
    name: str  # the name of the work in tokens
    kinds: tuple[str, ...] = ANYWHERE
    rows: str | None = None
    warm: bool = True
    loop: str = "asyncio"  # the name of the event loop in tokens
    private: PrivateServer | None = None  # the server that the kind "kill" may kill
    patience: float = SILENT_FOR
    prepare: Callable[[], AbstractAsyncContextManager[None]] = nullcontext  # the database

    async def run(self) -> AsyncIterator[Cell]:
        """Yield a cell for every fault."""
        if self.private is None:
            refuse_kill(self.kinds)
        async with self.prepare():
            with open_monitor(self.url, self.private) as monitor, exclude_old_objects():
                for fault in list_faults(self.kinds):
                    start = Point(self.url.get_driver_name(), self.loop, self.name, fault, 0)
                    with self._open_target(monitor, fault) as target:
                        yield await _sweep_fault(target, start)

    async def run_point(self, point: Point) -> Outcome:
        """Run the work with the fault at one point, and return the outcome."""
        async with self.prepare():
            with (
                open_monitor(self.url, self.private) as monitor,
                self._open_target(monitor, point.fault) as target,
                exclude_old_objects(),
            ):
                baseline = await run_point(target, replace(point, at=0, then=0))
                return await _run_until_reached(target, point, baseline.change)

    @contextmanager
    def _open_target(self, monitor: ServerMonitor, fault: Fault) -> Iterator[Target]:
        """Connect the target to a network for the faults that need one."""
        target = Target(
            self.work, self.make_engine, monitor, self.rows, self.warm, patience=self.patience
        )
        if not fault.is_at_message:
            yield target
            return
        host = self.url.host or self.url.query.get("host") or "127.0.0.1"
        if not isinstance(host, str):
            remedy = "--fault cancel, or the same command with a URL that has one host"
            raise CouldNotRun(
                "the URL names several hosts, but this fault needs one", "the engine's URL", remedy
            )
        with open_network(host, self.url.port or PORT) as network:
            yield replace(target, network=network)


async def _sweep_fault(target: Target, start: Point) -> Cell:
    """Return the outcomes of all points of a fault, after two runs without it."""
    first, second = [await _run_without_fault(target, start) for _ in range(2)]
    counts = first.count, second.count
    outcomes = [second] if first.violations and second.violations else []
    for at in list_points(max(counts), start.fault):
        point = replace(start, at=at)
        if start.fault.second_kind:
            outcomes += [pair async for pair in _sweep_pairs(target, point, second.change)]
            continue
        outcome = await _run_until_reached(target, point, second.change)
        if outcome.reached or at <= min(counts):  # else this run has no such point
            outcomes.append(outcome)
    if start.fault.second_kind:
        counts = len(outcomes), len(outcomes)
    return Cell(start.work, start.fault, counts, tuple(outcomes))


async def _sweep_pairs(
    target: Target, first: Point, change: tuple[Any, ...]
) -> AsyncIterator[Outcome]:
    """Yield the outcomes of the second fault at every suspension after the first one.

    Skip points at which the second fault comes too late, for example because the backend has
    already ended.
    """
    for then in count(1):
        outcome = await _run_until_reached(target, replace(first, then=then), change, max_runs=1)
        if not outcome.reached:
            return
        if outcome.delivered:
            yield outcome


async def _run_without_fault(target: Target, start: Point) -> Outcome:
    """Return the outcome of a run without a fault. Raises CouldNotRun if the work fails."""
    outcome = await run_point(target, start)
    if outcome.result != DONE:
        raise CouldNotRun(
            f"without a fault the work raises {outcome.result}: {outcome.message}",
            start.work,
            "correct the work, because a sweep needs work that succeeds without a fault",
        )
    return replace(outcome, expected_change=outcome.change)


async def _run_until_reached(
    target: Target, point: Point, change: tuple[Any, ...], *, max_runs: int = MAX_RUNS
) -> Outcome:
    """Run a point until the work reaches it, and confirm violations that a slow machine can cause.

    A violation that the next run does not repeat makes the point unresolved.
    """
    outcome = await run_point(target, point, change)
    for _ in range(max_runs - 1):
        if outcome.reached or outcome.violations:
            break
        outcome = await run_point(target, point, change)
    if not outcome.violations or not SLOW.issuperset(outcome.violations):
        return outcome
    confirmation = await run_point(target, point, change)
    if confirmation.violations.keys() == outcome.violations.keys():
        return confirmation
    return replace(confirmation, unconfirmed=outcome.violations)


def refuse_kill(kinds: Sequence[str]) -> None:
    """Raise CouldNotRun for the kind "kill" without a private server."""
    if "kill" in kinds:
        raise CouldNotRun(
            "the fault kill needs a private server, where only this project's tables exist",
            "--fault kill",
            "orm-async-tests faults --fault kill --pattern NAME, with a pattern of this project",
        )


def list_points(count: int, fault: Fault) -> list[int]:
    """Return the numbers of the points, but of many messages only the first and last ones."""
    numbers = list(range(1, count + 1))
    if fault.is_at_message and count > FIRST + LAST:
        return numbers[:FIRST] + numbers[-LAST:]
    return numbers


@contextmanager
def exclude_old_objects() -> Iterator[None]:
    """Exclude all present objects from garbage collections, which run twice at every point.

    Objects that were excluded before the block stay excluded after it.
    """
    is_outermost = gc.get_freeze_count() == 0
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        if is_outermost:
            gc.unfreeze()


@dataclass(frozen=True)
class FailedPoints:
    """A file with one line for every failed point, its token. Without failures there is no file."""

    path: Path

    def select(self, kinds: Sequence[str]) -> list[Point]:
        """Return the failed points of these kinds of faults."""
        return [point for point in self._read() if point.fault.kind in kinds]

    def replace(self, kinds: Sequence[str], points: Iterable[Point]) -> None:
        """Store these points in place of all failed points of these kinds."""
        others = [point for point in self._read() if point.fault.kind not in kinds]
        self._write([*others, *dict.fromkeys(points)])

    def forget(self, point: Point) -> None:
        self._write([other for other in self._read() if other != point])

    def _read(self) -> list[Point]:
        points = []
        for token in self.path.read_text("utf-8").splitlines() if self.path.exists() else ():
            with suppress(CouldNotRun):  # another release wrote it, with other names of faults
                points.append(parse_point(token))
        return points

    def _write(self, points: Sequence[Point]) -> None:
        """Replace the file atomically, because another command may be reading it."""
        if not points:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_name(f"{self.path.name}.part-{os.getpid()}")
        part.write_text("".join(f"{point.token}\n" for point in points), "utf-8")
        part.replace(self.path)


def find_failed_points(folder: Path, work: str, driver: str, loop: str) -> FailedPoints:
    """Return the failed points of one piece of work, for a user's function by working directory."""
    directory = str(Path.cwd()) if ":" in work else ""
    key = "\n".join((work, driver, loop, directory))
    return FailedPoints(folder / "faults" / hashlib.sha256(key.encode()).hexdigest()[:16])


async def sweep_failed_first(
    sweeps: Sequence[Sweep],
    failed_points: FailedPoints | None,
    versions: Mapping[str, str],
    say: Callable[[str], None],
    report_cell: Callable[[Cell], None] = lambda _: None,
) -> list[Cell]:
    """Run the sweeps of one piece of work, and return their cells.

    Every violation names the known defect that explains it, if there is one. A point that failed
    last time and fails again is a failure, even if it passes in the sweep.
    """
    kinds = [kind for sweep in sweeps for kind in sweep.kinds]
    points = failed_points.select(kinds) if failed_points else []
    if points:
        say(f"{points[0].work}: points that failed last time run first ({len(points)})")
    failures = []
    with exclude_old_objects():
        for point in points:
            sweep = next(sweep for sweep in sweeps if point.fault.kind in sweep.kinds)
            outcome = explain_outcome(await sweep.run_point(point), versions)
            if outcome.is_failure:
                failures.append(outcome)
                say(f"fails again: {format_point(outcome)}")
            else:
                say(f"passes now: {point.token}")
    cells = []
    for sweep in sweeps:
        async for cell in sweep.run():
            again = [failure for failure in failures if failure.point.fault == cell.fault]
            by_point = {outcome.point: outcome for outcome in (*cell.outcomes, *again)}
            explained = explain(replace(cell, outcomes=tuple(by_point.values())), versions)
            report_cell(explained)
            cells.append(explained)
    if failed_points:
        swept = [outcome for cell in cells for outcome in cell.outcomes]
        failed_points.replace(kinds, [outcome.point for outcome in swept if outcome.is_failure])
    return cells
