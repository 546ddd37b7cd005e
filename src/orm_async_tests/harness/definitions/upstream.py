"""Known defects of the libraries that are shown: data, so that their repair is noticed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType

from orm_async_tests.versions.ranges import applies


@dataclass(frozen=True)
class Upstream:
    """A defect: what goes wrong, on which versions of which libraries, and where to read of it.

    versions has the ranges of each library that it takes, and of Python; if a driver is among them,
    it is that driver's. `orm-async-tests audit` reads the three arguments as they are written. A
    script's `check` asserts what ought to hold in a `with` block of the defect. If that fails on a
    stack in the ranges the verdict is UPSTREAM; if it holds there, or fails elsewhere, it is
    BROKEN.
    """

    what: str
    versions: Mapping[str, str]
    link: str

    @property
    def sentence(self) -> str:
        """On which versions what goes wrong."""
        on = " and ".join(f"{library} {ranges}" for library, ranges in self.versions.items())
        return f"On {on}, {self.what}."

    def applies(self, libraries: Mapping[str, str]) -> bool:
        """Whether a stack of these libraries and versions has the defect."""
        return applies(self.versions, libraries)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Note a failed assertion and let the check go on, if somebody gathers defects."""
        found = _gathering.get()
        if found is None or not isinstance(error, AssertionError):
            return False
        found.append(self)
        return True


_gathering: ContextVar[list[Upstream] | None] = ContextVar("_gathering", default=None)


@contextmanager
def gathered() -> Iterator[list[Upstream]]:
    """The defects that show themselves while the block runs."""
    found: list[Upstream] = []
    token = _gathering.set(found)
    try:
        yield found
    finally:
        _gathering.reset(token)
