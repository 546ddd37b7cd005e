"""Runs benchmarks: `python -m benchmarks [NAME ...] [ARGUMENT ...]`.

Without a name, all benchmarks run. If you name several benchmarks, only the last one gets the
arguments.
"""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import takewhile

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.exit_codes import run_command

MODULES = {
    "startup": "benchmarks.startup",
    "recording": "benchmarks.recording_cost",
    "patterns": "benchmarks.patterns.measure",
    "slow_clients": "benchmarks.slow_clients",
}


def run(words: Sequence[str]) -> int:
    """Run the named benchmarks, and return 1 if a benchmark exceeds its limit."""
    names = list(takewhile(MODULES.__contains__, words))
    arguments = words[len(names) :]
    if arguments and not names:
        remedy = f"python -m benchmarks {'|'.join(MODULES)}"
        raise CouldNotRun(f"{arguments[0]!r} is not a benchmark", "its arguments", remedy)
    names = names or list(MODULES)
    codes = []
    for name in names:
        main: Callable[[Sequence[str]], int] = import_module(MODULES[name]).main
        codes.append(main(arguments if name == names[-1] else []))
    return max(codes)


if __name__ == "__main__":
    sys.exit(run_command(lambda: run(sys.argv[1:])))
