"""The numbered scripts.

The command of every script is an attribute of this package, for example `test5`.
"""

import gc
import re
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.exit_codes import INTERRUPTED, run_command
from orm_async_tests.extras import name_missing_package

COMMAND = re.compile(r"test(\d+)")


@cache
def __getattr__(name: str) -> Callable[[], int]:
    """Import the script of a command such as "test5", and return its main function.

    If the extra `scripts` is not installed, return a function that says how to install it.
    """
    number = COMMAND.fullmatch(name)
    path = number and next(Path(__file__).parent.glob(f"*/test{number[1]:0>3}_*.py"), None)
    if not path:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    was_enabled = gc.isenabled()
    gc.disable()  # because a collection would scan the imported objects, which live on anyway
    try:
        script = import_module(f"{__name__}.{path.parent.name}.{path.stem}")
    except ImportError as error:
        return partial(run_command, partial(_refuse, name_missing_package(error)))
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    finally:
        if was_enabled:
            gc.enable()
    command: Callable[[], int] = script.main
    return command


def _refuse(error: CouldNotRun) -> int:
    raise error
