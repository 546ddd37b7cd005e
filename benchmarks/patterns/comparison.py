"""Compares the answers, round trips and times of the libraries for one workload.

Every library runs in every round of the benchmark. The result is a speed relative to asyncpg, with
a confidence interval.
"""

import statistics
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from math import comb
from random import Random
from typing import Any

from sqlalchemy import URL

from benchmarks.patterns.bench_database import BenchDatabase, Turn
from benchmarks.patterns.contenders import CONTENDERS, Pattern, patterns_of
from benchmarks.patterns.work import TASKS, WORKLOADS, Digest, Work
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.wire.wire import Wire

CONFIDENCE = 0.93  # the confidence of an interval; five rounds reach 0.94
MAX_SPREAD = 1.5  # an interval whose ends have a larger ratio is unstable
MIN_ROUNDS = 5
Contestant = tuple[Pattern, Any]  # a pattern, and the library that it is called with


@dataclass(frozen=True)
class Ratio:
    """The relative speed of two functions: the median of all rounds, with a confidence interval."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class PatternResult:
    """The measurements of a function.

    The fields `ratio` and `cpu` are relative to the first function of the workload.
    """

    contender: str
    name: str
    label: str
    mark: str
    ratio: Ratio
    verdict: str  # the word that compare_speeds() returns
    cpu: float
    milliseconds: list[float]  # one for each round
    round_trips: int


@dataclass(frozen=True)
class WorkloadResult:
    """The measurements of one workload.

    The field `control` compares the first function with itself, to show the noise of the
    measurement.
    """

    name: str
    title: str
    rounds: int
    sizes: dict[str, int]
    control: Ratio
    patterns: list[PatternResult]


def ratio_of(base: Iterable[float], other: Iterable[float]) -> Ratio:
    """Return how many times faster `other` is than `base`, from the durations of all rounds."""
    return interval([time / other_time for time, other_time in zip(base, other, strict=True)])


def interval(values: Iterable[float]) -> Ratio:
    """Return the median of the values, and its confidence interval."""
    ordered = sorted(values)
    count, cut = len(ordered), 0
    # The chances that exactly 0, 1, 2... values lie beyond the true median, on one side of it.
    chances = [comb(count, beyond) * 0.5 ** (count - 1) for beyond in range(count)]
    while sum(chances[: cut + 2]) <= 1 - CONFIDENCE:
        cut += 1
    return Ratio(statistics.median(ordered), ordered[cut], ordered[-1 - cut])


def compare_speeds(ratio: Ratio, control: Ratio, rounds: int) -> str:
    """Return whether a function is "faster" or "slower" than asyncpg, or "level" with it.

    Return "unstable" if the measurement is not precise enough. The parameter `control` compares
    asyncpg with itself, to show the noise of the measurement.
    """
    if rounds < MIN_ROUNDS:
        return "unstable"
    noise = max(control.high, 1 / control.low)
    if ratio.low > noise:
        return "faster"
    if ratio.high < 1 / noise:
        return "slower"
    return "unstable" if ratio.high > ratio.low * MAX_SPREAD else "level"


def compare_answers(answers: Mapping[str, Any]) -> None:
    (base, expected), *others = answers.items()
    for key, answer in others:
        if answer != expected:
            problem = f"{key} returned {answer}, but {base} returned {expected}"
            remedy = "compare the code of the two patterns, which must return the same answer"
            raise CouldNotRun(problem, "orm-async-tests bench", remedy)


@asynccontextmanager
async def connected_contestants(workload: str, url: URL) -> AsyncIterator[list[Contestant]]:
    """Open a pool for every library, and yield the functions of a workload.

    All ratios are relative to the first function. The last function is the control: the first
    function again, but on a second pool.
    """
    size = TASKS if workload == "tasks" else 1
    contestants: list[Contestant] = []
    async with AsyncExitStack() as pools:
        for contender, module in CONTENDERS.items():
            library = await pools.enter_async_context(module.connected(url, size))
            for pattern in patterns_of(contender):
                if pattern.workload == workload:
                    contestants.append((pattern, library))
        base, _ = contestants[0]
        library = await pools.enter_async_context(CONTENDERS[base.contender].connected(url, size))
        yield [*contestants, (base, library)]


async def count_round_trips(
    database: BenchDatabase, wire: Wire, workload: str, work: Work
) -> list[int]:
    """Return how many round trips every function takes with prepared statements.

    Raise CouldNotRun if two functions return different answers.
    """
    answers, round_trips = {}, []
    async with connected_contestants(workload, wire.url) as contestants:
        for pattern, library in contestants[:-1]:
            answers[pattern.key] = (await database.run_turn(pattern, library, work, Digest)).answer
            wire.round_trips = 0
            await database.run_turn(pattern, library, work)
            round_trips.append(wire.round_trips)
    compare_answers(answers)
    return round_trips


async def run_rounds(
    database: BenchDatabase, contestants: Sequence[Contestant], work: Work, rounds: int
) -> list[list[Turn]]:
    """Run every function twice in every round, and return the means by function and round."""
    for pattern, library in contestants:
        await database.run_turn(pattern, library, work)  # prepares its statements
    means: list[list[Turn]] = [[] for _ in contestants]
    for number in range(rounds):
        order = Random(number).sample(range(len(contestants)), len(contestants))
        turns: list[list[Turn]] = [[] for _ in contestants]
        # The opposite order follows, so that a slowing machine affects all functions equally.
        for index in [*order, *reversed(order)]:
            turns[index].append(await database.run_turn(*contestants[index], work))
        answers = {}
        for index, (first, second) in enumerate(turns):
            answers[f"{contestants[index][0].key} ({index})"] = [first.answer, second.answer]
            seconds, cpu = (first.seconds + second.seconds) / 2, (first.cpu + second.cpu) / 2
            means[index].append(Turn(seconds, cpu, first.answer))
        compare_answers(answers)
    return means


async def measure_workload(
    database: BenchDatabase, wire: Wire, workload: str, work: Work, rounds: int
) -> WorkloadResult:
    """Measure the round trips and the times of a workload.

    The proxy `wire` counts the round trips. The times are measured without the proxy.
    """
    round_trips = await count_round_trips(database, wire, workload, work)
    async with connected_contestants(workload, database.url) as contestants:
        turns = await run_rounds(database, contestants, work, rounds)
    seconds = [[turn.seconds for turn in of_function] for of_function in turns]
    cpu = [[turn.cpu for turn in of_function] for of_function in turns]
    control = ratio_of(seconds[0], seconds[-1])
    results = []
    for index, (pattern, _) in enumerate(contestants[:-1]):
        ratio = ratio_of(seconds[0], seconds[index])
        results.append(
            PatternResult(
                *pattern[:4],
                ratio=ratio,
                verdict=compare_speeds(ratio, control, rounds) if index else "base",
                cpu=round(ratio_of(cpu[0], cpu[index]).median, 3),
                milliseconds=[round(value * 1e3, 3) for value in seconds[index]],
                round_trips=round_trips[index],
            )
        )
    return WorkloadResult(workload, WORKLOADS[workload], rounds, work.sizes, control, results)
