"""Describes known defects by version ranges, so that scripts show when a defect is fixed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from orm_async_tests.verdicts import Severity
from orm_async_tests.versions.ranges import applies


@dataclass(frozen=True)
class Upstream:
    """A defect of a library, with a description, the affected versions, a link and a severity.

    The field `versions` maps the name of a library, or "python", to a range of versions. An
    installation has the defect if each library in the field `versions` has a version in its range.
    Let the function `check` of a script assert the correct behavior in a block `with DEFECT:`,
    where DEFECT is an object of the class `Upstream`. If the assertion about a defect fails on
    affected versions, the verdict is UPSTREAM. If the assertion about a defect passes on affected
    versions, or fails on other versions, the verdict is BROKEN.

    Write the arguments of `Upstream` as literals, because `orm-async-tests audit` reads them from
    the source code. Give a severity to every defect that a script shows, because `audit` prints the
    severity.
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
    """Collect the defects whose assertions fail, instead of raising AssertionError."""
    shown: list[Upstream] = []
    token = _collecting.set(shown)
    try:
        yield shown
    finally:
        _collecting.reset(token)
