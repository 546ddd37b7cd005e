"""Turns in the order ABBA, a ratio for each round, and what they allow to say."""

import gc
import statistics
import time
import tracemalloc
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import event

from orm_async_tests.bench.workload import Way, Workload
from orm_async_tests.bench.world import Sizes, World, world_on
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.harness.wire import Wire

CONTROL = "the same again"  # an A/A control: the base against itself
SPREAD = 1.5  # beyond it, the highest ratio to the lowest, a figure is unstable
MIB = 1024 * 1024


@dataclass(frozen=True)
class Figure:
    """A way's figures; ratio: the base's time in multiples of the way's, so 2 is twice as fast."""

    way: str
    ratio: float
    low: float
    high: float
    milliseconds: float
    statements: int
    round_trips: int
    peak: float  # MiB that Python held at most
    verdict: str = ""


def judged(figure: Figure, control: Figure) -> Figure:
    """The figure with a verdict: a difference is one if the control shows none as large."""
    noise = max(control.high, 1 / control.low)
    if figure.low > noise:
        return replace(figure, verdict="faster")
    if figure.high < 1 / noise:
        return replace(figure, verdict="slower")
    wide = figure.high > figure.low * SPREAD
    return replace(figure, verdict="unstable" if wide else "level")


async def turn(world: World, workload: Workload, way: Way) -> tuple[float, Any]:
    """Seconds of a way, and its answer."""
    await workload.before(world)
    gc.collect()
    started = time.perf_counter()
    found = await way(world)
    taken = time.perf_counter() - started
    return taken, (found, await workload.after(world))


async def check(world: World, workload: Workload) -> None:
    """Raises CouldNotRun if two ways have different answers; warms up both libraries."""
    answers = {}
    for label, way in workload.ways.items():
        _, answers[label] = await turn(world, workload, way)
    for label, answer in answers.items():
        if answer != answers[workload.base]:
            what = f"{label!r} has the answer {answer}, not {answers[workload.base]}"
            raise CouldNotRun(what, workload.title, "compare the two ways: one of them is wrong")


async def counted(wire: Wire, sizes: Sizes, workload: Workload) -> dict[str, tuple[Any, ...]]:
    """Statements of SQLAlchemy, round trips, and the peak of memory, for each way."""
    counts = {}
    async with world_on(wire.url, sizes) as world:
        statements: list[str] = []
        event.listen(
            world.engine.sync_engine,
            "before_cursor_execute",
            lambda *arguments: statements.append(arguments[2]),
        )
        for label, way in workload.ways.items():
            await turn(world, workload, way)  # the statements are prepared
            await workload.before(world)
            statements.clear()
            before = wire.round_trips
            tracemalloc.start()
            await way(world)
            peak = tracemalloc.get_traced_memory()[1] / MIB
            tracemalloc.stop()
            counts[label] = len(statements), wire.round_trips - before, peak
    return counts


async def measured(world: World, wire: Wire, workload: Workload, rounds: int) -> list[Figure]:
    """The figures of each way; the first one is the control."""
    await check(world, workload)
    counts = await counted(wire, world.sizes, workload)
    base = workload.ways[workload.base]
    ways = {**workload.ways, CONTROL: base}
    counts[CONTROL] = counts[workload.base]
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        seconds = dict.fromkeys(ways, 0.0)
        for label in [*ways, *reversed(ways)]:
            seconds[label] += (await turn(world, workload, ways[label]))[0] / 2
        for label, each in seconds.items():
            taken[label].append(each)
    labels = [CONTROL, *(label for label in workload.ways if label != workload.base)]
    figures = [figure(each, taken[workload.base], taken[each], counts[each]) for each in labels]
    return [judged(each, figures[0]) for each in figures]


def figure(label: str, base: list[float], taken: list[float], counts: tuple[Any, ...]) -> Figure:
    """The median of the rounds' ratios, and between what they lie."""
    ratios = [one / other for one, other in zip(base, taken, strict=True)]
    middle, milliseconds = statistics.median(ratios), statistics.median(taken) * 1e3
    return Figure(label, middle, min(ratios), max(ratios), milliseconds, *counts)
