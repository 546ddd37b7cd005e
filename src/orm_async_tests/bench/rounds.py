"""Turns of many contenders in rounds, a ratio for each round, and what the ratios allow to say."""

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import comb
from random import Random
from typing import Any

from orm_async_tests.bench.arena import Arena, compare_answers
from orm_async_tests.bench.workers import Pattern, Worker

SURE = 0.93  # of an interval: five rounds give 0.94
SPREAD = 1.5  # beyond it, the interval's end to its beginning, a ratio is unstable
FEWEST = 5
Duel = tuple[Worker, Pattern]


@dataclass(frozen=True)
class Ratio:
    """The median of the rounds' ratios, and the interval in which the true median lies."""

    middle: float
    low: float
    high: float

    @property
    def unstable(self) -> bool:
        return self.high > self.low * SPREAD


@dataclass(frozen=True)
class How:
    """At most so many rounds, of which no one after the fewest begins after so many seconds."""

    rounds: int
    seconds: float


@dataclass
class Taken:
    """Seconds and CPU seconds of a pattern, one of each for a round."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def ratio_of(base: Sequence[float], other: Sequence[float]) -> Ratio:
    """How often the other would have been done in the base's time: 2 is twice as fast."""
    return interval([one / two for one, two in zip(base, other, strict=True)])


def interval(values: Iterable[float]) -> Ratio:
    """The median, and the narrowest pair of values that is sure enough to have it between them."""
    ordered = sorted(values)
    cut, outside = 0, _both_ends(len(ordered), 0)
    while outside + _both_ends(len(ordered), cut + 1) <= 1 - SURE:
        cut += 1
        outside += _both_ends(len(ordered), cut)
    return Ratio(statistics.median(ordered), ordered[cut], ordered[-1 - cut])


def _both_ends(count: int, beyond: int) -> float:
    """The chance that just so many of the values lie on one side of the true median."""
    return comb(count, beyond) * 0.5 ** (count - 1)


def verdict(ratio: Ratio, control: Ratio, count: int) -> str:
    """A difference is one if it is beyond what the base shows against itself."""
    if count < FEWEST:
        return "unstable"
    noise = max(control.high, 1 / control.low)
    if ratio.low > noise:
        return "faster"
    if ratio.high < 1 / noise:
        return "slower"
    return "unstable" if ratio.unstable else "level"


async def rounds(
    arena: Arena, duels: Sequence[Duel], sizes: Mapping[str, int], how: How
) -> list[Taken]:
    """Each one's times: at least FEWEST rounds, then as many as fit.

    In a round each has a turn in an order that is drawn anew from a fixed seed, and then another
    in the opposite order, so that what drifts within a round hits all alike.
    """
    for worker, pattern in duels:
        await arena.turn(worker, pattern, sizes)  # its statements are prepared
    taken = [Taken() for _ in duels]
    begun = time.monotonic()
    for number in range(how.rounds):
        if number >= FEWEST and time.monotonic() - begun > how.seconds:
            break
        order = list(range(len(duels)))
        Random(number).shuffle(order)
        turns: list[list[dict[str, Any]]] = [[] for _ in duels]
        for index in [*order, *reversed(order)]:
            worker, pattern = duels[index]
            turns[index].append(await arena.turn(worker, pattern, sizes))
        compare_answers({
            f"{pattern.key} ({index})": [each["answer"] for each in turns[index]]
            for index, (_, pattern) in enumerate(duels)
        })  # fmt: skip
        for each, found in zip(taken, turns, strict=True):
            each.seconds.append(sum(turn["seconds"] for turn in found) / 2)
            each.cpu.append(sum(turn["cpu"] for turn in found) / 2)
    return taken
