"""Known defects of libraries, as data with version ranges, so that a fix is noticed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType

from orm_async_tests.verdicts import Severity
from orm_async_tests.versions.ranges import applies


@dataclass(frozen=True)
class Upstream:
    """A defect of a library: what goes wrong, in which versions, a link, and a severity.

    `versions` maps libraries, or "python", to version ranges; all of them must match. A script's
    `check` asserts the correct behavior in a `with` block of the defect. If that assertion fails on
    a stack in the ranges, the verdict is UPSTREAM. If the assertion passes on such a stack, or
    fails on another one, the verdict is BROKEN. `orm-async-tests audit` reads the arguments from
    the source, so write them as literals. A defect of a script needs a severity; one of the fault
    sweep does not.
    """

    description: str
    versions: Mapping[str, str]
    link: str
    severity: Severity | None = None

    @property
    def sentence(self) -> str:
        """A sentence of the form "On <versions>, <what goes wrong>."."""
        on = " and ".join(f"{library} {ranges}" for library, ranges in self.versions.items())
        return f"On {on}, {self.description}."

    def applies(self, libraries: Mapping[str, str]) -> bool:
        """Return whether a stack with these library versions has the defect."""
        return applies(self.versions, libraries)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Record a failed assertion and continue the check, inside collect_defects()."""
        shown = _collecting.get()
        if shown is None or not isinstance(error, AssertionError):
            return False
        shown.append(self)
        return True


_collecting: ContextVar[list[Upstream] | None] = ContextVar("_collecting", default=None)


@contextmanager
def collect_defects() -> Iterator[list[Upstream]]:
    """Collect the defects whose assertions fail while the block runs."""
    shown: list[Upstream] = []
    token = _collecting.set(shown)
    try:
        yield shown
    finally:
        _collecting.reset(token)
