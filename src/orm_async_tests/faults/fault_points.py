"""Defines the kinds of faults, and the moments (fault points) at which a fault can occur."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from orm_async_tests.errors import CouldNotRun

AT_A_SUSPENSION = ("suspended", "ready")
AT_A_MESSAGE = ("before", "after")
MOMENTS = {
    "cancel": AT_A_SUSPENSION,
    "shutdown": AT_A_SUSPENSION,
    "timeout": ("suspended",),  # an event loop calls timeouts after the tasks that are ready
    "scope": ("suspended",),  # AnyIO waits for the next suspension of a task that is ready
    "terminate": AT_A_SUSPENSION,
    "reset": AT_A_MESSAGE,
    "fin": AT_A_MESSAGE,
    "down": AT_A_MESSAGE,
    "kill": AT_A_SUSPENSION,
    "stall": AT_A_MESSAGE,
    "partition": AT_A_MESSAGE,
    "cancel+cancel": AT_A_SUSPENSION,
    "cancel+shutdown": AT_A_SUSPENSION,
    "cancel+terminate": ("suspended",),  # once the answer has arrived, the backend is gone
}
KINDS = tuple(MOMENTS)
OF_ANYIO = ("scope",) if find_spec("anyio") else ()
ANYWHERE = ("cancel", "shutdown", "timeout", *OF_ANYIO, "terminate", "reset", "fin")  # any server
SILENT = ("stall", "partition")
PAIRS = ("cancel+cancel", "cancel+shutdown", "cancel+terminate")
USUAL = (*ANYWHERE, "kill")
TOKEN = re.compile(  # the work of a test is its id, which contains slashes too
    r"([^/]*)/([^/]*)/(.*)/([^/-]*)-([^/-]*)/([1-9][0-9]{0,8})(?:\+([1-9][0-9]{0,8}))?"
)


@dataclass(frozen=True)
class Fault:
    """A kind of fault and its moment, for example `cancel-ready` or `reset-before`."""

    kind: str
    moment: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.moment}"

    @property
    def is_at_message(self) -> bool:
        """Return whether the fault occurs at a message of the client, and not when a task
        suspends.
        """
        return self.moment in AT_A_MESSAGE

    @property
    def first_kind(self) -> str:
        """Return the kind of the fault, or of the first fault in a pair."""
        return self.kind.partition("+")[0]

    @property
    def second_kind(self) -> str:
        """Return the kind of the second fault in a pair, or "" for a single fault."""
        return self.kind.partition("+")[2]

    @property
    def is_silent(self) -> bool:
        """Return whether no data arrives after the fault, so that only a timeout ends the wait."""
        return self.kind in SILENT

    @property
    def ends_connections(self) -> bool:
        """Return whether the pool may contain a dead connection after the fault."""
        endings = {"terminate", "reset", "fin", "down", "kill"}
        return bool({self.first_kind, self.second_kind} & endings)


def list_faults(kinds: Sequence[str] = KINDS) -> tuple[Fault, ...]:
    """Return all faults of these kinds. There is one fault for each moment at which a kind can
    occur.
    """
    return tuple(Fault(kind, moment) for kind in kinds for moment in MOMENTS[kind])


@dataclass(frozen=True)
class Point:
    """A fault point: a suspension or a message, and the fault to inject there. Fault points are
    numbered from 1.

    The number 0 means a run without a fault.
    """

    driver: str
    loop: str
    work: str
    fault: Fault
    at: int
    then: int = 0  # the number of suspensions from the first fault of a pair to the second one

    @property
    def token(self) -> str:
        """Return the text that names this fault point for the option `faults --point`."""
        return f"{self.driver}/{self.loop}/{self.work}/{self.fault}/{self.where}"

    @property
    def where(self) -> str:
        """Return the fault point's number as text. For a pair of faults, return two numbers, for
        example "3+1".
        """
        return f"{self.at}+{self.then}" if self.then else str(self.at)


def parse_point(token: str) -> Point:
    """Return the fault point that a text such as `asyncpg/asyncio/add/cancel-ready/3` names. Raises
    CouldNotRun.
    """
    if match := TOKEN.fullmatch(token):
        driver, loop, work, kind, moment, at, then = match.groups()
        if moment in MOMENTS.get(kind, ()) and bool(then) == (kind in PAIRS):
            return Point(driver, loop, work, Fault(kind, moment), int(at), int(then or 0))
    raise CouldNotRun(
        f"{token!r} is not a fault point",
        "--point",
        "--point asyncpg/asyncio/add/cancel-ready/3, or another token from the output",
    )
