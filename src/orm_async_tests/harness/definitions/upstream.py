"""Defines known defects of libraries with their version ranges, so that a run notices when a defect
is cured.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType

from orm_async_tests.verdicts import Severity
from orm_async_tests.versions.ranges import applies


@dataclass(frozen=True)
class Upstream:
    """A defect of a library, with a description, the affected versions, a link and a severity.

    `versions` maps libraries, or "python", to version ranges. A stack has the defect if every range
    contains the version of the stack. The `check` of a script asserts the correct behavior in a
    block `with DEFECT:`, where DEFECT is the object. If an assertion inside `with DEFECT:` fails on
    a stack in the version ranges, the verdict is UPSTREAM. If an assertion inside `with DEFECT:`
    passes on a stack in the version ranges, or fails on another stack, the verdict is BROKEN. Write
    the arguments of an `Upstream(...)` as literals, because `orm-async-tests audit` reads them from
    the source. A defect that a script shows needs a severity, which `audit` prints. A defect that
    only the fault sweep shows needs no severity.
    """

    description: str
    versions: Mapping[str, str]
    link: str
    severity: Severity | None = None

    @property
    def sentence(self) -> str:
        """A sentence about the defect, of the form "On <versions>, <what goes wrong>."."""
        on = " and ".join(f"{library} {ranges}" for library, ranges in self.versions.items())
        return f"On {on}, {self.description}."

    def applies(self, libraries: Mapping[str, str]) -> bool:
        return applies(self.versions, libraries)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Inside a block of collect_defects(), record a failed assertion and let the check
        continue.
        """
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
