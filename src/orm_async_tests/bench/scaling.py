"""What becomes of ratios with more rows, with a slower network, and of memory in a long stream."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orm_async_tests.bench.arena import login
from orm_async_tests.bench.compared import Comparison
from orm_async_tests.bench.contenders.given import BATCH
from orm_async_tests.bench.rounds import Duel, How, Taken, ratio_of, rounds
from orm_async_tests.bench.workers import working
from orm_async_tests.bench.world import POINTS

DECADES = (1000, 100, 10, 1)
DELAYS = (0.0, 1.0, 5.0)  # milliseconds that a round trip takes longer
MIB = 2**20
MILLION = 10  # times the rows that are read
SLOWLY = {"write": 1, "read": BATCH, "gets": 20}
GROWING = {
    "insert": ("asyncpg.insert", "sqlalchemy_tuned.insert_copy_dicts", "sqlalchemy.insert_bulk",
               "sqlalchemy.insert_objects", "tortoise.insert", "piccolo.insert", "django.insert",
               "peewee.insert"),
    "rows": ("asyncpg.rows", "sqlalchemy_core.rows", "sqlalchemy_tuned.rows_collector",
             "sqlalchemy.rows", "tortoise.rows", "piccolo.rows", "django.rows", "peewee.rows"),
}  # fmt: skip
WAITING = {
    "get": ("asyncpg.get", "sqlalchemy_core.get", "sqlalchemy_tuned.get_select", "sqlalchemy.get",
            "tortoise.get", "piccolo.get", "django.get", "peewee.get"),
    "tasks": ("asyncpg.tasks", "sqlalchemy_core.tasks", "sqlalchemy_tuned.tasks_select",
              "sqlalchemy.tasks", "tortoise.tasks", "piccolo.tasks", "django.tasks",
              "peewee.tasks"),
    "walk": ("asyncpg.walk_pool", "sqlalchemy_core.walk_json", "sqlalchemy_tuned.walk_lateral",
             "sqlalchemy.walk", "tortoise.walk", "piccolo.walk", "django.walk", "peewee.walk"),
    "insert": ("asyncpg.insert_executemany", "sqlalchemy_core.insert_many",
               "sqlalchemy.insert_objects", "tortoise.insert", "piccolo.insert", "django.insert",
               "peewee.insert"),
}  # fmt: skip
HELD = ("asyncpg.stream", "sqlalchemy_core.stream", "sqlalchemy_tuned.stream_collector",
        "sqlalchemy.stream_partitions", "sqlalchemy.stream", "tortoise.stream", "piccolo.stream",
        "django.stream", "peewee.stream")  # fmt: skip
Found = dict[str, Any]


async def by_size(
    found: Comparison, workloads: Collection[str], sizes: Mapping[str, int], how: How
) -> list[Found]:
    """Ratios of inserts and of reads, over three decades of rows."""
    tables = []
    for workload in [name for name in GROWING if name in workloads]:
        duels, taken = found.named(GROWING[workload]), []
        name = "write" if workload == "insert" else "read"
        steps = [max(sizes[name] // part, 1) for part in DECADES]
        async with found.connected(workload, found.url):
            for step in steps:
                taken.append(await rounds(found.arena, duels, {**sizes, name: step}, how))
        tables.append({"workload": workload, "steps": steps, "lines": _lines(duels, taken)})
    return tables


async def by_delay(found: Comparison, workloads: Collection[str], how: How) -> list[Found]:
    """Ratios of single reads, walks and transactions of one row, if each round trip is delayed."""
    tables = []
    for workload in [name for name in WAITING if name in workloads]:
        duels, taken = found.named(WAITING[workload]), []
        async with found.connected(workload, found.tap.url):
            for milliseconds in DELAYS:
                found.tap.delay = milliseconds / 1000
                taken.append(await rounds(found.arena, duels, SLOWLY, how))
        found.tap.delay = 0.0
        steps = list(DELAYS)
        tables.append({"workload": workload, "steps": steps, "lines": _lines(duels, taken)})
    return tables


def _lines(duels: Sequence[Duel], taken: Sequence[Sequence[Taken]]) -> list[Found]:
    return [
        {
            **{name: asdict(pattern)[name] for name in ("contender", "name", "label", "mark")},
            "ratios": [asdict(ratio_of(step[0].seconds, step[index].seconds)) for step in taken],
            "milliseconds": [
                round(sorted(step[index].seconds)[len(step[index].seconds) // 2] * 1e3, 3)
                for step in taken
            ],
        }
        for index, (_, pattern) in enumerate(duels)
    ]


async def by_memory(found: Comparison, home: Path, read: int) -> list[Found]:
    """The most MiB that a new process held: after one batch, and after a long stream."""
    for statement in (POINTS.format(first=read, end=read * MILLION), "VACUUM ANALYZE"):
        await found.arena.connection.execute(statement)
    rows = []
    for worker, pattern in found.named(HELD):
        async with working(worker.contender, home) as alone:
            await alone.connect(login(found.url), 1)
            sizes = {"write": 0, "gets": 0}
            peaks = []
            for size in (BATCH, read * MILLION):
                await alone.ready(pattern, {**sizes, "read": size})
                await alone.turn()
                peaks.append(round(await alone.ask("peak") / MIB, 1))
        told = {name: asdict(pattern)[name] for name in ("contender", "name", "label", "mark")}
        rows.append({**told, "rows": read * MILLION, "batch": peaks[0], "peak": peaks[1]})
    return rows
