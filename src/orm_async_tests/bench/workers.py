"""Contenders as processes beside this one, which are told what to do over a pipe."""

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

from orm_async_tests.bench.contenders.given import Login
from orm_async_tests.bench.environments import CONTENDERS, Contender, interpreter
from orm_async_tests.errors import CouldNotRun

LINE = 2**26  # bytes that an answer may have
NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")


@dataclass(frozen=True)
class Pattern:
    """A function of a contender's; its workload is the first word of its name."""

    contender: str
    name: str
    label: str
    mark: str
    line: int
    code: str

    @property
    def key(self) -> str:
        return f"{self.contender}.{self.name}"

    @property
    def workload(self) -> str:
        return self.name.partition("_")[0]


@dataclass
class Worker:
    """A contender's process."""

    contender: Contender
    process: Process
    patterns: list[Pattern] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    async def ask(self, do: str, **told: Any) -> Any:
        """What it answers; CouldNotRun if it raises or is gone."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **told}).encode() + b"\n")
        answer = json.loads(await self.process.stdout.readline() or '{"error": "it is gone"}')
        if "error" in answer:
            raise CouldNotRun(
                f"{told.get('pattern', do)} failed: {answer['error'].strip()}",
                str(self.contender.source),
                "orm-async-tests bench --peers, without this one",
            )
        return answer["answer"]

    async def connect(self, login: Login, size: int) -> None:
        """Open a warm pool."""
        await self.ask("connect", login=asdict(login), size=size)

    async def ready(self, pattern: Pattern, sizes: Mapping[str, int], tally: str = "Tally") -> None:
        """Begin a workload, up to where its clock starts."""
        await self.ask("ready", pattern=pattern.name, sizes=dict(sizes), tally=tally)

    async def turn(self) -> Any:
        """Do the workload that is begun: seconds, cpu, answer."""
        return await self.ask("turn")


@asynccontextmanager
async def working(contender: Contender, home: Path) -> AsyncIterator[Worker]:
    """The contender's process while the block runs."""
    python = await asyncio.to_thread(interpreter, contender, home)
    inherited = {name: each for name, each in os.environ.items() if name not in NOT_INHERITED}
    process = await asyncio.create_subprocess_exec(
        *(python, "-P", str(CONTENDERS / "worker.py"), contender.module),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=LINE,
        env=inherited | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    worker = Worker(contender, process)
    try:
        found = await worker.ask("describe", libraries=list(contender.libraries))
        worker.patterns = [Pattern(contender.name, **each) for each in found["patterns"]]
        worker.versions = found["versions"]
        yield worker
    finally:
        await _ended(process)


async def _ended(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(10):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


@asynccontextmanager
async def all_working(chosen: Iterable[Contender], home: Path) -> AsyncIterator[list[Worker]]:
    """Their processes, in this order, while the block runs."""
    async with AsyncExitStack() as started:
        yield [await started.enter_async_context(working(each, home)) for each in chosen]
