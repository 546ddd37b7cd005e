"""One contender in a process of its own, which does a workload whenever it is told to.

python worker.py CONTENDER: reads a line of JSON and answers with one, until its input ends.
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
        given = importlib.import_module(f"{PACKAGE.name}.bench.contenders.given")
        self.given, self.module = given, module
        self.functions: dict[str, Any] = {
            name: each
            for name, each in vars(module).items()
            if inspect.isfunction(each) and hasattr(each, "mark")
        }
        self.open = AsyncExitStack()
        self.library: Any = None
        self.works: dict[tuple[Any, ...], Any] = {}

    async def describe(self, libraries: list[str]) -> Any:
        """The patterns in the order of the file, and the versions of what is installed."""
        patterns = [
            {
                "name": name,
                "label": inspect.getdoc(each),
                "mark": each.mark,
                "code": inspect.getsource(each),
                "line": inspect.getsourcelines(each)[1],
            }
            for name, each in self.functions.items()
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

    async def turn(self, pattern: str, sizes: dict[str, int], tally: str) -> Any:
        """Do a workload once; what is read is told by one of given's tallies."""
        work = self._work(sizes, getattr(self.given, tally))
        function = self.functions[pattern]
        gc.collect()
        started, cpu = time.perf_counter(), time.process_time()
        found = await function(self.library, work)
        taken = time.perf_counter() - started, time.process_time() - cpu
        return {"seconds": taken[0], "cpu": taken[1], "answer": found and found.told()}

    async def peak(self) -> int:
        """The most memory that this process has held, in bytes."""
        return _peak()

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
