"""A process that runs one contender's workloads on request.

`python worker.py CONTENDER` reads requests as lines of JSON from standard input and answers each
with one line, until its input ends. It may run in an environment without this project's packages.
"""

import asyncio
import gc
import importlib
import importlib.util
import inspect
import json
import os
import platform
import sys
import time
import traceback
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

PACKAGE = Path(__file__).parents[2]


def import_contender(name: str) -> Any:
    """Import the contender's module, without putting the checkout on `sys.path`.

    A contender must not import by accident what is installed beside the checkout.
    """
    spec = importlib.util.spec_from_file_location(PACKAGE.name, PACKAGE / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules[PACKAGE.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    return importlib.import_module(f"{PACKAGE.name}.patterns.contenders.{name}")


class Worker:
    """The requests that a worker answers, one method for each."""

    def __init__(self, contender: Any) -> None:
        self.contender = contender
        self.work = importlib.import_module(".work", contender.__package__)
        self.functions: dict[str, Any] = {
            name: function
            for name, function in vars(contender).items()
            if inspect.isfunction(function) and hasattr(function, "mark")
        }
        self.connections = AsyncExitStack()
        self.library: Any = None
        self.works: dict[tuple[Any, ...], Any] = {}
        self.turn: Any = None

    async def describe(self, libraries: list[str]) -> Any:
        """Return the patterns, in the order of their workloads, and the installed versions."""
        order: tuple[str, ...] = self.work.WORKLOADS
        names = sorted(self.functions, key=lambda name: order.index(name.partition("_")[0]))
        patterns = [
            {
                "name": name,
                "label": inspect.getdoc(self.functions[name]),
                "mark": self.functions[name].mark,
            }
            for name in names
        ]
        versions = {name: version(name) for name in libraries}
        return {
            "patterns": patterns,
            "versions": {"python": platform.python_version(), **versions},
        }

    async def connect(self, login: dict[str, Any], size: int) -> None:
        """Open a pool of `size` connections, and return once all of them are open."""
        await self.close()
        pool = self.contender.connected(self.work.Login(**login), size)
        self.library = await self.connections.enter_async_context(pool)

    async def close(self) -> None:
        """Close the connections."""
        await self.connections.aclose()

    async def prepare(self, pattern: str, sizes: dict[str, int], tally: str) -> None:
        """Prepare a turn of a pattern, with a class of tally from `work`."""
        work = self._work(sizes, getattr(self.work, tally))
        self.turn = self.functions[pattern](self.library, work)

    async def run(self) -> Any:
        """Run the prepared turn and return its seconds, its CPU seconds, and what it read."""
        gc.collect()
        started, cpu_started = time.perf_counter(), time.process_time()
        tally = await self.turn
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_started
        return {"seconds": seconds, "cpu": cpu, "answer": tally and tally.result()}

    def _work(self, sizes: dict[str, int], tally: Any) -> Any:
        key = (*sizes.items(), tally)
        if key not in self.works:
            self.works.clear()
            self.works[key] = self.work.Work(**sizes, tally=tally)
            self.works[key].prepare()
        return self.works[key]


async def main() -> None:
    """Answer requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    try:
        worker = Worker(import_contender(sys.argv[1]))
    except ImportError:
        send(answers, {"error": traceback.format_exc()})
        return
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        try:
            answer = await getattr(worker, request.pop("do"))(**request)
            send(answers, {"answer": answer})
        except Exception:
            send(answers, {"error": traceback.format_exc()})
    await worker.close()


def send(answers: TextIO, answer: dict[str, Any]) -> None:
    """Write one answer as a line of JSON."""
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    asyncio.run(main())
