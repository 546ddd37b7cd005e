"""A sweep in a test of somebody's own, by the fixture `fault_sweep`."""

import asyncio
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.first import include, run_first
from orm_async_tests.faults.known import explained
from orm_async_tests.faults.outcome import Outcome, Point, parse
from orm_async_tests.faults.patterns import Work
from orm_async_tests.faults.remembered import Remembered, failed, remembered
from orm_async_tests.faults.report import Cell, Report, line
from orm_async_tests.faults.sweeping import again, cells, libraries


@dataclass(frozen=True)
class Sweep:
    """A test's sweep; what fails is kept in a folder, if there is one, and is run first."""

    name: str
    engine: AsyncEngine
    work: Work
    rows: str | None
    folder: Path | None
    say: Callable[[str], None]

    async def run(self, kinds: Sequence[str]) -> Report:
        """The report of all points. Raises CouldNotRun, as `sweep` does."""
        kept, stack = self._kept(), libraries(self.engine.driver)
        first = await run_first(self._outcome, kept.points(kinds) if kept else [], stack, self.say)
        found = [
            cell
            async for cell in cells(
                self.work,
                lambda: self.engine,
                self.engine.url,
                self.rows,
                kinds=kinds,
                loop=running_loop(self.name),
                name=self.name,
            )
        ]
        explained(found, stack)
        include(first, found)
        if kept:
            kept.replace(kinds, failed(seen for cell in found for seen in cell.outcomes))
        return Report(found)

    async def run_one(self, at: str) -> Report:
        """The report of one point, such as cancel-ready/3. Raises CouldNotRun."""
        point = parse(f"{self.engine.driver}/{running_loop(self.name)}/{self.name}/{at}")
        found = [Cell(self.name, point.fault, (1, 1), [await self._outcome(point)])]
        explained(found, libraries(self.engine.driver))
        report = Report(found)
        if (kept := self._kept()) and not report.violating:
            kept.forget(point)
        return report

    async def _outcome(self, point: Point) -> Outcome:
        return await again(self.work, lambda: self.engine, self.engine.url, self.rows, point)

    def _kept(self) -> Remembered | None:
        if self.folder is None:
            return None
        return remembered(self.folder, self.name, self.engine.driver, running_loop(self.name))


def running_loop(test: str) -> str:
    """asyncio or uvloop. Raises CouldNotRun under another one."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        what = "a sweep needs asyncio: cancellation is its own"
        raise CouldNotRun(what, test, "anyio_backend: asyncio") from None
    return "uvloop" if type(loop).__module__.startswith("uvloop") else "asyncio"


def replayed(seen: Outcome, test: str, option: str) -> str:
    """A failing point with the command that runs it again."""
    point = f"{seen.point.fault}/{seen.point.where}"
    return f"{line(seen)}\n  pytest {shlex.quote(test)} {option} {point}"
