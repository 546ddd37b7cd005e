"""One workload done by every contender: answers compared, round trips counted, then timed."""

import statistics
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass

from sqlalchemy import URL

from benchmarks.patterns.bench_database import BenchDatabase, login
from benchmarks.patterns.contenders import CONTENDERS
from benchmarks.patterns.rounds import (
    Contestant,
    Ratio,
    RoundLimits,
    compare_answers,
    ratio_of,
    run_rounds,
    verdict,
)
from benchmarks.patterns.work import TASKS, WORKLOADS, Digest, Work
from orm_async_tests.harness.wire.wire import Wire


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
    """What was measured of one workload; the control is the base with a second pool."""

    name: str
    title: str
    rounds: int
    sizes: dict[str, int]
    control: Ratio
    patterns: list[PatternResult]


@asynccontextmanager
async def connected_contestants(workload: str, url: URL) -> AsyncIterator[list[Contestant]]:
    """Open a warm pool for every contender and give the workload's patterns; the first is the base.

    The last contestant is the base's pattern again, with a pool of its own: the control.
    """
    size = TASKS if workload == "tasks" else 1
    async with AsyncExitStack() as pools:
        contestants = []
        for contender in CONTENDERS:
            library = await pools.enter_async_context(contender.connect(login(url), size))
            contestants += [
                (pattern, library)
                for pattern in contender.patterns()
                if pattern.workload == workload
            ]
        library = await pools.enter_async_context(CONTENDERS[0].connect(login(url), size))
        yield [*contestants, (contestants[0][0], library)]


async def count_round_trips(
    database: BenchDatabase, wire: Wire, workload: str, work: Work
) -> dict[str, int]:
    """Return the round trips of every pattern once its statements are prepared.

    Raises CouldNotRun if the patterns' answers differ in any column.
    """
    answers, round_trips = {}, {}
    async with connected_contestants(workload, wire.url) as contestants:
        for pattern, library in contestants[:-1]:
            turn = await database.run_turn(pattern, library, work, Digest)
            answers[pattern.key] = turn.answer
            compare_answers(answers)
            wire.round_trips = 0
            await database.run_turn(pattern, library, work)
            round_trips[pattern.key] = wire.round_trips
    return round_trips


async def measure_workload(
    database: BenchDatabase, wire: Wire, workload: str, work: Work, limits: RoundLimits
) -> WorkloadResult:
    """Compare the answers, count the round trips, and time the patterns of a workload.

    `wire` is a proxy to the database, which counts round trips; timed turns do not go through it.
    """
    round_trips = await count_round_trips(database, wire, workload, work)
    async with connected_contestants(workload, database.url) as contestants:
        timings = await run_rounds(database, contestants, work, limits)
    base, control = timings[0], ratio_of(timings[0].seconds, timings[-1].seconds)
    rounds = len(base.seconds)
    results = []
    for (pattern, _), timing in zip(contestants[:-1], timings[:-1], strict=True):
        ratio = ratio_of(base.seconds, timing.seconds)
        results.append(
            PatternResult(
                contender=pattern.contender,
                name=pattern.name,
                label=pattern.label,
                mark=pattern.mark,
                ratio=ratio,
                verdict="base" if timing is base else verdict(ratio, control, rounds),
                cpu=round(ratio_of(base.cpu, timing.cpu).median, 3),
                milliseconds=[round(value * 1e3, 3) for value in timing.seconds],
                round_trips=round_trips[pattern.key],
            )
        )
    return WorkloadResult(workload, WORKLOADS[workload], rounds, asdict(work), control, results)
