"""Runs scripts on several stacks at the same time.

If a script hangs or its process dies, the script's result says so.
"""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
from asyncio import StreamReader
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from orm_async_tests.exit_codes import COULD_NOT_RUN
from orm_async_tests.matrix.environments import prepare_stack
from orm_async_tests.matrix.plans import Plan
from orm_async_tests.matrix.records import Record, result
from orm_async_tests.postgres.launcher import launch_command
from orm_async_tests.postgres.paths import home
from orm_async_tests.verdicts import CRASH, NOT_RUN, TIMEOUT
from orm_async_tests.versions.releases import NotInstalled

IDLE = "5"  # seconds that a slot's server waits for its next stack
LONGEST_LINE = 2**24  # bytes of one result


@dataclass(frozen=True)
class Slot:
    """An embedded server that stacks use one after the other."""

    folder: str  # within the folder for all files
    timeout: float  # seconds for one script
    options: tuple[str, ...] = ()  # of the command `run`


async def run_matrix(
    plans: Sequence[Plan],
    numbers: Sequence[int],
    slots: Sequence[Slot],
    write: Callable[[Record], None],
) -> None:
    waiting = iter(plans)

    async def run_plans(slot: Slot) -> None:
        for plan in waiting:
            has_identity = False
            async for stack, script_result in run_stack(plan, numbers, slot):
                if stack and not has_identity:
                    has_identity = True
                    identity = {**stack, "command": plan.command}
                    write({"record": "stack", "stack": plan.name, "identity": identity})
                write(result(plan.name, **script_result))

    async with asyncio.TaskGroup() as tasks:
        for slot in slots:
            tasks.create_task(run_plans(slot))


async def run_stack(
    plan: Plan, numbers: Sequence[int], slot: Slot
) -> AsyncIterator[tuple[Record, Record]]:
    """Yield the stack and the result of every script, in the form of docs/result.schema.json.

    If a script gives no result, yield an empty stack, and a dictionary with `number`, `verdict` and
    `reason`.
    """
    try:
        python, variables = await asyncio.to_thread(prepare_stack, plan)
    except NotInstalled as error:
        for number in numbers:
            yield {}, {"number": number, "verdict": NOT_RUN, "reason": str(error)}
        return
    remaining = [*numbers]
    while remaining:
        async with _start_run(plan, python, variables, remaining, slot) as run:
            async for document in run.documents():
                (script_result,) = document["results"]
                yield document["stack"], script_result
                remaining.remove(script_result["number"])
            verdict, reason = await run.explain_end()
        for name in plan.variables:
            reason = reason.replace(name, "--server")
        without_result = remaining if verdict == NOT_RUN else remaining[:1]
        for number in without_result:
            yield {}, {"number": number, "verdict": verdict, "reason": reason}
        remaining = remaining[len(without_result) :]


@dataclass
class ChildRun:
    """A child process that runs scripts and prints one JSON document for each script."""

    process: Process
    log: Path
    timeout: float
    problem: tuple[str, str] | None = None  # the verdict and reason, if this process was killed

    async def documents(self) -> AsyncIterator[Record]:
        """Yield the JSON documents that the process prints. Kill the process if it hangs."""
        while line := await self._read_line():
            try:
                document = json.loads(line)
            except ValueError as error:
                self._kill(CRASH, f"the result of the script is not JSON: {error}")
                return
            yield document

    async def _read_line(self) -> bytes:
        out = self.process.stdout
        assert isinstance(out, StreamReader)
        try:
            return await asyncio.wait_for(out.readline(), self.timeout)
        except TimeoutError:
            self._kill(TIMEOUT, f"the script printed no result within {self.timeout:g} s")
        except ValueError:
            self._kill(CRASH, f"the result of the script is longer than {LONGEST_LINE} bytes")
        return b""

    def _kill(self, verdict: str, reason: str) -> None:
        self.problem = verdict, reason
        with suppress(ProcessLookupError):  # it has ended by itself
            self.process.kill()

    async def explain_end(self) -> tuple[str, str]:
        code = await self.process.wait()
        if self.problem:
            return self.problem
        lines = self.log.read_text(errors="replace").strip().splitlines()
        last = "; ".join(" ".join(line.split()) for line in lines[-3:])
        return (NOT_RUN, last) if code == COULD_NOT_RUN else (CRASH, f"exit code {code}: {last}")


@asynccontextmanager
async def _start_run(
    plan: Plan, python: str, variables: dict[str, str], numbers: Sequence[int], slot: Slot
) -> AsyncIterator[ChildRun]:
    command = [python, "-m", "orm_async_tests", "run", "--ndjson", *plan.options, *slot.options]
    command = launch_command([*command, *map(str, numbers)], signal.SIGKILL, as_nobody=False)
    slot_variables = {"ORM_ASYNC_HOME": str(home() / slot.folder), "ORM_ASYNC_IDLE": IDLE}
    with tempfile.NamedTemporaryFile(prefix="orm-async-", suffix=".log") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **variables, **slot_variables, **plan.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            limit=LONGEST_LINE,
        )
        try:
            yield ChildRun(process, Path(log.name), slot.timeout)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
