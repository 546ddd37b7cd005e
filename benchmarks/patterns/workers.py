"""The contenders, and their processes, which run workloads on request over a pipe."""

import asyncio
import json
import os
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.patterns.contenders.work import Login
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.versions.releases import NotInstalled, install_release

CHECKOUT = Path(__file__).parents[2]
WORKER = "benchmarks.patterns.contenders.worker"
MAX_LINE = 2**26  # bytes of an answer
EXIT_TIMEOUT = 10  # seconds


@dataclass(frozen=True)
class Contender:
    """A module in contenders/ that does the workloads, and the libraries that a report names.

    `releases` are the libraries that this environment lacks. They are installed in folders of
    their own, so the rest of the environment is the same for all contenders.
    """

    name: str
    libraries: tuple[str, ...]
    releases: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """The path of the module."""
        return Path(__file__).parent / "contenders" / f"{self.name}.py"

    def install(self, home: Path) -> list[Path]:
        """Return the folders of its releases, installing them if necessary.

        Raises CouldNotRun if pip cannot install one.
        """
        try:
            return [install_release(*pin, home) for pin in self.releases.items()]
        except NotInstalled as error:
            what = f"the contender {self.name} cannot be installed: {error}"
            remedy = "orm-async-tests bench, without --peers"
            raise CouldNotRun(what, str(home), remedy) from None


SQLALCHEMY = ("sqlalchemy", "asyncpg", "greenlet")
TORTOISE = {"tortoise-orm": "1.1.9", "pypika-tortoise": "0.6.5", "iso8601": "2.1.0"}
CONTENDERS = (  # the first is the base of all ratios
    Contender("asyncpg", ("asyncpg",)),
    Contender("sqlalchemy", SQLALCHEMY),
    Contender("sqlalchemy_tuned", SQLALCHEMY),
    Contender("sqlalchemy_core", SQLALCHEMY),
    Contender("tortoise", ("tortoise-orm", "asyncpg"), TORTOISE),
)


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
    folders = await asyncio.to_thread(contender.install, home)
    variables = {
        "PYTHONPATH": os.pathsep.join(map(str, [*folders, CHECKOUT])),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", WORKER, contender.name),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=MAX_LINE,
        env=os.environ | variables,
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
