"""Defines the kinds of faults, and the points at which a sweep injects them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orm_async_tests.errors import CouldNotRun

SUSPENSION, MESSAGE = ("suspended", "ready"), ("before", "after")
TOKEN = re.compile(  # a test's id names its function, and contains slashes
    r"([^/]*)/([^/]*)/(.*)/([^/-]*)-([^/-]*)/(0|[1-9][0-9]{0,8})(?:\+([1-9][0-9]{0,8}))?"
)


@dataclass(frozen=True)
class Kind:
    """A kind of fault, for example a cancellation."""

    moments: tuple[str, ...]
    error: str = ""  # the class of the error that the caller must see; if empty, any result
    ends_connections: bool = False  # whether the pool may contain a dead connection afterwards


KINDS = {
    "cancel": Kind(SUSPENSION, "CancelledError"),
    "shutdown": Kind(SUSPENSION, "CancelledError"),
    # An event loop calls timeouts after the tasks that are ready.
    "timeout": Kind(("suspended",), "TimeoutError"),
    # AnyIO waits for the next suspension of a task that is ready.
    "scope": Kind(("suspended",), "TimeoutError"),
    "terminate": Kind(SUSPENSION, ends_connections=True),
    "reset": Kind(MESSAGE, ends_connections=True),
    "fin": Kind(MESSAGE, ends_connections=True),
    "down": Kind(MESSAGE, ends_connections=True),
    "kill": Kind(SUSPENSION, ends_connections=True),
    "stall": Kind(MESSAGE),
    "partition": Kind(MESSAGE),
    "cancel+cancel": Kind(SUSPENSION, "CancelledError"),
    "cancel+shutdown": Kind(SUSPENSION, "CancelledError"),
    # Once the answer has arrived, the backend is gone.
    "cancel+terminate": Kind(("suspended",), "CancelledError", ends_connections=True),
}
ANYWHERE = ("cancel", "shutdown", "timeout", "scope", "terminate", "reset", "fin")  # any server
SILENT = ("stall", "partition")  # only a timeout ends the wait
PAIRS = tuple(kind for kind in KINDS if "+" in kind)
USUAL = (*ANYWHERE, "kill")


@dataclass(frozen=True)
class Fault:
    """A kind of fault and its moment, for example `cancel-ready` or `reset-before`."""

    kind: str
    moment: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.moment}"

    @property
    def is_at_message(self) -> bool:
        return self.moment in MESSAGE


def check_kinds(names: Iterable[str]) -> None:
    if unknown := [name for name in names if name not in KINDS]:
        place = "--fault, or the argument `kinds`"
        remedy = f"choose one of {', '.join(KINDS)}"
        raise CouldNotRun(f"there is no fault {unknown[0]!r}", place, remedy)


def list_faults(kinds: Sequence[str] = tuple(KINDS)) -> list[Fault]:
    check_kinds(kinds)
    return [Fault(kind, moment) for kind in kinds for moment in KINDS[kind].moments]


@dataclass(frozen=True)
class Point:
    """A fault, and the fault point at which a sweep injects it."""

    driver: str
    loop: str
    function: str
    fault: Fault
    at: int  # the number of a suspension or a message; 0 for a run without a fault
    then: int = 0  # the number of suspensions from the first fault of a pair to the second one

    @property
    def token(self) -> str:
        """The value of the option `--point`, for example `asyncpg/asyncio/add/cancel-ready/3`."""
        return f"{self.driver}/{self.loop}/{self.function}/{self.fault}/{self.where}"

    @property
    def where(self) -> str:
        """The number of the fault point, for example "3", or "3+1" for a pair of faults."""
        return f"{self.at}+{self.then}" if self.then else str(self.at)


def parse_point(token: str) -> Point:
    """Parse a fault point, for example `asyncpg/asyncio/add/cancel-ready/3`."""
    if match := TOKEN.fullmatch(token):
        driver, loop, function, kind, moment, at, then = match.groups()
        fault = Fault(kind, moment)
        is_pair = kind in PAIRS and at != "0"
        if kind in KINDS and fault in list_faults([kind]) and bool(then) == is_pair:
            return Point(driver, loop, function, fault, int(at), int(then or 0))
    raise CouldNotRun(
        f"{token!r} is not a fault point",
        "--point",
        "copy a fault point from a sweep's report, for example asyncpg/asyncio/add/cancel-ready/3",
    )
