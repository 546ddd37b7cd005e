"""Where a coroutine is suspended, for people: the line of their own code, and what it awaits."""

import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})
OURS = str(Path(__file__).parent / "inject.py")
SHOWN = 3  # of the functions within the line


def label(main: Any, suspended: Any) -> str:
    """The innermost line of the main coroutine outside libraries, and the calls below it.

    A suspension in a task that a library made for it is named after a "+".
    """
    frames = list(_frames(main))
    own = [each for each in frames if not each.f_code.co_filename.startswith((*LIBRARIES, OURS))]
    line = own[-1] if own else frames[-1]
    below = frames[frames.index(line) + 1 :]
    parts = [f"{Path(line.f_code.co_filename).name}:{line.f_lineno} {line.f_code.co_name}"]
    parts += [_name(each) for each in below][-SHOWN:]
    if suspended is not main:
        parts.append("+ " + " > ".join([_name(each) for each in _frames(suspended)][-SHOWN:]))
    return " > ".join(parts)


def _name(frame: Any) -> str:
    return f"{frame.f_code.co_qualname}:{frame.f_lineno}"


def _frames(coroutine: Any) -> Iterator[Any]:
    """The frames of a suspended coroutine, outermost first."""
    while coroutine is not None:
        for kind in ("cr", "ag", "gi"):
            if (frame := getattr(coroutine, f"{kind}_frame", None)) is not None:
                yield frame
                coroutine = getattr(
                    coroutine, f"{kind}_yieldfrom" if kind == "gi" else f"{kind}_await"
                )
                break
        else:
            return
