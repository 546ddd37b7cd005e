"""Describe where a coroutine is suspended: the user's line, and the library calls below it."""

import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})
PACKAGE_FILES = (str(Path(__file__).parent / "injection.py"),)
MAX_CALLS = 3  # the number of calls below the user's line


def describe_suspension(main: Any, suspended: Any) -> str:
    """Return the innermost user's line of the main coroutine, and the calls below it.

    If another task is suspended, for which the main coroutine waits, its calls follow after a "+".
    """
    frames = list(_walk_frames(main))
    skipped = (*LIBRARIES, *PACKAGE_FILES)
    user_frames = [frame for frame in frames if not frame.f_code.co_filename.startswith(skipped)]
    line = user_frames[-1] if user_frames else frames[-1]
    below = frames[frames.index(line) + 1 :]
    parts = [f"{Path(line.f_code.co_filename).name}:{line.f_lineno} {line.f_code.co_name}"]
    parts += [_name_call(frame) for frame in below][-MAX_CALLS:]
    if suspended is not main:
        calls = [_name_call(frame) for frame in _walk_frames(suspended)][-MAX_CALLS:]
        parts.append("+ " + " > ".join(calls))
    return " > ".join(parts)


def _name_call(frame: Any) -> str:
    return f"{frame.f_code.co_qualname}:{frame.f_lineno}"


def _walk_frames(coroutine: Any) -> Iterator[Any]:
    """Yield the frames of a suspended coroutine, outermost first."""
    while coroutine is not None:
        for kind in ("cr", "ag", "gi"):
            if (frame := getattr(coroutine, f"{kind}_frame", None)) is not None:
                yield frame
                awaited = f"{kind}_yieldfrom" if kind == "gi" else f"{kind}_await"
                coroutine = getattr(coroutine, awaited)
                break
        else:
            return
