"""What became of the work at one point, and which invariants that breaks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.kinds import MOMENTS, PAIRS, Fault
from orm_async_tests.harness.definitions.upstream import Upstream

DONE = "done"
EXPECTED = {"cancel": "CancelledError", "shutdown": "CancelledError"}
EXPECTED |= {"timeout": "TimeoutError", "scope": "TimeoutError"}
OPEN = ("idle in transaction", "idle in transaction (aborted)", "active", "fastpath function call")

STUCK = "stuck"  # the caller was not released
WAITING = "waiting"  # the caller was released by a cancel alone
SWALLOWED = "swallowed"  # the caller saw something else than the cancel or the timeout
CHECKED_OUT = "checked out"  # by whom nobody knows: the caller has gone on
OPEN_BACKEND = "open backend"
ORPHAN = "orphan"  # a connection outlives its engine
TROUBLE = "trouble"
TASK = "leaked task"
PARTLY = "partly"
LOST = "lost"
UNUSABLE = "unusable"


@dataclass(frozen=True)
class Point:
    """Where a fault comes: at suspension or message `at` of a piece of work.

    The second one of a pair comes `then` suspensions later.
    """

    driver: str
    loop: str
    work: str
    fault: Fault
    at: int
    then: int = 0

    @property
    def token(self) -> str:
        """What runs it again: --point TOKEN."""
        return f"{self.driver}/{self.loop}/{self.work}/{self.fault}/{self.where}"

    @property
    def where(self) -> str:
        """The number of the point, of a pair both, such as 3+1."""
        return f"{self.at}+{self.then}" if self.then else str(self.at)


def parse(token: str) -> Point:
    """The point of a token. Raises CouldNotRun."""
    try:
        driver, loop, rest = token.split("/", 2)
        work, fault, at = rest.rsplit("/", 2)  # a test's id has slashes of its own
        kind, moment = fault.split("-")
        numbers = [int(text) for text in at.split("+") if text.isascii() and text.isdecimal()]
        expected = 2 if kind in PAIRS else 1
        if moment not in MOMENTS[kind] or len(numbers) != expected or min(numbers) < 1:
            raise ValueError(token)
        return Point(driver, loop, work, Fault(kind, moment), *numbers)
    except (ValueError, KeyError):
        raise CouldNotRun(
            f"{token!r} names no point",
            "--point",
            "a token from the end of a line of the output, such as "
            "asyncpg/asyncio/add/cancel-ready/3",
        ) from None


@dataclass
class Outcome:
    """What was seen at a point."""

    point: Point
    label: str = ""
    counted: int = 0  # suspensions or messages until the end
    delivered: bool = False
    waited: bool = False  # until it was cancelled
    ended: str = ""  # "done", or the class of what the caller saw
    error: str = ""
    seconds: float = 0.0  # from the fault until the caller was released
    checked_out: int = 0
    states: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    change: tuple[Any, ...] = ()
    whole: tuple[Any, ...] = ()
    troubles: list[str] = field(default_factory=list)
    retries: list[str] = field(default_factory=list)  # what the next uses raised
    orphans: int = 0
    once: dict[str, str] = field(default_factory=dict)  # what another run of the point broke
    known: Upstream | None = None  # what explains the violations

    @property
    def reached(self) -> bool:
        """Whether the work came to the point."""
        return self.delivered or bool(self.label)

    @property
    def nothing(self) -> bool:
        """Whether no row was changed."""
        return not any(self.change)

    @property
    def ambiguous(self) -> bool:
        """Whether the caller saw an error, and everything was committed."""
        return self.ended != DONE and not self.nothing and self.change == self.whole

    @property
    def violations(self) -> dict[str, str]:
        """The invariants that were broken, and by what."""
        return dict(self._violations())

    def _violations(self) -> Iterator[tuple[str, str]]:
        if not self.ended:
            yield STUCK, "the caller was not released"
        elif self.waited:
            yield WAITING, "the caller was released by a cancel alone"
        expected = EXPECTED.get(self.point.fault.first)
        if self.delivered and expected and self.ended not in ("", expected):
            yield SWALLOWED, f"the caller saw {self.ended} {self.error}".rstrip()
        if self.checked_out:
            yield CHECKED_OUT, f"{self.checked_out} when the caller went on"
        if still := [each for each in self.states if each in OPEN]:
            yield OPEN_BACKEND, ", ".join(still)
        if self.tasks:
            yield TASK, ", ".join(self.tasks)
        yield from self._of_data()
        if self.troubles:
            yield TROUBLE, "; ".join(self.troubles)
        if len(self.retries) > self.point.fault.cuts:
            yield UNUSABLE, "; ".join(self.retries)
        if self.orphans:
            yield ORPHAN, f"{self.orphans} after dispose()"

    def _of_data(self) -> Iterator[tuple[str, str]]:
        if not self.nothing and self.change != self.whole:
            yield PARTLY, f"changed by {self.change}, the whole is {self.whole}"
        elif self.ended == DONE and self.nothing and any(self.whole):
            yield LOST, "reported as done, and nothing is there"
