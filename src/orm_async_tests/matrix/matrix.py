"""Run a matrix: stacks side by side, every record written as soon as it is there."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from orm_async_tests.matrix.plans import Plan
from orm_async_tests.matrix.records import Record
from orm_async_tests.matrix.runs import Slot, run_stack


async def run_matrix(
    plans: Sequence[Plan],
    numbers: Sequence[int],
    slots: Sequence[Slot],
    home: Path,
    write: Callable[[Record], None],
) -> None:
    """Run every plan, as many at a time as there are slots."""
    waiting = iter(plans)

    async def work(slot: Slot) -> None:
        for plan in waiting:
            async for record in run_stack(plan, numbers, home, slot):
                write(record)

    async with asyncio.TaskGroup() as tasks:
        for slot in slots:
            tasks.create_task(work(slot))
