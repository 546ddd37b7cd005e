"""One contender in a process of its own, which does a workload whenever it is told to.

python worker.py MODULE: reads a line of JSON and answers with one, until its input ends.
It runs in environments that have the contender's library and nothing of this project's.
"""

import asyncio
import gc
import importlib
import importlib.util
import inspect
import json
import os
import platform
import re
import resource
import sys
import time
import traceback
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

PACKAGE = Path(__file__).parents[2]
STATUS = Path("/proc/self/status")
KIB = 1024


def import_contender(name: str) -> Any:
    """The contender's module; what is installed beside this package stays out of sight."""
    spec = importlib.util.spec_from_file_location(PACKAGE.name, PACKAGE / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules[PACKAGE.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    return importlib.import_module(f"{PACKAGE.name}.bench.contenders.{name}")


class Worker:
    """What the process is told to do, by the names of its methods."""

    def __init__(self, module: Any) -> None:
        self.given = importlib.import_module(".given", module.__package__)
        self.module = module
        self.functions: dict[str, Any] = {
            name: each
            for name, each in vars(module).items()
            if inspect.isfunction(each) and hasattr(each, "mark")
        }
        self.open = AsyncExitStack()
        self.library: Any = None
        self.works: dict[tuple[Any, ...], Any] = {}
        self.begun: Any = None

    async def describe(self, libraries: list[str]) -> Any:
        """The patterns by their workloads, and the versions of what is installed."""
        patterns = [
            {
                "name": name,
                "label": inspect.getdoc(each),
                "mark": each.mark,
                "code": inspect.getsource(each),
                "line": inspect.getsourcelines(each)[1],
            }
            for name, each in sorted(self.functions.items(), key=self._workload)
        ]
        versions = {name: version(name) for name in libraries}
        return {
            "patterns": patterns,
            "versions": {"python": platform.python_version(), **versions},
        }

    async def connect(self, login: dict[str, Any], size: int) -> None:
        """Open a pool of this many connections, all of them open before it answers."""
        await self.close()
        connected = self.module.connected(self.given.Login(**login), size)
        self.library = await self.open.enter_async_context(connected)

    async def close(self) -> None:
        """Close the connections."""
        await self.open.aclose()

    async def ready(self, pattern: str, sizes: dict[str, int], tally: str) -> None:
        """Begin a workload: a pattern that yields has done what is not timed by then."""
        work = self._work(sizes, getattr(self.given, tally))
        self.begun = self.functions[pattern](self.library, work)
        if inspect.isasyncgen(self.begun):
            await anext(self.begun)
            self.begun = anext(self.begun, None)

    async def turn(self) -> Any:
        """Do the workload; what is read is told by one of given's tallies."""
        gc.collect()
        started, cpu = time.perf_counter(), time.process_time()
        found = await self.begun
        taken = time.perf_counter() - started, time.process_time() - cpu
        return {"seconds": taken[0], "cpu": taken[1], "answer": found and found.told()}

    async def peak(self) -> int:
        """The most memory that this process has held, in bytes."""
        return _peak()

    def _workload(self, named: tuple[str, Any]) -> int:
        """The place of a pattern's workload, which is the first word of its name."""
        order: tuple[str, ...] = self.given.WORKLOADS
        return order.index(named[0].partition("_")[0])

    def _work(self, sizes: dict[str, int], tally: Any) -> Any:
        key = (*sizes.items(), tally)
        if key not in self.works:
            self.works.clear()
            self.works[key] = self.given.Given(**sizes, tally=tally)
            self.works[key].prepare()
        return self.works[key]


def _peak() -> int:
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    found = re.search(r"^VmHWM:\s+(\d+) kB$", STATUS.read_text(), re.MULTILINE)
    assert found is not None  # getrusage would count what this process was forked from
    return int(found[1]) * KIB


async def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    try:
        worker = Worker(import_contender(sys.argv[1]))
    except ImportError:
        tell(answers, {"error": traceback.format_exc()})
        return
    while line := await asyncio.to_thread(sys.stdin.readline):
        told = json.loads(line)
        try:
            answer = await getattr(worker, told.pop("do"))(**told)
            tell(answers, {"answer": answer})
        except Exception:
            tell(answers, {"error": traceback.format_exc()})
    await worker.close()


def tell(answers: TextIO, answer: dict[str, Any]) -> None:
    """Answer with one line."""
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    asyncio.run(main())
