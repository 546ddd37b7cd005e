"""The numbered scripts.

The command of every script is an attribute of this package, for example `test5`.
"""

import gc
import re
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from pathlib import Path

from orm_async_tests.exit_codes import run_command

COMMAND = re.compile(r"test(\d+)")


@cache
def __getattr__(name: str) -> Callable[[], int]:
    """Return the main function of a command such as "test5"."""
    number = COMMAND.fullmatch(name)
    path = number and next(Path(__file__).parent.glob(f"*/test{number[1]:0>3}_*.py"), None)
    if not path:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return partial(run_command, partial(_run, f"{__name__}.{path.parent.name}.{path.stem}"))


def _run(module: str) -> int:
    was_enabled = gc.isenabled()
    gc.disable()  # because a collection would scan the imported objects, which live on anyway
    try:
        command: Callable[[], int] = import_module(module).main
    finally:
        if was_enabled:
            gc.enable()
    return command()
