"""A workload done by every contender: first alike, then counted, then timed."""

import statistics
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from sqlalchemy import URL

from orm_async_tests.bench.arena import Arena, compare_answers, login
from orm_async_tests.bench.rounds import Duel, How, ratio_of, rounds, verdict
from orm_async_tests.bench.tap import Tap
from orm_async_tests.bench.workers import Worker

SHOWN = 300  # characters of a statement
SHARES = (0.5, 0.95, 0.99, 1.0)
Answer = dict[str, Any]
Sizes = Mapping[str, int]


class Comparison:
    """Contenders at work; the last of the workers is the base once more, as a control."""

    def __init__(
        self, arena: Arena, url: URL, tap: Tap, workers: Sequence[Worker], again: Worker
    ) -> None:
        self.arena, self.url, self.tap, self.suite = arena, url, tap, arena.suite
        self.workers, self.again = workers, again

    def duels(self, workload: str) -> list[Duel]:
        """The patterns of a workload, in the contenders' order; the first is the base."""
        everything = [(worker, pattern) for worker in self.workers for pattern in worker.patterns]
        return [(worker, pattern) for worker, pattern in everything if pattern.workload == workload]

    def named(self, keys: Sequence[str]) -> list[Duel]:
        """The patterns with these keys, of the contenders that are here."""
        known = {pattern.key: (worker, pattern) for worker in self.workers
                 for pattern in worker.patterns}  # fmt: skip
        return [known[key] for key in keys if key in known]

    async def compare(self, workload: str, sizes: Sizes, how: How) -> Answer:
        """The workload's part of the result."""
        duels = self.duels(workload)
        counts = await self.counted(workload, duels, sizes)
        control = self.again, duels[0][1]
        async with self.connected(workload, self.url):
            taken = await rounds(self.arena, [*duels, control], sizes, how)
            clocked = await self.clocked(duels, sizes) if workload in self.suite.clocked else {}
        base, again = taken[0], ratio_of(taken[0].seconds, taken[-1].seconds)
        patterns = []
        for (_, pattern), each in zip(duels, taken, strict=False):
            ratio = ratio_of(base.seconds, each.seconds)
            found = {name: value for name, value in asdict(pattern).items() if name != "code"}
            found |= {"ratio": asdict(ratio), "verdict": verdict(ratio, again, len(base.seconds))}
            found |= {"cpu": round(ratio_of(base.cpu, each.cpu).middle, 3)}
            found |= {"milliseconds": [round(value * 1e3, 3) for value in each.seconds]}
            patterns.append(found | counts[pattern.key] | clocked.get(pattern.key, {}))
        patterns[0]["verdict"] = "base"
        head = {"name": workload, "title": self.suite.titles[workload], "rounds": len(base.seconds)}
        return {**head, "sizes": dict(sizes), "control": asdict(again), "patterns": patterns}

    @asynccontextmanager
    async def connected(self, workload: str, url: URL) -> AsyncIterator[None]:
        """Everybody's warm pool while the block runs."""
        everyone = [*self.workers, self.again]
        for worker in everyone:
            await worker.connect(login(url), self.suite.connections(workload))
        yield
        for worker in everyone:
            await worker.ask("close")

    async def counted(
        self, workload: str, duels: Sequence[Duel], sizes: Sizes
    ) -> dict[str, Answer]:
        """What each one sends once its statements are prepared; their answers must be equal."""
        answers, counts = {}, {}
        async with self.connected(workload, self.tap.url):
            for worker, pattern in duels:
                found = await self.arena.turn(worker, pattern, sizes, "Digest")
                answers[pattern.key] = found["answer"]
                compare_answers(answers)
                await self.arena.ready(worker, pattern, sizes)
                self.tap.forget()
                await self.arena.timed(worker)
                sent = [{"sql": shown(sql), "times": n} for sql, n in self.tap.statements.items()]
                counts[pattern.key] = {"round_trips": self.tap.round_trips, "statements": sent}
        return counts

    async def clocked(self, duels: Sequence[Duel], sizes: Sizes) -> dict[str, Answer]:
        """Percentiles of the milliseconds of each single read, of three turns."""
        found: dict[str, list[float]] = {pattern.key: [] for _, pattern in duels}
        for _ in range(3):
            for worker, pattern in duels:
                turn = await self.arena.turn(worker, pattern, sizes, "Clock")
                found[pattern.key] += turn["answer"]
        return {key: {"percentiles": percentiles(each)} for key, each in found.items()}


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds by the share of reads that took at most so long."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {f"{share:g}": round(ordered[round(share * last)] * 1e3, 3) for share in SHARES}


def shown(sql: str) -> str:
    """A statement, or its beginning."""
    return sql if len(sql) <= SHOWN else f"{sql[:SHOWN]}... ({len(sql)} characters)"


def middle(pattern: Mapping[str, Any]) -> float:
    """The median of a pattern's milliseconds."""
    return float(statistics.median(pattern["milliseconds"]))
