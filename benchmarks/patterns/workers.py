"""The contenders' processes, which run workloads on request over a pipe."""

import asyncio
import json
import os
import subprocess
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.patterns.contender_environments import CONTENDERS, Contender, interpreter
from benchmarks.patterns.contenders.work import Login
from orm_async_tests.errors import CouldNotRun

MAX_LINE = 2**26  # bytes of an answer
NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")
EXIT_TIMEOUT = 10  # seconds


@dataclass(frozen=True)
class Pattern:
    """A contender's function for a workload, which is the first word of its name."""

    contender: str
    name: str
    label: str
    mark: str

    @property
    def key(self) -> str:
        return f"{self.contender}.{self.name}"

    @property
    def workload(self) -> str:
        return self.name.partition("_")[0]


@dataclass
class Worker:
    """A contender's process, its patterns, and the versions of its libraries."""

    contender: Contender
    process: Process
    patterns: list[Pattern] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    async def request(self, do: str, **arguments: Any) -> Any:
        """Send a request and return the answer. Raise CouldNotRun if the worker fails."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        line = await self.process.stdout.readline()
        answer = json.loads(line or '{"error": "its process has ended"}')
        if "error" in answer:
            raise CouldNotRun(
                f"{arguments.get('pattern', do)} failed: {answer['error'].strip()}",
                str(self.contender.source),
                "mend this contender, or leave it out of --peers",
            )
        return answer["answer"]

    async def connect(self, login: Login, size: int) -> None:
        """Open a pool of `size` connections."""
        await self.request("connect", login=asdict(login), size=size)

    async def prepare(self, pattern: Pattern, sizes: Mapping[str, int], tally: str) -> None:
        """Prepare a turn: build its rows and its tally, which is the name of a class."""
        await self.request("prepare", pattern=pattern.name, sizes=dict(sizes), tally=tally)

    async def run(self) -> Any:
        """Run the prepared turn and return its seconds, CPU seconds and answer."""
        return await self.request("run")


@asynccontextmanager
async def working(contender: Contender, home: Path) -> AsyncIterator[Worker]:
    """Run a contender's process while the block runs."""
    python = await asyncio.to_thread(interpreter, contender, home)
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    process = await asyncio.create_subprocess_exec(
        *(python, "-P", str(CONTENDERS / "worker.py"), contender.name),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=MAX_LINE,
        env=inherited | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    worker = Worker(contender, process)
    try:
        description = await worker.request("describe", libraries=list(contender.libraries))
        worker.patterns = [
            Pattern(contender.name, **pattern) for pattern in description["patterns"]
        ]
        worker.versions = description["versions"]
        yield worker
    finally:
        await _stop(process)


async def _stop(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(EXIT_TIMEOUT):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


@asynccontextmanager
async def all_working(contenders: Iterable[Contender], home: Path) -> AsyncIterator[list[Worker]]:
    """Run the contenders' processes, in this order, while the block runs."""
    async with AsyncExitStack() as running:
        yield [
            await running.enter_async_context(working(contender, home)) for contender in contenders
        ]
