"""Run scripts on stacks, side by side: what hangs or dies is a result of its own."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
from asyncio import StreamReader
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from orm_async_tests.errors import COULD_NOT_RUN
from orm_async_tests.matrix.environments import variables
from orm_async_tests.matrix.plans import Plan
from orm_async_tests.matrix.records import Record, result
from orm_async_tests.postgres.launcher import launch_command
from orm_async_tests.verdicts import CRASH, NOT_RUN, TIMEOUT
from orm_async_tests.versions.releases import NotInstalled

IDLE = "5"  # seconds that a slot's server waits for its next stack
LINE = 2**24  # bytes that a result may have


@dataclass(frozen=True)
class Slot:
    """Where stacks run one after the other: the folder of an embedded server of their own."""

    home: Path
    timeout: float  # seconds that one script may take


async def run_stack(
    plan: Plan, numbers: Sequence[int], home: Path, slot: Slot
) -> AsyncIterator[Record]:
    """The records of one stack, each as soon as it is there: one result for every script."""
    try:
        python, own = await asyncio.to_thread(variables, plan, home)
    except NotInstalled as error:
        for number in numbers:
            yield result(plan.name, number, NOT_RUN, str(error))
        return
    left, told = [*numbers], False
    while left:
        verdict, why = NOT_RUN, ""
        async with _child(plan, python, own, left, slot) as child:
            async for document in child.documents():
                if not told:
                    identity = {**document["stack"], "command": plan.command}
                    yield {"record": "stack", "stack": plan.name, "identity": identity}
                told = True
                yield _of(plan, document)
                left.remove(document["results"][0]["number"])
            verdict, why = await child.ended()
        if verdict == NOT_RUN:
            for number in left:
                yield result(plan.name, number, NOT_RUN, why)
            return
        if left:
            yield result(plan.name, left.pop(0), verdict, why)


def _of(plan: Plan, document: Record) -> Record:
    (found,) = document["results"]
    made = result(plan.name, found["number"], found["verdict"], found["reason"])
    failed = [each for each in found["evidence"] if not each["holds"]]
    return {**made, "seconds": found["seconds"], "failed": failed, "defects": found["defects"]}


@dataclass
class _Child:
    """A run in a process of its own."""

    process: Process
    log: Path
    timeout: float
    trouble: tuple[str, str] | None = None

    async def documents(self) -> AsyncIterator[Record]:
        """What it prints; it is killed when it has printed nothing for too long."""
        out = self.process.stdout
        assert isinstance(out, StreamReader)
        try:
            while line := await asyncio.wait_for(out.readline(), self.timeout):
                yield json.loads(line)
        except TimeoutError:
            self.trouble = TIMEOUT, f"no result within {self.timeout:g} s"
            self.process.kill()
        except ValueError as error:
            self.trouble = CRASH, f"its result is not JSON: {error}"
            self.process.kill()

    async def ended(self) -> tuple[str, str]:
        """What becomes of the first script that has no result, and why."""
        code = await self.process.wait()
        if self.trouble:
            return self.trouble
        said = self.log.read_text(errors="replace").strip().splitlines()
        last = "; ".join(line.strip() for line in said[-3:])
        return (NOT_RUN, last) if code == COULD_NOT_RUN else (CRASH, f"exit code {code}: {last}")


@asynccontextmanager
async def _child(
    plan: Plan, python: str, own: dict[str, str], numbers: Sequence[int], slot: Slot
) -> AsyncIterator[_Child]:
    command = [python, "-m", "orm_async_tests", "run", "--ndjson", *plan.options]
    command = launch_command([*command, *map(str, numbers)], signal.SIGKILL, as_nobody=False)
    own = {**own, "ORM_ASYNC_HOME": str(slot.home), "ORM_ASYNC_IDLE": IDLE}
    own |= {plan.variable: plan.server} if plan.server else {}
    with tempfile.NamedTemporaryFile(prefix="orm-async-", suffix=".log") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            limit=LINE,
        )
        try:
            yield _Child(process, Path(log.name), slot.timeout)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
