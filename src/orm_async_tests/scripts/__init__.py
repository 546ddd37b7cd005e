"""The numbered scripts: one claim each. Their commands are here by name, such as test5."""

import gc
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path

COMMAND = re.compile(r"test(\d+)")


@cache
def __getattr__(name: str) -> Callable[[], int]:
    """The command of a script, which is imported now.

    The garbage collector rests meanwhile, and passes over what is there by then: nearly all that
    modules make stays, and looking through it takes a tenth of a short command's time.
    """
    number = COMMAND.fullmatch(name)
    found = number and next(Path(__file__).parent.glob(f"*/test{number[1]:0>3}_*.py"), None)
    if not found:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    gc.disable()
    try:
        script = import_module(f"{__name__}.{found.parent.name}.{found.stem}")
    finally:
        gc.freeze()
        gc.enable()
    command: Callable[[], int] = script.main
    return command
