"""The subcommand `orm-async-tests bench`, which compares SQLAlchemy with raw asyncpg."""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from orm_async_tests.errors import CouldNotRun

CHECKOUT = Path(__file__).parents[3]
PATTERNS = "benchmarks.patterns.measure"
REPOSITORY_COMMAND = "./poetryw run orm-async-tests bench"


def bench(arguments: argparse.Namespace) -> int:
    if not (CHECKOUT / "benchmarks/__main__.py").exists():
        raise CouldNotRun(
            "this installation has no benchmarks, because only the repository contains them",
            str(CHECKOUT),
            f"clone the repository, and run there: {REPOSITORY_COMMAND}",
        )
    sys.path.insert(0, str(CHECKOUT))
    return int(import_module(PATTERNS).main(arguments.arguments))
