"""Fault points, at which faults are injected, and the tokens that name them."""

from dataclasses import dataclass

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.kinds import MOMENTS, PAIRS, Fault


@dataclass(frozen=True)
class Point:
    """A fault at a suspension or a message of a piece of work, counted from 1.

    A point with the number 0 is a run without a fault.
    """

    driver: str
    loop: str
    work: str
    fault: Fault
    at: int
    then: int = 0
    """The number of suspensions from the first fault of a pair to the second one."""

    @property
    def token(self) -> str:
        """Return the text that `faults --point` accepts."""
        return f"{self.driver}/{self.loop}/{self.work}/{self.fault}/{self.where}"

    @property
    def where(self) -> str:
        """Return the number of the point; for a pair both numbers, for example 3+1."""
        return f"{self.at}+{self.then}" if self.then else str(self.at)


def parse_point(token: str) -> Point:
    """Return the point that a token names. Raises CouldNotRun."""
    try:
        driver, loop, rest = token.split("/", 2)
        work, fault, number = rest.rsplit("/", 2)  # the id of a test contains slashes too
        kind, moment = fault.split("-")
        numbers = [int(part) for part in number.split("+") if part.isascii() and part.isdecimal()]
        expected = 2 if kind in PAIRS else 1
        if moment not in MOMENTS[kind] or len(numbers) != expected or min(numbers) < 1:
            raise ValueError(token)
        return Point(driver, loop, work, Fault(kind, moment), *numbers)
    except (ValueError, KeyError):
        raise CouldNotRun(
            f"{token!r} is not a fault point",
            "--point",
            "a token that the command has printed, for example asyncpg/asyncio/add/cancel-ready/3",
        ) from None
