"""One workload done by every contender: answers compared, round trips counted, then timed.

The contenders take turns in rounds. The rounds give ratios with intervals.
"""

import statistics
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from math import comb
from random import Random
from typing import Any

from sqlalchemy import URL

from benchmarks.patterns.bench_database import BenchDatabase, Turn
from benchmarks.patterns.contenders import CONTENDERS, Pattern
from benchmarks.patterns.work import TASKS, WORKLOADS, Digest, Work
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.wire.wire import Wire

CONFIDENCE = 0.93  # of an interval; five rounds reach 0.94
MAX_SPREAD = 1.5  # an interval whose ends have a larger ratio is unstable
MIN_ROUNDS = 5
Contestant = tuple[Pattern, Any]  # a pattern, and the library that it is called with


@dataclass(frozen=True)
class Ratio:
    """The median of the rounds' ratios, and the interval that holds the true median."""

    median: float
    low: float
    high: float


@dataclass
class Timings:
    """The seconds and CPU seconds that one pattern took in every round."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def ratio_of(base: Sequence[float], other: Sequence[float]) -> Ratio:
    """Return the other side's rate in multiples of the base's: 2 is twice as fast."""
    return interval([one / two for one, two in zip(base, other, strict=True)])


def interval(values: Iterable[float]) -> Ratio:
    """Return the median and its narrowest interval of order statistics with CONFIDENCE."""
    ordered = sorted(values)
    cut, outside = 0, _tails_probability(len(ordered), 0)
    while outside + _tails_probability(len(ordered), cut + 1) <= 1 - CONFIDENCE:
        cut += 1
        outside += _tails_probability(len(ordered), cut)
    return Ratio(statistics.median(ordered), ordered[cut], ordered[-1 - cut])


def _tails_probability(count: int, beyond: int) -> float:
    """Return the chance that exactly `beyond` of `count` values lie beyond one end or the other."""
    return comb(count, beyond) * 0.5 ** (count - 1)


def verdict(ratio: Ratio, control: Ratio, rounds: int) -> str:
    """Return "faster" or "slower" if the ratio exceeds what the control shows, else "level".

    A ratio from too few rounds, or with too wide an interval, is "unstable".
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
    """Raise CouldNotRun if an answer differs from the first one."""
    (base, expected), *others = answers.items()
    for key, answer in others:
        if answer != expected:
            problem = f"{key} has the answer {answer}, but {base} has {expected}"
            raise CouldNotRun(
                problem, "orm-async-tests bench", "compare the code of the two patterns"
            )


async def run_rounds(
    database: BenchDatabase, contestants: Sequence[Contestant], work: Work, rounds: int
) -> list[Timings]:
    """Run the rounds and return the timings of every contestant.

    In a round the contestants take turns in an order that is drawn from a fixed seed, and then in
    the opposite order, so that drift within a round affects all of them alike.
    """
    for pattern, library in contestants:
        await database.run_turn(pattern, library, work)  # prepares its statements
    timings = [Timings() for _ in contestants]
    for number in range(rounds):
        order = list(range(len(contestants)))
        Random(number).shuffle(order)
        turns: list[list[Turn]] = [[] for _ in contestants]
        for index in [*order, *reversed(order)]:
            pattern, library = contestants[index]
            turns[index].append(await database.run_turn(pattern, library, work))
        compare_answers({
            f"{pattern.key} ({index})": [turn.answer for turn in turns[index]]
            for index, (pattern, _) in enumerate(contestants)
        })  # fmt: skip
        for timing, pair in zip(timings, turns, strict=True):
            timing.seconds.append(sum(turn.seconds for turn in pair) / 2)
            timing.cpu.append(sum(turn.cpu for turn in pair) / 2)
    return timings


@dataclass(frozen=True)
class PatternResult:
    """The figures of one pattern; its ratios compare it with the workload's first pattern."""

    contender: str
    name: str
    label: str
    mark: str
    ratio: Ratio
    verdict: str
    cpu: float
    milliseconds: list[float]  # one for each round
    round_trips: int


@dataclass(frozen=True)
class WorkloadResult:
    """The figures of one workload; the control is the base pattern again, with a second pool."""

    name: str
    title: str
    rounds: int
    sizes: dict[str, int]
    control: Ratio
    patterns: list[PatternResult]


@asynccontextmanager
async def connected_contestants(workload: str, url: URL) -> AsyncIterator[list[Contestant]]:
    """Open a warm pool for every contender and give the workload's patterns; the first is the base.

    The last contestant, the control, is the base's pattern again with a second pool.
    """
    size = TASKS if workload == "tasks" else 1
    async with AsyncExitStack() as pools:
        contestants = []
        for contender in CONTENDERS:
            library = await pools.enter_async_context(contender.connect(url, size))
            contestants += [
                (pattern, library)
                for pattern in contender.patterns()
                if pattern.workload == workload
            ]
        library = await pools.enter_async_context(CONTENDERS[0].connect(url, size))
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
    database: BenchDatabase, wire: Wire, workload: str, work: Work, rounds: int
) -> WorkloadResult:
    """Compare the answers, count the round trips, and time the patterns of a workload.

    `wire` is a proxy to the database, which counts round trips; timed turns do not go through it.
    """
    round_trips = await count_round_trips(database, wire, workload, work)
    async with connected_contestants(workload, database.url) as contestants:
        timings = await run_rounds(database, contestants, work, rounds)
    base, control = timings[0], ratio_of(timings[0].seconds, timings[-1].seconds)
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
