"""Rounds in which contenders take turns, and ratios with intervals from those rounds."""

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import comb
from random import Random
from typing import Any

from benchmarks.patterns.bench_database import BenchDatabase, Turn
from benchmarks.patterns.contenders import Pattern
from benchmarks.patterns.work import Work
from orm_async_tests.errors import CouldNotRun

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

    @property
    def is_unstable(self) -> bool:
        return self.high > self.low * MAX_SPREAD


@dataclass(frozen=True)
class RoundLimits:
    """The largest number of rounds, and the seconds after which no further round begins.

    MIN_ROUNDS are run however long they take, unless `rounds` is smaller.
    """

    rounds: int
    seconds: float


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

    Too few rounds and intervals that are too wide are "unstable".
    """
    if rounds < MIN_ROUNDS:
        return "unstable"
    noise = max(control.high, 1 / control.low)
    if ratio.low > noise:
        return "faster"
    if ratio.high < 1 / noise:
        return "slower"
    return "unstable" if ratio.is_unstable else "level"


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
    database: BenchDatabase, contestants: Sequence[Contestant], work: Work, limits: RoundLimits
) -> list[Timings]:
    """Run rounds up to the limits and return the timings of every contestant.

    In a round the contestants take turns in an order that is drawn from a fixed seed, and then in
    the opposite order, so that drift within a round affects all of them alike.
    """
    for pattern, library in contestants:
        await database.run_turn(pattern, library, work)  # prepares its statements
    timings = [Timings() for _ in contestants]
    started = time.monotonic()
    for number in range(limits.rounds):
        if number >= MIN_ROUNDS and time.monotonic() - started > limits.seconds:
            break
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
