"""A process that runs one contender's workloads on request.

Its argument is the name of a contender. It reads requests as lines of JSON from standard input and
answers each with one line, until its input ends.
"""

import asyncio
import gc
import inspect
import json
import os
import platform
import sys
import time
import traceback
from contextlib import AsyncExitStack
from importlib import import_module
from importlib.metadata import version
from typing import Any, TextIO

from benchmarks.patterns.contenders import work
from benchmarks.patterns.contenders.work import WORKLOADS, Login

PACKAGE = "benchmarks.patterns.contenders"


class Worker:
    """The requests that a worker answers, one method for each."""

    def __init__(self, contender: Any) -> None:
        self.contender = contender
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
        names = sorted(self.functions, key=lambda name: WORKLOADS.index(name.partition("_")[0]))
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
        pool = self.contender.connected(Login(**login), size)
        self.library = await self.connections.enter_async_context(pool)

    async def close(self) -> None:
        """Close the connections."""
        await self.connections.aclose()

    async def prepare(self, pattern: str, sizes: dict[str, int], tally: str) -> None:
        """Prepare a turn of a pattern, with a class of tally from `work`."""
        prepared = self._work(sizes, getattr(work, tally))
        self.turn = self.functions[pattern](self.library, prepared)

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
            self.works[key] = work.Work(**sizes, tally=tally)
            self.works[key].prepare()
        return self.works[key]


async def main() -> None:
    """Answer requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    try:
        worker = Worker(import_module(f"{PACKAGE}.{sys.argv[1]}"))
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
