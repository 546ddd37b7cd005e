"""One workload done by every contender: answers compared, round trips counted, then timed."""

import os
import platform
import statistics
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from benchmarks.patterns.bench_database import (
    BenchDatabase,
    compare_answers,
    connected_database,
    login,
)
from benchmarks.patterns.rounds import (
    Contestant,
    Ratio,
    RoundLimits,
    ratio_of,
    run_rounds,
    verdict,
)
from benchmarks.patterns.workers import Contender, Worker, all_working
from benchmarks.patterns.workloads import TITLES, count_connections
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.wire.wire import Wire, open_wire


@dataclass(frozen=True)
class PatternResult:
    """What was measured of one pattern; the ratios are to the workload's first pattern."""

    contender: str
    name: str
    label: str
    mark: str
    ratio: Ratio
    verdict: str
    cpu: float
    milliseconds: list[float]  # one for each round
    round_trips: int

    @property
    def median_milliseconds(self) -> float:
        return statistics.median(self.milliseconds)


@dataclass(frozen=True)
class WorkloadResult:
    """What was measured of one workload; the control is a second process of the base."""

    name: str
    title: str
    rounds: int
    sizes: dict[str, int]
    control: Ratio
    patterns: list[PatternResult]


@dataclass(frozen=True)
class Conditions:
    """When, where and with which versions a comparison was measured."""

    date: str
    machine: str
    load: list[float]  # of one minute, at the beginning and at the end
    server: str
    versions: dict[str, dict[str, str]]  # by contender and library


class Comparison:
    """Contenders at work; `control` runs the base's patterns in a second process."""

    def __init__(
        self,
        database: BenchDatabase,
        url: URL,
        wire: Wire,
        workers: Sequence[Worker],
        control: Worker,
    ) -> None:
        self.database, self.url, self.wire = database, url, wire
        self.workers, self.control = workers, control

    def contestants(self, workload: str) -> list[Contestant]:
        """Return the patterns of a workload in the contenders' order; the first is the base."""
        return [
            (worker, pattern)
            for worker in self.workers
            for pattern in worker.patterns
            if pattern.workload == workload
        ]

    async def measure(
        self, workload: str, sizes: Mapping[str, int], limits: RoundLimits
    ) -> WorkloadResult:
        """Compare the answers, count the round trips, and time the patterns of a workload."""
        contestants = self.contestants(workload)
        round_trips = await self.count_round_trips(workload, contestants, sizes)
        control = self.control, contestants[0][1]
        async with self.connected(workload, self.url):
            timings = await run_rounds(self.database, [*contestants, control], sizes, limits)
        base, noise = timings[0], ratio_of(timings[0].seconds, timings[-1].seconds)
        rounds = len(base.seconds)
        patterns = []
        for (_, pattern), timing in zip(contestants, timings, strict=False):
            ratio = ratio_of(base.seconds, timing.seconds)
            is_base = timing is base
            patterns.append(
                PatternResult(
                    contender=pattern.contender,
                    name=pattern.name,
                    label=pattern.label,
                    mark=pattern.mark,
                    ratio=ratio,
                    verdict="base" if is_base else verdict(ratio, noise, rounds),
                    cpu=round(ratio_of(base.cpu, timing.cpu).median, 3),
                    milliseconds=[round(value * 1e3, 3) for value in timing.seconds],
                    round_trips=round_trips[pattern.key],
                )
            )
        return WorkloadResult(workload, TITLES[workload], rounds, dict(sizes), noise, patterns)

    @asynccontextmanager
    async def connected(self, workload: str, url: URL) -> AsyncIterator[None]:
        """Keep a warm pool open in every worker while the block runs."""
        everyone = [*self.workers, self.control]
        for worker in everyone:
            await worker.connect(login(url), count_connections(workload))
        yield
        for worker in everyone:
            await worker.request("close")

    async def count_round_trips(
        self, workload: str, contestants: Sequence[Contestant], sizes: Mapping[str, int]
    ) -> dict[str, int]:
        """Return the round trips of every pattern once its statements are prepared.

        Raises CouldNotRun if the patterns' answers differ in any column.
        """
        answers, round_trips = {}, {}
        async with self.connected(workload, self.wire.url):
            for worker, pattern in contestants:
                turn = await self.database.run_turn(worker, pattern, sizes, "Digest")
                answers[pattern.key] = turn["answer"]
                compare_answers(answers)
                await self.database.prepare_turn(worker, pattern, sizes)
                self.wire.round_trips = 0
                await self.database.run_prepared(worker)
                round_trips[pattern.key] = self.wire.round_trips
        return round_trips


@asynccontextmanager
async def contenders_at_work(
    url: URL, contenders: Sequence[Contender], home: Path
) -> AsyncIterator[Comparison]:
    """Start the contenders' processes on a database; the first contender is the base."""
    with open_wire(url) as wire:
        if wire is None:
            raise CouldNotRun("round trips cannot be counted", str(url), "--db embedded")
        async with (
            connected_database(url) as database,
            all_working([*contenders, contenders[0]], home) as workers,
        ):
            yield Comparison(database, url, wire, workers[:-1], workers[-1])


def current_load() -> float:
    """Return the load average of the last minute."""
    return round(os.getloadavg()[0], 1)


def current_conditions(server: str, workers: Sequence[Worker]) -> Conditions:
    """Return the date, the machine, its load, and the versions of every contender."""
    return Conditions(
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        load=[current_load()],
        server=server,
        versions={worker.contender.name: worker.versions for worker in workers},
    )
