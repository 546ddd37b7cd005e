"""Defines known defects of libraries, with the versions that have them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from orm_async_tests.verdicts import Severity
from orm_async_tests.versions.ranges import applies


@dataclass(frozen=True)
class Upstream:
    """A known defect of a library. CONTRIBUTING.md says how scripts use it.

    If the assertion in its block fails on affected versions, the verdict is UPSTREAM. If the
    assertion fails on unaffected versions, or passes on affected versions, the verdict is BROKEN.
    A stack has the defect if the version of every library in `versions` is in the library's range.

    Write literals, because `orm-async-tests audit` reads them from the source code. Give every
    defect of a script a severity, because `audit` prints it.
    """

    description: str
    versions: Mapping[str, str]
    link: str
    severity: Severity | None = None

    @property
    def sentence(self) -> str:
        on = " and ".join(f"{library} {ranges}" for library, ranges in self.versions.items())
        return f"On {on}, {self.description}."

    def applies(self, libraries: Mapping[str, str]) -> bool:
        return applies(self.versions, libraries)

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        shown = _collecting.get()
        if shown is None or not isinstance(error, AssertionError):
            return False
        shown.append(self)
        return True


_collecting: ContextVar[list[Upstream] | None] = ContextVar("_collecting", default=None)


@contextmanager
def collect_defects() -> Iterator[list[Upstream]]:
    """Collect the observed defects instead of raising AssertionError."""
    shown: list[Upstream] = []
    token = _collecting.set(shown)
    try:
        yield shown
    finally:
        _collecting.reset(token)
